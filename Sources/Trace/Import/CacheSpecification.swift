// The caches and the TLB that an import filters by, as options name them.
import Units

/// Caches to filter by: `SIZE:WAYS[,SIZE:WAYS[,SIZE:WAYS]]`, nearest first, as in `32KiB:8,1MiB:16`.
///
/// Write-back and write-allocate, inclusive, LRU, one hierarchy for all threads.
public struct CacheSpecification: Equatable, Sendable, CustomStringConvertible {
  /// Bytes in a line.
  public static let lineBytes = 64

  /// Bytes and ways of each level, nearest first.
  let levels: [(bytes: Int, ways: Int)]

  /// Parses `text`; throws `.usage` with what is wrong.
  public init(_ text: String) throws(TraceError) {
    let form = LevelForm(option: "cache", form: "SIZE:WAYS", example: "32KiB:8,1MiB:16")
    levels = try form.levels(text, size: { try? ByteSize.parse($0) }, objection: Self.objection)
  }

  private static func objection(bytes: Int, ways: Int) -> String? {
    guard (lineBytes...(1 << 30)).contains(bytes) else { return "\(bytes) bytes, 64 to 1 GiB are possible" }
    let sets = bytes / lineBytes / ways
    return sets > 0 && sets * ways * lineBytes == bytes && sets.nonzeroBitCount == 1
      ? nil : "\(bytes) bytes in \(ways) ways do not make a power of two of sets"
  }

  var shapes: [AssociativeLevel] {
    levels.map { AssociativeLevel(sets: $0.bytes / Self.lineBytes / $0.ways, ways: $0.ways) }
  }

  public static func == (a: Self, b: Self) -> Bool { a.levels.elementsEqual(b.levels) { $0 == $1 } }

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

/// A TLB to filter by: `ENTRIES:WAYS[,ENTRIES:WAYS[,...]]`, nearest first, as in `64:4,1536:12`. Entries are of 4 KiB pages.
public struct TLBSpecification: Equatable, Sendable, CustomStringConvertible {
  /// Entries and ways of each level, nearest first.
  let levels: [(entries: Int, ways: Int)]

  /// Parses `text`; throws `.usage` with what is wrong.
  public init(_ text: String) throws(TraceError) {
    let form = LevelForm(option: "tlb", form: "ENTRIES:WAYS", example: "64:4,1536:12")
    levels = try form.levels(text, size: { Int($0) }, objection: Self.objection).map { ($0.bytes, $0.ways) }
  }

  private static func objection(entries: Int, ways: Int) -> String? {
    guard (1...(1 << 20)).contains(entries) else { return "\(entries) entries, 1 to 1048576 are possible" }
    let sets = entries / ways
    return sets > 0 && sets * ways == entries && sets.nonzeroBitCount == 1
      ? nil : "\(entries) entries in \(ways) ways do not make a power of two of sets"
  }

  var shapes: [AssociativeLevel] { levels.map { AssociativeLevel(sets: $0.entries / $0.ways, ways: $0.ways) } }

  public static func == (a: Self, b: Self) -> Bool { a.levels.elementsEqual(b.levels) { $0 == $1 } }

  public var description: String { levels.map { "\($0.entries):\($0.ways)" }.joined(separator: ",") }
}

/// The form of an option that lists levels.
private struct LevelForm {
  static let maxLevels = 3

  let option: String
  let form: String
  let example: String

  /// The levels of `text`; `objection` says why one cannot be.
  func levels(
    _ text: String, size: (String) -> Int?, objection: (Int, Int) -> String?
  ) throws(TraceError) -> [(bytes: Int, ways: Int)] {
    func fail(_ problem: String) -> TraceError {
      TraceError(.usage, file: "", problem: "\(option) `\(text)`: \(problem)", fix: "write \(form), as in \(example)")
    }
    var levels: [(bytes: Int, ways: Int)] = []
    for part in text.utf8.split(separator: 0x2C, omittingEmptySubsequences: false) {
      let fields = part.split(separator: 0x3A, omittingEmptySubsequences: false).map { String(Substring($0)) }
      guard fields.count == 2, let ways = Int(fields[1]), let size = size(fields[0]) else {
        throw fail("`\(String(Substring(part)))` is no \(form)")
      }
      guard (1...64).contains(ways) else { throw fail("\(ways) ways, 1 to 64 are possible") }
      if let problem = objection(size, ways) { throw fail(problem) }
      if let inner = levels.last, inner.bytes > size { throw fail("a level is smaller than the one before it") }
      levels.append((size, ways))
    }
    guard levels.count <= Self.maxLevels else { throw fail("\(levels.count) levels, at most \(Self.maxLevels)") }
    return levels
  }
}
