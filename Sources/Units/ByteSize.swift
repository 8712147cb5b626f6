// Sizes in bytes, as people write them: 512M, 16 GiB, 3840p, 1048576.

/// Parsing and printing of byte sizes. Units are binary, as for the kernel's `memparse` (lib/cmdline.c).
public enum ByteSize {
  /// Units from the largest down; the first spelling is the printed one.
  private static let units: [(factor: Int, spellings: [String])] = [
    (1 << 50, ["PiB", "P"]), (1 << 40, ["TiB", "T", "t"]), (1 << 30, ["GiB", "G", "g"]),
    (1 << 20, ["MiB", "M", "m"]), (1 << 10, ["KiB", "K", "k", "kiB"]),
  ]

  /// Reads a size: a number, then nothing, `B`, `K M G T P`, `KiB … PiB`, or `p` for 4 KiB pages.
  ///
  /// A lower-case `p` is pages (`3840p`), an upper-case `P` is pebibytes. Decimal spellings (`GB`) are refused since
  /// readers disagree about them.
  /// - Returns: bytes, 0...Int.max.
  public static func parse(_ text: String) throws(QuantityFault) -> Int {
    let (number, unit) = try ExactDecimal.split(text, noun: "size")
    return try number.times(factor(of: unit), base: "bytes")
  }

  /// The size in the largest binary unit that gives a whole number: `16GiB`, `1536MiB`, `4097`.
  public static func text(_ bytes: Int) -> String {
    if bytes > 0 {
      for unit in units where bytes % unit.factor == 0 { return "\(bytes / unit.factor)\(unit.spellings[0])" }
    }
    return "\(bytes)"
  }

  private static func factor(of unit: String) throws(QuantityFault) -> Int {
    if unit.isEmpty || unit == "B" { return 1 }
    if unit == "p" { return Page.size }
    for candidate in units where candidate.spellings.contains(unit) { return candidate.factor }
    if unit.count == 2, unit.last == "B", let first = unit.first, "kKMGTP".contains(first) {
      throw QuantityFault("\(unit) may mean a power of 10 or of 2; write \(first.uppercased())iB")
    }
    throw QuantityFault("unknown unit of size; write B, KiB, MiB, GiB, TiB, K, M, G, T or p (4 KiB pages)")
  }
}
