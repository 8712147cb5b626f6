// The knobs of the copy engines: values, and the order in which they are written.

import DSAConfig
import PageCopy
import Sysctl
import Testing
import Units

@Suite struct CopyKnobTests {
  private func tree(_ writes: [String] = []) throws -> KnobTree {
    var tree = KnobTree([DSAHardwareKnobs.self, CopyKnobs.self, CopyCostKnobs.self])
    for write in writes { try tree.writeAssignment(write, origin: .program) }
    return tree
  }

  @Test(arguments: [
    ("vm.cpu_multi_copy_pages", "0", ["1"], ["2", "-1"]),
    ("vm.limit_mt_num", "4", ["1", "32"], ["0", "33"]),
    ("vm.mt_copy_split", "items", ["bytes"], ["pages"]),
    ("vm.limit_chans", "8", ["1", "3", "8"], ["0", "9", "-1"]),
    (
      "vm.dsa_copy_threshold", "12", ["0", "-1", "-2147483648", "2147483647"], ["2147483648", "-2147483649"]
    ),
    ("vm.dsa_list_cut", "slots", ["c2"], ["c1"]),
    ("vm.dsa_round_overlap", "0", ["1"], ["true"]),
    ("vm.dsa_rules", "c2", ["c1"], ["c3"]),
    ("vm.dsa_sync_mode", "0", ["1", "2", "3"], ["4", "-1"]),
    ("vm.dsa_async_mode", "0", ["1"], ["2"]),
    ("vm.dsa_timeout", "100ms", ["1us", "1000s"], ["999ns", "1001s", "5"]),
    ("vm.dsa_state", "0", ["1"], ["2"]),
    ("vm.use_dsa_copy_pages", "0", ["0"], ["2"]),
    ("cost.dsa_descriptor", "36ns", ["0s", "1s"], ["2s", "36"]),
    ("cost.dsa_submit", "238ns", ["107ns"], ["-1ns"]),
    ("cost.mt_wake", "2us", ["0s"], ["2s"]),
  ])
  func `defaults and ranges`(_ name: String, _ value: String, _ good: [String], _ bad: [String]) throws {
    var tree = try tree()
    #expect(try tree.read(name) == value)
    for text in bad {
      #expect(throws: KnobError.self, "\(name)=\(text)") { try tree.write(name: name, value: text) }
      #expect(try tree.read(name) == value)
    }
    for text in good {
      try tree.write(name: name, value: text)
      #expect(try tree.read(name) == text)
    }
  }

  @Test func `rooms read the values that were written`() throws {
    let tree = try tree([
      "vm.limit_mt_num=6", "vm.mt_copy_split=bytes", "vm.limit_chans=2", "vm.dsa_copy_threshold=-1",
      "vm.dsa_list_cut=c2", "vm.dsa_round_overlap=1", "vm.dsa_rules=c1", "vm.dsa_sync_mode=3", "vm.dsa_async_mode=1",
      "vm.dsa_timeout=5s", "vm.dsa_state=1", "vm.use_dsa_copy_pages=1", "vm.cpu_multi_copy_pages=1",
    ])
    var expected = CopyKnobs(useDSACopyPages: true, dsaState: true, cpuMultiCopyPages: true, dsaCopyThreshold: -1)
    expected.limitMTNum = 6
    expected.mtCopySplit = .bytes
    expected.limitChans = 2
    expected.dsaListCut = .c2
    expected.dsaRoundOverlap = true
    expected.dsaRules = .c1
    expected.dsaSyncMode = 3
    expected.dsaAsyncMode = true
    expected.dsaTimeout = 5 * Picoseconds.second
    let knobs = tree[CopyKnobs.self]
    #expect(knobs == expected)
    #expect(knobs.wait == .umwait)
    #expect(knobs.engine(of: PageList(base: 1), rules: knobs.dsaRules).engine == .dsa)
  }

  private static let held = ["vm.limit_chans=4", "vm.dsa_state=1"]
  private static let used = held + ["vm.use_dsa_copy_pages=1"]
  private static let eight = "the default of hw.dsa.config"

