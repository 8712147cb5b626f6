// Whether a device could reach memory: is each page mapped, present, and may it be read or written?

import CPortals
import Units

#if canImport(Glibc)
  import Glibc
#endif

/// Answers page by page without a signal.
///
/// mincore(2) says whether pages are mapped and present; MADV_POPULATE_READ and MADV_POPULATE_WRITE on pages that are present change
/// nothing but fail if they may not be read or written, and on a page that is absent they are its page request. Both are answers of the
/// kernel at the time: whoever unmaps memory under a copy is as badly off as with a DMA engine without an IOMMU.
///
/// A system call or two an operand is much beside a copy of 4 KiB. Memory that is registered is not asked about.
final class PageProbe {
  /// Pages asked about at once: 4 MiB.
  private static let chunk = 1024
  private let resident: UnsafeMutablePointer<UInt8>

  init() { resident = .allocate(capacity: PageProbe.chunk) }
  deinit { resident.deallocate() }

  /// Whether this kernel answers.
  static let isSupported: Bool = {
    guard let page = mmap(nil, Page.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      page != MAP_FAILED
    else { return false }
    defer { munmap(page, Page.size) }
    return pf_populate(UInt(bitPattern: page), Page.size, 1) == 0
  }()

  /// Bytes at the front of a range (or at its end) that a device reaches before a page fault: 0...length.
  func accessible(_ address: UInt64, length: Int, isWrite: Bool, fromEnd: Bool) -> Int {
    guard length > 0 else { return 0 }
    let (end, overflows) = address.addingReportingOverflow(UInt64(length))
    guard !overflows, end <= UInt64(1) << 63 else { return 0 }
    let first = Int(address >> 12)
    let last = Int((end - 1) >> 12)
    var pages = 0
    let total = last - first + 1
    while pages < total {
      let count = min(PageProbe.chunk, total - pages)
      let start = fromEnd ? last + 1 - pages - count : first + pages
      let good = reach(start, count, isWrite: isWrite, fromEnd: fromEnd)
      pages += good
      if good < count { break }
    }
    if pages == total { return length }
    let bytes =
      fromEnd
      ? Int(end) - (last + 1 - pages) << 12
      : (first + pages) << 12 - Int(address)
    return max(0, min(bytes, length))
  }

  /// Answers a page request: whether the page of the address is there now.
  func bringIn(_ address: UInt64, isWrite: Bool) -> Bool {
    guard address < UInt64(1) << 63 else { return false }
    return populate(Int(address >> 12), 1, isWrite) == 0
  }

  private func populate(_ page: Int, _ count: Int, _ isWrite: Bool) -> Int32 {
    if count == 0 { return 0 }
    var error: Int32
    repeat {
      error = pf_populate(UInt(page) << 12, count << 12, isWrite ? 1 : 0)
    } while error == EAGAIN || error == EINTR
    return error
  }

  /// Pages of `count` that are there, from the front or from the end.
  private func reach(_ page: Int, _ count: Int, isWrite: Bool, fromEnd: Bool) -> Int {
    func start(_ pages: Int) -> Int { fromEnd ? page + count - pages : page }
    func areMapped(_ pages: Int) -> Bool { pf_resident(UInt(start(pages)) << 12, pages << 12, resident) == 0 }
    let mapped = longest(count, areMapped)
    // The question that was answered last may have been another.
    guard mapped > 0, mapped == count || areMapped(mapped) else { return 0 }
    var present = 0
    while present < mapped, resident[fromEnd ? mapped - 1 - present : present] & 1 != 0 { present += 1 }
    return longest(present) { populate(start($0), $0, isWrite) == 0 }
  }

  /// The greatest number up to `count` that holds, if all that are smaller hold too; the whole is tried first.
  private func longest(_ count: Int, _ holds: (Int) -> Bool) -> Int {
    if count == 0 || holds(count) { return count }
    var (good, bad) = (0, count)
    while bad - good > 1 {
      let middle = (good + bad) / 2
      if holds(middle) { good = middle } else { bad = middle }
    }
    return good
  }
}
