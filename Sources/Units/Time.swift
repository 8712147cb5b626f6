// Modelled time: integer picoseconds everywhere, so that runs are exact and repeatable.

/// A point or a span of modelled time in picoseconds. 2^63 ps is 106 days.
public typealias Picoseconds = Int

extension Picoseconds {
  /// One nanosecond in picoseconds.
  public static var nanosecond: Picoseconds { 1_000 }
  /// One microsecond in picoseconds.
  public static var microsecond: Picoseconds { 1_000_000 }
  /// One millisecond in picoseconds.
  public static var millisecond: Picoseconds { 1_000_000_000 }
  /// One second in picoseconds.
  public static var second: Picoseconds { 1_000_000_000_000 }
}
