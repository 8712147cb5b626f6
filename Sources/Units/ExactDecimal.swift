// Decimal numbers in texts, scaled by a unit without rounding: 1.5us is 1,500,000 ps or it is refused.

/// A non-negative decimal number as written: `digits` / 10^`places`.
struct ExactDecimal {
  /// All digits read as one integer; 0...Int.max.
  let digits: Int
  /// How many of them stand behind the point; 0...18.
  let places: Int

  /// Splits a text into a number and what follows it (the unit, with spaces before it dropped).
  ///
  /// - Parameters:
  ///   - text: ASCII digits with at most one point, then anything.
  ///   - noun: what the text should have been, for the fault's reason: `duration`.
  static func split(_ text: String, noun: String) throws(QuantityFault) -> (number: ExactDecimal, unit: String) {
    let bytes = Array(text.utf8)
    var at = 0
    var digits = 0
    var places = 0
    var seenDigits = 0
    var seenPoint = false
    while at < bytes.count {
      let byte = bytes[at]
      if byte == UInt8(ascii: "."), !seenPoint {
        seenPoint = true
      } else if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
        let (product, over) = digits.multipliedReportingOverflow(by: 10)
        let (sum, overToo) = product.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
        if over || overToo || (seenPoint && places == 18) { throw QuantityFault("too many digits for 64 bits") }
        digits = sum
        seenDigits += 1
        if seenPoint { places += 1 }
      } else {
        break
      }
      at += 1
    }
    if seenDigits == 0 { throw QuantityFault("not a \(noun): it does not start with a number") }
    if seenPoint && places == 0 { throw QuantityFault("no digit behind the point") }
    while at < bytes.count, bytes[at] == UInt8(ascii: " ") || bytes[at] == UInt8(ascii: "\t") { at += 1 }
    return (ExactDecimal(digits: digits, places: places), String(decoding: bytes[at...], as: UTF8.self))
  }

  /// The number times `factor` as an integer.
  ///
  /// - Parameters:
  ///   - factor: what one unit is worth in base units; at least 1.
  ///   - base: the base unit's name in the plural, for the reason: `bytes`.
  /// - Throws: when the product is no whole number or exceeds 64 bits.
  func times(_ factor: Int, base: String) throws(QuantityFault) -> Int {
    precondition(factor >= 1, "a unit is worth at least one base unit")
    var scale = 1
    for _ in 0..<places { scale *= 10 }
    let product = digits.multipliedFullWidth(by: factor)
    // The quotient must fit in an Int; otherwise dividingFullWidth would trap.
    if product.high >= scale { throw QuantityFault("too large for 64 bits") }
    let (quotient, rest) = UInt(scale).dividingFullWidth((UInt(product.high), product.low))
    if rest != 0 { throw QuantityFault("not a whole number of \(base)") }
    guard let exact = Int(exactly: quotient) else { throw QuantityFault("too large for 64 bits") }
    return exact
  }
}
