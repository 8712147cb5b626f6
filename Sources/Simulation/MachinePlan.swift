// From hw.* knobs to a machine: sizes, zones, CPUs, links; and what makes a machine impossible.

import Machine
import MemoryModel
import Units
import Workload

/// Builds and checks the machine of a run.
enum MachinePlan {
  /// The nodes that have memory: the last ones are left out when their size is 0, so that `hw.node1.size = 0` makes a
  /// machine of one node.
  private static func present(_ hardware: HardwareKnobs, footprintPages: Int) -> ArraySlice<NodeKnobs> {
    var nodes = hardware.nodes[...]
    while nodes.count > 1, let last = nodes.last, last.size.resolved(footprintBytes: footprintPages << Page.shift) == 0
    {
      nodes.removeLast()
    }
    return nodes
  }

  /// Pages that a slow node with a share of 100 % or more gets besides: page tables beyond an eighth of the footprint. Fewer,
  /// as all but sparse traces have (dense pages need 1 in 512), find room in what the fast node holds.
  private static func pagesForSparseTables(_ tablePages: Int, footprintPages: Int) -> Int {
    max(tablePages - footprintPages / 8, 0)
  }

  /// Nodes from the knobs. Shares are taken of the footprint and rounded up to whole 2 MiB blocks.
  static func nodes(
    _ hardware: HardwareKnobs, footprintPages: Int, tablePages: Int
  ) throws(RunError) -> [NodeLayout] {
    var layouts: [NodeLayout] = []
    let nodes = present(hardware, footprintPages: footprintPages)
    let named = nodes.compactMap(\.cpus).reduce(0, +)
    guard named <= hardware.cpus else {
      throw RunError(
        "hw.nodeN.cpus name \(named) CPUs, but hw.cpus is \(hardware.cpus)", fix: "raise hw.cpus or lower them")
    }
    var nextCPU = 0
    for (id, node) in nodes.enumerated() {
      let count = node.cpus ?? (id == 0 ? hardware.cpus - named : 0)
      let cpus = nextCPU..<(nextCPU + count)
      nextCPU += count
      let bytes = node.size.resolved(footprintBytes: footprintPages << Page.shift)
      var pages = bytes >> Page.shift
      let tier = node.tier ?? (cpus.isEmpty ? 1 : 0)
      if case .share(let ppm) = node.size {
        if ppm >= 1_000_000 && tier > 0 {
          pages += pagesForSparseTables(tablePages, footprintPages: footprintPages)
        }
        pages = max((pages + Page.perHuge - 1) & ~(Page.perHuge - 1), 2048)
      }
      guard pages > 0 else {
        throw RunError("hw.node\(id).size is less than a page", fix: "give it a size or a share of the footprint")
      }
      let zones = try zones(node.zones, node: id, pages: pages, footprintPages: footprintPages)
      guard node.kernelPages + node.idlePages + node.idleActivePages < pages else {
        throw RunError(
          "hw.node\(id): kernel_pages=\(node.kernelPages), idle_pages=\(node.idlePages) and "
            + "idle_active_pages=\(node.idleActivePages) leave nothing of the node's \(pages) pages",
          fix: "lower them or raise hw.node\(id).size")
      }
      layouts.append(
        NodeLayout(
          tier: tier, cpus: cpus, zones: zones, kernelPages: node.kernelPages,
          unmovableFree: node.unmovableFree))
    }
    guard nextCPU == hardware.cpus else {
      throw RunError(
        "hw.cpus is \(hardware.cpus), but the nodes have \(nextCPU) CPUs", fix: "let hw.node0.cpus be auto")
    }
    guard layouts.contains(where: { $0.tier == 0 && !$0.cpus.isEmpty }) else {
      throw RunError(
        "no fast node: no node of tier 0 has CPUs", fix: "give hw.node0.tier=0 and CPUs (hw.node0.cpus=auto)")
    }
    return layouts
  }

