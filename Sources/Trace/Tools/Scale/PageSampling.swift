// Which pages a thinned trace keeps.

/// Keeps a share of all pages, each with all its accesses or none: fixed-rate sampling by a hash of the place, as in SHARDS
/// (Waldspurger, Park, Garthwaite and Ahmad, "Efficient MRC Construction with SHARDS", FAST 2015).
///
/// A reuse distance in the pages kept is about this share of the one in all pages.
public struct PageSampling: Equatable, Sendable {
  /// The share as it was written.
  public let text: String
  /// Above 0, at most 1.
  public let share: Double
  /// Pages with a hash below are kept; nil keeps all.
  private let threshold: UInt64?

  /// Parses `1/8` or `0.125`.
  public init(_ text: String) throws(TraceError) {
    guard let (part, whole) = Self.fraction(text), part > 0, part <= whole else {
      throw TraceError(
        .usage, file: "", problem: "share of pages `\(text)` is not above 0 and at most 1",
        fix: "write a fraction, as in 1/8 or 0.125")
    }
    self.text = text
    share = Double(part) / Double(whole)
    threshold = part == whole ? nil : whole.dividingFullWidth((part, 0)).quotient
  }

  /// The two numbers of a fraction.
  private static func fraction(_ text: String) -> (UInt64, UInt64)? {
    let isPlain = text.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E || $0 == 0x2F }
    guard isPlain else { return nil }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    if parts.count == 2, let part = UInt64(parts[0]), let whole = UInt64(parts[1]) { return (part, whole) }
    let digits = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 1, (1...2).contains(digits.count), let whole = UInt64(digits[0]), whole <= 1 else {
      return nil
    }
    guard digits.count == 2 else { return (whole, 1) }
    guard (1...18).contains(digits[1].count), let part = UInt64(digits[1]) else { return nil }
    let scale = (0..<digits[1].count).reduce(1 as UInt64) { n, _ in n * 10 }
    return (whole * scale + part, scale)
  }

  /// Whether the page of `address` is kept.
  @inline(__always)
  func keeps(process: UInt16, address: UInt64) -> Bool {
    guard let threshold else { return true }
    return Self.mix(Self.mix(address >> 12) ^ UInt64(process)) < threshold
  }

  /// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
  @inline(__always)
  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
