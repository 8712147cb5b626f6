// Costs that nobody measured, halved and doubled together.

import Sysctl
import Units

/// With which costs a run is made.
public enum CostScale: String, CaseIterable, Codable, Sendable {
  /// The knobs as they were given.
  case given
  /// Every uncalibrated cost is half as much: durations halved, bandwidths doubled.
  case halved
  /// Every uncalibrated cost is twice as much: durations doubled, bandwidths halved.
  case doubled

  /// The runs of a range, the given one first.
  public static let all: [CostScale] = [.given, .halved, .doubled]

  /// The knobs that are scaled: durations and bandwidths of `families` whose card says `uncalibrated`. `kept` are left out:
  /// those that were measured on the machine at hand. Latencies and bandwidths of nodes (hw.nodeN.*) are none of them: they
  /// are the machine that is asked about, and its presets say where they come from.
  public static func knobs(_ tree: KnobTree, kept: Set<String> = []) -> [KnobEntry] {
    tree.entries.filter { entry in
      entry.card.evidence == .uncalibrated && (entry.card.kind == .duration || entry.card.kind == .bandwidth)
        && families.contains { entry.name.hasPrefix($0) } && !kept.contains(entry.name)
    }
  }

  /// Prefixes of the names of costs.
  static let families = ["cost."]

  /// Writes the scaled costs. A cost of 0 stays 0; any other stays 1 ps or more.
  public func apply(to tree: inout KnobTree, kept: Set<String> = []) throws(KnobError) {
    guard self != .given else { return }
    for entry in CostScale.knobs(tree, kept: kept) {
      let origin = KnobOrigin.named("costs \(rawValue)")
      let value: String
      do throws(QuantityFault) { value = try CostScale.scaled(entry, by: self) } catch {
        throw KnobError(.malformed(reason: error.reason), key: entry.name, value: entry.value, origin: origin)
      }
      try tree.write(name: entry.name, value: value, origin: origin)
    }
  }

  /// The value of a knob in its printed form; a bandwidth goes the other way.
  private static func scaled(_ entry: KnobEntry, by scale: CostScale) throws(QuantityFault) -> String {
    func scaled(_ value: Int, doubling: Bool) -> Int {
      guard value > 0 else { return value }
      return doubling ? (value > Int.max / 2 ? Int.max : 2 * value) : max(value / 2, 1)
    }
    if entry.card.kind == .bandwidth {
      return Bandwidth.text(scaled(try Bandwidth.parse(entry.value), doubling: scale == .halved))
    }
    return TimeSpan.text(scaled(try TimeSpan.parse(entry.value), doubling: scale == .doubled))
  }
}
