// A memory size that may depend on the workload: so many bytes, or a share of its footprint.

/// How large a node or a zone is. Source of the share: experiments name the fast tier as a part of the working set.
public enum Capacity: Equatable, Hashable, Sendable, CustomStringConvertible {
  /// So many bytes; 0...Int.max.
  case bytes(Int)
  /// A share of the workload's footprint in parts per million; 250_000 is 25 %. Above 1_000_000 is more than all.
  case share(ppm: Int)

  /// Reads `25%`, `12.5%`, `0.0001%`, or a size as `ByteSize` reads it (`16G`, `512M`, `16 GiB`, `1048576`, `3840p`).
  public static func parse(_ text: String) throws(QuantityFault) -> Capacity {
    guard text.utf8.last == UInt8(ascii: "%") else { return .bytes(try ByteSize.parse(text)) }
    let (number, unit) = try ExactDecimal.split(text, noun: "share")
    guard unit == "%" else { throw QuantityFault("not a share; write 25% or 12.5%") }
    return .share(ppm: try number.times(10_000, base: "millionths; give at most 4 decimals"))
  }

  /// The text `parse` reads back: `16GiB`, `25%`, `12.5%`.
  public var description: String {
    switch self {
    case .bytes(let bytes): return ByteSize.text(bytes)
    case .share(let ppm): return DecimalText.text(ppm, over: 10_000, places: 4) + "%"
    }
  }

  /// The size in bytes for a workload, rounded down; not rounded to pages.
  ///
  /// - Parameter footprintBytes: the bytes the workload touches; at least 0. Ignored by `.bytes`.
  /// - Returns: bytes; Int.max when the share of so large a footprint exceeds 64 bits.
  public func resolved(footprintBytes: Int) -> Int {
    switch self {
    case .bytes(let bytes): return bytes
    case .share(let ppm):
      precondition(footprintBytes >= 0 && ppm >= 0, "a footprint and a share are not negative")
      let product = footprintBytes.multipliedFullWidth(by: ppm)
      if product.high >= 500_000 { return Int.max }
      let quotient = UInt(1_000_000).dividingFullWidth((UInt(product.high), product.low)).quotient
      return Int(clamping: quotient)
    }
  }
}
