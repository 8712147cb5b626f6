// Indexed families: hw.node0.size … hw.node15.size from one declaration.

extension Knob {
  /// Knobs of every element of an array: names are `prefix`, the index, a dot, and the member's own name.
  ///
  /// Writing to an index the array does not have yet extends it with `Element()`.
  /// - Parameters:
  ///   - prefix: the name before the index, `hw.node`.
  ///   - index: indices that may be written; at most 1024 of them, from 0.
  ///   - path: the array in the room's struct.
  ///   - members: the element's knobs, whose names are suffixes: `size`, `read_latency`.
  ///   - inUse: how many indices listings show; the array's count if not given. May be more than the array holds.
  public static func family<Element: KnobSet>(
    _ prefix: String, index: Range<Int>, _ path: WritableKeyPath<S, [Element]> & Sendable,
    _ members: [Knob<Element>] = Element.knobs, inUse: (@Sendable (S) -> Int)? = nil
  ) -> Knob {
    precondition(KnobName.isWellFormed(prefix), "'\(prefix)' is not a dotted name of letters, digits, _ and -")
    precondition(index.lowerBound == 0 && (1...1024).contains(index.count), "a family has indices 0..<n, n in 1...1024")
    precondition(!members.isEmpty, "the family \(prefix) has no members")
    let stored: @Sendable (S) -> Int = { $0[keyPath: path].count }
    let listed: @Sendable (S) -> Int = { min(max(0, inUse?($0) ?? stored($0)), index.upperBound) }
    var whole = lifted(members[0], to: path)
    whole.members = members.map { member in
      precondition(member.family == nil && member.members.isEmpty, "families do not nest")
      var knob = lifted(member, to: path)
      knob.card.name = "\(prefix)N.\(member.card.name)"
      knob.family = KnobFamily(
        prefix: prefix, suffix: ".\(member.card.name)", range: index, listed: listed, stored: stored)
      return knob
    }
    return whole
  }

  /// An element's knob as a knob of the set that holds the array.
  private static func lifted<Element: KnobSet>(
    _ member: Knob<Element>, to path: WritableKeyPath<S, [Element]> & Sendable
  ) -> Knob {
    let element: @Sendable (S, Int) -> Element = { set, index in
      let array = set[keyPath: path]
      return index < array.count ? array[index] : Element()
    }
    var prepare: (@Sendable (S, Int, KnobTree) throws(KnobRefusal) -> Void)?
    if let refuse = member.prepare {
      prepare = { set, index, tree throws(KnobRefusal) in try refuse(element(set, index), 0, tree) }
    }
    var effect: (@Sendable (inout S, Int, KnobTree) -> Void)?
    if let commit = member.effect {
      effect = { set, index, tree in commit(&set[keyPath: path][index], 0, tree) }
    }
    return Knob(
      card: member.card, family: nil,
      read: { set, index in member.read(element(set, index), 0) },
      apply: { set, index, text throws(ValueFault) in
        var changed = element(set, index)
        try member.apply(&changed, 0, text)
        while set[keyPath: path].count <= index { set[keyPath: path].append(Element()) }
        set[keyPath: path][index] = changed
      },
      prepare: prepare, effect: effect)
  }
}
