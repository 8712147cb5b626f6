// Rates in bytes per second as people write them: 12.5GB/s, 1GiB/s.

/// Parsing and printing of rates. Decimal prefixes are powers of 10 (memory vendors' GB/s), binary ones powers of 2.
public enum Bandwidth {
  private static let decimal: [(factor: Int, name: String)] = [
    (1_000_000_000_000, "TB/s"), (1_000_000_000, "GB/s"), (1_000_000, "MB/s"), (1_000, "kB/s"),
  ]
  private static let binary: [(factor: Int, name: String)] = [
    (1 << 40, "TiB/s"), (1 << 30, "GiB/s"), (1 << 20, "MiB/s"), (1 << 10, "KiB/s"),
  ]

  /// Reads a number and a unit `B/s`, `kB/s`, `KB/s`, `MB/s`, `GB/s`, `TB/s`, `KiB/s` … `TiB/s`.
  ///
  /// - Returns: bytes per second, 0...Int.max.
  public static func parse(_ text: String) throws(QuantityFault) -> Int {
    let (number, unit) = try ExactDecimal.split(text, noun: "rate")
    if unit.isEmpty { throw QuantityFault("a rate needs its unit, e.g. 12.5GB/s, 120MB/s or 1GiB/s") }
    if unit == "B/s" { return try number.times(1, base: "bytes per second") }
    let plain = unit == "KB/s" ? "kB/s" : unit
    guard let found = (decimal + binary).first(where: { $0.name == plain }) else {
      throw QuantityFault("unknown unit of rate; write B/s, kB/s, MB/s, GB/s, TB/s, KiB/s, MiB/s, GiB/s or TiB/s")
    }
    return try number.times(found.factor, base: "bytes per second")
  }

  /// The rate exactly: with at most three decimals in a decimal unit (`12.5GB/s`), else whole in a binary one
  /// (`1GiB/s`), else in `B/s`.
  public static func text(_ bytesPerSecond: Int) -> String {
    if let unit = decimal.first(where: { bytesPerSecond >= $0.factor }), bytesPerSecond % (unit.factor / 1_000) == 0 {
      return DecimalText.text(bytesPerSecond / (unit.factor / 1_000), over: 1_000, places: 3) + unit.name
    }
    if bytesPerSecond > 0 {
      for unit in binary where bytesPerSecond % unit.factor == 0 {
        return "\(bytesPerSecond / unit.factor)\(unit.name)"
      }
    }
    return "\(bytesPerSecond)B/s"
  }
}
