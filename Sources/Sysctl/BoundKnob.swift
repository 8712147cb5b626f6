// A knob with its room's type erased, so that knobs of all rooms stand in one table.

/// A knob of any room.
struct BoundKnob: Sendable {
  /// What a write that the room accepted gives.
  struct Applied {
    let set: any KnobSet
    /// The value as printed right after it was read, before any effect.
    let canonical: String
  }

  /// The name around an index.
  struct Family: Sendable {
    let prefix: String
    let suffix: String
    let range: Range<Int>
  }

  let card: KnobCard
  /// Which of the tree's sets holds the value.
  let set: Int
  /// Set for members of a family.
  let family: Family?
  let read: @Sendable (any KnobSet, Int) -> String
  /// The value as it would be printed, whatever the room says to it.
  let canonical: @Sendable (any KnobSet, Int, String) throws(ValueFault) -> String
  let write: @Sendable (any KnobSet, Int, String, KnobTree) throws(WriteFault) -> Applied
  /// How many indices listings show; 1 outside of families.
  let listed: @Sendable (any KnobSet) -> Int
  /// How many elements the set holds; 1 outside of families.
  let stored: @Sendable (any KnobSet) -> Int

  /// The full name at an index; the index is ignored outside of families.
  func name(at index: Int) -> String {
    guard let family else { return card.name }
    return "\(family.prefix)\(index)\(family.suffix)"
  }
}

/// Why a known knob was not written.
enum WriteFault: Error {
  case value(ValueFault)
  case refused(KnobRefusal)
}

extension KnobSet {
  /// This set's knobs with families expanded to their members.
  static func bound(set: Int) -> [BoundKnob] {
    knobs.flatMap { $0.members.isEmpty ? [$0] : $0.members }.map { bind($0, set: set) }
  }

  private static func own(_ set: any KnobSet) -> Self {
    guard let own = set as? Self else { preconditionFailure("a tree's set is \(type(of: set)), not \(Self.self)") }
    return own
  }

  private static func bind(_ knob: Knob<Self>, set: Int) -> BoundKnob {
    BoundKnob(
      card: knob.card, set: set,
      family: knob.family.map { BoundKnob.Family(prefix: $0.prefix, suffix: $0.suffix, range: $0.range) },
      read: { knob.read(own($0), $1) },
      canonical: { any, index, text throws(ValueFault) in
        var changed = own(any)
        try knob.apply(&changed, index, text)
        return knob.card.kind == .trigger ? text : knob.read(changed, index)
      },
      write: { any, index, text, tree throws(WriteFault) in
        var changed = own(any)
        do throws(ValueFault) { try knob.apply(&changed, index, text) } catch { throw .value(error) }
        if let prepare = knob.prepare {
          do throws(KnobRefusal) { try prepare(changed, index, tree) } catch { throw .refused(error) }
        }
        let canonical = knob.card.kind == .trigger ? text : knob.read(changed, index)
        knob.effect?(&changed, index, tree)
        return BoundKnob.Applied(set: changed, canonical: canonical)
      },
      listed: { knob.family?.listed(own($0)) ?? 1 },
      stored: { knob.family?.stored(own($0)) ?? 1 })
  }
}
