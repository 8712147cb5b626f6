// Numbers for people, from integers: no rounding that a library could do differently.

import Units

/// Decimal texts of scaled integers.
package enum Decimal {
  /// `value` / 10^places with all its decimals.
  package static func fixed(_ value: Int, places: Int) -> String {
    var scale = 1
    for _ in 0..<places { scale *= 10 }
    let digits = String(value.magnitude % UInt(scale))
    let sign = value < 0 ? "-" : ""
    guard places > 0 else { return String(value) }
    return "\(sign)\(value.magnitude / UInt(scale))." + String(repeating: "0", count: places - digits.count) + digits
  }

  /// A count with commas: `1,234,567`.
  package static func grouped(_ value: Int) -> String {
    var text = ""
    for (i, digit) in String(value.magnitude).reversed().enumerated() {
      if i > 0 && i % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return (value < 0 ? "-" : "") + String(text.reversed())
  }

  /// A share in percent with one decimal: `42.1 %`; a dash when there is no whole.
  package static func percent(_ part: Int, of whole: Int) -> String {
    guard whole > 0 else { return "-" }
    return fixed(ratio(part, whole, times: 1000), places: 1) + " %"
  }

  /// `part * times / whole` rounded to nearest, without overflow.
  package static func ratio(_ part: Int, _ whole: Int, times: Int) -> Int {
    guard whole > 0 else { return 0 }
    let product = UInt(max(part, 0)).multipliedFullWidth(by: UInt(times))
    let (low, carry) = product.low.addingReportingOverflow(UInt(whole / 2))
    let high = product.high + (carry ? 1 : 0)
    guard high < UInt(whole) else { return Int.max }
    return Int(clamping: UInt(whole).dividingFullWidth((high, low)).quotient)
  }

  /// A span with three significant digits or more: `812 ns`, `1.53 ms`, `12.30 s`.
  package static func span(_ time: Picoseconds) -> String {
    if time == 0 { return "0 s" }
    let units: [(Picoseconds, String)] = [
      (.second, "s"), (.millisecond, "ms"), (.microsecond, "us"), (.nanosecond, "ns"),
    ]
    for (unit, name) in units where time >= unit {
      return fixed(ratio(time, unit, times: 100), places: 2) + " " + name
    }
    return "\(time) ps"
  }

  /// A size in binary units: `64.0 MiB`.
  package static func size(pages: Int) -> String {
    let units = [(1 << 18, "GiB"), (1 << 8, "MiB")]
    for (scale, name) in units where pages >= scale {
      return fixed(ratio(pages, scale, times: 10), places: 1) + " " + name
    }
    return "\(pages * 4) KiB"
  }
}

extension String {
  /// The text in a field of `width`, at its right end.
  package func right(_ width: Int) -> String { String(repeating: " ", count: max(width - count, 0)) + self }
  /// The text in a field of `width`, at its left end.
  package func left(_ width: Int) -> String { self + String(repeating: " ", count: max(width - count, 0)) }
  /// `fastAccess` as `fast_access`.
  package var snakeCase: String { reduce(into: "") { $0 += $1.isUppercase ? "_" + $1.lowercased() : String($1) } }
  /// Without spaces at the end.
  package var trimmedRight: String {
    var text = Substring(self)
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
