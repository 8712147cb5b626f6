// The part of a fuzz case that is about the state in which the machine begins: nodes as long use leaves them.
import Events

/// Draws which nodes are aged, and how.
struct FuzzAge {
  private var random: SplitMix64
  private let isOn: Bool
  private var entries: [String] = []

  init(seed: UInt64) {
    random = SplitMix64(seed: seed &+ 0x6167_6564)
    isOn = random.below(100) < 30
  }

  /// Whether nodes are aged, and so some pages are neither a process's nor idle.
  var isAged: Bool { !entries.isEmpty }

  /// Decides on a node of so many base pages, and returns how many of `room` are left to the workload.
  mutating func age(node: Int, pages: Int, room: Int) -> Int {
    // A smaller one has too few blocks for anything.
    guard isOn, pages >= 2048, random.below(100) < (node == 0 ? 85 : 50) else { return room }
    let free = 20 + random.below(70)
    let unmovable = [0, 0, 1, 3][random.below(4)]
    let pageCache = random.below(100 - free - unmovable)
    entries.append(
      "{node: \(node), free: \(free)%, in_blocks: \([0, 0, 20, 60][random.below(4)])%, unmovable: \(unmovable)%, "
        + "unmovable_in: \([10, 50, 100][random.below(3)])%, page_cache: \(pageCache)%, seed: \(random.below(1000))}")
    return room * free / 100
  }

  /// The key of the workload file; empty where nothing is aged.
  var text: String { isAged ? "age:\n" + entries.map { "  - \($0)\n" }.joined() : "" }
}
