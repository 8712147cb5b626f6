import CopyKernels
import PageCopy
import Testing
import Units

@testable import CopyBench

@Suite struct TextTests {
  static let route = CopyRoute(from: 0, to: 1)

  /// A result as if measured.
  static func result() -> CopyBenchResult {
    var result = CopyBenchResult()
    func add(_ name: String, _ threads: Int, _ subject: CopySubject, _ caches: CacheState, _ times: [Int]) {
      let offer = EngineOffer(name: name, words: "", threads: threads) { throw CopyBenchError.setting("not run") }
      var row = CopySamples(
        route: route, caches: caches, subject: subject, engine: offer, isLimit: subject == .stream,
        list: subject.list(arena: 4 << 20))
      for time in times { row.add(time) }
      result.samples.append(row)
    }
    add("memcpy", 1, .stream, .cold, [400_000])
    add("mt:2:bytes", 2, .stream, .cold, [200_000])
    add("memcpy", 1, .order(0), .cold, [1000, 800, 4000])
    add("memcpy", 1, .list("1h,8b", PageList(huge: 1, base: 8)), .cold, [250_000, 300_000, 200_000])
    add("mt:2:bytes", 2, .list("1h,8b", PageList(huge: 1, base: 8)), .cold, [125_000])
    result.remarks = ["a note"]
    result.memory = ["node 0: 4MiB in 4 KiB pages"]
    result.verified = 9
    return result
  }

  @Test func tablesHaveLimitSpeedUpAndShare() {
    let expected = """
      node 0: 4MiB in 4 KiB pages
      GB/s are 10^9 bytes copied a second (each is read once and written once), by the median.

      node 0 to node 1
        machine's own limit, 4MiB front to back: 1 thread 10.49 GB/s (memcpy), 2 threads 20.97 GB/s (mt:2:bytes)

        one folio, caches cold, GB/s
          engine  4KiB
          memcpy  4.10

        list 1h,8b: 1 huge + 8 base, 2080KiB, caches cold, 3 copies
          engine       GB/s  ns/4KiB  p50 us  p90 us  p99 us  x memcpy  of limit
          memcpy       8.52    480.8   250.0   300.0   300.0      1.00      81 %
          mt:2:bytes  17.04    240.4   125.0   125.0   125.0      2.00      81 %

      9 copies, all compared with their sources byte by byte
      note: a note

      """
    #expect(Self.result().text == expected)
  }

  @Test func rowsHaveTheSameKeysInCSV() {
    let lines = Self.result().csv.split(separator: "\n").map(String.init)
    #expect(lines.count == 6)
    #expect(lines[0].hasPrefix("from_node,to_node,caches,subject,engine,threads,is_limit,bytes,base_pages,copies,"))
    #expect(
      lines[3]
        == "0,1,cold,order 0,memcpy,1,false,4096,1,3,4096000000,1000000,800,1000,4000,4000,1000,390")
    #expect(lines[4].hasPrefix("0,1,cold,\"1h,8b\",memcpy,1,false,2129920,520,3,"))
  }

  @Test func enginesThatAreNotThereSayWhyAndWhatHelps() {
    let catalog = EngineCatalog(
      cpus: [0], threads: [],
      others: [
        EngineOffer(name: "odd", words: "never there", threads: 0, obstacle: CopyKernel.avx2NT.obstacle(on: [])) {
          throw CopyBenchError.setting("not run")
        }
      ])
    #expect(catalog.text.contains("  odd            no   never there\n"))
    #expect(catalog.text.contains("the processor is no x86-64\n"))
    #expect(catalog.text.contains("to enable it: another machine\n"))
    #expect(throws: CopyBenchError.self) { try catalog.offer("odd").open() }
  }
}
