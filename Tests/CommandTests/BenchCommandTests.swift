// pageferry bench, as a user runs it: small arenas, few rounds.

import Foundation
import Testing

@Suite(.serialized) struct BenchCommandTests {
  @Test func `folios and lists are measured and verified`() throws {
    let small = ["bench", "copy", "--arena", "4MiB", "--rounds", "1", "--to", "1", "--engines", "mt:2:items"]
    let outcome = try Command.run(small + ["--orders", "0,9", "--list", "1h,9b"])
    #expect(outcome.status == 0 && outcome.error == "")
    #expect(outcome.out.contains("machine's own limit, 4MiB front to back: 1 thread "))
    #expect(outcome.out.contains("  one folio, caches hot, GB/s\n    engine  "))
    #expect(outcome.out.contains("list 1h,9b: 1 huge + 9 base, 2084KiB, caches cold, 1 copies\n"))
    #expect(outcome.out.contains(" copies, all compared with their sources byte by byte\n"))
    let json = try Command.run(small + ["--orders", "0", "--caches", "hot", "--json"])
    let value = try #require(try JSONSerialization.jsonObject(with: Data(json.out.utf8)) as? [String: Any])
    let rows = try #require(value["rows"] as? [[String: Any]])
    let asked = rows.filter { $0["is_limit"] as? Bool == false }
    #expect(asked.map { $0["engine"] as? String } == ["memcpy", "mt:2:items"])
    #expect(asked.allSatisfy { $0["caches"] as? String == "hot" && $0["subject"] as? String == "order 0" })
    #expect(rows.contains { $0["subject"] as? String == "stream" })
    let csv = try Command.run(small + ["--orders", "0", "--caches", "hot", "--csv"])
    #expect(csv.out.hasPrefix("from_node,to_node,caches,subject,engine,"))
    #expect(csv.out.split(separator: "\n").count == rows.count + 1)
    // What a row cannot say.
    #expect(csv.error.isEmpty == (value["notes"] as? [String])?.isEmpty, "\(csv.error)")
    #expect(csv.error.split(separator: "\n").allSatisfy { $0.hasPrefix("pageferry: note: ") })
  }

  @Test func `engines are listed with what would enable them`() throws {
    let outcome = try Command.run("bench", "copy", "--list-engines", "--threads", "3")
    #expect(outcome.status == 0 && outcome.out.contains("memcpy ") && outcome.out.contains("mt:3:bytes"))
    let json = try Command.run("bench", "copy", "--list-engines", "--json")
    let engines = try #require(try JSONSerialization.jsonObject(with: Data(json.out.utf8)) as? [[String: Any]])
    for engine in engines where engine["available"] as? Bool == false {
      #expect((engine["why_not"] as? String)?.isEmpty == false && (engine["enabled_by"] as? String)?.isEmpty == false)
    }
  }

  @Test(arguments: [
    (["--engines", "memcopy"], "no engine 'memcopy'; there are memcpy, "),
    (["--engines", "mt:99:items"], "99 copying threads; write 1 to 32"),
    (["--list", "5x"], "'5x' is no list"),
    (["--list", "9h", "--arena", "16MiB"], "list 9h needs 18874368 bytes of 2 MiB pages"),
    (["--orders", "10"], "orders"), (["--caches", "warm"], "cold, hot or both"), (["--rounds", "0"], "1 to 10000"),
    (["--arena", "1"], "2 MiB to 1 TiB"), (["--arena", "64MB"], "MiB"), (["--json", "--csv"], "exclude each other"),
    (["--to", "4000"], "to"), (["--list-engines", "--reserve"], "takes no memory"),
  ])
  func `wrong arguments are refused`(_ arguments: [String], _ words: String) throws {
    let outcome = try Command.run(["bench", "copy", "--rounds", "1", "--caches", "hot"] + arguments)
    #expect(outcome.status == 2 && outcome.out == "" && outcome.error.contains(words), "\(outcome.error)")
  }

  @Test func `a calibration is a preset that loads`() throws {
    try Command.withFolder { folder in
      let here = folder + "/here.conf"
      let made = try Command.run("bench", "calibrate", "--quick", "--arena", "4MiB", "-o", here)
      #expect(made.status == 0 && made.out.contains("hw.node0.read_latency = "))
      let text = try String(contentsOfFile: here, encoding: .utf8)
      #expect(text.contains("# Command: pageferry bench calibrate --quick --arena 4MiB -o \(here)\n"))
      #expect(text.contains("median of 3, "))
      let check = try Command.run("sysctl", "-p", here, "--check")
      #expect(check.status == 0 && check.error == "")
      let nowhere = try Command.run("bench", "calibrate", "--quick", "-o", folder + "/none/here.conf")
      #expect(nowhere.status == 1 && nowhere.error.contains("does not exist or cannot be written"))
      let taken = try Command.run("bench", "calibrate", "--quick", "-o", folder)
      #expect(taken.status == 1 && taken.error == "pageferry: \(folder): is a folder; name a file in it\n")
    }
  }
}
