// Knobs whose values only their room can read.

extension Knob {
  /// A value of the room's own, written as text.
  ///
  /// - Parameters:
  ///   - range: accepted texts in words: `off | a rate | n=N`; may be empty.
  ///   - parse: reads a text without spaces around it; its refusal says what to write instead.
  ///   - print: prints a value such that `parse` reads it back.
  public static func parsed<Value>(
    _ name: String, _ path: WritableKeyPath<S, Value> & Sendable, range: String = "",
    parse: @escaping @Sendable (String) throws(KnobRefusal) -> Value, print: @escaping @Sendable (Value) -> String,
    unit: KnobUnit = .plain, when: KnobWhen = .always, evidence: KnobEvidence = .kernel, source: String, doc: String,
    notes: String? = nil, prepare: Prepare? = nil, effect: Effect? = nil
  ) -> Knob {
    let format = KnobFormat<Value>(
      kind: .text, range: range,
      parse: { text throws(ValueFault) in
        do throws(KnobRefusal) { return try parse(text) } catch { throw .malformed(error.reason) }
      },
      text: print)
    return Knob(
      name, path, format,
      Tail(
        unit: unit, when: when, evidence: evidence, source: source, doc: doc, notes: notes, prepare: prepare,
        effect: effect))
  }
}
