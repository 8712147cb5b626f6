// Formats of values with a unit in their text: durations, rates, capacities.
import Units

extension KnobFormat<Int> {
  /// Spans in picoseconds.
  static func duration(_ range: ClosedRange<Int>) -> Self {
    quantity(
      .duration, range, parse: { text throws(QuantityFault) in try TimeSpan.parse(text) }, text: { TimeSpan.text($0) })
  }

  /// Rates in bytes per second.
  static func bandwidth(_ range: ClosedRange<Int>) -> Self {
    quantity(
      .bandwidth, range, parse: { text throws(QuantityFault) in try Bandwidth.parse(text) },
      text: { Bandwidth.text($0) })
  }

  private static func quantity(
    _ kind: KnobKind, _ range: ClosedRange<Int>, parse: @escaping @Sendable (String) throws(QuantityFault) -> Int,
    text: @escaping @Sendable (Int) -> String
  ) -> Self {
    KnobFormat(
      kind: kind, range: RangeWords.text(range, text),
      parse: { written throws(ValueFault) in
        let value: Int
        do throws(QuantityFault) { value = try parse(written) } catch { throw .malformed(error.reason) }
        guard range.contains(value) else { throw .outOfRange }
        return value
      },
      text: text)
  }
}

extension KnobFormat<Capacity> {
  /// Sizes in bytes within a range, or shares of a footprint within a range of millionths.
  static func capacity(_ bytes: ClosedRange<Int>, shares: ClosedRange<Int>?) -> Self {
    let shareWords = shares.map { " or " + RangeWords.text($0) { Capacity.share(ppm: $0).description } } ?? ""
    return KnobFormat(
      kind: .capacity, range: RangeWords.text(bytes) { ByteSize.text($0) } + shareWords,
      parse: { text throws(ValueFault) in
        let capacity: Capacity
        do throws(QuantityFault) { capacity = try Capacity.parse(text) } catch { throw .malformed(error.reason) }
        switch capacity {
        case .bytes(let size): if !bytes.contains(size) { throw .outOfRange }
        case .share(let ppm): if shares?.contains(ppm) != true { throw .outOfRange }
        }
        return capacity
      },
      text: { $0.description })
  }
}
