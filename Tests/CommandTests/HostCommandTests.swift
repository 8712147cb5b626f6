// pageferry host. What ends --reserve is tested in HostMemoryTests.

import Foundation
import Testing

struct HostCommandTests {
  @Test func `the page and its JSON tell of this machine`() throws {
    let page = try Command.run("host")
    #expect(page.status == 0)
    for part in [
      "kernel: Linux ", "\nnode 0: ", "\nlibnuma: ", "\nhuge pages:", "\nidxd: ", "\nlibaccel-config: ",
      "\nwhat stands in the way:",
    ] {
      #expect(page.out.contains(part), "\(part)")
    }
    let json = try Command.run("host", "--json")
    let object = try JSONSerialization.jsonObject(with: Data(json.out.utf8)) as? [String: Any]
    #expect((object?["nodes"] as? [Any])?.isEmpty == false)
    #expect(object?["obstacles"] is [[String: String]])
  }

  @Test func `another machine's folder is read, one that is none is wrong usage`() throws {
    try Command.withFolder { folder in
      let none = try Command.run("host", "--sysfs-root", folder)
      #expect(none.status == 2 && none.error.contains("make one with sys, proc and dev in it"))
      try FileManager.default.createDirectory(atPath: folder + "/sys", withIntermediateDirectories: true)
      let empty = try Command.run("host", "--sysfs-root", folder)
      #expect(empty.status == 0 && empty.out.contains("could not be read:\n  /proc/meminfo: "))
    }
  }

  @Test(arguments: ["x", "0", "-1", "0=", "0=1,", "4095=1", "=1"])
  func `a wrong number of pages is wrong usage`(pages: String) throws {
    let outcome = try Command.run("host", "--reserve=\(pages)")
    #expect(outcome.status == 2 && outcome.error.hasPrefix("pageferry: --reserve: "))
  }

  @Test func `the guard is nobody's subcommand`() throws {
    #expect(!(try Command.run("--help").out.contains("host-guard")))
    let outcome = try Command.run("host-guard")
    #expect(outcome.status == 2 && outcome.error == "pageferry: host-guard is started by pageferry alone\n")
  }
}
