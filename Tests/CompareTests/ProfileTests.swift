// Profiles, baselines, and the order of writes.

import Foundation
import MemoryModel
import Simulation
import Sysctl
import Testing

@testable import Compare
@testable import Machine

/// sysctl/profiles/ of the package.
private let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().appendingPathComponent("sysctl/profiles")

@Suite struct ProfileTests {
  @Test func `the built-in texts are the files of sysctl profiles, all of them`() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(names == Profile.texts.map { "\($0.name).conf" }.sorted())
    for (name, text) in Profile.texts {
      #expect(try String(contentsOf: folder.appendingPathComponent("\(name).conf"), encoding: .utf8) == text, "\(name)")
    }
  }

  @Test func `every standard profile has a name and loads`() throws {
    let plan = try SmallComparison.plan(Profile.standard.joined(separator: ","))
    #expect(plan.runs.count == 3 * Profile.standard.count)
    #expect(plan.reference == "tpp")
    #expect(plan.warnings.isEmpty)
  }

  @Test(arguments: [
    ("tpp,tpp-dza", "--profiles: no profile is called 'tpp-dza'; did you mean tpp-dsa"),
    ("tpp,", "--profiles: an empty name in 'tpp,'; "), ("tpp,tpp", "--profiles: 'tpp' is there twice; "),
    ("xyzzyx", "--profiles: no profile is called 'xyzzyx'; the built-in ones are tpp, "),
    ("none/there.conf", "profile there: none/there.conf: cannot be opened: "),
  ])
  func `a profile that is none is refused with what was meant`(list: String, message: String) throws {
    let error = #expect(throws: CompareError.self) { try SmallComparison.plan(list) }
    #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
    #expect(error?.kind == .usage)
  }

  @Test func `files of one name are told apart`() throws {
    let names = try Profile.list("a/x.conf,b/x.conf,x/,x.conf").map(\.name)
    #expect(names == ["x", "x#2", "x#3", "x#4"])
  }

  @Test func `a list of limit_mt_num becomes a column each`() throws {
    let profiles = Profile.expand(
      try Profile.list("tpp,tpp-concur-mt,tpp-mt"), named: "tpp-concur-mt", knob: "vm.limit_mt_num", values: [2, 8])
    #expect(profiles.map(\.name) == ["tpp", "tpp-concur-mt/2", "tpp-concur-mt/8", "tpp-mt"])
    let plan = try ComparisonPlan(
      try SmallComparison.prepared(), profiles: profiles, base: try SmallComparison.base(["vm.limit_mt_num=6"]))
    #expect(try SmallComparison.tree(plan, "tpp-concur-mt-8").read("vm.use_concur_to_demote") == "1")
    for (name, value) in [("tpp", "6"), ("tpp-concur-mt-2", "2"), ("tpp-concur-mt-8", "8"), ("tpp-mt", "6")] {
      #expect(try SmallComparison.tree(plan, name).read("vm.limit_mt_num") == value, "\(name)")
    }
  }

  @Test func `set has the last word over a profile, a baseline over set`() throws {
    let plan = try SmallComparison.plan(
      "tpp,first-touch,all-fast", ["vm.demote_scale_factor=300", "hw.node0.size=12M", "vm.swappiness=7"])
    #expect(try SmallComparison.tree(plan, "tpp").read("vm.demote_scale_factor") == "300")
    #expect(try SmallComparison.tree(plan, "tpp").read("kernel.numa_balancing") == "2")
    #expect(try SmallComparison.tree(plan, "first-touch").read("hw.node0.size") == "12MiB")
    #expect(try SmallComparison.tree(plan, "all-fast").read("hw.node0.size") != "12MiB")
    for name in ["tpp", "first-touch", "all-fast"] {
      #expect(try SmallComparison.tree(plan, name).read("vm.swappiness") == "7")
    }
  }

  @Test func `a later file takes the word from set`() throws {
    var base = try SmallComparison.base(["vm.demote_scale_factor=300"])
    try base.load(text: "vm.demote_scale_factor = 400", name: "later.conf")
    let plan = try ComparisonPlan(
      try SmallComparison.prepared(), profiles: try Profile.list("tpp"), base: base, hasRanges: false)
    // tpp.conf writes 1000 over the file's.
    #expect(try SmallComparison.tree(plan, "tpp").read("vm.demote_scale_factor") == "1000")
  }
}

