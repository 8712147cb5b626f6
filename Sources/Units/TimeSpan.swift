// Spans of modelled time as people write them: 12ns, 1.5us, 250ps.

/// Parsing and printing of spans in picoseconds. The unit is always written.
public enum TimeSpan {
  /// Units from the largest down.
  private static let units: [(factor: Picoseconds, name: String)] = [
    (.second, "s"), (.millisecond, "ms"), (.microsecond, "us"), (.nanosecond, "ns"), (1, "ps"),
  ]

  /// Reads a number and one of `ps ns us µs ms s`. A bare number is refused, 0 too.
  ///
  /// - Returns: picoseconds, 0...Int.max (106 days).
  public static func parse(_ text: String) throws(QuantityFault) -> Picoseconds {
    let (number, unit) = try ExactDecimal.split(text, noun: "duration")
    if unit.isEmpty { throw QuantityFault("a duration needs its unit: ps, ns, us, ms or s, e.g. 12ns or 1.5us") }
    // U+00B5 MICRO SIGN and U+03BC GREEK SMALL LETTER MU look alike.
    let plain = unit == "\u{B5}s" || unit == "\u{3BC}s" ? "us" : unit
    guard let found = units.first(where: { $0.name == plain }) else {
      throw QuantityFault("unknown unit of time; write ps, ns, us, ms or s, e.g. 12ns or 1.5us")
    }
    return try number.times(found.factor, base: "picoseconds")
  }

  /// The span in the largest unit that gives a whole number: `1500us`, `12ns`, `0s`.
  public static func text(_ span: Picoseconds) -> String {
    for unit in units where span % unit.factor == 0 { return "\(span / unit.factor)\(unit.name)" }
    return "\(span)ps"
  }
}
