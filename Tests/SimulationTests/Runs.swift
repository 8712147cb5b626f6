// Small whole runs from text.
import MemoryModel
import Migration
import Sysctl
import Units
import Workload

@testable import Simulation

/// Knobs of a machine of two nodes without anything that a test does not ask for: no huge pages, no boost, 256 kB of
/// min_free.
private let plainMachine = [
  "hw.cpus=1", "mm.transparent_hugepage.enabled=never", "vm.watermark_boost_factor=0", "vm.min_free_kbytes=256",
  "sim.max_time=100s",
]

/// The knobs of a run: the plain machine's and then `settings`, as `--set` writes them.
func makeTree(_ settings: [String]) throws -> KnobTree {
  var tree = KnobTree.product
  for setting in plainMachine + settings { try tree.writeAssignment(setting) }
  return tree
}

/// Runs a workload file's text.
func simulate(_ text: String, _ settings: [String] = []) throws -> RunResult {
  let spec = try WorkloadFile.parse(text: text, path: "test.yaml")
  let result = try Simulation(spec, tree: makeTree(settings)).run()
  guard result.faults.isEmpty else { throw RunError("\(result.faults)", fix: "") }
  return result
}

extension RunResult {
  func count(_ event: VMEvent) -> Int { memory.vmstat[event] }

  /// Free pages of a node at the end.
  func free(_ node: Int) -> Int { samples.last!.free[node] }

  /// Records of demotions by kswapd of a node.
  func demotions(from node: Int) -> Int {
    trace.records.reduce(0) { $0 + ($1.reason == .demotion && $1.caller == .kswapd(node: node) ? $1.succeeded : 0) }
  }

  func phase(_ number: Int, task: Int = 0) -> PhaseResult { tasks[task].phases.first { $0.number == number }! }

  func stall(_ cause: String) -> Int { stalls.first { $0.cause == cause }?.count ?? 0 }
}