@Suite struct BaselineTests {
  @Test func `baselines have the kernel and the CPUs of tpp`() throws {
    let plan = try SmallComparison.plan("tpp,all-fast,all-slow,first-touch")
    for key in ["kernel.rules", "hw.cpus", "cost.first_touch", "mm.transparent_hugepage.enabled"] {
      let value = try SmallComparison.tree(plan, "tpp").read(key)
      for name in ["all-fast", "all-slow", "first-touch"] {
        #expect(try SmallComparison.tree(plan, name).read(key) == value, "\(name) \(key)")
      }
    }
  }

  @Test func `all-fast and all-slow differ by the latency of their accesses and nothing else`() throws {
    let comparison = try SmallComparison.plan("all-fast,all-slow", hasRanges: false).run(jobs: 1, version: "test")
    let (fast, slow) = (comparison.profiles[0].given, comparison.profiles[1].given)
    let accesses = 6144 + 60 * 1024
    #expect(fast.accesses == accesses && slow.accesses == accesses)
    #expect(fast.fastAccesses == accesses && slow.fastAccesses == 0)
    #expect(fast.movedPages == 0 && slow.movedPages == 0)
    // 200 ns an access, of which four overlap; an epoch (10 us) is the grain of the end.
    let difference = slow.elapsedPs - fast.elapsedPs
    #expect(abs(difference - accesses * 200_000 / 4) <= 10_000_000, "\(difference)")
  }

  @Test(arguments: ["oracle-tpp", "oracle-tcg", "ddr5-cxl-asic", "ddr4-optane", "ddr5-2socket"])
  func `all-fast holds everything on every machine`(machine: String) throws {
    var base = KnobTree.product
    try base.load(
      path: folder.deletingLastPathComponent().appendingPathComponent("machines/\(machine).conf").path)
    let workload = SmallComparison.workload.replacing("rounds: 60", with: "rounds: 1")
    let plan = try ComparisonPlan(
      try SmallComparison.prepared(workload), profiles: try Profile.list("all-fast,all-slow"), base: base,
      hasRanges: false)
    let comparison = try plan.run(jobs: 1, version: "test")
    #expect(comparison.profiles[0].given.fastAccesses == comparison.profiles[0].given.accesses)
    // The oracles' nodes are alike.
    let (fast, slow) = (comparison.profiles[0].given.elapsedPs, comparison.profiles[1].given.elapsedPs)
    #expect(machine.hasPrefix("oracle") ? fast == slow : fast < slow)
    #expect(comparison.notes.isEmpty)
  }

  @Test func `without a slow node there is no all-slow`() throws {
    let error = #expect(throws: CompareError.self) { try SmallComparison.plan("tpp,all-slow", ["hw.node1.size=0"]) }
    #expect(error?.description.hasPrefix("profile all-slow: ") == true)
    #expect(error?.description.contains("the machine has no slow node") == true)
  }

  @Test func `a workload that turns tiering on makes a baseline none, and that is said`() throws {
    let workload = SmallComparison.workload.replacing(
      "- mark: hot",
      with:
        "- set: {mm.numa.demotion_enabled: 1, kernel.numa_balancing: 2, vm.demote_scale_factor: 2000}\n      - mark: hot"
    ).replacing("rounds: 60", with: "rounds: 300")
    let comparison = try SmallComparison.plan("first-touch,all-slow", workload: workload, hasRanges: false)
      .run(jobs: 1, version: "test")
    #expect(comparison.profiles[0].given.movedPages > 0)
    #expect(
      comparison.notes == [
        "pages moved in first-touch, although its knobs have no migration: the workload writes knobs"
      ])
  }
}
