// Snapshots of the free lists in the texts of /proc/buddyinfo, /proc/pagetypeinfo and /sys/kernel/debug/extfrag.

import MemoryModel
import Simulation
import Units

/// Files of a run directory, a part for each snapshot. A line `# time_ms 12.345 NAME` stands before each; what follows, up to the
/// next such line, is what the kernel prints.
public enum FreeAreaText {
  /// All four files by their names, in the order they are written.
  public static func files(_ samples: [FreeAreaSample], rules: KernelRules) -> [(name: String, text: String)] {
    [
      ("buddyinfo", series(samples, buddyinfo)), ("pagetypeinfo", series(samples, pagetypeinfo)),
      ("extfrag_index", series(samples) { extfragIndex($0, rules: rules) }),
      ("unusable_index", series(samples, unusableIndex)),
    ]
  }

  private static func series(_ samples: [FreeAreaSample], _ text: ([ZoneFreeAreas]) -> String) -> String {
    samples.reduce(into: "") { all, sample in
      let time = Decimal.fixed(sample.time / Picoseconds.microsecond, places: 3)
      all += "# time_ms \(time)\(sample.name.isEmpty ? "" : " \(sample.name)")\n" + text(sample.zones)
    }
  }

  private static func head(_ zone: ZoneFreeAreas) -> String { "Node \(zone.node), zone \(zone.kind.name.right(8)) " }

  /// /proc/buddyinfo (mm/vmstat.c `frag_show_print`).
  public static func buddyinfo(_ zones: [ZoneFreeAreas]) -> String {
    lines(zones) { zone, order in String(zone.count(order: order)).right(6) }
  }

  /// /sys/kernel/debug/extfrag/extfrag_index (`extfrag_show_print`); its numbers have another width since Linux 5.16.
  public static func extfragIndex(_ zones: [ZoneFreeAreas], rules: KernelRules) -> String {
    lines(zones) { zone, order in
      thousandths(zone.freeBlocks(order: order).fragmentationIndex(order: order), width: rules.isTPP ? 1 : 2)
    }
  }

  /// /sys/kernel/debug/extfrag/unusable_index (`unusable_show_print`).
  public static func unusableIndex(_ zones: [ZoneFreeAreas]) -> String {
    lines(zones) { zone, order in thousandths(zone.freeBlocks(order: order).unusableIndex(order: order), width: 1) }
  }

  private static func lines(_ zones: [ZoneFreeAreas], _ number: (ZoneFreeAreas, Int) -> String) -> String {
    zones.reduce(into: "") { text, zone in
      text += head(zone)
      for order in 0...Memory.maxOrder { text += number(zone, order) + " " }
      text += "\n"
    }
  }

  /// printf's `%*d.%03d` of value / 1000 and the rest, signs where C leaves them.
  private static func thousandths(_ value: Int, width: Int) -> String {
    let rest = value % 1000
    let digits = String(abs(rest))
    let padded = String(repeating: "0", count: max((rest < 0 ? 2 : 3) - digits.count, 0)) + digits
    return "\(String(value / 1000).right(width)).\(rest < 0 ? "-" : "")\(padded)"
  }

  /// The types a kernel without CMA prints. What the model has no pages of is 0.
  private static let typeNames = ["Unmovable", "Movable", "Reclaimable", "HighAtomic", "Isolate"]
  /// From so many blocks on the kernel stops counting.
  private static let mostCounted = 100_000

  /// /proc/pagetypeinfo (`pagetypeinfo_show`).
  public static func pagetypeinfo(_ zones: [ZoneFreeAreas]) -> String {
    var text = "Page block order: \(Page.hugeOrder)\nPages per block:  \(Page.perHuge)\n\n"
    text += "Free pages count per migrate type at order".left(43) + " "
    for order in 0...Memory.maxOrder { text += String(order).right(6) + " " }
    text += "\n"
    for zone in zones {
      for (type, name) in typeNames.enumerated() {
        text += "Node \(String(zone.node).right(4)), zone \(zone.kind.name.right(8)), type \(name.right(12)) "
        for order in 0...Memory.maxOrder {
          let count = type < zone.blocks.count ? zone.blocks[type][order] : 0
          text += (count >= mostCounted ? ">\(mostCounted)" : String(count).right(6)) + " "
        }
        text += "\n"
      }
    }
    text += "\n" + "Number of blocks type ".left(23)
    for name in typeNames { text += name.right(12) + " " }
    text += "\n"
    for zone in zones {
      text += head(zone)
      for type in typeNames.indices {
        text += String(type < zone.pageblocks.count ? zone.pageblocks[type] : 0).right(12) + " "
      }
      text += "\n"
    }
    return text
  }
}
