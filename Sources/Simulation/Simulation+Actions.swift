// What phases ask of a run: mapping, unmapping, snaps, knob writes.

import MemoryModel
import Sysctl
import Tiering
import Units
import Workload

extension Simulation {
  /// Pages the workload can touch.
  static func footprintPages(_ spec: WorkloadSpec, inputs: TraceInputs) throws(RunError) -> Int {
    if let stated = spec.statedFootprint { return stated }
    let traced = inputs.sources.values.reduce(0) {
      $0 + ($1.source as? any FootprintKnown ?? NoFootprint()).footprintPages
    }
    return spec.footprint + traced
  }

  /// Pages that page tables take: one for each 2 MiB block that regions and traces use. A footprint that the file states says
  /// nothing of blocks; its pages count as dense.
  static func tablePages(_ spec: WorkloadSpec, inputs: TraceInputs) -> Int {
    if let stated = spec.statedFootprint { return stated / Page.perHuge + 1 }
    // A trace has 512 slots for each block it uses.
    let traced = inputs.sources.values.reduce(0) { $0 + $1.slots.count / Page.perHuge }
    return spec.regions.reduce(traced) { $0 + ($1.pages + Page.perHuge - 1) / Page.perHuge }
  }

  /// A phase in a few words.
  func label(of phase: PhaseSpec) -> String {
    switch phase.action {
    case .access(let a): "access \(name(of: a))"
    case .mix(let mix):
      mix.windows.count == 1
        ? "access \(name(of: mix.windows[0].access))"
        : "mix \(mix.windows.map { name(of: $0.access) }.joined(separator: ", "))"
    case .map(let r): "map \(spec.regions[r].name)"
    case .unmap(let r): "unmap \(spec.regions[r].name)"
    case .sleep: "sleep"
    case .compute: "compute"
    case .set: "set"
    case .snap(let r): "snap \(spec.regions[r].name)"
    case .punch: "punch"
    case .buddyinfo(let name): "buddyinfo \(name)"
    case .mark(let name, _): "mark \(name)"
    case .loop: "loop"
    }
  }

  private func name(of access: AccessSpec) -> String { "\(spec.regions[access.region].name) \(access.pattern.name)" }

  private func slots(of region: Int, in space: AddressSpace) -> Range<Int> {
    let r = spec.regions[region]
    let start = space.slots.lowerBound + r.baseSlot
    return start..<(start + r.pages)
  }

  func map(region: Int, in space: AddressSpace) {
    guard !space.regions.contains(where: { $0.region == region }) else { return }
    let r = spec.regions[region]
    space.regions.append(
      MappedRegion(region: region, slots: slots(of: region, in: space), isFile: r.kind == .file, advice: r.hugePages))
    space.regions.sort { $0.slots.lowerBound < $1.slots.lowerBound }
    updateKhugepaged()
  }

  func unmap(region: Int, in space: AddressSpace, cpu: Int) {
    guard let at = space.regions.firstIndex(where: { $0.region == region }) else { return }
    let range = space.regions[at].slots
    space.regions.remove(at: at)
    space.rss -= memory.unmap(slots: range, cpu: cpu)
  }

  func punch(_ punch: PunchSpec, in space: AddressSpace, cpu: Int) {
    let range = slots(of: punch.region, in: space)
    // Pages that follow each other go in one call.
    var run = range.lowerBound..<range.lowerBound
    func free() { space.rss -= memory.unmapPart(slots: run, cpu: cpu) }
    punch.forEachFreedPage(of: range.count) { page in
      let slot = range.lowerBound + page
      if slot != run.upperBound {
        free()
        run = slot..<slot
      }
      run = run.lowerBound..<(slot + 1)
    }
    free()
  }

  func snap(region: Int, in space: AddressSpace, now: Picoseconds) {
    let range = slots(of: region, in: space)
    var per64 = [UInt8](repeating: 0, count: (range.count + 63) / 64)
    for slot in range {
      let entry = memory.entry(slot: slot)
      if entry & PTE.present != 0 && entry & PTE.nodeMask == 0 { per64[(slot - range.lowerBound) / 64] += 1 }
    }
    snaps.append(
      SnapResult(
        time: now, region: spec.regions[region].name, firstPage: 0, pages: range.count,
        onNode: memory.residency(slots: range), per64: per64))
  }

  /// CPU time of a snap (cost.snap_page).
  func snapCost(region: Int) -> Picoseconds { spec.regions[region].pages * costs.snapPage }

  // MARK: Knobs

