// Pages that are mapped, not allocated: portals and what lies beside them.

import Units

#if canImport(Glibc)
  import Glibc
#endif

/// Zeroed pages, shared with whoever maps the same file; unmapped with the last reference.
final class SharedPages: @unchecked Sendable {
  let base: UnsafeMutableRawPointer
  let size: Int

  /// - Parameters:
  ///   - bytes: rounded up to whole pages of 4 KiB.
  ///   - file: descriptor of a file that has so many bytes; memory of its own if nil.
  init(bytes: Int, file: Int32? = nil) throws(SoftwareDeviceError) {
    size = (max(bytes, 1) + Page.size - 1) / Page.size * Page.size
    let flags = file == nil ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED
    guard let mapped = mmap(nil, size, PROT_READ | PROT_WRITE, flags, file ?? -1, 0), mapped != MAP_FAILED else {
      throw .noMemory(bytes: size, error: errno)
    }
    base = mapped
  }

  deinit { munmap(base, size) }
}

/// Why there is no software device.
public enum SoftwareDeviceError: Error, Equatable, CustomStringConvertible {
  /// mmap(2) of a queue's pages.
  case noMemory(bytes: Int, error: Int32)
  /// pthread_create(3) of an engine.
  case noThread(engine: Int)
  /// pthread_setaffinity_np(3) of an engine.
  case binding(engine: Int, cpu: Int, error: Int32)
  /// The kernel cannot be asked whether a page may be written: MADV_POPULATE_READ and MADV_POPULATE_WRITE came with Linux 5.14.
  case noPageProbe
  /// A queue that the device does not have.
  case noQueue(Int, of: Int)

  public var description: String {
    switch self {
    case .noMemory(let bytes, let error):
      "no memory for \(bytes) bytes of a queue: \(String(cString: strerror(error)))"
    case .noThread(let engine): "no thread for engine \(engine); use fewer engines, or raise the limit (ulimit -u)"
    case .binding(let engine, let cpu, let error):
      "engine \(engine) cannot run on CPU \(cpu): \(String(cString: strerror(error))); see taskset -p and cpuset.cpus"
    case .noPageProbe: "this kernel has no MADV_POPULATE_READ; software devices need Linux 5.14 or later"
    case .noQueue(let queue, let count): "the device has \(count) queues; \(queue) is none of them, the first is 0"
    }
  }
}
