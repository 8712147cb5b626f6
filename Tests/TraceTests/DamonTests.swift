// DAMON's counts: the accesses made of them have the rates of the record, measured again as DAMON measures.
import Foundation
import Testing

@testable import Trace

@Suite struct DamonTests {
  /// A small record as damo 3.4.3 writes it, with one snapshot that only says when another began.
  static let json = """
    [ {"kdamond_idx": 0, "context_idx": 0, "intervals": {"sample_us": "5000", "aggr_us": "100000", "ops_update_us": \
    "1000000", "intervals_goal": {"access_bp": "0.000000"}}, "scheme_idx": null, "target_id": 0, "scheme_filters": [], \
    "snapshots": [ {"start_time": "1000000000", "end_time": "1100000000", "regions": [ {"start": "4,096", "end": \
    "16,384", "nr_accesses": {"samples": 7, "percent": null}, "age": {"usec": null, "aggr_intervals": "3"}, \
    "probe_hits": [], "sz_filter_passed": "0"}, {"start": "16384", "end": "20480", "nr_accesses": {"samples": 0}, "age": \
    null}], "total_bytes": "16384", "sample_interval_us": null}, {"start_time": "1100000000", "end_time": "1200000000", \
    "regions": [{"start": "0", "end": "0", "nr_accesses": {"samples": -1}, "age": {"usec": null, "aggr_intervals": \
    "-1"}}]}], "data_source": "x"} ]
    """

  /// What a made-up record says: snapshots of one target, each with its end, checks and regions.
  private struct Made {
    var end: UInt64
    var regions: [DamonRegion]
  }

  /// 12 snapshots of 20 checks 5 ms apart with up to 12 regions, some of them not whole pages.
  private static func made(seed: UInt64) -> [Made] {
    var random = Seeded(seed)
    var end: UInt64 = 50_000_000_000
    return (0..<12).map { i in
      // DAMON wakes late now and then; never early.
      end += 100_000_000 + (i % 3 == 0 ? random.next() % 9_000_000 : 0)
      end -= end % 1000
      var at: UInt64 = 0x7F00_0000_0000
      let regions = (0..<Int(1 + random.next() % 12)).map { _ in
        let start = at + random.next() % 3 * 4096
        at = start + (1 + random.next() % 40) * 4096 - (random.next() % 8 == 0 ? 100 : 0)
        return DamonRegion(start: start, end: at, found: UInt32(random.next() % 21))
      }
      return Made(end: end, regions: regions)
    }
  }

  private static func text(_ record: [Made], target: Int = 0) -> String {
    record.flatMap { snapshot in
      snapshot.regions.map { region in
        let time =
          String(snapshot.end / 1_000_000_000) + "."
          + String(snapshot.end % 1_000_000_000 / 1000 + 1_000_000).dropFirst()
        return "kdamond.0  4452 [000] \(time): damon:damon_aggregated: target_id=\(target) "
          + "nr_regions=\(snapshot.regions.count) \(region.start)-\(region.end): \(region.found) 3\n"
      }
    }.joined()
  }

  /// In how many of `checks` intervals of 5 ms before `end` one of `accesses` is in `region`; sorted accesses.
  private static func found(_ accesses: [Access], in range: Range<UInt64>, before end: UInt64) -> Int {
    let first = end - 100_000_000
    let hits = accesses.filter { range.contains($0.address) && $0.time >= first && $0.time < end }
    return Set(hits.map { ($0.time - first) / 5_000_000 }).count
  }

  @Test(arguments: [UInt64(1), 2, 3])
  func regionsHaveTheirRates(seed: UInt64) throws {
    let scratch = try Scratch()
    let record = Self.made(seed: seed)
    let path = try scratch.write(Self.text(record), "in")
    let all = try accesses(TraceImporter(format: .damon), path).accesses
    #expect(all.count == record.reduce(0) { $0 + $1.regions.reduce(0) { $0 + Int($1.found) } })
    #expect(zip(all, all.dropFirst()).allSatisfy { $0.time <= $1.time })
    for snapshot in record {
      for region in snapshot.regions {
        #expect(Self.found(all, in: region.start..<region.end, before: snapshot.end) == Int(region.found))
      }
    }
    // The work of a thread adds up to its time.
    #expect(all.reduce(0) { $0 + $1.work } == all.last!.time - all[0].time)
    // The same bytes make the same accesses.
    #expect(try accesses(TraceImporter(format: .damon), path).accesses == all)
  }

