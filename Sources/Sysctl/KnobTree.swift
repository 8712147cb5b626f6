// The tree of all knobs: the rooms' structs, reachable by type for rooms and by name for users.

/// A write that took effect.
public struct KnobWrite: Equatable, Sendable {
  /// The full dotted name.
  public let name: String
  /// The value in its printed form.
  public let value: String
  /// Who wrote it.
  public let origin: KnobOrigin

  /// A write, e.g. to compare a history with.
  public init(name: String, value: String, origin: KnobOrigin) {
    self.name = name
    self.value = value
    self.origin = origin
  }
}

/// A knob with its value, as listed.
public struct KnobEntry: Sendable {
  /// The full dotted name, with the index in a family.
  public let name: String
  /// The value in its printed form.
  public let value: String
  /// The default in its printed form.
  public let defaultValue: String
  /// What is declared about it; its name has `N` for a family's index.
  public let card: KnobCard
  /// Whether the value prints as the default does.
  public var isDefault: Bool { value == defaultValue }
}

/// All knobs of a product. A value: a copy can be changed and thrown away.
public struct KnobTree: Sendable {
  let catalog: KnobCatalog
  var sets: [any KnobSet]

  /// While true, knobs declared `.beforeRun` refuse writes.
  public var isRunning = false
  /// Every write that took effect, in order. Changes through the subscript are not in it.
  public internal(set) var history: [KnobWrite] = []

  /// A tree at its defaults. Listings follow the order of the sets and of their tables.
  ///
  /// Two sets of one type, or two knobs of one name, are a programmer's error and trap.
  public init(_ sets: [any KnobSet.Type]) {
    catalog = KnobCatalog(sets)
    self.sets = catalog.defaults
  }

  /// A room's struct as a whole. Setting it skips ranges, `prepare`, effects and the history.
  ///
  /// Traps for a set the tree was not made with; ask `contains` where that may be.
  public subscript<S: KnobSet>(_ type: S.Type) -> S {
    get {
      guard let order = catalog.order(of: type), let set = sets[order] as? S else {
        preconditionFailure("the tree has no \(type)")
      }
      return set
    }
    set {
      guard let order = catalog.order(of: type) else { preconditionFailure("the tree has no \(type)") }
      sets[order] = newValue
    }
  }

  /// Whether the tree was made with this set.
  public func contains(_ type: any KnobSet.Type) -> Bool { catalog.order(of: type) != nil }

  /// The value as text, for a name in any spelling.
  public func read(_ name: String) throws(KnobError) -> String { try entry(name).value }

  /// Whether the value prints as the default does, for a name in any spelling.
  public func isDefault(_ name: String) throws(KnobError) -> Bool { try entry(name).isDefault }

  /// The knob with its value, for a name in any spelling.
  public func entry(_ name: String) throws(KnobError) -> KnobEntry {
    guard let place = catalog.place(name) else {
      throw KnobError(catalog.unknown(name), key: name, origin: .program)
    }
    return entry(at: place)
  }

  /// Every knob but triggers in declaration order; of a family the indices in use, element by element.
  public var entries: [KnobEntry] { places { knob, set in knob.listed(set) }.map(entry(at:)) }

  /// Entries whose value is not the default.
  public var changedFromDefault: [KnobEntry] { entries.filter { !$0.isDefault } }

  /// What is declared, in order, with one card for all indices of a family.
  public var cards: [KnobCard] { catalog.knobs.map(\.card) }

  func entry(at place: KnobPlace) -> KnobEntry {
    let knob = catalog.knobs[place.knob]
    return KnobEntry(
      name: knob.name(at: place.index), value: knob.read(sets[knob.set], place.index),
      defaultValue: knob.read(catalog.defaults[knob.set], place.index), card: knob.card)
  }

  /// All knobs but triggers in declaration order, with as many indices of a family as `count` says. Neighbouring members of one
  /// family go index by index, so that the knobs of `hw.node0` stand together.
  func places(count: (BoundKnob, any KnobSet) -> Int) -> [KnobPlace] {
    var result: [KnobPlace] = []
    var start = 0
    while start < catalog.knobs.count {
      let first = catalog.knobs[start]
      var end = start + 1
      if let prefix = first.family?.prefix {
        while end < catalog.knobs.count, catalog.knobs[end].family?.prefix == prefix { end += 1 }
      }
      for index in 0..<count(first, sets[first.set]) {
        for knob in start..<end where catalog.knobs[knob].card.kind != .trigger {
          result.append(KnobPlace(knob: knob, index: index))
        }
      }
      start = end
    }
    return result
  }
}
