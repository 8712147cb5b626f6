// `age:` of workload files: its defaults, and what is refused where.
import Testing

@testable import Workload

@Suite struct AgeFileTests {
  private static func parse(_ age: String) throws -> [AgeSpec] {
    try WorkloadFile.parse(text: "name: w\nseed: 5\ntasks: [{trace: t}]\nage:\n  \(age)", path: "w.yaml").ages
  }

  @Test func `keys, defaults and lists`() throws {
    #expect(
      try Self.parse("{node: 1, free: 40%, in_blocks: 10%, unmovable: 2%, unmovable_in: 50%, page_cache: 30%, seed: 7}")
        == [
          AgeSpec(
            node: 1, free: 400_000, inBlocks: 100_000, unmovable: 20_000, unmovableIn: 500_000, pageCache: 300_000,
            seed: 7,
            line: 5)
        ])
    let two = try Self.parse("- {free: 40%}\n  - {node: 1, free: 100%, in_blocks: 100%}")
    #expect(two.map(\.node) == [0, 1] && two[0].seed == 5 && two[0].unmovableIn == 250_000 && two[1].line == 6)
    #expect(try WorkloadFile.parse(text: "name: w\ntasks: [{trace: t}]", path: "w.yaml").ages.isEmpty)
  }

  @Test(
    arguments: [
      (
        "{node: 0}",
        ":5:3: age: `free` is missing; write `free: 40%`: the share of the node's free memory that stays free"
      ),
      (
        "{free: 60%, unmovable: 15.5%, page_cache: 30%}",
        ":5:10: age.free: `free`, `unmovable` and `page_cache` are 105.5% together; lower them to 100% or less; what is left are idle pages"
      ),
      (
        "{free: 99.9%, in_blocks: 10%}",
        ":5:28: age.in_blocks: free memory of 99.9% leaves less than a page for each 2 MiB block that is not to be whole; lower `free` or raise `in_blocks`"
      ),
      (
        "{free: 40%, unmovable: 30%, unmovable_in: 20%}",
        ":5:45: age.unmovable_in: unmovable pages of 30% do not fit into 20% of the blocks; raise `unmovable_in` or lower `unmovable`"
      ),
      ("{free: 0.4}", ":5:10: age.free: '0.4' has no percent sign; write a share such as 30%"),
      ("{free: 40%, fre: 1%}", ":5:15: age.fre: `age` has no such key; did you mean `free`?"),
      ("{free: 40%, node: 16}", ":5:21: age.node: 16 is out of range; write 0 to 15"),
      ("- {free: 40%}\n  - {free: 30%}", ":6:5: age[1]: node 0 is aged twice; keep one of them"),
    ])
  func `wrong shares are refused with their line`(text: String, message: String) {
    let error = #expect(throws: WorkloadError.self) { try Self.parse(text) }
    #expect(error?.description == "w.yaml" + message)
  }

  @Test func `another workload seed is another machine`() throws {
    let spec = try WorkloadFile.parse(text: "name: w\ntasks: [{trace: t}]\nage: {free: 40%}", path: "w.yaml")
    #expect(spec.reseeded(0) == spec && spec.reseeded(1).ages[0].seed != spec.ages[0].seed)
  }
}
