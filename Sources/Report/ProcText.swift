// The zones at the end of a run, as /proc/zoneinfo shows them.

import MemoryModel

/// Texts of /proc.
public enum ProcText {
  /// /proc/zoneinfo (mm/vmstat.c zoneinfo_show_print), without what the model does not have. `spanned` and `present`
  /// are `managed`: a modelled zone has no holes.
  public static func zoneinfo(_ memory: Memory) -> String {
    let lists = ["nr_inactive_anon", "nr_active_anon", "nr_inactive_file", "nr_active_file"]
    var text = ""
    for index in 0..<memory.zoneCount {
      let zone = memory.zones[index]
      text += "Node \(zone.node), zone \(zone.kind.name.right(8))\n"
      if index == memory.nodes[zone.node].zones.lowerBound {
        text += "  per-node stats\n"
        for list in LRUList.allCases {
          text += "      \(lists[list.rawValue].left(12)) \(memory.lruPages(node: zone.node, list))\n"
        }
        text += "      nr_isolated_anon \(memory.nodes[zone.node].isolated)\n"
      }
      text += "  pages free     \(zone.free)\n"
      if memory.rules.isTPP {
        for (name, mark) in [("min", zone.min), ("low", zone.low), ("high", zone.high), ("demote", zone.demote)] {
          text += "        \(name.left(8)) \(mark)\n"
        }
      } else {
        let marks = [("boost", zone.boost), ("min", zone.min), ("low", zone.low), ("high", zone.high)]
        for (name, mark) in marks + [("promo", zone.promo)] { text += "        \(name.left(8)) \(mark)\n" }
      }
      for name in ["spanned", "present", "managed"] { text += "        \(name.left(8)) \(zone.managed)\n" }
      text += "      nr_free_pages \(zone.free)\n"
      if memory.rules.hasDefragMode { text += "      nr_free_pages_blocks \(zone.freeInBlocks)\n" }
      for list in LRUList.allCases {
        let name = lists[list.rawValue].replacing("nr_", with: "nr_zone_")
        text += "      \(name) \(pages(memory, zone, list))\n"
      }
    }
    return text
  }

  /// Pages of one zone on a list.
  private static func pages(_ memory: Memory, _ zone: Zone, _ list: LRUList) -> Int {
    let upTo = memory.lruPages(node: zone.node, list, upTo: zone.kind)
    guard let below = ZoneKind(rawValue: zone.kind.rawValue - 1) else { return upTo }
    return upTo - memory.lruPages(node: zone.node, list, upTo: below)
  }
}
