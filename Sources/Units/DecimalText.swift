// Printing of scaled integers as short decimals, without floating point.

/// Decimal texts of integer ratios.
enum DecimalText {
  /// `value` / `divisor` with as many decimals as needed, at most `places`; exact when `divisor` is 10^`places`.
  ///
  /// - Parameters:
  ///   - value: at least 0.
  ///   - divisor: 10^`places`.
  static func text(_ value: Int, over divisor: Int, places: Int) -> String {
    let whole = value / divisor
    var rest = value % divisor
    if rest == 0 { return "\(whole)" }
    var decimals: [Character] = []
    var weight = divisor
    while rest != 0, decimals.count < places {
      weight /= 10
      decimals.append(Character("\(rest / weight)"))
      rest %= weight
    }
    return "\(whole).\(String(decimals))"
  }
}
