// One 16-byte record a physical page, and the eight cold bytes beside it. An all-zero record is valid (an unnamed part of
// a larger block), so idle memory is never touched.

import CPlatform

#if canImport(Glibc)
  import Glibc
#endif

/// A physical page's number, dense over all nodes. 0 is never a page: it is the nil of every link.
public typealias PFN = UInt32

/// A physical page as the model keeps it.
@frozen
public struct Frame {
  /// Towards the tail of whatever list the page is on: free list, per-CPU list, LRU list. 0 is nil.
  public var next: PFN
  /// Towards the head. 0 is nil.
  public var prev: PFN
  /// The virtual slot that maps a folio's first page (reverse map); its migration target's number while isolated.
  public var owner: UInt32
  /// `FrameFlags`.
  public var flags: UInt32
}

/// What is kept a page beside `Frame` and seldom read.
@frozen
public struct ColdFrame {
  /// Time of the last NUMA scan or rejected hint fault, in milliseconds of the kernel's clock (the cpupid field's use
  /// in memory tiering mode).
  public var stamp: UInt32
  /// Content tag: mix(virtual page, generation) of what the page's bytes should be.
  public var tag: UInt32
}

/// Bits of `Frame.flags`.
public enum FrameFlags {
  /// What the frame is; one of the `kind…` values.
  public static let kindMask: UInt32 = 0x7
  /// Part of a larger block; nothing is known about it by itself.
  public static let kindNone: UInt32 = 0
  /// Head of a free buddy block.
  public static let kindBuddy: UInt32 = 1
  /// On a per-CPU free list.
  public static let kindPerCPU: UInt32 = 2
  /// Held by the kernel: page tables and `hw.nodeN.kernel_pages`.
  public static let kindKernel: UInt32 = 3
  /// First page of a folio of a user mapping.
  public static let kindFolio: UInt32 = 4
  /// A later page of a 2 MiB folio.
  public static let kindTail: UInt32 = 5

  /// First page of a block that a running migration has allocated and nothing maps yet.
  public static let kindTarget: UInt32 = 6

  static let orderShift: UInt32 = 4
  static let orderMask: UInt32 = 0xF << 4
  /// The `MigrateType` of the list that a free block is on.
  public static let typeShift: UInt32 = 8
  public static let typeMask: UInt32 = 0x3 << 8
  static let zoneShift: UInt32 = 10
  static let zoneMask: UInt32 = 0x3F << 10
  /// On an LRU list (PG_lru).
  public static let onLRU: UInt32 = 1 << 16
  /// In a per-CPU LRU-add batch: allocated, mapped, but not on a list yet.
  public static let inBatch: UInt32 = 1 << 17
  /// PG_active.
  public static let active: UInt32 = 1 << 18
  /// PG_referenced.
  public static let referenced: UInt32 = 1 << 19
  /// Page cache of a file-backed region; otherwise anonymous.
  public static let file: UInt32 = 1 << 20
  /// PG_demoted of the TPP patches: set on demotion, tested at promotion.
  public static let demoted: UInt32 = 1 << 21
  /// PG_workingset.
  public static let workingset: UInt32 = 1 << 22
  /// Being migrated: source or destination of a running job.
  public static let migrating: UInt32 = 1 << 23
  /// Page cache newer than the disk.
  public static let dirty: UInt32 = 1 << 24
  /// Queued in a per-CPU activation batch (5.13's activate_page pagevec).
  public static let activating: UInt32 = 1 << 25
  /// Its mapping went away while it was isolated: whoever isolated it frees it.
  static let orphaned: UInt32 = 1 << 26
  /// A 2 MiB folio that is mapped page by page, as far as it still is (Memory+Split.swift).
  static let pageMapped: UInt32 = 1 << 28
  /// On its node's deferred split queue.
  static let deferred: UInt32 = 1 << 29
  /// PG_partially_mapped: on the queue because pages of it were unmapped.
  static let partlyMapped: UInt32 = 1 << 30
  /// Flags a migration carries from the old page to the new one (folio_migrate_flags, mm/migrate.c).
  static let carried: UInt32 = active | referenced | workingset | file | dirty
}

/// A doubly linked list of frames through `next` and `prev`.
@frozen
public struct FrameList {
  public var head: PFN = 0
  public var tail: PFN = 0
  /// Entries (not base pages).
  public var count: Int = 0
}

extension Memory {
  /// Most pages that a machine can have, and a workload: 8 TiB.
  public static let mostPages = 1 << 31

  /// Bytes of address space that the model of so many pages takes at most.
  public static func bytesNeeded(pages: Int, virtualPages: Int) -> Int {
    pages * (MemoryLayout<Frame>.stride + MemoryLayout<ColdFrame>.stride) + virtualPages * 8
  }

  /// Whether this host grants that much address space. Nothing is touched. By mmap: a compiler may drop a malloc whose
  /// memory nobody uses.
  public static func isGranted(bytes: Int) -> Bool {
    let raw = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard raw != MAP_FAILED else { return false }
    munmap(raw, bytes)
    return true
  }
}

/// Zero-filled raw memory that costs nothing until touched.
func zeroedPages<T>(_: T.Type, count: Int) -> UnsafeMutablePointer<T> {
  // calloc of a large block is an anonymous mapping: pages come on first touch.
  let bytes = max(count, 1) * MemoryLayout<T>.stride
  let raw = calloc(max(count, 1), MemoryLayout<T>.stride)!
  #if canImport(Glibc)
    // Random accesses to arrays of this size are bound by TLB misses unless 2 MiB pages back them. Advice only: where the
    // kernel has none, or refuses, nothing changes. Of a machine beyond 1 TiB most is idle, and 2 MiB pages would make all of
    // it resident at the first touches of its free blocks.
    let huge = UInt(1) << 21
    let start = (UInt(bitPattern: raw) + huge - 1) & ~(huge - 1)
    let end = (UInt(bitPattern: raw) + UInt(bytes)) & ~(huge - 1)
    if start < end, bytes <= 1 << 32 {
      madvise(UnsafeMutableRawPointer(bitPattern: start), Int(end - start), Int32(MADV_HUGEPAGE))
    }
  #endif
  return raw.bindMemory(to: T.self, capacity: max(count, 1))
}
