// A result as rows for programs: the same keys in JSON and CSV, with their units in them.

/// What stands in a row.
public enum RowValue: Sendable, Equatable {
  case text(String)
  case integer(Int)
  case flag(Bool)
  /// Nothing to compare with.
  case none

  /// As CSV has it; texts here have no quotes.
  var csv: String {
    switch self {
    case .text(let text): text.contains(",") ? "\"\(text)\"" : text
    case .integer(let value): "\(value)"
    case .flag(let flag): flag ? "true" : "false"
    case .none: ""
    }
  }
}

extension CopyBenchResult {
  /// One row's values in the order of the columns.
  public func values(_ row: CopySamples) -> [(key: String, value: RowValue)] {
    let memcpy = self.row("memcpy", row.subject, row.caches, row.route)
    let limit = limit(threads: row.threads, row.route)
    return [
      ("from_node", .integer(row.route.from)), ("to_node", .integer(row.route.to)),
      ("caches", .text(row.caches.rawValue)), ("subject", .text(row.subject.name)), ("engine", .text(row.engine)),
      ("threads", .integer(row.threads)), ("is_limit", .flag(row.isLimit)), ("bytes", .integer(row.bytes)),
      ("base_pages", .integer(row.pages)), ("copies", .integer(row.times.count)),
      ("bytes_per_second", .integer(row.bytesPerSecond)), ("ps_per_base_page", .integer(row.picosecondsPerPage)),
      ("minimum_ns", .integer(row.times.min() ?? 0)), ("p50_ns", .integer(row.percentile(50))),
      ("p90_ns", .integer(row.percentile(90))), ("p99_ns", .integer(row.percentile(99))),
      ("speedup_over_memcpy_permille", permille(row, memcpy)), ("share_of_limit_permille", permille(row, limit)),
    ]
  }

  private func permille(_ row: CopySamples, _ other: CopySamples?) -> RowValue {
    guard let other, other.bytesPerSecond > 0 else { return .none }
    return .integer(row.bytesPerSecond * 1000 / other.bytesPerSecond)
  }

  /// All rows under a heading.
  public var csv: String {
    guard let first = samples.first else { return "" }
    let lines =
      [values(first).map(\.key).joined(separator: ",")]
      + samples.map { values($0).map(\.value.csv).joined(separator: ",") }
    return lines.map { $0 + "\n" }.joined()
  }
}
