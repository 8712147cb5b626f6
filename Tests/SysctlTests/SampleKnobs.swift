// Knobs the tests declare: every kind once, a refusal, an effect, a family. Not the product's knobs.
import Sysctl
import Units

enum Rules: String, CaseIterable, Sendable {
  case tpp2021
  case v612 = "v6.12"
}

struct CopyKnobs: KnobSet {
  var dsaState = false
  var useDSA = false
  var channels = 1
  var threshold = 12
  var configuration = ""

  static let knobs: [Knob<Self>] = [
    .flag("vm.dsa_state", \.dsaState, source: "sample.c", doc: "Whether channels are held."),
    .flag(
      "vm.use_dsa_copy_pages", \.useDSA, source: "sample.c", doc: "Copy with DSA.",
      prepare: { set, _ throws(KnobRefusal) in
        if set.useDSA, !set.dsaState { throw KnobRefusal("vm.dsa_state is 0; write vm.dsa_state=1 first") }
      }),
    .integer(
      "vm.limit_chans", \.channels, in: 1...8, unit: "channels", source: "sample.c, limit()",
      doc: "How many channels one copy may use.", notes: "One | two."),
    .integer(
      "vm.dsa_copy_threshold", \.threshold, in: 1...(1 << 20), unit: .basePages, evidence: .calibrated, source: "paper",
      doc: "Shorter lists are copied by the CPU."),
    .text("hw.dsa.config", \.configuration, when: .beforeRun, evidence: .setting, source: "sample", doc: "A file."),
  ]
}

struct TieringKnobs: KnobSet {
  var demotion = false
  var factor = 200
  var scale = 10
  var highFraction = 0
  var minFree: Int?
  var ratios = [256, 256, 32, 0, 0]
  var rules = Rules.tpp2021
  var flush = 1_500_000
  var markIsSet = false
  var compactions = 0

  static let knobs: [Knob<Self>] = [
    .flag("mm.numa.demotion_enabled", \.demotion, style: .trueFalse, source: "sample", doc: "Demote."),
    .integer(
      "vm.demote_scale_factor", \.factor, in: 1...10_000, unit: "1/10000 of the zone", source: "sample",
      doc: "The mark.",
      effect: { set, _ in set.markIsSet = set.demotion }),
    .integer("vm.watermark_scale_factor", \.scale, in: 1...3000, unit: "1/10000 of the zone", source: "s", doc: "d"),
    .integer("vm.percpu_pagelist_high_fraction", \.highFraction, in: 8...Int.max, also: [0], source: "s", doc: "d"),
    .integerOrAuto("vm.min_free_kbytes", \.minFree, in: 128...(1 << 30), unit: .kibibytes, source: "s", doc: "d"),
    .integers("vm.lowmem_reserve_ratio", \.ratios, count: 1...8, in: 0...Int.max, source: "s", doc: "d"),
    .choice("kernel.rules", \.rules, when: .beforeRun, evidence: .setting, source: "s", doc: "Which kernel."),
    .duration(
      "cost.flush", \.flush, in: .nanosecond ... .second, evidence: .uncalibrated, source: "s", doc: "A flush."),
    .trigger("vm.compact_memory", source: "s", doc: "Compact all.", effect: { set, _ in set.compactions += 1 }),
  ]
}

struct NodeKnobs: KnobSet, Equatable {
  var size = Capacity.share(ppm: 250_000)
  var bandwidth = 12_500_000_000

  static let knobs: [Knob<Self>] = [
    .capacity(
      "size", \.size, in: (1 << 20)...(1 << 46), when: .beforeRun, source: "s", doc: "Memory.",
      prepare: { node, _ throws(KnobRefusal) in
        if case .bytes(let size) = node.size, size % 4096 != 0 { throw KnobRefusal("it is no whole number of pages") }
      }),
    .bandwidth("bandwidth", \.bandwidth, evidence: .uncalibrated, source: "s", doc: "Rate."),
  ]
}

struct MachineKnobs: KnobSet {
  var nodes = [NodeKnobs(), NodeKnobs(size: .bytes(16 << 30), bandwidth: 1 << 30)]

  static let knobs: [Knob<Self>] = [.family("hw.node", index: 0..<16, \.nodes)]
}

func sampleTree() -> KnobTree { KnobTree([CopyKnobs.self, TieringKnobs.self, MachineKnobs.self]) }

/// The line an operation throws, or nil.
func message(_ body: () throws -> Void) -> String? {
  do {
    try body()
    return nil
  } catch {
    return "\(error)"
  }
}
