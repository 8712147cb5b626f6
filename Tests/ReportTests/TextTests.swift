// Texts that other programs read: their exact bytes.

import MemoryModel
import Testing
import Units

@testable import Migration
@testable import Report
@testable import Simulation

@Suite struct TextTests {
  @Test func `trace line is the kernel's`() {
    let record = MigrateRecord(
      time: 1_234_567 * Picoseconds.microsecond, cpu: 0, caller: .kswapd(node: 0), succeeded: 32, failed: 0,
      hugeSucceeded: 0,
      hugeFailed: 0, hugeSplit: 0, mode: .async, reason: .demotion)
    #expect(
      MigrateTraceText.line(record, tasks: [("main", 1)], rules: .v6_12)
        == "         kswapd0-60      [000] .....     1.234567: mm_migrate_pages: nr_succeeded=32 nr_failed=0 "
        + "nr_thp_succeeded=0 nr_thp_failed=0 nr_thp_split=0 nr_split=0 mode=MIGRATE_ASYNC reason=demotion\n")
  }

  @Test func `TPP's kernel does not know nr_split`() {
    let record = MigrateRecord(
      time: 61 * Picoseconds.second, cpu: 12, caller: .task(1, thread: 2), succeeded: 1, failed: 0, hugeSucceeded: 0,
      hugeFailed: 0,
      hugeSplit: 0, mode: .async, reason: .numaMisplaced)
    #expect(
      MigrateTraceText.line(record, tasks: [("first", 4), ("a-name-of-eighteen", 3)], rules: .tpp2021)
        == " a-name-of-eight-1006    [012] .....    61.000000: mm_migrate_pages: nr_succeeded=1 nr_failed=0 "
        + "nr_thp_succeeded=0 nr_thp_failed=0 nr_thp_split=0 mode=MIGRATE_ASYNC reason=numa_misplaced func=migrate_pages\n"
    )
  }

  @Test func `split folios are counted twice, as the kernel does since they may be smaller`() {
    let record = MigrateRecord(
      time: 0, cpu: 3, caller: .kswapd(node: 1), succeeded: 512, failed: 0, hugeSucceeded: 0, hugeFailed: 1,
      hugeSplit: 1,
      mode: .sync, reason: .demotion)
    #expect(
      MigrateTraceText.line(record, tasks: [], rules: .v6_12)
        == "         kswapd1-61      [003] .....     0.000000: mm_migrate_pages: nr_succeeded=512 nr_failed=0 "
        + "nr_thp_succeeded=0 nr_thp_failed=1 nr_thp_split=1 nr_split=1 mode=MIGRATE_SYNC reason=demotion\n")
  }

  @Test func `trace header says how many events were lost`() {
    let header = MigrateTraceText.header(kept: 100, lost: 23, cpus: 4)
    #expect(
      header.hasPrefix(
        """
        # tracer: nop
        #
        # entries-in-buffer/entries-written: 100/123   #P:4
        # events lost: 23
        #

        """))
    #expect(header.split(separator: "\n").allSatisfy { $0.hasPrefix("#") })
  }

  @Test func `vmstat header has the counters of the kernel modelled`() {
    let header = VMStatText.header(nodes: 2, rules: .v6_12)
    #expect(
      header.hasPrefix(
        "time_ms,node0_nr_free_pages,node0_nr_inactive_anon,node0_nr_active_anon,node0_nr_inactive_file,"
          + "node0_nr_active_file,node1_nr_free_pages,node1_nr_inactive_anon,node1_nr_active_anon,"
          + "node1_nr_inactive_file,node1_nr_active_file,fast_accesses,slow_accesses,numa_hit,"))
    #expect(header.contains(",pgpromote_success,"))
    #expect(!header.contains("pgpromote_tried") && !header.contains("pgpromote_candidate_nrl"))
    #expect(VMStatText.header(nodes: 1, rules: .v7_1).contains(",pgpromote_candidate_nrl,"))
    let tpp = VMStatText.header(nodes: 1, rules: .tpp2021)
    #expect(tpp.contains(",pgpromote_tried,") && !tpp.contains(",pgpromote_success,"))
  }

  @Test func `every line of vmstat.csv has the header's columns`() throws {
    let text = VMStatText.text(try SmallRun.run().result)
    let counts = text.split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false).count }
    #expect(counts.count > 3)
    #expect(Set(counts).count == 1)
  }

  @Test func `zoneinfo looks like proc`() throws {
    let memory = try SmallRun.run().result.memory
    let zones = ProcText.zoneinfo(memory)
    #expect(zones.hasPrefix("Node 0, zone   Normal\n  per-node stats\n      nr_inactive_anon "))
    #expect(zones.contains("\n        managed  4096\n"))
    #expect(zones.contains("\n        promo    "))
  }

  @Test func `JSON keeps order and escapes`() {
    let value = JSONValue.object([
      ("b", 1), ("a", .list([1, 2])), ("text", "a\"\\\n\u{1}é"), ("empty", .object([])),
      ("deep", .list([.object([("x", true)])])),
    ])
    #expect(
      value.text == """
        {
          "b": 1,
          "a": [1, 2],
          "text": "a\\"\\\\\\n\\u0001é",
          "empty": {},
          "deep": [
            {
              "x": true
            }
          ]
        }

        """)
  }

  @Test(arguments: [
    (0, "0 s"), (999, "999 ps"), (1_500, "1.50 ns"), (2_345_678, "2.35 us"), (12_300_000_000_000, "12.30 s"),
  ])
  func `spans have three digits`(_ time: Int, _ text: String) { #expect(Decimal.span(time) == text) }

  @Test func `ratios do not overflow`() {
    #expect(Decimal.ratio(1 << 60, 1 << 61, times: 1000) == 500)
    #expect(Decimal.ratio(Int.max, 1, times: 1000) == Int.max)
    #expect(Decimal.ratio(5, 0, times: 1000) == 0)
    #expect(Decimal.percent(1, of: 3) == "33.3 %")
    #expect(Decimal.grouped(-1_234_567) == "-1,234,567")
  }

  @Test func `list shapes cover all sizes once`() {
    for pages in [0, 1, 2, 7, 8, 31, 32, 33, 511, 512, 513, 1024, 1 << 40] {
      #expect(ListShape.bins.filter { $0.pages.contains(pages) }.count == 1)
    }
  }

  @Test func `digest is FNV-1a`() {
    // Vectors of the FNV reference: the empty text, "a", "foobar".
    #expect(Digest(of: "").description == "fnv1a64:cbf29ce484222325")
    #expect(Digest(of: "a").description == "fnv1a64:af63dc4c8601ec8c")
    #expect(Digest(of: "foobar").description == "fnv1a64:85944171f73967e8")
  }
}
