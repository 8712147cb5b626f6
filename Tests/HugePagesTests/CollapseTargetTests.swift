// Which node a range is collapsed on.
import MemoryModel
import Testing

@testable import HugePages

@Suite struct CollapseTargetTests {
  @Test(arguments: [
    // 300 pages on node 1 and 212 on node 0.
    ([212, 300], 1, 0b10), ([300, 212], 0, 0b01), ([256, 256], 0, 0b11), ([0, 200, 200], 1, 0b110), ([1, 0], 0, 0b1),
  ])
  func mostOfTheRange(load: [Int], node: Int, allowed: Int) {
    var target = CollapseTarget(rules: .v6_12)
    // Whatever was chosen before.
    for _ in 0..<2 {
      #expect(target.choose(load: load) == (node, UInt64(allowed)))
    }
  }

  @Test func nodesThatTieTookTurnsOnce() {
    var target = CollapseTarget(rules: .tpp2021)
    let loads = [[256, 256], [256, 256], [256, 256], [212, 300], [300, 212], [170, 170, 170], [170, 170, 170]]
    #expect(loads.map { target.choose(load: $0).node } == [0, 1, 0, 1, 0, 1, 2])
    #expect(target.choose(load: [256, 256]).allowed == 0b1)
  }
}
