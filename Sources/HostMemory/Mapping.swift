// Mappings: made, bound, touched, taken apart. The one place where memory is mapped.

import CHugetlbfs
import CNuma
import Foundation
import Host

/// Pages mapped into the process.
struct Mapping {
  /// Where it failed, and what the system said.
  struct Fault: Error {
    var call: String
    var code: Int32
    var reason: String { "\(call): \(String(cString: strerror(code)))" }
  }

  let base: UnsafeMutableRawPointer
  let count: Int
  var backing: HostBacking
  var bindingProblem: String?
  /// What was mapped altogether, guards included.
  private let whole: UnsafeMutableRawBufferPointer

  /// Values of madvise(2) (include/uapi/asm-generic/mman-common.h).
  private static let huge: Int32 = 14
  private static let noHuge: Int32 = 15
  private static let populateWrite: Int32 = 23
  private static let collapse: Int32 = 25
  /// MAP_HUGE_2MB: the binary logarithm of the size above bit 26 (include/uapi/asm-generic/hugetlb_encode.h).
  private static let huge2MiB: Int32 = 21 << 26
  /// Bytes touched in one call.
  private static let touchedACall = 64 << 20

  /// Maps `count` bytes, a multiple of the page size, binds them to a node and touches every page once.
  init(count: Int, backing: HostBacking, node: Int) throws(Fault) {
    self.count = count
    self.backing = backing
    let flags = MAP_PRIVATE | MAP_ANONYMOUS
    if backing == .hugetlbfs {
      let start = try Mapping.hugePages(count)
      base = start
      whole = UnsafeMutableRawBufferPointer(start: start, count: count)
    } else {
      // A page that nobody may touch at either end: neighbours neither merge with the arena in smaps nor are hit by overruns.
      let align = backing == .transparentHuge ? HostPages.hugeSize : 4096
      let room = count + align + 2 * 4096
      guard let start = mmap(nil, room, PROT_NONE, flags | Int32(MAP_NORESERVE), -1, 0), start != MAP_FAILED else {
        throw Fault(call: "mmap", code: errno)
      }
      whole = UnsafeMutableRawBufferPointer(start: start, count: room)
      base = (start + 4096).alignedUp(toMultipleOf: align)
      guard mprotect(base, count, PROT_READ | PROT_WRITE) == 0 else { try fail("mprotect") }
      let advice = backing == .transparentHuge ? Mapping.huge : Mapping.noHuge
      // A kernel without transparent huge pages refuses both; what it came to is looked at afterwards.
      _ = madvise(base, count, advice)
    }
    bindingProblem = bind(to: node)
    try touch()
    if backing == .transparentHuge { _ = madvise(base, count, Mapping.collapse) }
  }

  /// Huge pages by libhugetlbfs's file where hugetlbfs is mounted for them and we may write there, else without a file. The library's own
  /// allocation (get_huge_pages) touches pages before they can be bound.
  private static func hugePages(_ count: Int) throws(Fault) -> UnsafeMutableRawPointer {
    if hugetlbfs_find_path_for_size(HostPages.hugeSize) != nil {
      let file = hugetlbfs_unlinked_fd_for_size(HostPages.hugeSize)
      if file >= 0 {
        defer { close(file) }
        if let start = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), start != MAP_FAILED {
          return start
        }
      }
    }
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | Int32(MAP_HUGETLB) | huge2MiB
    guard let start = mmap(nil, count, PROT_READ | PROT_WRITE, flags, -1, 0), start != MAP_FAILED else {
      throw Fault(call: "mmap of huge pages", code: errno)
    }
    return start
  }

  func unmap() { munmap(whole.baseAddress, whole.count) }

  private func fail(_ call: String) throws(Fault) -> Never {
    let code = errno
    unmap()
    throw Fault(call: call, code: code)
  }

  /// mbind(2), strictly: pages come from the node or not at all.
  private func bind(to node: Int) -> String? {
    guard numa_available() >= 0 else { return "this kernel has no NUMA policies (numa_available)" }
    var mask = [UInt](repeating: 0, count: node / UInt.bitWidth + 1)
    mask[node / UInt.bitWidth] = 1 << UInt(node % UInt.bitWidth)
    // The kernel takes one bit less than it is told.
    let bits = UInt(mask.count * UInt.bitWidth + 1)
    guard mbind(base, UInt(count), MPOL_BIND, &mask, bits, 0) == 0 else {
      let reason = "mbind: \(String(cString: strerror(errno)))"
      return reason + (errno == EPERM ? " (a container's seccomp profile may forbid it)" : "")
    }
    return nil
  }

  private func touch() throws(Fault) {
    var done = 0
    while done < count {
      let size = min(count - done, Mapping.touchedACall)
      if madvise(base + done, size, Mapping.populateWrite) == 0 {
        done += size
        continue
      }
      switch errno {
      case EINTR, EAGAIN: continue
      // Before Linux 5.14. There a huge page that cannot be had ends the process with SIGBUS; the pool has been looked at.
      case EINVAL:
        for offset in stride(from: done, to: count, by: 4096) {
          (base + offset).storeBytes(of: 0, as: UInt8.self)
        }
        return
      default: try fail("touching pages (MADV_POPULATE_WRITE)")
      }
    }
  }
}
