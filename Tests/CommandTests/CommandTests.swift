// What the command prints and how it ends.

import Foundation
import Testing

private let tiny = """
  name: tiny
  regions:
    A: {pages: 4096}
  tasks:
    - name: main
      phases:
        - access: A
          write_every: 1
        - access: A
  """

@Suite struct CommandTests {
  @Test func `a run leaves a whole directory and a summary`() throws {
    try Command.withFolder { folder in
      try Command.write(tiny, folder + "/tiny.yaml")
      let first = try Command.run("run", "tiny.yaml", "--zoneinfo", in: folder)
      #expect(first.status == 0)
      #expect(first.error == "")
      #expect(first.out.hasSuffix("\nrun directory: runs/tiny-1\n"))
      let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/runs/tiny-1").sorted()
      #expect(
        names == [
          "buddyinfo", "config.sysctl", "copies.csv", "extfrag_index", "heat.csv", "host.json", "machine.csv",
          "pagetypeinfo", "regions.csv", "run.json", "timer", "timer.json", "trace.txt", "unusable_index", "vmstat.csv",
          "zoneinfo",
        ])
      let second = try Command.run("run", "tiny.yaml", "--quiet", in: folder)
      #expect(second.status == 0 && second.out == "" && second.error == "")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/runs").sorted() == ["tiny-1", "tiny-2"])
    }
  }

  @Test func `real memory is measured beside the run, and wrong bytes end it with 1`() throws {
    try Command.withFolder { folder in
      let moving =
        "name: moving\nregions: {A: {size: 16M}}\ntasks: [{phases: [{access: A, write_every: 1, rounds: 20}]}]"
      try Command.write(moving, folder + "/tiny.yaml")
      let real = [
        "run", "tiny.yaml", "--backing", "real", "--set", "hw.node0.size=12M", "--set", "hw.node1.size=32M", "--set",
        "mm.numa.demotion_enabled=1", "--set", "kernel.numa_balancing=2", "--set", "vm.min_free_kbytes=256", "--set",
        "sim.time_scale=1000", "--out",
      ]
      let good = try Command.run(real + ["good"], in: folder)
      #expect(good.status == 0 && good.out.contains("all bytes right"))
      let host = try String(contentsOfFile: folder + "/good/host.json", encoding: .utf8)
      #expect(host.contains("\"pages_wrong\": 0") && host.contains("\"clock_copy\": \"modelled\""))
      let copies = try String(contentsOfFile: folder + "/good/copies-measured.csv", encoding: .utf8).split(
        separator: "\n")
      #expect(copies.count > 1 && copies[0] == "number,subject,engine,base_pages,huge_pages,modelled_ps,measured_ps")
      let bad = try Command.run(real + ["bad", "--set", "debug.fault.corrupt=n=1"], in: folder)
      #expect(bad.status == 1 && bad.error.contains("1 page of real memory has wrong bytes"))
      #expect(try Command.run("run", "tiny.yaml", "--set", "clock.copy=measured", in: folder).status == 2)
    }
  }

  @Test func `equal inputs give equal bytes but for the host`() throws {
    try Command.withFolder { folder in
      try Command.write(tiny, folder + "/tiny.yaml")
      let tiering = Command.package + "/sysctl/profiles/tiering-v6.12.conf"
      for name in ["a", "b"] {
        #expect(try Command.run("run", "tiny.yaml", "-p", tiering, "--out", name, "-q", in: folder).status == 0)
      }
      // The configuration that was written runs the same again.
      #expect(try Command.run("run", "tiny.yaml", "-p", "a/config.sysctl", "--out", "c", "-q", in: folder).status == 0)
      for name in ["config.sysctl", "run.json", "vmstat.csv", "machine.csv", "heat.csv", "copies.csv", "trace.txt"] {
        let a = try Data(contentsOf: URL(fileURLWithPath: folder + "/a/" + name))
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/b/" + name)) == a, "\(name)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder + "/c/" + name)) == a, "\(name) again")
      }
    }
  }

  @Test func `knobs apply in the order of the command line`() throws {
    try Command.withFolder { folder in
      try Command.write("vm.swappiness = 10\n", folder + "/ten.conf")
      let last = try Command.run("sysctl", "--set", "vm.swappiness=7", "-p", "ten.conf", in: folder)
      #expect(last.out == "vm.swappiness = 10\n")
      let first = try Command.run("sysctl", "-p", "ten.conf", "--set", "vm.swappiness=7", in: folder)
      #expect(first.out == "vm.swappiness = 7\n")
    }
  }

  @Test func `bad input ends with 2 and one line that says where`() throws {
    try Command.withFolder { folder in
      try Command.write(tiny.replacing("write_every", with: "write_evry"), folder + "/bad.yaml")
      try Command.write(tiny, folder + "/tiny.yaml")
      try Command.write("vm.swappiness = 10\nvm.swapiness = 20\n", folder + "/bad.conf")
      let workload = try Command.run("run", "bad.yaml", in: folder)
      #expect(workload.status == 2)
      #expect(
        workload.error
          == "pageferry: bad.yaml:8:9: tasks[0].phases[0].write_evry: an `access` phase has no such key; did you mean `write_every`?\n"
      )
      let knob = try Command.run("run", "tiny.yaml", "-p", "bad.conf", in: folder)
      #expect(knob.status == 2)
      #expect(knob.error == "pageferry: unknown knob 'vm.swapiness' (bad.conf:2); did you mean vm.swappiness?\n")
      let range = try Command.run("run", "tiny.yaml", "--set", "vm.swappiness=900", in: folder)
      #expect(range.status == 2)
      #expect(range.error == "pageferry: vm.swappiness=900 (--set): out of range 0...200\n")
      let small = try Command.run("run", "tiny.yaml", "--set", "hw.node1.size=1M", in: folder)
      #expect(small.status == 2)
      #expect(small.error.hasPrefix("pageferry: ") && small.error.split(separator: "\n").count == 1)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["bad.conf", "bad.yaml", "tiny.yaml"])
    }
  }

  @Test func `a bad knob in the workload ends with 2 before the run`() throws {
    try Command.withFolder { folder in
      let cases = [
        ("vm.swapiness: 0", "unknown knob 'vm.swapiness' (w.yaml:10); did you mean vm.swappiness?"),
        ("vm.swappiness: 900", "vm.swappiness=900 (w.yaml:10): out of range 0...200"),
        ("hw.cpus: 2", "hw.cpus=2 (w.yaml:10) refused: a run is going on; write it before the run"),
      ]
      for (write, message) in cases {
        for place in ["      - set: {\(write)}\n", "events: [{at: 1h, set: {\(write)}}]\n"] {
          try Command.write(tiny + "\n" + place, folder + "/w.yaml")
          let outcome = try Command.run("run", "w.yaml", "--out", "x", in: folder)
          #expect(outcome.status == 2)
          #expect(outcome.error == "pageferry: \(message)\n")
        }
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["w.yaml"])
    }
  }

  @Test func `bad arguments end with 2, help with 0`() throws {
    #expect(try Command.run("run").status == 2)
    #expect(try Command.run("walk").status == 2)
    let empty = try Command.run("run", "workloads/quick.yaml", "--out", "")
    #expect(empty.status == 2)
    #expect(empty.error.hasPrefix("pageferry: --out: the name of the run directory is empty; name a directory\n"))
    #expect(try Command.run("sysctl").status == 2)
    #expect(try Command.run("sysctl", "-a", "--check").status == 2)
    for help in [["--help"], ["run", "--help"], ["trace", "import", "--help"]] {
      let outcome =
        try help.count == 1
        ? Command.run(help[0])
        : help.count == 2
          ? Command.run(help[0], help[1]) : Command.run(help[0], help[1], help[2])
      #expect(outcome.status == 0)
      #expect(outcome.out.contains("USAGE: pageferry"))
      #expect(outcome.error == "")
    }
    #expect(try Command.run("--version").out == "0.1.0\n")
  }

  @Test func `a place that cannot be written ends with 1 and leaves nothing`() throws {
    try Command.withFolder { folder in
      try Command.write(tiny, folder + "/tiny.yaml")
      try Command.write("", folder + "/file")
      let outcome = try Command.run("run", "tiny.yaml", "--out", "file/run", in: folder)
      #expect(outcome.status == 1)
      #expect(outcome.error.hasPrefix("pageferry: file/"))
      let taken = try Command.run("run", "tiny.yaml", "--out", "file", in: folder)
      #expect(taken.status == 1)
      #expect(taken.error == "pageferry: file: is there already; name another directory or remove it\n")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["file", "tiny.yaml"])
    }
  }

  @Test func `docs/knobs.md is what the command prints`() throws {
    let page = try String(contentsOfFile: Command.package + "/docs/knobs.md", encoding: .utf8)
    #expect(try Command.run("sysctl", "--markdown").out == page, "run `make docs`")
  }

  @Test(arguments: ["sysctl/profiles", "sysctl/machines"])
  func `the files of knobs load`(_ folder: String) throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Command.package + "/" + folder)
    for name in names where name.hasSuffix(".conf") {
      let outcome = try Command.run("sysctl", "-p", "\(folder)/\(name)", "--check")
      #expect(outcome.status == 0 && outcome.error == "", "\(name): \(outcome.error)")
    }
  }
}
