// Writes by name: spellings, values, refusals and their words.
import Sysctl
import Testing
import Units

@Suite struct WriteTests {
  @Test(arguments: [
    "vm.limit_chans", "vm/limit_chans", "/proc/sys/vm/limit_chans", "/proc/sys//vm/limit_chans",
  ])
  func spellingsOfOneNameAreTheSameKnob(name: String) throws {
    var tree = sampleTree()
    try tree.write(name: name, value: "8")
    #expect(tree[CopyKnobs.self].channels == 8)
    #expect(try tree.read(name) == "8")
    #expect(tree.history == [KnobWrite(name: "vm.limit_chans", value: "8", origin: .program)])
  }

  @Test func sysfsPathsHaveTheirOwnPrefixes() throws {
    struct Sysfs: KnobSet {
      var a = 1
      static let knobs: [Knob<Self>] = [
        .integer("debug.sched.numa_balancing.scan_size_mb", \.a, in: 0...9, source: "s", doc: "d"),
        .integer("mm.transparent_hugepage.enabled", \.a, in: 0...9, source: "s", doc: "d"),
      ]
    }
    let tree = KnobTree([Sysfs.self])
    #expect(try tree.read("/sys/kernel/debug/sched/numa_balancing/scan_size_mb") == "1")
    #expect(try tree.read("/sys/kernel/mm/transparent_hugepage/enabled") == "1")
    #expect(throws: KnobError.self) { try tree.read("/sys/mm/transparent_hugepage/enabled") }
    #expect(throws: KnobError.self) { try tree.read("sys/kernel/mm/transparent_hugepage/enabled") }
  }

  @Test(arguments: [
    ("vm.demote_scal_factor", "; did you mean vm.demote_scale_factor?"),
    ("vm.limit_chnas", "; did you mean vm.limit_chans?"),
    ("/proc/sys/vm/limit_chan", "; did you mean vm.limit_chans?"),
    ("kernel.numa.demotion_enabled", "; did you mean mm.numa.demotion_enabled?"),
    ("hw.node3.siz", "; did you mean hw.node3.size?"), ("hw.node01.size", "; did you mean hw.node1.size?"),
    ("hw.node16.size", "; hw.nodeN.size has N in 0...15"), ("size", "; did you mean hw.node0.size?"),
    ("completely.different", ""), ("", ""), ("hw.node99999999999999999999.size", "; did you mean hw.node0.size?"),
  ])
  func unknownNamesAreRefusedWithNearOnes(name: String, hint: String) {
    var tree = sampleTree()
    #expect(message { try tree.write(name: name, value: "1") } == "unknown knob '\(name)'\(hint)")
  }

  @Test(arguments: [
    ("vm.limit_chans", "0x8", "8"), ("vm.limit_chans", " 3\t", "3"), ("vm.percpu_pagelist_high_fraction", "0", "0"),
    ("vm.percpu_pagelist_high_fraction", "8", "8"), ("vm.min_free_kbytes", "auto", "auto"),
    ("vm.min_free_kbytes", "67584", "67584"), ("mm.numa.demotion_enabled", "1", "true"),
    ("mm.numa.demotion_enabled", "false", "false"), ("vm.dsa_state", "1", "1"), ("kernel.rules", "v6.12", "v6.12"),
    ("vm.lowmem_reserve_ratio", "256\t256  32", "256 256 32"), ("cost.flush", "2us", "2us"),
    ("hw.dsa.config", "a b = # c", "a b = # c"), ("hw.dsa.config", "", ""), ("hw.node0.size", "25 %", "25%"),
    ("hw.node1.bandwidth", "120MB/s", "120MB/s"),
  ])
  func valuesAreReadAndPrinted(name: String, value: String, printed: String) throws {
    var tree = sampleTree()
    #expect(try tree.canonical(name: name, value: value) == printed)
    #expect(tree.history.isEmpty)
    try tree.write(name: name, value: value)
    #expect(try tree.read(name) == printed)
  }

