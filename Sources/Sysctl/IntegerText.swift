// Integers and ranges as text.

/// Strict reading of integers.
enum IntegerText {
  /// Reads an optional `-` and decimal digits, or `0x` and hexadecimal ones.
  ///
  /// A leading zero is refused: the kernel's `proc_dointvec` reads 010 as octal 8, people mean 10.
  static func parse(_ text: String) throws(ValueFault) -> Int {
    let negative = text.utf8.first == UInt8(ascii: "-")
    let body = text.utf8.dropFirst(negative ? 1 : 0)
    let hexadecimal = body.starts(with: "0x".utf8) || body.starts(with: "0X".utf8)
    let digits = hexadecimal ? body.dropFirst(2) : body
    if digits.isEmpty { throw .malformed(text.isEmpty ? "no value; write an integer" : "not an integer") }
    if !hexadecimal, digits.count > 1, digits.first == UInt8(ascii: "0") {
      throw .malformed("a leading zero means octal to the kernel; write the number without it")
    }
    let base = hexadecimal ? 16 : 10
    var value = 0
    for byte in digits {
      guard let digit = digitValue(byte), digit < base else { throw .malformed("not an integer") }
      let (product, over) = value.multipliedReportingOverflow(by: base)
      let (sum, overToo) = product.addingReportingOverflow(negative ? -digit : digit)
      if over || overToo { throw .malformed("does not fit in 64 bits") }
      value = sum
    }
    return value
  }

  private static func digitValue(_ byte: UInt8) -> Int? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return Int(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): return Int(byte - UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): return Int(byte - UInt8(ascii: "A")) + 10
    default: return nil
    }
  }
}

/// Ranges in words.
enum RangeWords {
  /// `1...3000`; an end at the limit of 64 bits is left open: `1...`, `any`.
  static func text(_ range: ClosedRange<Int>, _ print: (Int) -> String) -> String {
    switch (range.lowerBound == Int.min, range.upperBound == Int.max) {
    case (true, true): return "any"
    case (true, false): return "...\(print(range.upperBound))"
    case (false, true): return "\(print(range.lowerBound))..."
    case (false, false): return "\(print(range.lowerBound))...\(print(range.upperBound))"
    }
  }
}
