// The machine's DSA devices from knobs.

import DSAConfig
import Foundation
import Sysctl
import Testing

@Suite struct DSAKnobTests {
  private static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  private static func ours(_ name: String) -> String { package.appendingPathComponent("sysctl/dsa/\(name).conf").path }

  private func inFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pageferry-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder.path)
  }

  @Test func `the default is the file of eight devices`() throws {
    let knobs = KnobTree([DSAHardwareKnobs.self])[DSAHardwareKnobs.self]
    var file = try ConfigurationCheck(path: Self.ours("8-devices")).configuration
    for device in file.devices.indices { file.devices[device].workQueues[0].name = "app0" }
    // What the file says of operations plays no part.
    for device in file.devices.indices { file.devices[device].limits.operations = [] }
    #expect(knobs.configuration == file)
    #expect(knobs.configuration.devices.map(\.name) == (0..<8).map { "dsa\(2 * $0)" })
  }

  @Test(
    .enabled(
      if: FileManager.default.fileExists(
        atPath: package.appendingPathComponent("../shared/fixtures/accel-config/dsas-4e1w-d.conf").path),
      "SKIPPED: no accel-config files beside the repository (../shared/fixtures/accel-config)"))
  func `the default is the original's file`() throws {
    let path = Self.package.appendingPathComponent("../shared/fixtures/accel-config/dsas-4e1w-d.conf").path
    var file = try ConfigurationCheck(path: path).configuration
    for device in file.devices.indices { file.devices[device].limits.operations = [] }
    #expect(file == DSAConfiguration.eightDevices)
  }

  @Test func `a file is read when it is written, and only then`() throws {
    try inFolder { folder in
      let path = folder + "/x.conf"
      try FileManager.default.copyItem(atPath: Self.ours("1-device"), toPath: path)
      var tree = KnobTree([DSAHardwareKnobs.self])
      try tree.write(name: "hw.dsa.config", value: path)
      try FileManager.default.removeItem(atPath: path)
      #expect(tree[DSAHardwareKnobs.self].configuration.devices.count == 1)
      #expect(try tree.read("hw.dsa.config") == path)
      #expect(throws: KnobError.self) { try tree.write(name: "hw.dsa.config", value: path) }
      #expect(tree[DSAHardwareKnobs.self].configuration.devices.count == 1)
      try tree.write(name: "hw.dsa.config", value: "")
      #expect(tree[DSAHardwareKnobs.self].configuration == .eightDevices)
    }
  }

  @Test func `a file is refused with its first finding`() throws {
    try inFolder { folder in
      let path = folder + "/x.conf"
      func problem(_ text: String) throws -> String {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        var tree = KnobTree([DSAHardwareKnobs.self])
        let before = tree.sysctlText()
        let error = #expect(throws: KnobError.self) { try tree.write(name: "hw.dsa.config", value: path) }
        #expect(tree.sysctlText() == before)
        return (error?.description ?? "").replacingOccurrences(of: path, with: "x")
      }
      #expect(
        try problem(Base.with([("\"priority\": 10", "\"priority\": 16")]))
          == "hw.dsa.config=x: x:12:20: wq0.0: priority: is 16 (idxd answers -EINVAL); write 1 to 15")
      let two = try problem(Base.with([("\"priority\": 10", "\"priority\": 16"), ("\"size\": 16", "\"size\": 999")]))
      #expect(two.hasPrefix("hw.dsa.config=x: x:10:16: wq0.0: size: "))
      #expect(two.hasSuffix(" (and 1 more: pageferry dsa check x)"))
      #expect(try problem("[").hasPrefix("hw.dsa.config=x: x:1:"))
      // Warnings are none: queues of this driver need no `driver_name` yet.
      try Base.with([("\"driver_name\": \"user\",", "")]).write(toFile: path, atomically: true, encoding: .utf8)
      var tree = KnobTree([DSAHardwareKnobs.self])
      try tree.write(name: "hw.dsa.config", value: path)
    }
    var tree = KnobTree([DSAHardwareKnobs.self])
    let error = #expect(throws: KnobError.self) { try tree.write(name: "hw.dsa.config", value: "/nonexistent/x") }
    #expect(
      error?.description
        == "hw.dsa.config=/nonexistent/x: /nonexistent/x: cannot open: No such file or directory; check the path")
  }

  @Test(arguments: [16, 17])
  func `a machine has sixteen devices`(_ count: Int) throws {
    let one = Base.text.split(separator: "\n").dropFirst().dropLast().joined(separator: "\n")
    let devices = (0..<count).map { n in
      ["dsa", "group", "wq", "engine"].reduce(one) { $0.replacingOccurrences(of: "\"\($1)0", with: "\"\($1)\(n)") }
    }
    try inFolder { folder in
      let path = folder + "/x.conf"
      try "[\(devices.joined(separator: ",\n"))]".write(toFile: path, atomically: true, encoding: .utf8)
      if count > DSAFile.mostDevices {
        let error = #expect(throws: KnobRefusal.self) { try DSAFile(path: path) }
        #expect(error?.reason == "\(path) has 17 devices, and a machine at most 16; name fewer")
      } else {
        #expect(try DSAFile(path: path).configuration.devices.count == 16)
      }
    }
  }

  @Test func `the driver decides what is a kernel queue`() throws {
    func queues(_ changes: [(String, String)]) throws -> Int {
      let check = try Base.check(Base.with(changes))
      #expect(check.isAccepted, "\(check.findings)")
      return check.configuration.kernelQueues.count
    }
    let dedicated = [("\"mode\": \"shared\"", "\"mode\": \"dedicated\""), (",\n       \"threshold\": 15", "")]
    let kernel = [("\"driver_name\": \"user\"", "\"driver_name\": \"dmaengine\"")]
    let type = [("\"type\": \"user\"", "\"type\": \"kernel\"")]
    #expect(try queues([]) == 0)
    #expect(try queues(dedicated) == 0)
    #expect(try queues(dedicated + type) == 0)
    #expect(try queues(dedicated + kernel) == 1)
    #expect(try queues(dedicated + kernel + type) == 1)
    #expect(try queues(dedicated + type + [("\n       \"driver_name\": \"user\",", "")]) == 1)
  }
}