  /// Refuses a knob write of the workload that no moment of the run would take: its name or its value is wrong, or the knob
  /// cannot change in a run. A write that a room refuses may be accepted after another one; the run finds that out.
  ///
  /// - Parameter tree: the knobs as the run begins, `isRunning` set.
  static func checkWrites(of spec: WorkloadSpec, tree: KnobTree) throws(RunError) {
    var all = spec.events.flatMap(\.writes)
    func collect(_ phases: [PhaseSpec]) {
      for phase in phases {
        switch phase.action {
        case .set(let writes): all += writes
        case .loop(_, let body): collect(body)
        default: break
        }
      }
    }
    for task in spec.tasks {
      if case .phases(let phases) = task.work { collect(phases) }
    }
    for write in all.sorted(by: { $0.line < $1.line }) {
      var scratch = tree
      do throws(KnobError) {
        try scratch.write(name: write.name, value: write.value, origin: .file(path: spec.path, line: write.line))
      } catch {
        if case .refused = error.problem { continue }
        throw RunError(error.description, fix: "", kind: .knob)
      }
    }
  }

  /// Writes knobs in the middle of a run and makes them take effect.
  func write(_ writes: [(name: String, value: String, line: Int)]) throws(RunError) {
    for write in writes {
      do throws(KnobError) {
        try noteFailedSwitch()
        try tree.write(name: write.name, value: write.value, origin: .file(path: spec.path, line: write.line))
      } catch {
        throw RunError(error.description, fix: "", kind: .knob)
      }
      try apply(writes: [tree.history.last!.name])
    }
  }

  /// Makes the knobs as they were written before the run take effect, in the order they were written.
  func applyHistory() throws(RunError) { try apply(writes: tree.history.map(\.name)) }

  /// Takes the knobs of the tree; `writes` are the names just written, in order, for what depends on the order.
  private func apply(writes: [String]) throws(RunError) {
    try applyCopyKnobs()
    reclaim = tree[ReclaimKnobs.self]
    balancing = tree[BalancingKnobs.self]
    hugePages = tree[HugePageKnobs.self]
    applyCompactionKnobs(writes: writes)
    memory.apply(tree[MemoryKnobs.self])
    memory.hugePagesOn = hugePages.enabled != .never
    memory.demotionEnabled = reclaim.demotionEnabled
    scanner.knobs = balancing
    policy.knobs = balancing
    let wakesKhugepaged: Set = [
      "mm.transparent_hugepage.enabled", "mm.transparent_hugepage.khugepaged.scan_sleep_millisecs",
      "mm.transparent_hugepage.khugepaged.alloc_sleep_millisecs",
    ]
    updateKhugepaged(wakes: writes.contains(where: wakesKhugepaged.contains))
    for kswapd in kswapds { kswapd.apply(knobs: reclaim, runningCPUs: runningCPUs) }
    if memory.rules.isTPP {
      // The flag is set by 2, or by 1 with a single top-tier node, and never cleared again; the mark is computed when a
      // watermark knob is written while it is set.
      let marks: Set = ["vm.demote_scale_factor", "vm.watermark_scale_factor", "vm.min_free_kbytes"]
      let topNodes = (0..<memory.nodeCount).filter { memory.isTopTier($0) }.count
      for name in writes {
        if name == "kernel.numa_balancing" {
          if balancing.mode & 2 != 0 || (balancing.mode & 1 != 0 && topNodes == 1) { memory.tieringMode = true }
        } else if marks.contains(name), memory.tieringMode {
          memory.demotionMarkFactor = reclaim.demoteScaleFactor
        }
      }
    } else {
      memory.tieringMode = balancing.mode & 2 != 0
    }
  }

  func traceSource(for program: TaskProgram) throws(RunError) -> any AccessSource {
    guard let source = traceSources[program.index] else {
      throw RunError("task '\(program.spec.name)' has no trace", fix: "give it 'trace:'")
    }
    return source
  }
}

/// A source that knows how many pages it touches.
protocol FootprintKnown {
  var footprintPages: Int { get }
}

private struct NoFootprint: FootprintKnown { var footprintPages: Int { 0 } }

extension AccessPattern {
  /// As workload files write it.
  var name: String {
    switch self {
    case .sequential(let stride): stride == 1 ? "seq" : "strided"
    case .sweep: "sweep"
    case .uniform, .uniformBytes: "uniform"
    case .zipf: "zipf"
    case .drift: "drift"
    case .chase: "chase"
    }
  }
}
