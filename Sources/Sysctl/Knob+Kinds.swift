// The kinds of knobs. All share the tail of a declaration; only the value's type and range differ.
//
// `unit`, `when`, `evidence`, `source`, `doc` and `notes` are what `KnobCard` says of them; `prepare` may refuse a
// write and `effect` runs when it is committed.
import Units

extension Knob {
  /// An integer, written in decimal or with 0x.
  ///
  /// - Parameters:
  ///   - range: accepted values in `unit`; an end at `Int.max` or `Int.min` prints as open.
  ///   - also: accepted values outside of the range, e.g. 0 for "off" before `8...Int.max`.
  public static func integer(
    _ name: String, _ path: WritableKeyPath<S, Int> & Sendable, in range: ClosedRange<Int>, also: [Int] = [],
    unit: KnobUnit = .plain, when: KnobWhen = .always, evidence: KnobEvidence = .kernel, source: String, doc: String,
    notes: String? = nil, prepare: Prepare? = nil, effect: Effect? = nil
  ) -> Knob {
    Knob(
      name, path, .integer(range, also: also),
      Tail(
        unit: unit, when: when, evidence: evidence, source: source, doc: doc, notes: notes, prepare: prepare,
        effect: effect))
  }

  /// An integer as `integer` takes it, or `auto` (nil) for a value the room computes.
  public static func integerOrAuto(
    _ name: String, _ path: WritableKeyPath<S, Int?> & Sendable, in range: ClosedRange<Int>, also: [Int] = [],
    unit: KnobUnit = .plain, when: KnobWhen = .always, evidence: KnobEvidence = .kernel, source: String, doc: String,
    notes: String? = nil, prepare: Prepare? = nil, effect: Effect? = nil
  ) -> Knob {
    Knob(
      name, path, KnobFormat.integer(range, also: also).orAuto(),
      Tail(
        unit: unit, when: when, evidence: evidence, source: source, doc: doc, notes: notes, prepare: prepare,
        effect: effect))
  }

  /// Several integers, separated by spaces or tabs.
  ///
  /// - Parameters:
  ///   - count: how many there may be.
  ///   - range: accepted values of each, in `unit`.
  public static func integers(
    _ name: String, _ path: WritableKeyPath<S, [Int]> & Sendable, count: ClosedRange<Int>, in range: ClosedRange<Int>,
    unit: KnobUnit = .plain, when: KnobWhen = .always, evidence: KnobEvidence = .kernel, source: String, doc: String,
    notes: String? = nil, prepare: Prepare? = nil, effect: Effect? = nil
  ) -> Knob {
    Knob(
      name, path, .integers(count: count, range),
      Tail(
        unit: unit, when: when, evidence: evidence, source: source, doc: doc, notes: notes, prepare: prepare,
        effect: effect))
  }

  /// A flag, written 0 or 1, or as `style` says.
  public static func flag(
    _ name: String, _ path: WritableKeyPath<S, Bool> & Sendable, style: KnobFlagStyle = .zeroOne,
    when: KnobWhen = .always, evidence: KnobEvidence = .kernel, source: String, doc: String,
    notes: String? = nil, prepare: Prepare? = nil, effect: Effect? = nil
  ) -> Knob {
    Knob(
      name, path, .flag(style),
      Tail(
        unit: .plain, when: when, evidence: evidence, source: source, doc: doc, notes: notes, prepare: prepare,
        effect: effect))
  }

  /// One of an enumeration's names.
  public static func choice<Choice: RawRepresentable & CaseIterable & Sendable>(
    _ name: String, _ path: WritableKeyPath<S, Choice> & Sendable,
    when: KnobWhen = .always, evidence: KnobEvidence = .kernel, source: String, doc: String,
    notes: String? = nil, prepare: Prepare? = nil, effect: Effect? = nil
  ) -> Knob where Choice.RawValue == String {
    Knob(
      name, path, .choice,
      Tail(
        unit: .plain, when: when, evidence: evidence, source: source, doc: doc, notes: notes, prepare: prepare,
        effect: effect))
  }

  /// Any text on one line, without spaces at its ends; may be empty.
  public static func text(
    _ name: String, _ path: WritableKeyPath<S, String> & Sendable,
    when: KnobWhen = .always, evidence: KnobEvidence = .kernel, source: String, doc: String,
    notes: String? = nil, prepare: Prepare? = nil, effect: Effect? = nil
  ) -> Knob {
    Knob(
      name, path, .line,
      Tail(
        unit: .plain, when: when, evidence: evidence, source: source, doc: doc, notes: notes, prepare: prepare,
        effect: effect))
  }

  /// A memory size: bytes (`16G`, `3840p`) or a share of the workload's footprint (`25%`).
  ///
  /// - Parameters:
  ///   - range: accepted sizes in bytes.
  ///   - shares: accepted shares in millionths; nil if a share makes no sense.
  public static func capacity(
    _ name: String, _ path: WritableKeyPath<S, Capacity> & Sendable, in range: ClosedRange<Int> = 0...Int.max,
    shares: ClosedRange<Int>? = 0...10_000_000,
    unit: KnobUnit = "bytes, or % of the footprint", when: KnobWhen = .always, evidence: KnobEvidence = .kernel,
    source: String, doc: String,
    notes: String? = nil, prepare: Prepare? = nil, effect: Effect? = nil
  ) -> Knob {
    Knob(
      name, path, .capacity(range, shares: shares),
      Tail(
        unit: unit, when: when, evidence: evidence, source: source, doc: doc, notes: notes, prepare: prepare,
        effect: effect))
  }

  /// A span in picoseconds, written with its unit: `12ns`, `1.5us`.
  ///
  /// - Parameter range: accepted spans in picoseconds.
  public static func duration(
    _ name: String, _ path: WritableKeyPath<S, Int> & Sendable, in range: ClosedRange<Int> = 0...Int.max,
    unit: KnobUnit = "time", when: KnobWhen = .always, evidence: KnobEvidence = .kernel, source: String, doc: String,
    notes: String? = nil, prepare: Prepare? = nil, effect: Effect? = nil
  ) -> Knob {
    Knob(
      name, path, .duration(range),
      Tail(
        unit: unit, when: when, evidence: evidence, source: source, doc: doc, notes: notes, prepare: prepare,
        effect: effect))
  }

  /// A rate in bytes per second, written with its unit: `12.5GB/s`, `1GiB/s`.
  ///
  /// - Parameter range: accepted rates in bytes per second.
  public static func bandwidth(
    _ name: String, _ path: WritableKeyPath<S, Int> & Sendable, in range: ClosedRange<Int> = 1...Int.max,
    unit: KnobUnit = "bytes per second", when: KnobWhen = .always, evidence: KnobEvidence = .kernel, source: String,
    doc: String,
    notes: String? = nil, prepare: Prepare? = nil, effect: Effect? = nil
  ) -> Knob {
    Knob(
      name, path, .bandwidth(range),
      Tail(
        unit: unit, when: when, evidence: evidence, source: source, doc: doc, notes: notes, prepare: prepare,
        effect: effect))
  }

  /// No value: writing `accepted` runs the effect, as writing 1 to vm.compact_memory does.
  public static func trigger(
    _ name: String, accepts accepted: Int = 1, when: KnobWhen = .always, evidence: KnobEvidence = .kernel,
    source: String, doc: String, notes: String? = nil, prepare: Prepare? = nil, effect: @escaping Effect
  ) -> Knob {
    Knob(
      name, accepted: accepted,
      Tail(
        unit: .plain, when: when, evidence: evidence, source: source, doc: doc, notes: notes, prepare: prepare,
        effect: effect))
  }
}
