// The part of a run that a timeline shows.

import Units

/// A window of modelled time.
public enum TimelineWindow: Equatable, Sendable {
  /// From the first migration on, for so long.
  case afterFirstMigration(Picoseconds)
  /// From the lower bound up to the upper one; not empty.
  case span(Range<Picoseconds>)

  /// 10 ms behind the first migration.
  public static let standard = TimelineWindow.afterFirstMigration(10 * Picoseconds.millisecond)

  /// Reads `1.2s:1.25s`.
  public static func parse(_ text: String) throws(QuantityFault) -> TimelineWindow {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2 else {
      throw QuantityFault("a window is two points of modelled time, e.g. 1.2s:1.25s")
    }
    let from = try TimeSpan.parse(String(parts[0]))
    let to = try TimeSpan.parse(String(parts[1]))
    guard from < to else { throw QuantityFault("a window ends behind its beginning, e.g. 1.2s:1.25s") }
    return .span(from..<to)
  }
}
