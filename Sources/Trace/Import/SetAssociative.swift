// Set-associative levels with LRU replacement: what caches and TLBs have in common.

/// One level: `sets`, a power of two, of `ways` entries each.
struct AssociativeLevel: Equatable, Sendable {
  var sets: Int
  var ways: Int
}

/// Inclusive levels with LRU replacement, of entries that are clean or dirty.
///
/// An access is *kept* when no level has its entry, and when it is the first write to an entry since that was brought in. All
/// others are hits. A hit in an inner level does not refresh the entry in the outer ones; an entry evicted from an outer level
/// leaves the inner ones too.
struct SetAssociative: ~Copyable {
  private let levels: [AssociativeLevel]
  /// Key << 1 | dirty, by level, set and recency (most recent first); all ones where empty.
  private let entries: UnsafeMutablePointer<UInt64>
  private let starts: [Int]
  private static let empty = UInt64.max

  /// Accesses that hit, by the level that had the entry.
  private(set) var hits: [Int]
  /// Accesses that no level had the entry of.
  private(set) var misses = 0
  /// First writes to an entry that a level had.
  private(set) var firstWrites = 0

  init(_ levels: [AssociativeLevel]) {
    self.levels = levels
    var starts: [Int] = []
    var total = 0
    for level in levels {
      starts.append(total)
      total += level.sets * level.ways
    }
    self.starts = starts
    hits = [Int](repeating: 0, count: starts.count)
    entries = .allocate(capacity: total)
    entries.initialize(repeating: Self.empty, count: total)
  }

  deinit { entries.deallocate() }

  /// The key of the unit `number` (a line, a page) of a process: exact for addresses of 57 bits and 4096 processes.
  static func key(_ number: UInt64, of process: UInt16) -> UInt64 { (number ^ UInt64(process) << 51) & (.max >> 1) }

  private func set(_ level: Int, _ key: UInt64) -> (UnsafeMutablePointer<UInt64>, ways: Int) {
    let shape = levels[level]
    return (entries + starts[level] + Int(key & UInt64(shape.sets - 1)) * shape.ways, shape.ways)
  }

  /// One access to `key`; whether it is kept.
  mutating func access(_ key: UInt64, isWrite: Bool) -> Bool {
    var found = 0
    var dirty: UInt64 = 0
    while found < levels.count {
      let (entries, ways) = set(found, key)
      if let way = Self.find(key, entries, ways) {
        let entry = entries[way]
        for i in stride(from: way, to: 0, by: -1) { entries[i] = entries[i - 1] }
        entries[0] = entry
        dirty = entry & 1
        break
      }
      found += 1
    }
    for level in stride(from: found - 1, through: 0, by: -1) { insert(key << 1 | dirty, level) }
    let isFirstWrite = isWrite && dirty == 0
    if isFirstWrite { markDirty(key) }
    if found == levels.count {
      misses += 1
      return true
    }
    if isFirstWrite {
      firstWrites += 1
      return true
    }
    hits[found] += 1
    return false
  }

  private static func find(_ key: UInt64, _ entries: UnsafeMutablePointer<UInt64>, _ ways: Int) -> Int? {
    for way in 0..<ways where entries[way] >> 1 == key { return way }
    return nil
  }

  private func insert(_ entry: UInt64, _ level: Int) {
    let (entries, ways) = set(level, entry >> 1)
    let evicted = entries[ways - 1]
    for i in stride(from: ways - 1, to: 0, by: -1) { entries[i] = entries[i - 1] }
    entries[0] = entry
    guard evicted != Self.empty else { return }
    for inner in 0..<level { remove(evicted >> 1, inner) }
  }

  private func remove(_ key: UInt64, _ level: Int) {
    let (entries, ways) = set(level, key)
    guard let way = Self.find(key, entries, ways) else { return }
    for i in way..<ways - 1 { entries[i] = entries[i + 1] }
    entries[ways - 1] = Self.empty
  }

  private func markDirty(_ key: UInt64) {
    for level in levels.indices {
      let (entries, ways) = set(level, key)
      if let way = Self.find(key, entries, ways) { entries[way] |= 1 }
    }
  }

  /// Counts from here on, with the entries that are in.
  mutating func resetCounts() {
    for level in hits.indices { hits[level] = 0 }
    misses = 0
    firstWrites = 0
  }
}
