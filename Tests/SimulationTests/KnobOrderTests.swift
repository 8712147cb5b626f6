// The order of writes that the original's README asks for, and that written configurations load.

import Events
import PageCopy
import Sysctl
import Testing
import Tiering

@testable import Simulation

@Suite struct KnobOrderTests {
  private static let package = String(#filePath.dropLast("/Tests/SimulationTests/KnobOrderTests.swift".count))

  private func tree(_ writes: [String]) throws -> KnobTree {
    var tree = KnobTree.product
    for write in writes { try tree.writeAssignment(write, origin: .program) }
    return tree
  }

  private static let dsaOn = ["vm.dsa_state=1", "vm.use_dsa_copy_pages=1"]
  private static let tpp = ["kernel.rules=tpp2021"]

  /// Rows of what the original's wrong orders break: the writes before, the write, and what a refusal says (nil: accepted).
  static let rows: [(name: String, before: [String], write: String, refusal: String?)] = [
    ("copies before channels", [], "vm.use_dsa_copy_pages=1", "vm.dsa_state is 0; write vm.dsa_state=1 first"),
    ("copies behind channels", ["vm.dsa_state=1"], "vm.use_dsa_copy_pages=1", nil),
    (
      "channels without queues", ["hw.dsa.config=\(package)/sysctl/dsa/shared-queue.conf"], "vm.dsa_state=1",
      "\(package)/sysctl/dsa/shared-queue.conf has 0 kernel work queues (dedicated and enabled), and vm.limit_chans is 8; name a "
        + "file with 8 of them in hw.dsa.config"
    ),
    (
      "too few queues", ["hw.dsa.config=\(package)/sysctl/dsa/2-priorities.conf", "vm.limit_chans=4"], "vm.dsa_state=1",
      "\(package)/sysctl/dsa/2-priorities.conf has 2 kernel work queues (dedicated and enabled), and vm.limit_chans is 4; write "
        + "vm.limit_chans=2 first, or name a file with 4 of them in hw.dsa.config"
    ),
    (
      "enough queues", ["hw.dsa.config=\(package)/sysctl/dsa/2-priorities.conf", "vm.limit_chans=2"], "vm.dsa_state=1",
      nil
    ),
    (
      "channels given back in use", dsaOn, "vm.dsa_state=0",
      "vm.use_dsa_copy_pages is 1; write vm.use_dsa_copy_pages=0 first"
    ),
    ("channels given back behind use", dsaOn + ["vm.use_dsa_copy_pages=0"], "vm.dsa_state=0", nil),
    (
      "more channels in use", ["vm.limit_chans=4"] + dsaOn, "vm.limit_chans=8",
      "4 channels are held, since vm.dsa_state is 1; write vm.use_dsa_copy_pages=0 and vm.dsa_state=0 first"
    ),
    (
      "fewer channels in use", dsaOn, "vm.limit_chans=4",
      "8 channels are held, since vm.dsa_state is 1; write vm.use_dsa_copy_pages=0 and vm.dsa_state=0 first"
    ),
    (
      "more channels", ["vm.limit_chans=4", "vm.dsa_state=1"], "vm.limit_chans=8",
      "4 channels are held, since vm.dsa_state is 1; write vm.dsa_state=0 first"
    ),
    ("the same channels", ["vm.limit_chans=4"] + dsaOn, "vm.limit_chans=4", nil),
    ("fewer channels before", [], "vm.limit_chans=4", nil),
    ("more channels behind", ["vm.limit_chans=4", "vm.dsa_state=1", "vm.dsa_state=0"], "vm.limit_chans=8", nil),
    // The machine is built when the run begins, so that these two have no order.
    ("tiering before the node without CPUs", tpp + ["kernel.numa_balancing=2"], "hw.node1.cpus=0", nil),
    ("tiering behind it", tpp + ["hw.node1.cpus=0"], "kernel.numa_balancing=2", nil),
    (
      "factor before balancing", tpp, "vm.demote_scale_factor=1000",
      "the demotion mark would stay 0, since kernel.numa_balancing never was 2; write kernel.numa_balancing=2 first"
    ),
    ("factor behind balancing", tpp + ["kernel.numa_balancing=2"], "vm.demote_scale_factor=1000", nil),
    (
      "factor behind balancing with one fast node", tpp + ["kernel.numa_balancing=1"], "vm.demote_scale_factor=1000",
      nil
    ),
    (
      "factor behind balancing that is off again", tpp + ["kernel.numa_balancing=2", "kernel.numa_balancing=0"],
      "vm.demote_scale_factor=1000", nil
    ),
    ("the factor that is there", tpp, "vm.demote_scale_factor=200", nil),
    ("factor of another kernel", [], "vm.demote_scale_factor=1000", nil),
    // Without concurrent migration only huge pages come to the engines; that is no error.
    ("DSA without concurrent migration", ["vm.dsa_state=1"], "vm.use_dsa_copy_pages=1", nil),
    ("workers without concurrent migration", [], "vm.cpu_multi_copy_pages=1", nil),
    (
      "DSA behind concurrent migration", tpp + ["vm.use_concur_to_demote=1", "vm.dsa_state=1"],
      "vm.use_dsa_copy_pages=1", nil
    ),
    ("concurrent migration behind DSA", tpp + dsaOn, "vm.use_concur_to_demote=1", nil),
  ]

  @Test(arguments: rows.indices, [false, true])
  func `wrong orders are refused and say what to do`(_ row: Int, _ isRunning: Bool) throws {
    let (name, before, write, refusal) = Self.rows[row]
    var tree = try tree(before)
    // Switches may be thrown in the middle of a run, by the same rules; the machine stays as it is.
    if isRunning, write.hasPrefix("hw.") { return }
    tree.isRunning = isRunning
    let text = tree.sysctlText()
    do throws(KnobError) {
      try tree.writeAssignment(write, origin: .program)
      #expect(refusal == nil, "\(name): accepted")
    } catch {
      #expect(error.problem == .refused(reason: refusal ?? "nothing"), "\(name): \(error)")
      #expect(tree.sysctlText() == text, "\(name)")
    }
  }

  @Test(arguments: 0..<40)
  func `what is accepted loads again, in any order of writes`(_ seed: Int) throws {
    var random = SplitMix64(seed: UInt64(seed))
    let files = ["", "\(Self.package)/sysctl/dsa/2-priorities.conf", "\(Self.package)/sysctl/dsa/8-devices.conf"]
    let choices: [(String, [String])] = [
      ("vm.dsa_state", ["0", "1", "1"]), ("vm.use_dsa_copy_pages", ["0", "1", "1"]),
      ("vm.limit_chans", ["1", "2", "8"]),
      ("hw.dsa.config", files), ("kernel.rules", ["tpp2021", "tpp2021", "v6.12"]),
      ("kernel.numa_balancing", ["0", "1", "2"]), ("vm.demote_scale_factor", ["200", "1000"]),
      ("vm.use_concur_to_demote", ["0", "1"]), ("debug.fault.page", ["off", "1%", "n=3"]),
      ("vm.dsa_rules", ["c1", "c2"]),
    ]
    var tree = KnobTree.product
    var refused = 0
    for _ in 0..<30 {
      let (name, values) = choices[random.below(choices.count)]
      do { try tree.write(name: name, value: values[random.below(values.count)]) } catch { refused += 1 }
    }
    #expect(refused > 0)
    let text = tree.sysctlText()
    var again = KnobTree.product
    try again.load(text: text, name: "config.sysctl")
    #expect(again.sysctlText() == text)
    #expect(again[CopyKnobs.self] == tree[CopyKnobs.self])
    // The channels that are held are there.
    let copy = tree[CopyKnobs.self]
    #expect(!copy.useDSACopyPages || copy.dsaState)
    if copy.dsaState { #expect(try DSAMachine(tree).channels.count >= copy.limitChans) }
  }

  @Test func `defaults written in their order are accepted`() throws {
    var tree = KnobTree.product
    let text = tree.sysctlText()
    try tree.load(text: text, name: "defaults")
    #expect(tree.changedFromDefault.isEmpty)
  }

  @Test(arguments: ["tpp.conf", "tpp-concur.conf"])
  func `profiles write in the order of the original`(_ name: String) throws {
    var tree = KnobTree.product
    try tree.load(path: "\(Self.package)/sysctl/profiles/\(name)")
    #expect(tree[ReclaimKnobs.self].demoteScaleFactor == 1000)
  }
}
