// A small model of CPU caches and TLBs, so that a long run fits in few records.

/// What becomes of an access.
enum FilteredAccess {
  /// It reaches memory: no level has its line, or it is the first write to a line since that was brought in, which dirties the
  /// page and stands for the later write-back.
  case memory
  /// A cache answers it, but the TLB does not have its page, or has it clean and this is a write: the page walk sets the accessed or
  /// the dirty bit.
  case touch
  /// A cache answers it, and the page table does not see it.
  case cached
}

/// Caches, and a TLB if there is one, before memory.
struct CacheFilter: ~Copyable {
  private let cacheName: String
  private let tlbName: String
  private let hasTLB: Bool
  private var caches: SetAssociative
  private var tlb: SetAssociative
  /// Page walks of accesses that a cache answered.
  private var touches = 0

  init(_ cache: CacheSpecification, tlb: TLBSpecification? = nil) {
    caches = SetAssociative(cache.shapes)
    cacheName = cache.description
    hasTLB = tlb != nil
    tlbName = tlb?.description ?? ""
    self.tlb = SetAssociative(tlb?.shapes ?? [])
  }

  /// One access to line `line` (address / 64) of a process.
  mutating func access(_ line: UInt64, of process: UInt16, isWrite: Bool) -> FilteredAccess {
    let reachesMemory = caches.access(SetAssociative.key(line, of: process), isWrite: isWrite)
    guard hasTLB else { return reachesMemory ? .memory : .cached }
    let walks = tlb.access(SetAssociative.key(line >> 6, of: process), isWrite: isWrite)
    if reachesMemory { return .memory }
    touches += walks ? 1 : 0
    return walks ? .touch : .cached
  }

  /// Counts from here on, with the lines and entries that are in.
  mutating func resetCounts() {
    caches.resetCounts()
    tlb.resetCounts()
    touches = 0
  }

  /// What was kept and dropped, for the provenance.
  var note: String {
    func list(_ hits: [Int]) -> String { hits.enumerated().map { "L\($0 + 1) hits \($1)" }.joined(separator: ", ") }
    var text =
      "cache \(cacheName) of 64-byte lines, LRU, inclusive: \(list(caches.hits)); misses \(caches.misses),"
      + " first writes to a cached line \(caches.firstWrites) kept"
    if hasTLB {
      text +=
        "; TLB \(tlbName) of 4 KiB pages, LRU, inclusive: \(list(tlb.hits)); page walks \(tlb.misses),"
        + " first writes to a clean entry \(tlb.firstWrites); \(touches) of them by cache hits, kept as touches"
    } else {
      text += "; hits dropped"
    }
    return text
  }
}