  @Test func aValueIsCheckedWithoutTheRoom() throws {
    let tree = sampleTree()
    // A write of it is refused.
    #expect(try tree.canonical(name: "vm/use_dsa_copy_pages", value: "1") == "1")
    #expect(
      message { _ = try tree.canonical(name: "vm.limit_chans", value: "9") }
        == "vm.limit_chans=9: out of range 1...8 (channels)")
    #expect(
      message { _ = try tree.canonical(name: "vm.limit_chan", value: "1") }
        == "unknown knob 'vm.limit_chan'; did you mean vm.limit_chans?")
    #expect(throws: KnobError.self) { try tree.canonical(name: "vm.limit_chans", value: "1\u{1}") }
  }

  @Test(arguments: [
    ("vm.watermark_scale_factor", "5000", ": out of range 1...3000 (1/10000 of the zone)"),
    ("vm.watermark_scale_factor", "-1", ": out of range 1...3000 (1/10000 of the zone)"),
    ("vm.percpu_pagelist_high_fraction", "7", ": out of range 0 or 8..."),
    ("vm.limit_chans", "", ": no value; write an integer"), ("vm.limit_chans", "4x", ": not an integer"),
    ("vm.limit_chans", "-", ": not an integer"), ("vm.limit_chans", "0x", ": not an integer"),
    ("vm.limit_chans", "+4", ": not an integer"),
    ("vm.limit_chans", "010", ": a leading zero means octal to the kernel; write the number without it"),
    ("vm.limit_chans", "9223372036854775808", ": does not fit in 64 bits"),
    ("vm.limit_chans", "-9223372036854775808", ": out of range 1...8 (channels)"),
    ("vm.dsa_state", "true", ": not a flag; write 0 or 1"),
    ("mm.numa.demotion_enabled", "yes", ": not a flag; write true, false, 0 or 1"),
    ("kernel.rules", "v7", ": not one of the choices; write tpp2021 or v6.12"),
    ("vm.lowmem_reserve_ratio", "", ": 0 values given; write 1 to 8, separated by spaces"),
    ("vm.lowmem_reserve_ratio", "1 -2", ": out of range 1 to 8 values, each 0..."),
    ("cost.flush", "12", ": a duration needs its unit: ps, ns, us, ms or s, e.g. 12ns or 1.5us"),
    ("cost.flush", "2s", ": out of range 1ns...1s (time)"),
    ("hw.node0.size", "1K", ": out of range 1MiB...64TiB or 0%...1000% (bytes, or % of the footprint)"),
    ("hw.node0.size", "1001%", ": out of range 1MiB...64TiB or 0%...1000% (bytes, or % of the footprint)"),
    ("hw.node0.size", "1048577", " refused: it is no whole number of pages"),
    ("hw.dsa.config", "a\u{1}b", ": it has the control character U+0001; write it without"),
    ("vm.compact_memory", "2", ": out of range 1"),
  ])
  func badValuesAreRefusedAndNothingChanges(name: String, value: String, words: String) throws {
    var tree = sampleTree()
    let before = tree.sysctlText()
    let text = try #require(
      message { try tree.write(name: name, value: value, origin: .file(path: "f.conf", line: 12)) })
    #expect(text == "\(name)=\(value.replacing("\u{1}", with: "\\u{1}")) (f.conf:12)\(words)")
    #expect(tree.sysctlText() == before)
    #expect(tree.history.isEmpty)
  }

  @Test func aRoomRefusesAWriteUntilItsConditionHolds() throws {
    var tree = sampleTree()
    #expect(
      message { try tree.write(name: "vm.use_dsa_copy_pages", value: "1") }
        == "vm.use_dsa_copy_pages=1 refused: vm.dsa_state is 0; write vm.dsa_state=1 first")
    #expect(tree[CopyKnobs.self].useDSA == false)
    try tree.writeAssignment("vm.dsa_state=1")
    try tree.writeAssignment(" vm.use_dsa_copy_pages = 1 ")
    #expect(tree[CopyKnobs.self].useDSA)
    #expect(tree.history.map(\.origin) == [.commandLine, .commandLine])
  }

  @Test func effectsDependOnTheOrderOfWrites() throws {
    var early = sampleTree()
    try early.write(name: "vm.demote_scale_factor", value: "500")
    try early.write(name: "mm.numa.demotion_enabled", value: "true")
    #expect(early[TieringKnobs.self].markIsSet == false)
    var late = sampleTree()
    try late.write(name: "mm.numa.demotion_enabled", value: "true")
    try late.write(name: "vm.demote_scale_factor", value: "500")
    #expect(late[TieringKnobs.self].markIsSet)
  }

  @Test func whileRunningOnlySomeKnobsAreWritten() throws {
    var tree = sampleTree()
    tree.isRunning = true
    #expect(
      message { try tree.writeAssignment("kernel.rules=v6.12") }
        == "kernel.rules=v6.12 (--set) refused: a run is going on; write it before the run")
    try tree.writeAssignment("vm.limit_chans=4")
    #expect(tree[CopyKnobs.self].channels == 4)
  }

  @Test func aTriggerRunsItsEffectAndHasNoValue() throws {
    var tree = sampleTree()
    try tree.write(name: "vm.compact_memory", value: "1")
    #expect(tree[TieringKnobs.self].compactions == 1)
    #expect(tree.entries.contains { $0.name == "vm.compact_memory" } == false)
    #expect(tree.history.map(\.name) == ["vm.compact_memory"])
  }

  @Test(arguments: ["vm.limit_chans", "=4", "", "  = "])
  func assignmentsNeedAKeyAndAnEqualsSign(text: String) {
    var tree = sampleTree()
    #expect(message { try tree.writeAssignment(text) } == "--set: '\(text)' is no assignment; write key=value")
  }

  @Test func changesFromTheDefaultAreKnown() throws {
    var tree = sampleTree()
    #expect(tree.changedFromDefault.isEmpty)
    try tree.write(name: "vm.limit_chans", value: "8")
    tree[TieringKnobs.self].scale = 20
    #expect(tree.changedFromDefault.map(\.name) == ["vm.limit_chans", "vm.watermark_scale_factor"])
    #expect(try tree.isDefault("vm.limit_chans") == false)
    #expect(try tree.isDefault("vm.dsa_state"))
    #expect(tree.contains(CopyKnobs.self))
    #expect(tree.contains(NodeKnobs.self) == false)
  }

  @Test func longForeignTextIsCutInMessages() throws {
    var tree = sampleTree()
    let long = String(repeating: "x", count: 70_000)
    let text = try #require(message { try tree.write(name: long, value: long) })
    #expect(text == "unknown knob '\(long.prefix(80))…'")
  }
}
