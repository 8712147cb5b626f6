// Indexed families.
import Sysctl
import Testing
import Units

@Suite struct FamilyTests {
  @Test func indicesInUseAreListedElementByElement() {
    let names = KnobTree([MachineKnobs.self]).entries.map(\.name)
    #expect(names == ["hw.node0.size", "hw.node0.bandwidth", "hw.node1.size", "hw.node1.bandwidth"])
    #expect(KnobTree([MachineKnobs.self]).cards.map(\.name) == ["hw.nodeN.size", "hw.nodeN.bandwidth"])
  }

  @Test func aHigherIndexExtendsTheArray() throws {
    var tree = KnobTree([MachineKnobs.self])
    #expect(try tree.read("hw.node3.bandwidth") == "12.5GB/s")
    try tree.write(name: "hw.node3.bandwidth", value: "5GB/s")
    let nodes = tree[MachineKnobs.self].nodes
    #expect(nodes.count == 4)
    #expect(nodes[2] == NodeKnobs())
    #expect(nodes[3] == NodeKnobs(bandwidth: 5_000_000_000))
    #expect(tree.entries.count == 8)
    #expect(tree.changedFromDefault.map(\.name) == ["hw.node3.bandwidth"])
  }

  @Test func aRefusedWriteExtendsNothing() {
    var tree = KnobTree([MachineKnobs.self])
    #expect(throws: KnobError.self) { try tree.write(name: "hw.node9.size", value: "1048577") }
    #expect(tree[MachineKnobs.self].nodes.count == 2)
  }

  @Test func aCountKnobSaysHowManyAreListed() throws {
    struct Counted: KnobSet {
      var count = 1
      var nodes = [NodeKnobs](repeating: NodeKnobs(), count: 4)
      static let knobs: [Knob<Self>] = [
        .integer("hw.nodes", \.count, in: 1...16, source: "s", doc: "d"),
        .family("hw.node", index: 0..<16, \.nodes, NodeKnobs.knobs, inUse: { $0.count }),
      ]
    }
    var tree = KnobTree([Counted.self])
    #expect(tree.entries.map(\.name) == ["hw.nodes", "hw.node0.size", "hw.node0.bandwidth"])
    try tree.write(name: "hw.nodes", value: "6")
    #expect(tree.entries.count == 13)
    #expect(try tree.read("hw.node5.size") == "25%")
  }

  @Test func effectsOfAMemberSeeTheirElement() throws {
    struct Element: KnobSet {
      var a = 0
      var writes = 0
      static let knobs: [Knob<Self>] = [
        .integer("a", \.a, in: 0...9, source: "s", doc: "d", effect: { element, _ in element.writes += 1 })
      ]
    }
    struct Holder: KnobSet {
      var elements: [Element] = []
      static let knobs: [Knob<Self>] = [.family("x.e", index: 0..<4, \.elements)]
    }
    var tree = KnobTree([Holder.self])
    try tree.write(name: "x.e2.a", value: "7")
    #expect(tree[Holder.self].elements.map(\.a) == [0, 0, 7])
    #expect(tree[Holder.self].elements.map(\.writes) == [0, 0, 1])
  }
}