  /// What DAMON would count if it sampled the trace: a random page of a region in each interval.
  @Test(arguments: [UInt64(1), 2])
  func everyPageHasTheRateOfItsRegion(seed: UInt64) throws {
    let scratch = try Scratch()
    let record = Self.made(seed: seed)
    var importer = TraceImporter(format: .damon)
    importer.damon.isEveryPage = true
    let all = try accesses(importer, scratch.write(Self.text(record), "in")).accesses
    var random = Seeded(seed)
    for snapshot in record.prefix(4) {
      let first = snapshot.end - 100_000_000
      for region in snapshot.regions {
        let inside = all.filter {
          $0.address >= region.start && $0.address < region.end && $0.time >= first && $0.time < snapshot.end
        }
        let touched = Set(inside.map { [$0.address >> 12, ($0.time - first) / 5_000_000] })
        let counted = (0..<20).reduce(0) { sum, i in
          let page = region.start >> 12 + random.next() % region.pages
          return sum + (touched.contains([page, UInt64(i)]) ? 1 : 0)
        }
        #expect(counted == Int(region.found))
        #expect(inside.count == Int(region.found) * Int(region.pages))
      }
    }
  }

  @Test func chosenPagesSpreadOverTheRegion() throws {
    let scratch = try Scratch()
    let record = (1...200).map { i in
      Made(end: UInt64(i) * 100_000_000, regions: [DamonRegion(start: 0, end: 16 << 12, found: 20)])
    }
    let all = try accesses(TraceImporter(format: .damon), scratch.write(Self.text(record), "in")).accesses
    let counts = Dictionary(grouping: all) { $0.address >> 12 }.mapValues(\.count)
    // 4000 over 16 pages: 250 each, with a standard deviation of 15.3.
    #expect(counts.count == 16 && counts.values.allSatisfy { abs($0 - 250) < 70 })
  }

