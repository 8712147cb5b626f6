// The page table: flat, one byte a virtual page for what an access needs, the frame and the generation beside it.

import Units

#if canImport(Glibc)
  import Glibc
#endif

/// Bits of a page table entry's hot byte, for base pages and for 2 MiB mappings alike. 0 is "not present".
public enum PTE {
  /// Mapped and reachable, unless `special`.
  public static let present: UInt8 = 0x80
  /// Not to be used by an access: with `present` a PROT_NONE entry (hint fault), without it a migration entry.
  public static let special: UInt8 = 0x40
  /// Accessed (young).
  public static let accessed: UInt8 = 0x20
  /// Written since the last unmap.
  public static let dirty: UInt8 = 0x10
  /// The node of the frame.
  public static let nodeMask: UInt8 = 0x0F

  public static let hint: UInt8 = present | special

  /// The 2 MiB entry over a block that is being collapsed: no access gets through, and the base pages' entries are below it. A
  /// migration entry never has the dirty bit.
  static let collapsing: UInt8 = special | dirty
}

/// The page table of all processes: their virtual pages are dense slots of one table, each region starting at a multiple
/// of 512.
public struct PageTable {
  /// Virtual pages, a multiple of 512.
  public let pages: Int
  /// `PTE` of each base page; meaningless where `pmd` is not 0.
  public let hot: UnsafeMutablePointer<UInt8>
  /// `PTE` of each 2 MiB block that is mapped as one, else 0.
  public let pmd: UnsafeMutablePointer<UInt8>
  /// Frame of each base page; for a huge mapping, that of its first page at its first slot.
  public let frame: UnsafeMutablePointer<PFN>
  /// How often each page's dirty content was made final.
  public let generation: UnsafeMutablePointer<UInt16>
  /// The page that holds each 2 MiB block's page table, 0 when it has none.
  public let tablePage: UnsafeMutablePointer<PFN>

  init(pages: Int) {
    self.pages = (pages + Page.perHuge - 1) & ~(Page.perHuge - 1)
    hot = zeroedPages(UInt8.self, count: self.pages)
    pmd = zeroedPages(UInt8.self, count: self.pages >> Page.hugeOrder)
    frame = zeroedPages(PFN.self, count: self.pages)
    generation = zeroedPages(UInt16.self, count: self.pages)
    tablePage = zeroedPages(PFN.self, count: self.pages >> Page.hugeOrder)
  }

  func deallocate() {
    free(hot)
    free(pmd)
    free(frame)
    free(generation)
    free(tablePage)
  }

  /// Metadata bytes a base page of virtual memory costs.
  public static let bytesPerPage = 7.0 + 5.0 / 512
}
