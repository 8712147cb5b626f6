// The system calls on a queue's node and the instructions on its portal, as values: tests put others in their place.

import CPlatform
import CPortals
import DSAFormat
import Units

#if canImport(Glibc)
  import Glibc
#endif

/// What is done with a node. Errors are errno.
public struct NodeCalls: Sendable {
  /// Opens a node: its descriptor, or the negative errno.
  public var open: @Sendable (_ path: String) -> Int32
  /// Maps the portal, one page: nil and errno if it cannot.
  public var map: @Sendable (_ file: Int32, _ error: inout Int32) -> UnsafeMutableRawPointer?
  public var unmap: @Sendable (_ portal: UnsafeMutableRawPointer) -> Void
  /// Writes descriptors: bytes taken, or the negative errno.
  public var write: @Sendable (_ file: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int
  public var close: @Sendable (_ file: Int32) -> Void

  public init(
    open: @escaping @Sendable (String) -> Int32,
    map: @escaping @Sendable (Int32, inout Int32) -> UnsafeMutableRawPointer?,
    unmap: @escaping @Sendable (UnsafeMutableRawPointer) -> Void,
    write: @escaping @Sendable (Int32, UnsafeRawPointer, Int) -> Int, close: @escaping @Sendable (Int32) -> Void
  ) {
    self.open = open
    self.map = map
    self.unmap = unmap
    self.write = write
    self.close = close
  }

  /// The kernel's.
  public static let system = NodeCalls(
    open: { path in
      let file = Glibc.open(path, O_RDWR | O_CLOEXEC)
      return file >= 0 ? file : -errno
    },
    map: { file, error in
      let page = mmap(nil, Page.size, PROT_WRITE, MAP_SHARED | MAP_POPULATE, file, 0)
      if page == MAP_FAILED {
        error = errno
        return nil
      }
      return page
    },
    unmap: { munmap($0, Page.size) },
    write: { file, bytes, count in
      var written: Int
      repeat { written = Glibc.write(file, bytes, count) } while written < 0 && errno == EINTR
      return written >= 0 ? written : -Int(errno)
    },
    close: { Glibc.close($0) })
}

/// The instructions that write to portals.
public struct PortalInstructions: Sendable {
  /// Whether a dedicated, and a shared queue's portal can be written.
  public var canStore: Bool
  public var canEnqueue: Bool
  /// Writes 64 bytes, posted.
  public var store: @Sendable (_ portal: UnsafeMutableRawPointer, _ descriptor: Descriptor) -> Void
  /// Writes 64 bytes and waits for the answer: whether the queue took them.
  public var enqueue: @Sendable (_ portal: UnsafeMutableRawPointer, _ descriptor: Descriptor) -> Bool

  public init(
    canStore: Bool, canEnqueue: Bool, store: @escaping @Sendable (UnsafeMutableRawPointer, Descriptor) -> Void,
    enqueue: @escaping @Sendable (UnsafeMutableRawPointer, Descriptor) -> Bool
  ) {
    self.canStore = canStore
    self.canEnqueue = canEnqueue
    self.store = store
    self.enqueue = enqueue
  }

  /// The processor's own.
  public static let processor = PortalInstructions(
    canStore: pf_portal_instructions() & PF_PROCESSOR_MOVDIR64B.rawValue != 0,
    canEnqueue: pf_portal_instructions() & PF_PROCESSOR_ENQCMD.rawValue != 0,
    store: { portal, descriptor in
      withUnsafeBytes(of: descriptor) { if let bytes = $0.baseAddress { pf_store64_bytes(portal, bytes, 1) } }
    },
    enqueue: { portal, descriptor in
      withUnsafeBytes(of: descriptor) { $0.baseAddress.map { pf_enqcmd(portal, $0) == 0 } ?? false }
    })

  /// What this processor has of DSA's instructions, for reports: `MOVDIR64B ENQCMD WAITPKG`, or `none`.
  public static var found: String {
    let bits = pf_portal_instructions()
    var names: [String] = []
    if bits & PF_PROCESSOR_MOVDIR64B.rawValue != 0 { names.append("MOVDIR64B") }
    if bits & PF_PROCESSOR_ENQCMD.rawValue != 0 { names.append("ENQCMD") }
    if bits & PF_PROCESSOR_WAITPKG.rawValue != 0 { names.append("WAITPKG") }
    return names.isEmpty ? "none" : names.joined(separator: " ")
  }
}
