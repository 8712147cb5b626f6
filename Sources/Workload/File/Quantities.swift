// Counts, sizes, times and shares as people write them.
import Units

extension Field {
  /// A whole number; `_` may group digits.
  func integer() throws(WorkloadError) -> Int {
    let text = try self.text("a whole number")
    let digits = text.utf8.filter { $0 != UInt8(ascii: "_") }
    let body = digits.first == UInt8(ascii: "-") ? digits.dropFirst() : digits[...]
    guard !body.isEmpty, text.utf8.first != UInt8(ascii: "_"), body.allSatisfy(Self.isDigit) else {
      throw error("\(kind) is not a whole number", "write digits only, such as 1000000 or 1_000_000")
    }
    guard let value = Int(String(decoding: digits, as: UTF8.self)) else {
      throw error("\(kind) is too large", "numbers end at \(Int.max)")
    }
    return value
  }

  /// A whole number within a range.
  func count(in range: ClosedRange<Int>) throws(WorkloadError) -> Int {
    let value = try integer()
    guard range.contains(value) else {
      throw error("\(value) is out of range", "write \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  /// A number of 64 bits without sign.
  func seed() throws(WorkloadError) -> UInt64 {
    let text = try self.text("a whole number")
    guard let value = UInt64(text.filter { $0 != "_" }), text.utf8.allSatisfy({ Self.isDigit($0) || $0 == 95 }) else {
      throw error("\(kind) is not a number from 0 to 2^64 - 1", "write digits only")
    }
    return value
  }

  /// A size in bytes (`4096`, `600M`, `1.5GiB`; powers of 1024), as a number of 4 KiB pages.
  func sizeInPages() throws(WorkloadError) -> Int {
    let bytes = try sizeInBytes()
    guard bytes > 0, bytes % Page.size == 0 else {
      throw error("\(bytes) bytes is not a whole number of 4 KiB pages", "write a multiple of 4K")
    }
    return bytes / Page.size
  }

  /// A size in bytes, as above.
  func sizeInBytes() throws(WorkloadError) -> Int {
    let (number, unit) = try split("a size such as 600M")
    let shifts = [
      "": 0, "b": 0, "k": 10, "kib": 10, "m": 20, "mib": 20, "g": 30, "gib": 30, "t": 40, "tib": 40,
    ]
    guard let shift = shifts[unit.lowercased()] else {
      throw error("\(kind) has an unknown unit '\(printable(unit))'", "use K, M, G or T, which are powers of 1024")
    }
    guard let bytes = number.scaled(by: 1 << shift) else {
      throw error("\(kind) is not a whole number of bytes below 2^63", "write a size such as 600M")
    }
    return bytes
  }

  /// A time with a unit, in picoseconds; a bare 0 needs none. At most 30 days.
  func time() throws(WorkloadError) -> Picoseconds {
    let (number, unit) = try split("a time such as 36ms")
    let units = [
      "ps": 1, "ns": Picoseconds.nanosecond, "us": .microsecond, "ms": .millisecond, "s": .second,
      "min": 60 * .second, "h": 3_600 * .second,
    ]
    if unit.isEmpty, number.scaled(by: 1) == 0 { return 0 }
    guard let scale = units[unit] else {
      let problem = unit.isEmpty ? "\(kind) has no unit" : "\(kind) has an unknown unit '\(printable(unit))'"
      throw error(problem, "use ps, ns, us, ms, s, min or h, as in 36ms")
    }
    guard let value = number.scaled(by: scale) else {
      throw error("\(kind) is not a whole number of picoseconds up to 30 days", "write a time such as 36ms")
    }
    guard value <= Self.longestTime else { throw error("\(kind) is longer than 30 days", "write a shorter time") }
    return value
  }

  static let longestTime: Picoseconds = 30 * 86_400 * .second

  /// A percentage, in millionths.
  func share() throws(WorkloadError) -> Int {
    let (number, unit) = try split("a share such as 30%")
    guard unit == "%" else { throw error("\(kind) has no percent sign", "write a share such as 30%") }
    guard let value = number.scaled(by: 10_000) else {
      throw error("\(kind) has more than four decimals", "write a share such as 0.5%")
    }
    guard value <= 1_000_000 else { throw error("\(kind) is more than 100%", "write 0% to 100%") }
    return value
  }

  /// A decimal number in thousandths.
  func thousandths(in range: ClosedRange<Int>) throws(WorkloadError) -> Int {
    let limits = "\(Self.decimal(range.lowerBound)) to \(Self.decimal(range.upperBound))"
    let (number, unit) = try split("a number from \(limits)")
    guard unit.isEmpty, let value = number.scaled(by: 1_000) else {
      throw error("\(kind) is not a number of at most three decimals", "write \(limits)")
    }
    guard range.contains(value) else { throw error("\(kind) is out of range", "write \(limits)") }
    return value
  }

  /// One of the words of an enumeration.
  func word<Word: RawRepresentable & CaseIterable>(_ type: Word.Type) throws(WorkloadError) -> Word
  where Word.RawValue == String {
    let words = Word.allCases.map(\.rawValue)
    let text = try self.text("one of \(words.joined(separator: ", "))")
    guard let word = Word(rawValue: text) else {
      throw error("\(kind) is not known", NearMiss.hint(text, among: words))
    }
    return word
  }

  /// `forever`, or how often.
  func repeatCount() throws(WorkloadError) -> RepeatCount {
    if case .scalar(let scalar) = node, scalar.string == "forever" { return .forever }
    return .times(try count(in: 1...1_000_000_000))
  }

  /// CPU numbers: `3`, `0-3`, `0-3,8` or a list of these; ascending, each once.
  func cpuList() throws(WorkloadError) -> [Int] {
    let fields: [Field]
    if case .sequence = node { fields = try list("CPU numbers") } else { fields = [self] }
    var cpus = Set<Int>()
    for field in fields {
      let text = try field.text("CPU numbers such as 0-3")
      for part in text.split(separator: ",", omittingEmptySubsequences: false) {
        let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { $0.filter { $0 != " " } }
        let numbers = ends.map { $0.utf8.allSatisfy(Self.isDigit) ? Int($0) : nil }
        guard let first = numbers.first ?? nil, let last = numbers.last ?? nil, numbers.count <= 2 else {
          throw field.error("\(field.kind) is not a list of CPUs", "write 0, 0-3 or [0, 2]")
        }
        guard first <= last, last < 4_096 else {
          throw field.error("\(field.kind) is not an ascending range below 4096", "write 0, 0-3 or [0, 2]")
        }
        cpus.formUnion(first...last)
      }
    }
    guard !cpus.isEmpty else { throw error("is an empty list", "write 0, 0-3 or [0, 2], or leave it out for any CPU") }
    return cpus.sorted()
  }

  /// 1,500 as 1.5.
  private static func decimal(_ thousandths: Int) -> String {
    var fraction = String(thousandths % 1_000 + 1_000).dropFirst()
    while fraction.last == "0" { fraction.removeLast() }
    return fraction.isEmpty ? "\(thousandths / 1_000)" : "\(thousandths / 1_000).\(fraction)"
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  /// Number and unit of a quantity.
  private func split(_ wanted: String) throws(WorkloadError) -> (Decimal, unit: String) {
    let text = try self.text(wanted)
    let head = text.utf8.prefix { Self.isDigit($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") }
    guard let number = Decimal(Array(head)) else {
      let isNegative = text.utf8.first == UInt8(ascii: "-")
      throw error(isNegative ? "\(kind) is negative" : "\(kind) is not a number", "write \(wanted)")
    }
    let unit = String(text.utf8.dropFirst(head.count)) ?? ""
    return (number, unit.trimmingSpaces)
  }
}

/// Digits with an optional decimal point, kept exact.
private struct Decimal {
  let digits: [UInt8]
  let decimals: Int

  init?(_ text: [UInt8]) {
    let parts = text.filter { $0 != UInt8(ascii: "_") }.split(
      separator: UInt8(ascii: "."), maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty }), let whole = parts.first else { return nil }
    digits = Array(whole) + (parts.count == 2 ? Array(parts[1]) : [])
    decimals = parts.count == 2 ? parts[1].count : 0
  }

  /// The number times `scale`; nil when that is not whole or exceeds Int.
  func scaled(by scale: Int) -> Int? {
    var kept = digits
    var places = decimals
    while places > 0, kept.last == UInt8(ascii: "0") {
      kept.removeLast()
      places -= 1
    }
    guard places <= 18, let number = Int(String(decoding: kept, as: UTF8.self)) else { return nil }
    var divisor = 1
    for _ in 0..<places { divisor *= 10 }
    let product = Int128(number) * Int128(scale)
    guard product % Int128(divisor) == 0 else { return nil }
    return Int(exactly: product / Int128(divisor))
  }
}

extension String {
  fileprivate var trimmingSpaces: String {
    var view = Substring(self)
    while view.first == " " { view.removeFirst() }
    while view.last == " " { view.removeLast() }
    return String(view)
  }
}
