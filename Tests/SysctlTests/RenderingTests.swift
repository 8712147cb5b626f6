// Printed texts against stored ones, and the written configuration against itself.
import Sysctl
import Testing
import Units

@Suite struct RenderingTests {
  @Test func theListingHasOneLineAKnob() throws {
    var tree = KnobTree([CopyKnobs.self])
    try tree.write(name: "vm.limit_chans", value: "8")
    #expect(
      tree.listing() == """
        vm.dsa_state = 0
        vm.use_dsa_copy_pages = 0
        vm.limit_chans = 8
        vm.dsa_copy_threshold = 12
        hw.dsa.config =

        """)
    #expect(
      tree.listing(long: true) == """
        vm.dsa_state = 0  # default 0, range 0 | 1
        vm.use_dsa_copy_pages = 0  # default 0, range 0 | 1
        vm.limit_chans = 8  # channels, default 1, range 1...8
        vm.dsa_copy_threshold = 12  # base pages, default 12, range 1...1048576
        hw.dsa.config =  # default empty

        """)
  }

  @Test func theFileHasDefaultsFirstAndWritesInOrder() throws {
    var tree = KnobTree([CopyKnobs.self])
    try tree.write(name: "vm.use_dsa_copy_pages", value: "0")
    try tree.write(name: "vm.limit_chans", value: "8")
    try tree.write(name: "vm.dsa_state", value: "1")
    try tree.write(name: "vm.limit_chans", value: "4")
    tree[CopyKnobs.self].threshold = 13
    #expect(
      tree.sysctlText() == """
        # Effective knobs, complete. Syntax: sysctl.conf(5).

        # At their defaults.
        vm.use_dsa_copy_pages = 0
        hw.dsa.config =

        # Written, in order.
        vm.limit_chans = 8
        vm.dsa_state = 1
        vm.limit_chans = 4
        vm.dsa_copy_threshold = 13

        """)
  }

  @Test func aDescriptionHasEverythingDeclared() throws {
    var tree = sampleTree()
    try tree.load(text: "\nvm.limit_chans = 8\n", name: "p.conf")
    #expect(
      try tree.describe("vm/limit_chans") == """
        vm.limit_chans = 8
          default   1
          set by    p.conf:2
          range     1...8
          unit      channels
          when      always
          evidence  kernel
          meaning   How many channels one copy may use.
          source    sample.c, limit()
          notes     One | two.

        """)
    #expect(
      try tree.describe("hw.node1.size") == """
        hw.node1.size = 16GiB
          default   16GiB
          range     1MiB...64TiB or 0%...1000%
          unit      bytes, or % of the footprint
          when      before the run
          evidence  kernel
          meaning   Memory.
          source    s

        """)
    #expect(
      try tree.describe("vm.compact_memory") == """
        vm.compact_memory
          range     1
          when      always
          evidence  kernel
          meaning   Compact all.
          source    s

        """)
    #expect(throws: KnobError.self) { try tree.describe("vm.nothing") }
  }

  @Test func descriptionsWrapAt100Columns() throws {
    struct Long: KnobSet {
      var a = 1
      static let knobs: [Knob<Self>] = [
        .integer("x.a", \.a, in: 0...9, source: "s", doc: String(repeating: "words and ", count: 20))
      ]
    }
    let lines = try KnobTree([Long.self]).describe("x.a").split(separator: "\n")
    #expect(lines.allSatisfy { $0.count <= 100 })
    #expect(lines.contains { $0.hasPrefix("            words") || $0.hasPrefix("            and") })
  }

  @Test func theDocsPageHasATableForEachFirstComponent() throws {
    #expect(
      KnobTree([CopyKnobs.self, MachineKnobs.self]).markdown() == #"""
        ## vm

        | knob | default | range | unit | when | evidence | meaning | source |
        | --- | --- | --- | --- | --- | --- | --- | --- |
        | `vm.dsa_state` | 0 | 0 \| 1 |  | always | kernel | Whether channels are held. | sample.c |
        | `vm.use_dsa_copy_pages` | 0 | 0 \| 1 |  | always | kernel | Copy with DSA. | sample.c |
        | `vm.limit_chans` | 1 | 1...8 | channels | always | kernel | How many channels one copy may use. One \| two. | sample.c, limit() |
        | `vm.dsa_copy_threshold` | 12 | 1...1048576 | base pages | always | calibrated | Shorter lists are copied by the CPU. | paper |

        ## hw

        | knob | default | range | unit | when | evidence | meaning | source |
        | --- | --- | --- | --- | --- | --- | --- | --- |
        | `hw.dsa.config` |  |  |  | before the run | setting | A file. | sample |
        | `hw.nodeN.size` | 0: 25%, 1: 16GiB | 1MiB...64TiB or 0%...1000% | bytes, or % of the footprint | before the run | kernel | Memory. | s |
        | `hw.nodeN.bandwidth` | 0: 12.5GB/s, 1: 1GiB/s | 1B/s... | bytes per second | always | uncalibrated | Rate. | s |

        """#)
    var tree = KnobTree([MachineKnobs.self])
    try tree.write(name: "hw.node0.size", value: "16G")
    #expect(tree.markdown().contains("| `hw.nodeN.size` | 16GiB | 0: 25%, 1: 16GiB | 1MiB"))
  }

  @Test func soundDeclarationsHaveNoFaults() { #expect(sampleTree().declarationFaults() == []) }

  @Test func faultsOfDeclarationsAreFound() {
    struct Faulty: KnobSet {
      var a = 0
      static let knobs: [Knob<Self>] = [.integer("x.a", \.a, in: 1...9, source: "", doc: "")]
    }
    #expect(
      KnobTree([Faulty.self]).declarationFaults() == [
        "x.a has no meaning", "x.a has no source", "default x.a=0: out of range 1...9",
      ])
  }

  /// Values some of which every knob accepts and some of which it refuses.
  static let values: [(name: String, values: [String])] = [
    ("vm.dsa_state", ["0", "1"]), ("vm.use_dsa_copy_pages", ["0", "1"]), ("vm.limit_chans", ["1", "8", "9"]),
    ("vm.dsa_copy_threshold", ["0x100", "5"]), ("hw.dsa.config", ["", "a b", "# not a comment", "= ;"]),
    ("mm.numa.demotion_enabled", ["true", "0"]), ("vm.demote_scale_factor", ["200", "300", "0"]),
    ("vm.percpu_pagelist_high_fraction", ["0", "8", "3"]), ("vm.min_free_kbytes", ["auto", "4096"]),
    ("vm.lowmem_reserve_ratio", ["1", "1 2 3", ""]), ("kernel.rules", ["v6.12", "tpp2021"]),
    ("cost.flush", ["1.5ns", "999ms", "1"]), ("vm.compact_memory", ["1", "0"]), ("hw.node0.size", ["12.5%", "3840p"]),
    ("hw.node1.bandwidth", ["1.5GB/s", "7B/s"]), ("hw.node5.size", ["1T", "1GB"]), ("hw.node15.bandwidth", ["3MiB/s"]),
  ]

  @Test(arguments: 0..<100)
  func theWrittenConfigurationReloadsToTheSameTree(seed: UInt64) throws {
    var random = TestRandom(seed: seed)
    var tree = sampleTree()
    for _ in 0..<Int.random(in: 0...30, using: &random) {
      let knob = try #require(Self.values.randomElement(using: &random))
      let value = try #require(knob.values.randomElement(using: &random))
      try? tree.write(name: knob.name, value: value)
    }
    if Bool.random(using: &random) { tree[TieringKnobs.self].scale = Int.random(in: 1...3000, using: &random) }
    var reloaded = sampleTree()
    try reloaded.load(text: tree.sysctlText(), name: "config.sysctl")
    #expect(reloaded.sysctlText() == tree.sysctlText())
    #expect(reloaded.listing(long: true) == tree.listing(long: true))
    #expect(reloaded[TieringKnobs.self].markIsSet == tree[TieringKnobs.self].markIsSet)
    #expect(reloaded[TieringKnobs.self].compactions == tree[TieringKnobs.self].compactions)
    #expect(reloaded[MachineKnobs.self].nodes == tree[MachineKnobs.self].nodes)
  }
}
