// The part of a fuzz case that is about copy engines: devices, knobs, faults, writes in the middle of the run.
import Events
import Foundation

/// Draws how pages are copied.
struct FuzzCopies {
  private var random: SplitMix64
  /// Knob assignments before the run, in order.
  private(set) var writes: [String] = []
  private var hasDSA = false
  private var hasCopies = false

  private static let package = String(#filePath.dropLast("/Tests/FuzzTests/FuzzCopies.swift".count))

  /// Configurations (nil is the machine's own), and the kernel's work queues of each. Those beside this file have queues of few entries.
  private static let configurations: [(file: String?, queues: Int)] = [
    (nil, 8), ("sysctl/dsa/1-device.conf", 1), ("sysctl/dsa/2-priorities.conf", 2), ("sysctl/dsa/8-devices.conf", 8),
    ("Tests/FuzzTests/dsa/entries-1.conf", 2), ("Tests/FuzzTests/dsa/entries-3.conf", 2),
    ("Tests/FuzzTests/dsa/entries-16.conf", 2),
  ]

  init(seed: UInt64) {
    random = SplitMix64(seed: seed &+ 0x636F_7079)
    guard chance(70) else { return }
    hasCopies = true
    if chance(40) {
      writes += ["vm.cpu_multi_copy_pages=1", "vm.limit_mt_num=\(one(of: [1, 2, 3, 4, 8, 32]))"]
      if chance(50) { writes.append("vm.mt_copy_split=bytes") }
      if chance(20) { writes += ["cost.mt_queue=0ns", "cost.mt_wake=0ns", "cost.mt_flush=0ns"] }
    }
    if chance(75) { makeDevices() }
    if chance(25) { writes.append("debug.fault.alloc=\(one(of: ["1%", "30%", "100%", "n=3"]))") }
    if chance(50) { writes.append("debug.fault.seed=\(random.below(1000))") }
  }

  private mutating func makeDevices() {
    hasDSA = true
    let (file, queues) = one(of: Self.configurations)
    if let file { writes.append("hw.dsa.config=\(Self.package)/\(file)") }
    let least = chance(50) ? queues : 1
    writes.append("vm.limit_chans=\(least + random.below(queues - least + 1))")
    writes.append("vm.dsa_copy_threshold=\(one(of: [-1, 1, 2, 12, 16, 512]))")
    if chance(30) { writes.append("vm.dsa_list_cut=c2") }
    if chance(50) { writes.append("vm.dsa_rules=c1") }
    if chance(50) { writes.append("vm.dsa_round_overlap=1") }
    writes.append("vm.dsa_sync_mode=\(random.below(4))")
    if chance(40) { writes.append("vm.dsa_async_mode=1") }
    if chance(70) { writes.append("vm.dsa_timeout=\(one(of: [1, 2, 10, 100, 1000]))us") }
    if chance(20) { writes += ["cost.dsa_descriptor=0ns", "cost.dsa_submit=0ns", "cost.dsa_interrupt=0ns"] }
    if chance(30) { writes.append("debug.fault.page=\(one(of: ["0.1%", "5%", "60%", "100%", "n=5"]))") }
    if chance(25) { writes.append("debug.fault.queue_full=\(one(of: ["0.1%", "5%", "100%", "n=2"]))") }
    if chance(25) { writes.append("debug.fault.device_gone=\(one(of: ["100ppm", "1%", "n=1", "n=40"]))") }
    writes += ["vm.dsa_state=1", "vm.use_dsa_copy_pages=1"]
  }

  /// A write in the middle of the run that is accepted at any time; nil for one of the others.
  mutating func knobWrite() -> String? {
    guard hasCopies, chance(50) else { return nil }
    var all = [
      "vm.cpu_multi_copy_pages: \(random.below(2))", "vm.limit_mt_num: \(1 + random.below(32))",
      "vm.mt_copy_split: \(one(of: ["items", "bytes"]))", "vm.dsa_copy_threshold: \(random.below(40))",
      "vm.dsa_async_mode: \(random.below(2))", "vm.dsa_sync_mode: \(random.below(4))",
      "vm.dsa_timeout: \(1 + random.below(500))us", "vm.dsa_rules: \(one(of: ["c1", "c2"]))",
      "vm.dsa_list_cut: \(one(of: ["slots", "c2"]))", "vm.dsa_round_overlap: \(random.below(2))",
    ]
    if hasDSA { for value in [0, 1, 1, 1] { all.append("vm.use_dsa_copy_pages: \(value)") } }
    return one(of: all)
  }

  private mutating func chance(_ percent: Int) -> Bool { random.below(100) < percent }
  private mutating func one<T>(of values: [T]) -> T { values[random.below(values.count)] }
}