  @Test(arguments: [
    ([], "vm.use_dsa_copy_pages=1", "vm.dsa_state is 0; write vm.dsa_state=1 first"),
    (used, "vm.dsa_state=0", "vm.use_dsa_copy_pages is 1; write vm.use_dsa_copy_pages=0 first"),
    (held, "vm.limit_chans=5", "4 channels are held, since vm.dsa_state is 1; write vm.dsa_state=0 first"),
    (held, "vm.limit_chans=3", "4 channels are held, since vm.dsa_state is 1; write vm.dsa_state=0 first"),
    (
      used, "vm.limit_chans=8",
      "4 channels are held, since vm.dsa_state is 1; write vm.use_dsa_copy_pages=0 and vm.dsa_state=0 first"
    ),
    (
      held, "hw.dsa.config=sysctl/dsa/8-devices.conf",
      "work queues are held, since vm.dsa_state is 1; write vm.dsa_state=0 first"
    ),
  ])
  func `another order is refused and changes nothing`(_ before: [String], _ write: String, _ reason: String) throws {
    var tree = try tree(before.map { $0 })
    let write = write.replacing("sysctl/", with: Package.path + "/sysctl/")
    let text = tree.sysctlText()
    let error = #expect(throws: KnobError.self) { try tree.writeAssignment(write) }
    #expect(error?.problem == .refused(reason: reason))
    #expect(tree.sysctlText() == text)
  }

  @Test(arguments: [
    ["vm.dsa_state=1", "vm.use_dsa_copy_pages=1", "vm.use_dsa_copy_pages=0", "vm.dsa_state=0", "vm.limit_chans=2"],
    ["vm.dsa_state=1", "vm.dsa_state=1", "vm.limit_chans=8", "vm.use_dsa_copy_pages=1", "vm.use_dsa_copy_pages=1"],
    ["vm.dsa_state=0", "vm.use_dsa_copy_pages=0", "vm.dsa_state=1", "hw.dsa.config="],
    // Nothing of these has an order.
    [
      "vm.dsa_state=1", "vm.use_dsa_copy_pages=1", "vm.dsa_copy_threshold=16", "vm.limit_mt_num=2",
      "vm.dsa_sync_mode=3",
    ],
  ])
  func `the original's order, and values that are there, are accepted`(_ writes: [String]) throws {
    let tree = try tree(writes)
    #expect(tree.history.count == writes.count)
  }

  @Test(arguments: [
    ("1-device.conf", 1, 2), ("2-priorities.conf", 2, 3), ("shared-queue.conf", 0, 1), ("8-devices.conf", 8, nil),
  ])
  func `channels are the kernel's dedicated queues`(_ name: String, _ count: Int, _ tooMany: Int?) throws {
    let path = Package.path + "/sysctl/dsa/" + name
    var tree = try tree(["hw.dsa.config=\(path)"])
    #expect(tree[DSAHardwareKnobs.self].configuration.kernelQueues.count == count)
    if count > 0 {
      try tree.write(name: "vm.limit_chans", value: "\(count)")
      try tree.write(name: "vm.dsa_state", value: "1")
      try tree.write(name: "vm.dsa_state", value: "0")
    }
    guard let tooMany else { return }
    try tree.write(name: "vm.limit_chans", value: "\(tooMany)")
    let error = #expect(throws: KnobError.self) { try tree.write(name: "vm.dsa_state", value: "1") }
    let fix = count == 0 ? "name a file" : "write vm.limit_chans=\(count) first, or name a file"
    #expect(
      error?.description
        == "vm.dsa_state=1 refused: \(path) has \(count) kernel work \(count == 1 ? "queue" : "queues") (dedicated and enabled), "
        + "and vm.limit_chans is \(tooMany); \(fix) with \(tooMany) of them in hw.dsa.config")
    #expect(try tree.read("vm.dsa_state") == "0")
  }
}

enum Package {
  /// The package's folder.
  static let path = String(#filePath.dropLast("/Tests/PageCopyTests/KnobTests.swift".count))
}
