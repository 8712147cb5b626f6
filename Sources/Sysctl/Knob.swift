// One declaration: a name, a place in the room's struct, and how it is read, checked and committed.

/// Why a room refuses a write that is in range: what is wrong and what to write first.
public struct KnobRefusal: Error, Equatable, Sendable {
  /// One line without name and value, e.g. `vm.dsa_state is 0; write vm.dsa_state=1 first`.
  public let reason: String
  /// A refusal with its reason.
  public init(_ reason: String) { self.reason = reason }
}

/// A knob of the set `S`. Made with the static functions, one for each kind of value.
public struct Knob<S: Sendable>: Sendable {
  /// May refuse a write. Gets the struct with the new value applied, and the tree as it was before the write.
  /// A closure spells the error out: `{ set, tree throws(KnobRefusal) in … }`.
  public typealias Prepare = @Sendable (S, KnobTree) throws(KnobRefusal) -> Void
  /// Runs when a write is committed, after the value was applied. Gets the tree as it was before the write.
  public typealias Effect = @Sendable (inout S, KnobTree) -> Void

  /// What is said about the knob.
  public internal(set) var card: KnobCard
  /// Set for members of a family; outside of one the closures below ignore the index.
  var family: KnobFamily<S>?
  let read: @Sendable (S, Int) -> String
  let apply: @Sendable (inout S, Int, String) throws(ValueFault) -> Void
  let prepare: (@Sendable (S, Int, KnobTree) throws(KnobRefusal) -> Void)?
  let effect: (@Sendable (inout S, Int, KnobTree) -> Void)?
  /// Not empty for a whole family, which stands for its members and has no value itself.
  var members: [Knob<S>] = []
}

/// What the members of an indexed family have in common.
struct KnobFamily<S: Sendable>: Sendable {
  /// The name before the index: `hw.node`.
  let prefix: String
  /// The name behind it, with its dot: `.size`.
  let suffix: String
  /// Indices that may be written.
  let range: Range<Int>
  /// How many indices are listed.
  let listed: @Sendable (S) -> Int
  /// How many elements the struct holds.
  let stored: @Sendable (S) -> Int
}

extension Knob {
  /// What every declaration says besides name, place and kind.
  struct Tail {
    let unit: KnobUnit
    let when: KnobWhen
    let evidence: KnobEvidence
    let source: String
    let doc: String
    let notes: String?
    let prepare: Prepare?
    let effect: Effect?
  }

  /// A knob whose value lies at `path`, read and printed by `format`.
  init<Value>(_ name: String, _ path: WritableKeyPath<S, Value> & Sendable, _ format: KnobFormat<Value>, _ tail: Tail) {
    precondition(KnobName.isWellFormed(name), "'\(name)' is not a dotted name of letters, digits, _ and -")
    card = KnobCard(
      name: name, kind: format.kind, range: format.range, unit: tail.unit, when: tail.when, evidence: tail.evidence,
      source: tail.source, doc: tail.doc, notes: tail.notes)
    read = { set, _ in format.text(set[keyPath: path]) }
    apply = { set, _, text throws(ValueFault) in set[keyPath: path] = try format.parse(text) }
    prepare = Knob.indexed(tail.prepare)
    effect = Knob.indexed(tail.effect)
  }

  /// A knob without a value: writes of `accepted` run the tail's effect, others are refused.
  init(_ name: String, accepted: Int, _ tail: Tail) {
    precondition(KnobName.isWellFormed(name), "'\(name)' is not a dotted name of letters, digits, _ and -")
    card = KnobCard(
      name: name, kind: .trigger, range: "\(accepted)", unit: tail.unit, when: tail.when, evidence: tail.evidence,
      source: tail.source, doc: tail.doc, notes: tail.notes)
    read = { _, _ in "" }
    apply = { _, _, text throws(ValueFault) in
      guard try IntegerText.parse(text) == accepted else { throw .outOfRange }
    }
    prepare = Knob.indexed(tail.prepare)
    effect = Knob.indexed(tail.effect)
  }

  private static func indexed(_ prepare: Prepare?) -> (@Sendable (S, Int, KnobTree) throws(KnobRefusal) -> Void)? {
    guard let prepare else { return nil }
    return { set, _, tree throws(KnobRefusal) in try prepare(set, tree) }
  }

  private static func indexed(_ effect: Effect?) -> (@Sendable (inout S, Int, KnobTree) -> Void)? {
    guard let effect else { return nil }
    return { set, _, tree in effect(&set, tree) }
  }
}
