// The declarations of all rooms together. Made once, shared by copies of a tree.

/// A knob in the catalog, and which of a family.
struct KnobPlace: Hashable, Sendable {
  let knob: Int
  let index: Int
}

/// All knobs of a tree, by name and in order.
final class KnobCatalog: Sendable {
  /// In declaration order, families expanded to members.
  let knobs: [BoundKnob]
  /// Each set at its defaults.
  let defaults: [any KnobSet]
  private let sets: [ObjectIdentifier: Int]
  private let places: [String: KnobPlace]

  /// Traps on a set or a name that occurs twice.
  init(_ types: [any KnobSet.Type]) {
    var sets: [ObjectIdentifier: Int] = [:]
    var knobs: [BoundKnob] = []
    var places: [String: KnobPlace] = [:]
    for (order, type) in types.enumerated() {
      precondition(sets.updateValue(order, forKey: ObjectIdentifier(type)) == nil, "\(type) is given twice")
      for knob in type.bound(set: order) {
        for index in knob.family?.range ?? 0..<1 {
          let clash = places.updateValue(KnobPlace(knob: knobs.count, index: index), forKey: knob.name(at: index))
          precondition(clash == nil, "\(knob.name(at: index)) is declared twice")
        }
        knobs.append(knob)
      }
    }
    self.sets = sets
    self.knobs = knobs
    self.places = places
    defaults = types.map { $0.init() }
  }

  /// Where a set stands, or nil if the tree does not have it.
  func order(of type: any KnobSet.Type) -> Int? { sets[ObjectIdentifier(type)] }

  /// The knob a name in any spelling stands for.
  func place(_ name: String) -> KnobPlace? { places[KnobName.dotted(name)] }

  /// What to say of a name nothing answers to.
  func unknown(_ name: String) -> KnobError.Problem {
    let dotted = KnobName.dotted(name)
    var candidates: [String] = []
    for knob in knobs {
      guard let family = knob.family else {
        candidates.append(knob.card.name)
        continue
      }
      // Of a family only the index that was written is a candidate, or all of its indices would be near.
      let index = writtenIndex(dotted, after: family.prefix)
      if let index, !family.range.contains(index), dotted == knob.name(at: index) {
        return .index(pattern: knob.card.name, last: family.range.upperBound - 1)
      }
      candidates.append(knob.name(at: index.map { min($0, family.range.upperBound - 1) } ?? 0))
    }
    return .unknown(nearMisses: NearMiss.find(dotted, among: candidates))
  }

  /// The number that follows a family's prefix in a name.
  private func writtenIndex(_ name: String, after prefix: String) -> Int? {
    guard name.utf8.starts(with: prefix.utf8) else { return nil }
    let digits = name.utf8.dropFirst(prefix.utf8.count).prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    return Int(String(decoding: digits, as: UTF8.self))
  }
}
