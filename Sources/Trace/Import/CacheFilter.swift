// A small model of CPU caches, so that a long run fits in few records.

import Units

/// Caches to filter by: `SIZE:WAYS[,SIZE:WAYS[,SIZE:WAYS]]`, nearest first, as in `32KiB:8,1MiB:16`.
public struct CacheSpecification: Equatable, Sendable, CustomStringConvertible {
  /// Bytes in a line.
  public static let lineBytes = 64
  /// Most levels.
  public static let maxLevels = 3

  /// Size and associativity of each level, nearest first.
  public let levels: [Level]

  /// One level: `bytes` in sets of `ways` lines; the number of sets is a power of two.
  public struct Level: Equatable, Sendable {
    public var bytes: Int
    public var ways: Int
    var sets: Int { bytes / CacheSpecification.lineBytes / ways }
  }

  /// Parses `text`; throws `.usage` with what is wrong.
  public init(_ text: String) throws(TraceError) {
    func fail(_ problem: String) -> TraceError {
      TraceError(
        .usage, file: "", problem: "cache `\(text)`: \(problem)", fix: "write SIZE:WAYS, as in 32KiB:8,1MiB:16")
    }
    var levels: [Level] = []
    for part in text.utf8.split(separator: 0x2C, omittingEmptySubsequences: false) {
      let fields = part.split(separator: 0x3A, omittingEmptySubsequences: false).map { String(Substring($0)) }
      guard fields.count == 2, let ways = Int(fields[1]), let bytes = Self.bytes(fields[0]) else {
        throw fail("`\(String(Substring(part)))` is no SIZE:WAYS")
      }
      guard (1...64).contains(ways) else { throw fail("\(ways) ways, 1 to 64 are possible") }
      guard (Self.lineBytes...(1 << 30)).contains(bytes) else { throw fail("\(bytes) bytes, 64 to 1 GiB are possible") }
      let level = Level(bytes: bytes, ways: ways)
      guard level.sets > 0, level.sets * ways * Self.lineBytes == bytes, level.sets.nonzeroBitCount == 1 else {
        throw fail("\(fields[0]) in \(ways) ways does not make a power of two of sets")
      }
      if let inner = levels.last, inner.bytes > bytes { throw fail("a level is smaller than the one before it") }
      levels.append(level)
    }
    guard levels.count <= Self.maxLevels else { throw fail("\(levels.count) levels, at most \(Self.maxLevels)") }
    self.levels = levels
  }

  /// A size as knobs take it: `32KiB`, `32K`, `32768`.
  private static func bytes(_ text: String) -> Int? {
    try? ByteSize.parse(text)
  }

  public var description: String {
    levels.map { level in
      let (n, unit) =
        level.bytes % (1 << 20) == 0
        ? (level.bytes >> 20, "MiB")
        : level.bytes % 1024 == 0 ? (level.bytes >> 10, "KiB") : (level.bytes, "B")
      return "\(n)\(unit):\(level.ways)"
    }.joined(separator: ",")
  }
}

/// Inclusive set-associative caches with LRU replacement, write-back and write-allocate, lines of 64 bytes.
///
/// An access is *kept* when no level has its line, and when it is the first write to a line since the line was
/// brought in: that write dirties the page, and stands for the later write-back. All others are hits and dropped. A
/// hit in an inner level does not refresh the line in the outer ones; a line evicted from an outer level leaves the
/// inner ones too.
struct CacheFilter: ~Copyable {
  private let specification: CacheSpecification
  /// Line number << 1 | dirty, by level, set and recency (most recent first); all ones where empty.
  private let lines: UnsafeMutablePointer<UInt64>
  private let capacity: Int
  private let starts: [Int]
  private static let empty = UInt64.max

  /// Accesses dropped, by the level that had the line.
  private(set) var hits: [Int]
  /// Accesses kept because no level had the line.
  private(set) var misses = 0
  /// Writes kept because the line was clean.
  private(set) var firstWrites = 0

  init(_ specification: CacheSpecification) {
    self.specification = specification
    var starts: [Int] = []
    var total = 0
    for level in specification.levels {
      starts.append(total)
      total += level.sets * level.ways
    }
    self.starts = starts
    capacity = total
    hits = [Int](repeating: 0, count: starts.count)
    lines = .allocate(capacity: total)
    lines.initialize(repeating: Self.empty, count: total)
  }

  deinit { lines.deallocate() }

  private func set(_ level: Int, _ line: UInt64) -> (UnsafeMutablePointer<UInt64>, ways: Int) {
    let shape = specification.levels[level]
    return (lines + starts[level] + Int(line & UInt64(shape.sets - 1)) * shape.ways, shape.ways)
  }

  /// One access to line `line` (address / 64); whether it is kept.
  mutating func access(_ line: UInt64, isWrite: Bool) -> Bool {
    let levels = specification.levels.count
    var found = 0
    var dirty: UInt64 = 0
    while found < levels {
      let (entries, ways) = set(found, line)
      if let way = Self.find(line, entries, ways) {
        let entry = entries[way]
        for i in stride(from: way, to: 0, by: -1) { entries[i] = entries[i - 1] }
        entries[0] = entry
        dirty = entry & 1
        break
      }
      found += 1
    }
    for level in stride(from: found - 1, through: 0, by: -1) { insert(line << 1 | dirty, level) }
    let firstWrite = isWrite && dirty == 0
    if firstWrite { markDirty(line) }
    if found == levels {
      misses += 1
      return true
    }
    if firstWrite {
      firstWrites += 1
      return true
    }
    hits[found] += 1
    return false
  }

  private static func find(_ line: UInt64, _ entries: UnsafeMutablePointer<UInt64>, _ ways: Int) -> Int? {
    for way in 0..<ways where entries[way] >> 1 == line { return way }
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

  private func remove(_ line: UInt64, _ level: Int) {
    let (entries, ways) = set(level, line)
    guard let way = Self.find(line, entries, ways) else { return }
    for i in way..<ways - 1 { entries[i] = entries[i + 1] }
    entries[ways - 1] = Self.empty
  }

  private func markDirty(_ line: UInt64) {
    for level in 0..<specification.levels.count {
      let (entries, ways) = set(level, line)
      if let way = Self.find(line, entries, ways) { entries[way] |= 1 }
    }
  }

  /// Counts from here on, with the lines that are in.
  mutating func resetCounts() {
    for level in hits.indices { hits[level] = 0 }
    misses = 0
    firstWrites = 0
  }

  /// What was kept and dropped, for the provenance.
  var note: String {
    let dropped = hits.enumerated().map { "L\($0 + 1) hits \($1)" }.joined(separator: ", ")
    return "cache \(specification) of 64-byte lines, LRU, inclusive: \(dropped) dropped; misses \(misses),"
      + " first writes to a cached line \(firstWrites) kept"
  }
}
