// The part of a fuzz case that is about compaction and huge pages.
import Events

/// Draws how memory is compacted.
struct FuzzCompaction {
  private var random: SplitMix64
  /// Knob assignments before the run, in order.
  private(set) var writes: [String] = []
  private var hasDefragMode = false

  init(seed: UInt64) {
    random = SplitMix64(seed: seed &+ 0x636F_6D70)
    let defrag = ["always", "always", "defer", "defer+madvise", "madvise", "never"]
    if chance(70) { writes.append("mm.transparent_hugepage.defrag=\(defrag[random.below(defrag.count)])") }
    if chance(40) { writes.append("vm.extfrag_threshold=\([0, 100, 500, 1000][random.below(4)])") }
    if chance(60) { writes.append("vm.compaction_proactiveness=\([0, 20, 60, 100][random.below(4)])") }
    if chance(30) { writes.append("cost.compact_scan=\(random.below(2000))ns") }
  }

  /// The original's kernel may compact by migrate_pages_concur.
  mutating func makeConcurrent() { if chance(50) { writes.append("vm.use_concur_to_compact=1") } }

  /// A kernel that has vm.defrag_mode.
  mutating func makeDefragMode() {
    hasDefragMode = true
    if chance(50) { writes.append("vm.defrag_mode=1") }
  }

  private mutating func chance(_ percent: Int) -> Bool { random.below(100) < percent }

  /// A write in the middle of the run; nil for one of the others.
  mutating func knobWrite() -> String? {
    guard chance(25) else { return nil }
    if hasDefragMode && chance(30) { return "vm.defrag_mode: \(random.below(2))" }
    let all = [
      "vm.compact_memory: 1", "vm.compact_memory: 1", "vm.compaction_proactiveness: \(random.below(101))",
      "vm.extfrag_threshold: \(random.below(1001))",
      "mm.transparent_hugepage.defrag: \(["always", "defer", "never"][random.below(3)])",
    ]
    return all[random.below(all.count)]
  }
}
