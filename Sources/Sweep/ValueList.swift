// Lists of knob values as people write them: 1,2,4:64:*2 or 8M:64M:+8M or always,never.

import Sysctl
import Units

/// Reads lists of values: a list of items with commas, each a value or, of a knob that is a number, a range.
///
/// `FIRST:LAST:*FACTOR` multiplies by a whole number of 2 or more, `FIRST:LAST:+STEP` adds a value of the knob's kind. LAST is in the
/// range when a step hits it.
public enum ValueList {
  /// Most values of one list.
  public static let most = 10_000

  /// - Parameter card: of the knob that the values are for.
  /// - Returns: the values as texts in the order written; ranges in the form that the knob prints. Nothing is compared with the
  ///   knob's range, and what is no range is as it was written.
  public static func parse(_ text: String, card: KnobCard) throws(SweepError) -> [String] {
    var values: [String] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let item = part.trimmingPrefix { $0 == " " }
      if item.isEmpty && card.kind != .text {
        throw SweepError("an empty value in '\(text)'", fix: "write values with commas, as 1,2,4:64:*2")
      }
      let unit = ValueUnit(card.kind)
      if let unit, item.contains(":") {
        values += try range(String(item), unit, room: most - values.count)
      } else {
        values.append(String(item))
      }
      guard values.count <= most else { throw tooMany(String(item)) }
    }
    return values
  }

  private static func range(_ item: String, _ unit: ValueUnit, room: Int) throws(SweepError) -> [String] {
    let parts = item.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3, let sign = parts[2].first, sign == "*" || sign == "+" else {
      throw SweepError("'\(item)' is no range", fix: "write FIRST:LAST:*FACTOR or FIRST:LAST:+STEP, as 4:64:*2")
    }
    let (first, last) = (try unit.number(parts[0], in: item), try unit.number(parts[1], in: item))
    let size = String(parts[2].dropFirst())
    let step =
      sign == "*" ? Number(value: try factor(size, in: item), isShare: first.isShare) : try unit.number(size, in: item)
    guard first.isShare == last.isShare, first.isShare == step.isShare else {
      throw SweepError("'\(item)' mixes sizes and shares", fix: "write all of them in bytes or all in %")
    }
    guard first.value <= last.value else {
      throw SweepError("'\(item)' ends below its beginning", fix: "write the smaller value first")
    }
    guard step.value > 0, sign == "+" || first.value > 0 else {
      throw SweepError("'\(item)' never ends", fix: "begin above 0, with a step above 0")
    }
    var values: [String] = []
    var value = first.value
    while value <= last.value {
      values.append(unit.text(Number(value: value, isShare: first.isShare)))
      guard values.count <= room else { throw tooMany(item) }
      let (next, isOver) =
        sign == "*" ? value.multipliedReportingOverflow(by: step.value) : value.addingReportingOverflow(step.value)
      if isOver { break }
      value = next
    }
    return values
  }

  private static func factor(_ text: String, in item: String) throws(SweepError) -> Int {
    guard let factor = Int(text), factor >= 2, text.first?.isNumber == true else {
      throw SweepError("'\(item)': the factor '\(text)' is no whole number of 2 or more", fix: "write it as *2")
    }
    return factor
  }

  private static func tooMany(_ item: String) -> SweepError {
    SweepError("'\(item)' makes more than \(most) values", fix: "take a larger step")
  }
}

/// A value as a number: in bytes, picoseconds, bytes a second, or as it is; shares of a footprint in millionths.
struct Number: Equatable {
  var value: Int
  var isShare: Bool
}

/// How values of a knob are numbers.
enum ValueUnit {
  case integer, flag, size, duration, bandwidth

  /// Nil for what is no number: choices, texts, lists.
  init?(_ kind: KnobKind) {
    switch kind {
    case .integer: self = .integer
    case .flag: self = .flag
    case .capacity: self = .size
    case .duration: self = .duration
    case .bandwidth: self = .bandwidth
    case .choice, .text, .integers, .trigger: return nil
    }
  }

  /// The unit of `number`, for the file of results.
  func name(_ number: Number, _ card: KnobCard) -> String {
    switch self {
    case .integer: card.unit.text
    case .flag: "0 or 1"
    case .size: number.isShare ? "millionths of the footprint" : "bytes"
    case .duration: "ps"
    case .bandwidth: "bytes per second"
    }
  }

  fileprivate func number(_ text: String, in item: String) throws(SweepError) -> Number {
    do throws(QuantityFault) { return try number(text) } catch {
      throw SweepError("'\(text)' in '\(item)': \(error.reason)")
    }
  }

  func number(_ text: String) throws(QuantityFault) -> Number {
    switch self {
    case .integer:
      guard let value = Int(text), text.first != "+" else { throw QuantityFault("not an integer") }
      return Number(value: value, isShare: false)
    case .flag:
      guard let value = ["0": 0, "1": 1, "false": 0, "true": 1][text] else {
        throw QuantityFault("not a flag; write 0 or 1")
      }
      return Number(value: value, isShare: false)
    case .size:
      switch try Capacity.parse(text) {
      case .bytes(let bytes): return Number(value: bytes, isShare: false)
      case .share(let ppm): return Number(value: ppm, isShare: true)
      }
    case .duration: return Number(value: try TimeSpan.parse(text), isShare: false)
    case .bandwidth: return Number(value: try Bandwidth.parse(text), isShare: false)
    }
  }

  func text(_ number: Number) -> String {
    switch self {
    case .integer, .flag: String(number.value)
    case .size: (number.isShare ? Capacity.share(ppm: number.value) : Capacity.bytes(number.value)).description
    case .duration: TimeSpan.text(number.value)
    case .bandwidth: Bandwidth.text(number.value)
    }
  }
}
