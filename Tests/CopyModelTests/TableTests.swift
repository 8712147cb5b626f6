// Tables and what is read out of them.
import PageCopy
import Simulation
import Sysctl
import Testing

@testable import CopyModel

@Suite struct TableTests {
  /// The numbers of the machine that no knob has changed; a change of the model's parameters changes them.
  @Test func `batches on the default machine`() throws {
    let batches = try BatchExperiment(CopyBench(.product, room: PageList(base: 8)), counts: [2, 4, 8])
    #expect(
      batches.report.table.csv == """
        pages,engine,page_ps,latency_ps,bytes_per_second,speedup_over_cpu_permille,cpu_time_ps,copy_ps,fill_ps,submit_ps,poll_ps,switch_ps,rounds
        2,cpu,409600,819200,10000000000,1000,819200,819200,0,0,0,0,0
        2,list,994794,1989588,4117435369,412,1989588,0,108000,238000,1643588,0,1
        2,dedicated,994794,1989588,4117435369,412,1989588,0,108000,238000,1643588,0,1
        2,shared,1035794,2071588,3954454264,395,2071588,0,108000,320000,1643588,0,1
        4,cpu,409600,1638400,10000000000,1000,1638400,1638400,0,0,0,0,0
        4,list,622597,2490388,6578894534,658,2490388,0,180000,238000,2072388,0,1
        4,dedicated,622597,2490388,6578894534,658,2490388,0,180000,238000,2072388,0,1
        4,shared,643097,2572388,6369179144,637,2572388,0,180000,320000,2072388,0,1
        8,cpu,409600,3276800,10000000000,1000,3276800,3276800,0,0,0,0,0
        8,list,415249,3321988,9863973019,986,3321988,0,324000,238000,2759988,0,1
        8,dedicated,415249,3321988,9863973019,986,3321988,0,324000,238000,2759988,0,1
        8,shared,425499,3403988,9626355910,963,3403988,0,324000,320000,2759988,0,1

        """)
  }

  @Test func `text, CSV and a pivot`() {
    var table = CopyTable([
      .init(key: "list", heading: "list"), .init(key: "n", heading: "n"), .time("time_ps", "us"),
      .init(key: "zero", heading: "zero"),
    ])
    table.add([.text("1h,2b"), .integer(1), .integer(1_234_567), .integer(0)])
    table.add([.text("B"), .integer(20), .none, .integer(0)])
    #expect(table.csv == "list,n,time_ps,zero\n\"1h,2b\",1,1234567,0\nB,20,,0\n")
    #expect(table.text == "  list    n    us\n  1h,2b   1  1.23\n  B      20     -\n")
    let pivot = table.pivot("time_ps", down: "list", across: "n", corner: "list") {
      if case .text(let text) = $0 { text } else { "" }
    }
    #expect(pivot == "  list      1  20\n  1h,2b  1.23   -\n  B         -   -\n")
  }

  @Test(arguments: [
    (1_234_567, 1_000_000, 2, "1.23"), (1_005, 1000, 2, "1.01"), (999_999, 1_000_000, 2, "1.00"), (7, 1, 0, "7"),
  ])
  func `numbers are rounded to nearest`(_ value: Int, _ divisor: Int, _ places: Int, _ text: String) {
    #expect(CopyTable.fixed(value, over: divisor, places: places) == text)
  }

  @Test(arguments: [
    ("++++", BreakEven.always, "always"), ("----", .never, "never"), ("--++", .from(2, earlier: 0), "3"),
    ("+-++", .from(2, earlier: 1), "3 (and 1 below)"), ("-++-", .between(1, 2, losses: 0), "2 to 3 only"),
    ("+-+-", .between(0, 2, losses: 1), "1 to 3 only (but 1)"), ("-+--", .between(1, 1, losses: 0), "2 only"),
  ])
  func `where an engine begins to win`(_ wins: String, _ expected: BreakEven, _ text: String) {
    let found = BreakEven(wins: wins.map { $0 == "+" })
    #expect(found == expected)
    #expect(found.text { "\($0 + 1)" } == text)
  }

  /// Each answer is checked against the two copies around it.
  @Test func `crossovers are where the copies say`() throws {
    let bench = try CopyBench(.product, room: PageList(huge: 32, base: 24))
    let crossover = try CrossoverExperiment(bench, limit: 24, threads: [1, 2], series: [.base])
    #expect(crossover.rows.count == 4 * 3)
    for channels in [1, 8] {
      guard
        case .from(let place, let earlier) = crossover.breakEven(.base, channels: channels, threads: 1, split: .items)
      else {
        Issue.record("DSA over \(channels) channels does not begin to win within 24 pages")
        continue
      }
      #expect(earlier == 0)
      func isFaster(_ pages: Int) throws -> Bool {
        let list = PageList(base: pages)
        return try bench.measure(list, by: bench.listCopy(channels: channels)).elapsed
          < bench.measure(list, by: .cpu).elapsed
      }
      #expect(try isFaster(place + 1) && !isFaster(place))
    }
    #expect(crossover.breakEven(.base, channels: 8, threads: 2, split: .bytes) == .always)
    #expect(crossover.answer.hasPrefix("A list of base pages over 8 channels: DSA is faster than 1 CPU from "))
    #expect(crossover.report.notes.isEmpty)
    #expect(CopyBench.notes(threads: [2, 8], cpus: 4).count == 1)
  }

  @Test func `lists that the original's pools do not hold are named`() throws {
    // 24 huge and 9 base pages need 26 descriptors on a channel.
    let list = try #require(PageList(text: "9b,24h"))
    let lists = try ListExperiment(
      CopyBench(.product, room: list), lists: [("9b,24h", list)], threads: [2])
    let c2 = try #require(lists.copy("9b,24h", .dsa(channels: 8, cut: .c2, overlaps: false)))
    #expect(c2.overflowed)
    #expect(lists.report.notes.contains { $0.hasPrefix("9b,24h: dsa c2 plans beyond the original's pools") })
    #expect(try #require(lists.copy("9b,24h", .dsa(channels: 8, cut: .slots, overlaps: false))).overflowed == false)
  }

  @Test func `shared queues are slower where the writes bind`() throws {
    let depth = try DepthExperiment(CopyBench(.product, room: PageList()), sizes: [64], depths: [1, 16])
    #expect(depth.points.count == 4)
    let (dedicated, shared) = (depth.points[1], depth.points[3])
    #expect(dedicated.depth == 16 && shared.mode == .shared)
    // One filled and submitted each 274 ns, and 82 ns more.
    #expect(dedicated.rate == 3_649_635 && shared.rate == 2_808_989)
  }
}