  @Test func damosFilesAreRead() throws {
    let scratch = try Scratch()
    let (all, lines, _) = try accesses(TraceImporter(format: .damon), scratch.write(Self.json, "in"))
    #expect(all.count == 7 && lines == 2)
    #expect(
      all.allSatisfy { (4096..<16384).contains($0.address) && $0.time > 1_000_000_000 && $0.time < 1_100_000_000 })
  }

  /// Two kernel threads whose snapshots overlap, and lines of two snapshots between each other.
  @Test func kernelThreadsAndTargetsAreKeptApart() throws {
    let scratch = try Scratch()
    var lines: [String] = []
    for i in 1...20 {
      for (thread, offset) in [(0, 0), (1, 47)] {
        for (target, page) in [(0, 1), (1, 2)] {
          for part in 0..<2 {
            lines.append(
              "\(1000 + i * 100 + offset) kdamond.\(thread) 9 [000] \((1000 + i * 100 + offset) / 1000)."
                + "\(String(1000 + (1000 + i * 100 + offset) % 1000).dropFirst())\(target)\(part)0: damon_aggregated: "
                + "target_id=\(target) nr_regions=2 \((page + part * 8) * 4096)-\((page + part * 8 + 1) * 4096): 20")
          }
        }
      }
    }
    let text = lines.map { $0.drop { $0 != " " } + "\n" }.joined()
    let all = try accesses(TraceImporter(format: .damon), scratch.write(text, "in")).accesses
    #expect(all.count == 20 * 2 * 2 * 2 * 20)
    #expect(zip(all, all.dropFirst()).allSatisfy { $0.time <= $1.time })
    #expect(Set(all.map(\.process)).count == 4 && all.allSatisfy { $0.process == $0.thread })
    for process in 0..<4 {
      #expect(Set(all.filter { Int($0.process) == process }.map { $0.address >> 12 }).count == 2)
    }
  }

  @Test func tunedIntervalsAreFollowed() throws {
    let scratch = try Scratch()
    let text = """
      kdamond.0 9 [000] 1.000000: damon:damon_monitor_intervals_tune: sample_us=80000
      kdamond.0 9 [000] 9.600000: damon:damon_aggregated: target_id=0 nr_regions=1 4096-8192: 20 0
      """
    let all = try accesses(TraceImporter(format: .damon), scratch.write(text, "in")).accesses
    #expect(all.map(\.time) == (0..<20).map { 8_040_000_000 + $0 * 80_000_000 })
  }

  private static let head = "kdamond.0 9 [000] 1.5: damon:damon_aggregated: target_id=0 nr_regions="

  @Test(arguments: [
    (head + "1 0-4096: 21 0\n", TraceError.Kind.malformed, 1), (head + "2 0-4096: 2 0\n", .truncated, 2),
    (head + "1 8192-4096: 2 0\n", .malformed, 1), (head + "1 0-4096: x 0\n", .malformed, 1),
    (head + "1 0-4096: 2 0 7\n", .malformed, 1), (head + "0 0-4096: 2 0\n", .malformed, 1),
    (head + "1 0-4096: -2 0\n", .malformed, 1), (head + "1 0: 2\n", .malformed, 1), ("rubbish\n", .malformed, 1),
    (head + "1 0-4096: 2 0\n" + head + "1 0-4096: 2 0\n", .malformed, 2),
    (head + "2 0-4096: 2 0\n" + head + "3 0-4096: 2 0\n", .malformed, 2), ("damon_aggregated: 1\n", .malformed, 1),
    ("a 1.5: damon_monitor_intervals_tune: x=1\n", .malformed, 1),
    (
      "a 2.5: damon_monitor_intervals_tune: sample_us=5\na 1.5: damon_monitor_intervals_tune: sample_us=5\n",
      .malformed, 2
    ),
  ])
  func badLinesNameTheirPlace(text: String, kind: TraceError.Kind, line: Int) throws {
    let scratch = try Scratch()
    let error = #expect(throws: TraceError.self) {
      try accesses(TraceImporter(format: .damon), scratch.write(text, "in"))
    }
    #expect(error?.kind == kind && error?.line == line && error?.fix.isEmpty == false)
  }

  @Test(arguments: [
    (#""samples": 7"#, #""samples": 21"#, TraceError.Kind.malformed), (#""16,384""#, #""0""#, .malformed),
    (#""end_time": "1100000000","#, "", .malformed), (#""target_id": 0,"#, "", .malformed), ("} ]", "}", .truncated),
    ("} ]", "} ] x", .malformed), (#""sample_us": "5000""#, #""sample_us": 0"#, .malformed),
    (#""samples": 7"#, #""samples": 7.5"#, .malformed), (#""samples": 7"#, #""samples": null"#, .malformed),
    (#""1200000000","#, #""1200000000""#, .malformed), (#""4,096""#, #""four""#, .malformed),
    (#""x"} ]"#, #""x"}, {"target_id": 0, "snapshots": [{"end_time": 1100000000, "regions": []}]}]"#, .malformed),
    ("null", String(repeating: "[", count: 100), .malformed),
  ])
  func badJSONIsRefused(old: String, new: String, kind: TraceError.Kind) throws {
    let scratch = try Scratch()
    let text = Self.json.replacing(old, with: new, maxReplacements: 1)
    #expect(text != Self.json)
    let error = #expect(throws: TraceError.self) {
      try accesses(TraceImporter(format: .damon), scratch.write(text, "in"))
    }
    #expect(error?.kind == kind && error?.byte != nil && error?.fix.isEmpty == false)
  }

  @Test func optionsThatMakeNoSenseAreRefused() throws {
    let scratch = try Scratch()
    let input = try scratch.write("0 1000\n", "in")
    var importer = TraceImporter(format: .din)
    importer.damon.isEveryPage = true
    #expect(throws: TraceError.self) { try importer.run(input: input, output: scratch.path("out.pft")) }
    importer = TraceImporter(format: .damon)
    importer.damon.sampleMicroseconds = 200_000
    let error = #expect(throws: TraceError.self) { try importer.run(input: input, output: scratch.path("out.pft")) }
    #expect(error?.kind == .usage)
  }

  /// Numbers are dense over the targets that have an access: an idle process is none of the trace.
  @Test func idleTargetsTakeNoNumber() throws {
    let scratch = try Scratch()
    let text = [(0, 0), (1, 2)].map { target, found in
      "kdamond.0  41 [000] 1.\(target + 1)00000: damon:damon_aggregated: target_id=\(target) nr_regions=1 0-4096: \(found) 0\n"
    }.joined()
    let path = try scratch.write(text, "in")
    let found = try accesses(TraceImporter(format: .damon), path).accesses
    #expect(found.map(\.thread) == [0, 0] && found.map(\.process) == [0, 0])
    let header = try TraceImporter(format: .damon).run(input: path, output: scratch.path("out.pft")).header
    #expect(header.threads == 1 && header.processes == 1)
  }
}
