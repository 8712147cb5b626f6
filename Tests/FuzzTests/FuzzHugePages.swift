// The part of a fuzz case that is about huge pages: khugepaged's knobs, and 2 MiB pages for regions that are punched.
import Events

/// Draws what khugepaged does, and how often.
struct FuzzHugePages {
  private var random: SplitMix64
  /// Knob assignments before the run, in order; later ones than those of the machine.
  private(set) var writes: [String] = []
  private var isOn = false

  init(seed: UInt64) {
    random = SplitMix64(seed: seed &+ 0x6875_6765)
    guard random.below(100) < 60 else { return }
    isOn = true
    if random.below(100) < 60 { writes.append("mm.transparent_hugepage.enabled=always") }
    let prefix = "mm.transparent_hugepage.khugepaged."
    writes.append("\(prefix)pages_to_scan=\(one(of: [1, 600, 4096, 4096, 100_000]))")
    writes.append("\(prefix)scan_sleep_millisecs=\(one(of: [1000, 3000, 10_000]))")
    writes.append("\(prefix)alloc_sleep_millisecs=\(one(of: [0, 100, 60_000]))")
    writes.append("\(prefix)max_ptes_none=\(one(of: [0, 100, 511, 511]))")
    writes.append("\(prefix)max_ptes_swap=\(one(of: [0, 64, 511]))")
    if random.below(100) < 20 { writes += ["cost.thp_collapse=0ns", "cost.thp_scan_pte=0ns", "cost.thp_split=0ns"] }
  }

  /// A write in the middle of the run; nil for one of the others.
  mutating func knobWrite() -> String? {
    guard isOn, random.below(100) < 30 else { return nil }
    let prefix = "mm.transparent_hugepage."
    return one(of: [
      "\(prefix)enabled: \(one(of: ["always", "madvise", "never"]))",
      "\(prefix)khugepaged.scan_sleep_millisecs: \(one(of: [1000, 5000]))",
      "\(prefix)khugepaged.max_ptes_none: \(random.below(512))",
    ])
  }

  private mutating func one<T>(of values: [T]) -> T { values[random.below(values.count)] }
}
