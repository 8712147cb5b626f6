// Weights of Zipf ranks for exponents other than 1, from integers alone: no libm, so the same on every machine.

/// floor(2^32 / rank^s) by way of a binary logarithm with 40 fraction bits; relative error below 2^-36.
struct PowerWeights {
  private static let fractionBits = 40
  /// `roots[k]` is 2^(2^-(k+1)) as a fixed-point number with 63 fraction bits.
  private let roots: [UInt64]
  private let exponentThousandths: UInt64

  /// - Parameter exponentThousandths: s in thousandths, 1 to 8,000.
  init(exponentThousandths: Int) {
    precondition((1...8_000).contains(exponentThousandths))
    self.exponentThousandths = UInt64(exponentThousandths)
    var roots: [UInt64] = []
    var value = UInt128(2) << 63
    for _ in 0..<Self.fractionBits {
      value = UInt128(Self.squareRoot(value << 63))
      roots.append(UInt64(value))
    }
    self.roots = roots
  }

  /// The weight of rank number `rank`, counted from 1.
  func weight(_ rank: Int) -> UInt64 {
    precondition(rank >= 1 && rank <= 1 << 31)
    let loss = Self.log2(UInt64(rank)) * exponentThousandths / 1_000
    let top = UInt64(32) << Self.fractionBits
    guard loss <= top else { return 0 }
    return power(of: top - loss)
  }

  /// log2 with 40 fraction bits: square the mantissa once a bit.
  private static func log2(_ x: UInt64) -> UInt64 {
    let leading = x.leadingZeroBitCount
    var mantissa = x << UInt64(leading)
    var result = UInt64(63 - leading)
    for _ in 0..<fractionBits {
      mantissa = mantissa.multipliedFullWidth(by: mantissa).high
      let bit = mantissa >> 63
      result = result << 1 | bit
      mantissa <<= 1 - bit
    }
    return result
  }

  /// floor(2^x), x with 40 fraction bits and at most 32.
  private func power(of x: UInt64) -> UInt64 {
    var product = UInt64(1) << 63
    for k in 0..<Self.fractionBits where x >> UInt64(Self.fractionBits - 1 - k) & 1 == 1 {
      let (high, low) = product.multipliedFullWidth(by: roots[k])
      product = high << 1 | low >> 63
    }
    return product >> (63 - (x >> UInt64(Self.fractionBits)))
  }

  /// The whole square root, bit by bit.
  private static func squareRoot(_ x: UInt128) -> UInt64 {
    var root: UInt128 = 0
    for bit in stride(from: 63, through: 0, by: -1) {
      let candidate = root | UInt128(1) << UInt128(bit)
      if candidate * candidate <= x { root = candidate }
    }
    return UInt64(root)
  }
}
