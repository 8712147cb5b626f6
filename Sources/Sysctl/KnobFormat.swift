// How single values of each kind are read from and written as text. Nothing here knows a knob's name.

/// Why a text is not a value of a knob; names and origins are added by the tree.
enum ValueFault: Error, Equatable {
  /// It cannot be read, with the reason and what to write instead.
  case malformed(String)
  /// It can be read but is outside of the range.
  case outOfRange
}

/// Reading and printing of one kind of value.
struct KnobFormat<Value>: Sendable {
  let kind: KnobKind
  /// Accepted values in words; see `KnobCard.range`.
  let range: String
  /// Reads a text without spaces around it.
  let parse: @Sendable (String) throws(ValueFault) -> Value
  /// Prints a value such that `parse` reads it back.
  let text: @Sendable (Value) -> String

  /// The same, or nothing, spelled `auto`.
  func orAuto() -> KnobFormat<Value?> {
    KnobFormat<Value?>(
      kind: kind, range: "auto or \(range)",
      parse: { [parse] text throws(ValueFault) in text == "auto" ? nil : try parse(text) },
      text: { [text] value in value.map(text) ?? "auto" })
  }
}

extension KnobFormat<Int> {
  /// Decimal or 0x-hexadecimal integers in a range or among some values outside of it.
  static func integer(_ range: ClosedRange<Int>, also: [Int]) -> Self {
    KnobFormat(
      kind: .integer, range: also.map { "\($0) or " }.joined() + RangeWords.text(range) { "\($0)" },
      parse: { text throws(ValueFault) in
        let value = try IntegerText.parse(text)
        guard range.contains(value) || also.contains(value) else { throw .outOfRange }
        return value
      },
      text: { "\($0)" })
  }
}

extension KnobFormat<[Int]> {
  /// Several integers, separated by spaces or tabs; printed with single spaces.
  static func integers(count: ClosedRange<Int>, _ range: ClosedRange<Int>) -> Self {
    let isFixed = count.lowerBound == count.upperBound
    let counted = isFixed ? "\(count.lowerBound)" : "\(count.lowerBound) to \(count.upperBound)"
    return KnobFormat(
      kind: .integers, range: "\(counted) values, each \(RangeWords.text(range) { "\($0)" })",
      parse: { text throws(ValueFault) in
        let words = text.utf8.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard count.contains(words.count) else {
          throw .malformed("\(words.count) values given; write \(counted), separated by spaces")
        }
        var values: [Int] = []
        for word in words {
          let value = try IntegerText.parse(String(decoding: word, as: UTF8.self))
          guard range.contains(value) else { throw .outOfRange }
          values.append(value)
        }
        return values
      },
      text: { $0.map { "\($0)" }.joined(separator: " ") })
  }
}

/// How a flag is written.
public enum KnobFlagStyle: Sendable {
  /// `0` and `1`, as below /proc/sys.
  case zeroOne
  /// Printed `true` and `false`, `0` and `1` accepted too, as sysfs' demotion_enabled (mm/memory-tiers.c).
  case trueFalse
}

extension KnobFormat<Bool> {
  /// `0` and `1`, and with `.trueFalse` also `true` and `false`.
  static func flag(_ style: KnobFlagStyle) -> Self {
    KnobFormat(
      kind: .flag, range: style == .zeroOne ? "0 | 1" : "true | false",
      parse: { text throws(ValueFault) in
        switch (text, style) {
        case ("0", _), ("false", .trueFalse): return false
        case ("1", _), ("true", .trueFalse): return true
        case (_, .zeroOne): throw .malformed("not a flag; write 0 or 1")
        case (_, .trueFalse): throw .malformed("not a flag; write true, false, 0 or 1")
        }
      },
      text: { value in
        switch style {
        case .zeroOne: return value ? "1" : "0"
        case .trueFalse: return value ? "true" : "false"
        }
      })
  }
}

extension KnobFormat<String> {
  /// Any text on one line.
  static var line: Self {
    KnobFormat(kind: .text, range: "", parse: { text throws(ValueFault) in text }, text: { $0 })
  }
}

extension KnobFormat where Value: RawRepresentable & CaseIterable & Sendable, Value.RawValue == String {
  /// One of an enumeration's names.
  static var choice: Self {
    let names = Value.allCases.map(\.rawValue)
    return KnobFormat(
      kind: .choice, range: names.joined(separator: " | "),
      parse: { text throws(ValueFault) in
        guard let value = Value(rawValue: text) else {
          throw .malformed("not one of the choices; write \(Quoted.alternatives(names))")
        }
        return value
      },
      text: { $0.rawValue })
  }
}
