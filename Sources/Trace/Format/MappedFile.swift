// A whole file in memory, read-only.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A read-only mapping of a regular file, or a copy of bytes that stand for one. A file that is cut short by another program while it is
/// mapped kills the reader with SIGBUS, as for every mapping; writers replace traces by rename, which is safe.
final class MappedFile {
  let base: UnsafeRawPointer
  let count: Int
  private let isMapped: Bool

  /// Maps the file open at `descriptor`, of `count` bytes, at least one.
  init(descriptor: Int32, count: Int, file: String) throws(TraceError) {
    guard let address = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
      throw TraceError.system("mmap", file, fix: "the file must be a regular file on a local file system")
    }
    madvise(address, count, MADV_SEQUENTIAL)
    base = UnsafeRawPointer(address)
    self.count = count
    isMapped = true
  }

  /// Copies `bytes`.
  init(copying bytes: UnsafeRawBufferPointer) {
    let copy = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 16)
    UnsafeMutableRawBufferPointer(start: copy, count: bytes.count).copyMemory(from: bytes)
    base = UnsafeRawPointer(copy)
    count = bytes.count
    isMapped = false
  }

  /// MADV_POPULATE_READ of Linux's mman-common.h.
  private static let populateRead: Int32 = 22

  /// Has these bytes mapped at once, which is cheaper than a fault for every few pages. Kernels before 5.14 know no such thing, and
  /// fault.
  func populate(_ bytes: Range<Int>) {
    guard isMapped else { return }
    let start = bytes.lowerBound & ~(TraceFormat.pageBytes - 1)
    madvise(UnsafeMutableRawPointer(mutating: base + start), bytes.upperBound - start, Self.populateRead)
  }

  deinit {
    if isMapped { munmap(UnsafeMutableRawPointer(mutating: base), count) } else { base.deallocate() }
  }
}