  /// Zones from text: `NAME=SIZE` for all but one, which takes the rest.
  static func zones(_ text: String, node: Int, pages: Int, footprintPages: Int) throws(RunError) -> [ZoneLayout] {
    var zones: [ZoneLayout] = []
    var rest: Int?
    for word in text.split(whereSeparator: { $0 == " " || $0 == "," }) {
      let parts = word.split(separator: "=", maxSplits: 1)
      guard let kind = ZoneKind.allCases.first(where: { $0.name.lowercased() == parts[0].lowercased() }) else {
        throw RunError(
          "hw.node\(node).zones='\(text)': no zone is called '\(parts[0])'", fix: "use DMA, DMA32, Normal, Movable")
      }
      guard zones.allSatisfy({ $0.kind.rawValue < kind.rawValue }) else {
        throw RunError(
          "hw.node\(node).zones='\(text)': zones stand once each, lowest first",
          fix: "order them DMA DMA32 Normal Movable")
      }
      if parts.count == 2 {
        guard let size = try? Capacity.parse(String(parts[1])) else {
          throw RunError(
            "hw.node\(node).zones='\(text)': '\(parts[1])' is no size", fix: "write a size such as 64M, 3840p or 10%")
        }
        zones.append(
          ZoneLayout(kind: kind, pages: size.resolved(footprintBytes: footprintPages << Page.shift) >> Page.shift))
      } else {
        guard rest == nil else {
          throw RunError(
            "hw.node\(node).zones='\(text)': two zones have no size", fix: "give all but one a size")
        }
        rest = zones.count
        zones.append(ZoneLayout(kind: kind, pages: 0))
      }
    }
    let named = zones.reduce(0) { $0 + $1.pages }
    if let rest {
      guard named < pages else {
        throw RunError(
          "hw.node\(node).zones='\(text)': \(named) pages are named, the node has \(pages)",
          fix: "lower them or raise hw.node\(node).size")
      }
      zones[rest].pages = pages - named
    } else if named != pages || zones.isEmpty {
      throw RunError(
        "hw.node\(node).zones='\(text)': the zones have \(named) pages, the node \(pages)",
        fix: "leave one zone without a size: it takes the rest")
    }
    return zones
  }

  /// The node of each CPU.
  static func nodeOfCPU(_ layouts: [NodeLayout], cpus: Int) -> [Int] {
    (0..<cpus).map { cpu in layouts.firstIndex { $0.cpus.contains(cpu) } ?? 0 }
  }

  static func link(_ node: NodeKnobs) -> LinkProperties {
    LinkProperties(
      readLatency: node.readLatency, writeLatency: node.writeLatency, readBandwidth: node.readBandwidth,
      writeBandwidth: node.writeBandwidth, threadReadBandwidth: node.threadReadBandwidth,
      threadWriteBandwidth: node.threadWriteBandwidth)
  }

  /// Refuses machines whose model this host cannot hold.
  static func checkSize(_ layouts: [NodeLayout], virtualPages: Int) throws(RunError) {
    let pages = layouts.reduce(0) { $0 + $1.zones.reduce(0) { $0 + $1.pages } }
    guard pages <= Memory.mostPages, virtualPages <= Memory.mostPages else {
      throw RunError(
        "the machine has \(pages) pages, the model holds \(Memory.mostPages) (8 TiB) at most",
        fix: "lower hw.nodeN.size")
    }
    let bytes = Memory.bytesNeeded(pages: pages, virtualPages: virtualPages)
    guard Memory.isGranted(bytes: bytes) else {
      throw RunError(
        "the model of a machine of \(pages >> 18) GiB takes up to \((bytes >> 30) + 1) GiB of address space, which this host "
          + "refuses", fix: "lower hw.nodeN.size, or allow overcommit (vm.overcommit_memory)")
    }
  }

  /// Maps each node's idle pages to slots from `firstSlot` on, which belong to no process of the workload.
  static func mapIdlePages(_ hardware: HardwareKnobs, in memory: Memory, firstSlot: Int) throws(RunError) {
    var slot = firstSlot
    for (id, node) in hardware.nodes.enumerated() {
      for (count, isActive) in [(node.idlePages, false), (node.idleActivePages, true)] where count > 0 {
        guard id < memory.nodeCount, memory.mapIdle(slots: slot..<(slot + count), isActive: isActive, node: id) else {
          throw RunError(
            "hw.node\(id).\(isActive ? "idle_active_pages" : "idle_pages")=\(count): the node has not so many pages free",
            fix: "lower it or raise hw.node\(id).size")
        }
        slot += count
      }
    }
    memory.resetCounters()
  }

  /// Refuses machines that could not run the workload.
  static func check(
    _ memory: Memory, footprintPages: Int, tablePages: Int, droppablePages: Int = 0, spec: WorkloadSpec
  ) throws(RunError) {
    // Page cache in the way makes room.
    var room = droppablePages
    for node in 0..<memory.nodeCount {
      var marks = 0
      var free = 0
      var managed = 0
      for zone in memory.nodes[node].zones {
        marks += memory.zones[zone].high
        free += memory.zones[zone].free
        managed += memory.zones[zone].managed
        room += max(memory.zones[zone].free - memory.zones[zone].min, 0)
      }
      guard free > marks else {
        throw RunError(
          "node \(node) is below its watermarks from the start: \(free) of its \(managed) pages are free, the high marks need \(marks)",
          fix: "raise hw.node\(node).size, or lower vm.min_free_kbytes or vm.watermark_scale_factor")
      }
    }
    let need = footprintPages + max(tablePages, footprintPages / Page.perHuge + 1)
    let hasFiles = spec.regions.contains { $0.kind == .file }
    guard need <= room || hasFiles else {
      throw RunError(
        "the workload needs \(need) pages (page tables included), the nodes have \(room) above their min marks",
        fix: "raise hw.nodeN.size; there is no swap")
    }
  }
}
