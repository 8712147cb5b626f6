// pageferry dsa check and pageferry copy-plan, as a user runs them.

import Foundation
import Testing

@Suite struct DSACommandTests {
  @Test func `a good file is a table, and nothing else`() throws {
    let outcome = try Command.run("dsa", "check", "sysctl/dsa/shared-queue.conf")
    #expect(outcome.status == 0 && outcome.error == "")
    #expect(
      outcome.out == """
        dsa0: version 0x100; 16 of 128 entries, 1 of 4 engines, 96 read buffers; batches up to 1024, transfers up to 2GiB
          group0.0: engines 0.0; read buffers 96 allowed, 0 reserved
            queue  mode    size  threshold  priority  max batch  max transfer  faults  type  driver  name
            wq0.0  shared    16         15        10         32          2MiB  block   user  user    pageferry

        """)
  }

  @Test func `the shipped files come up together`() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Command.package + "/sysctl/dsa").sorted()
    let outcome = try Command.run(["dsa", "check", "--kernel", "6.12"] + names.map { "sysctl/dsa/\($0)" })
    #expect(outcome.status == 0 && outcome.error == "")
    for name in names { #expect(outcome.out.contains("sysctl/dsa/\(name)\ndsa0: ")) }
  }

  @Test func `refusals are lines on standard error`() throws {
    try Command.withFolder { folder in
      let good = try String(contentsOfFile: Command.package + "/sysctl/dsa/1-device.conf", encoding: .utf8)
      try Command.write(
        good.replacingOccurrences(of: "\"size\": 128", with: "\"size\": 129")
          .replacingOccurrences(of: "\"priority\": 10", with: "\"priority\": 0"), folder + "/bad.conf")
      let outcome = try Command.run("dsa", "check", "bad.conf", in: folder)
      #expect(outcome.status == 1 && outcome.out == "")
      let lines = outcome.error.split(separator: "\n")
      #expect(lines.count == 2 && lines.allSatisfy { $0.hasPrefix("pageferry: bad.conf:5:") })
      #expect(lines[0].contains("wq0.0: size: is 129; of the device's 128 entries"))
      #expect(lines[1].contains("wq0.0: priority: is missing or 0 (device answers 0x23)"))
      let json = try Command.run("dsa", "check", "--json", "bad.conf", "none.conf", in: folder)
      #expect(json.status == 1 && json.error == "")
      let files = try #require(try JSONSerialization.jsonObject(with: Data(json.out.utf8)) as? [[String: Any]])
      #expect(files.map { $0["accepted"] as? Bool } == [false, false])
      let findings = try #require(files[0]["findings"] as? [[String: Any]])
      #expect(findings.map { $0["code"] as? String } == ["-EINVAL", "0x23"])
      #expect((files[1]["error"] as? [String: Any])?["problem"] as? String == "cannot open: No such file or directory")
    }
  }

  @Test func `files that are none and versions that are none`() throws {
    try Command.withFolder { folder in
      try Command.write("[\n{\"dev\": \"dsa0\",\n \"groups\": [}]\n", folder + "/x.conf")
      let outcome = try Command.run("dsa", "check", "x.conf", in: folder)
      #expect(outcome.status == 1 && outcome.out == "")
      #expect(outcome.error.hasPrefix("pageferry: x.conf:3:13: not JSON: "), "\(outcome.error)")
      let old = try Command.run("dsa", "check", "--kernel", "5.13", "x.conf", in: folder)
      #expect(old.status == 2 && old.error.contains("'5.13' is no version from 6.4 on"))
    }
  }
}

@Suite struct CopyPlanCommandTests {
  @Test func `a plan is a table`() throws {
    let outcome = try Command.run("copy-plan", "--list", "B", "--cut", "c2")
    #expect(outcome.status == 0 && outcome.error == "")
    #expect(
      outcome.out == """
        24 huge + 1000 base, 53152KiB: 2 rounds on 8 channels, cut by c2
        round 1: items 0-130: 24 huge + 107 base
          channels  descriptors  huge slices  singles  batch    bytes
               0-2           25  24 x 256KiB        -     14  6200KiB
               3-7           25  24 x 256KiB        -     13  6196KiB
        round 2: items 131-1023: 893 base
          channels  descriptors  huge slices  singles  batch   bytes
               0-4            1            -        -    112  448KiB
               5-7            1            -        -    111  444KiB

        """)
  }

  @Test func `a plan is JSON`() throws {
    let outcome = try Command.run("copy-plan", "--list", "9b,24h", "--cut", "c2", "--json")
    #expect(outcome.status == 0)
    let plan = try #require(try JSONSerialization.jsonObject(with: Data(outcome.out.utf8)) as? [String: Any])
    #expect((plan["rounds"] as? [Any])?.count == 1 && (plan["faults_of_original"] as? [Any])?.count == 1)
  }

  @Test(arguments: [["--list", "12"], ["--list", "1b", "--channels", "9"], ["--list", "1b", "--cut", "c1"]])
  func `bad arguments are refused`(_ arguments: [String]) throws {
    let outcome = try Command.run(["copy-plan"] + arguments)
    #expect(outcome.status == 2 && outcome.out == "" && outcome.error.hasPrefix("pageferry: "))
  }
}

@Suite struct CopyModelCommandTests {
  /// The page shows what the command prints.
  @Test(arguments: ["orders", "lists"])
  func `the tables of the page are the command's`(_ experiment: String) throws {
    let outcome = try Command.run("copy-model", experiment)
    #expect(outcome.status == 0 && outcome.error == "")
    let page = try String(contentsOfFile: Command.package + "/docs/copy-model.md", encoding: .utf8)
    #expect(page.contains("$ pageferry copy-model \(experiment)\n\(outcome.out)```\n"), "run: make docs")
  }

  @Test func `CSV and JSON have the same rows`() throws {
    let csv = try Command.run("copy-model", "lists", "--list", "1h,3b", "--threads", "2", "--csv")
    let lines = csv.out.split(separator: "\n")
    #expect(csv.status == 0 && lines.count == 1 + 8)
    #expect(lines[0].hasPrefix("list,engine,latency_ps,bytes_per_second,speedup_over_cpu_permille,cpu_time_ps,"))
    let json = try Command.run("copy-model", "lists", "--list", "1h,3b", "--threads", "2", "--json")
    let value = try #require(try JSONSerialization.jsonObject(with: Data(json.out.utf8)) as? [String: Any])
    let rows = try #require(value["rows"] as? [[String: Any]])
    #expect(rows.count == 8 && value["experiment"] as? String == "lists")
    for (row, line) in zip(rows, lines.dropFirst()) {
      #expect(line.contains(",\(try #require(row["latency_ps"] as? Int)),"))
    }
  }

  @Test(arguments: [
    (["orders", "--to", "3"], "there is no node 3"), (["orders", "--json", "--csv"], "exclude each other"),
    (["lists", "--list", "x"], "'x' is no list"), (["lists", "--threads", "33"], "--threads"),
    (["crossover", "--limit", "0"], "--limit is 1 to 4096"),
    (["batch", "--set", "hw.dsa.config=sysctl/dsa/shared-queue.conf"], "has 0 kernel work queues"),
    (["lists", "--set", "hw.dsa.config=sysctl/dsa/1-device.conf"], "lower vm.limit_chans"),
  ])
  func `what no machine has is refused`(_ arguments: [String], _ words: String) throws {
    let outcome = try Command.run(["copy-model"] + arguments)
    #expect(outcome.status == 2 && outcome.out == "" && outcome.error.hasPrefix("pageferry: "))
    #expect(outcome.error.contains(words), "\(outcome.error)")
  }
}
