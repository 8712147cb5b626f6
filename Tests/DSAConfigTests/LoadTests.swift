// Reading of files: JSON and its places, the shape, keys; files that come up.

import DSAConfig
import Foundation
import Testing

@Suite struct TextTests {
  @Test(arguments: [
    ("[\n {\"dev\": \"dsa0\",\n  \"groups\" []}]", 3, 12), ("[{\"dev\": \"dsa0\"}", 1, 17), ("", 1, 1), ("\n\n", 1, 1),
    ("[] x", 1, 4), ("[{\"d\u{E9}v\": 1 2}]", 1, 12), ("[\"\u{1}\"]", 1, 3), ("[01]", 1, 3), ("[\"ab", 1, 5),
    ("[tru]", 1, 6), ("nope", 1, 2),
  ])
  func `what is no JSON is refused at its place`(_ text: String, _ line: Int, _ column: Int) {
    let error = #expect(throws: ConfigurationError.self) { try Base.check(text) }
    #expect(error?.kind == .notJSON)
    #expect(error.map { [$0.line, $0.column] } == [line, column], "\(error.map { "\($0)" } ?? "")")
  }

  @Test(arguments: [
    ("{}", 1, 1, "the file is no list"), ("[]", 1, 1, "the list of devices is empty"), ("[1]", 1, 2, "not an object"),
    ("[{}]", 1, 2, "`dev` is not the first key"),
    ("[{\"size\": 1, \"dev\": \"dsa0\"}]", 1, 3, "`dev` is not the first key"),
    ("[{\"dev\": 7}]", 1, 10, "`dev` names nothing"), ("[{\"dev\": \"dsa\"}]", 1, 10, "`dev` names nothing"),
    ("[{\"dev\": \"dsa0.1\"}]", 1, 10, "`dev` names nothing"), ("[{\"dev\": \"wq0\"}]", 1, 10, "`dev` names nothing"),
    ("[{\"dev\": \"wq0.0\"}]", 1, 10, "wq0.0 stands where a device has to"),
    ("[{\"dev\": \"dsa0\"},\n{\"dev\": \"dsa0\"}]", 2, 9, "dsa0 is described twice"),
    ("[{\"dev\": \"dsa0\", \"groups\": [{\"dev\": \"dsa1\"}]}]", 1, 37, "the device dsa1 stands inside"),
    ("[{\"dev\": \"dsa0\", \"dev\": \"dsa1\"}]", 1, 3, "`dev` is written twice"),
    ("[{\"dev\": \"dsa0\", \"groups\": {}}]", 1, 28, "`groups` is an object"),
    ("[{\"dev\": \"dsa99999999999999999999\"}]", 1, 10, "`dev` names nothing"),
  ])
  func `what is no configuration is refused at its place`(_ text: String, _ line: Int, _ column: Int, _ problem: String)
  {
    let error = #expect(throws: ConfigurationError.self) { try Base.check(text) }
    #expect(error?.kind == .shape)
    #expect(error.map { [$0.line, $0.column] } == [line, column])
    #expect(error?.problem.hasPrefix(problem) == true, "\(error.map { "\($0)" } ?? "")")
  }

  @Test func `places do not depend on the layout`() throws {
    #expect(try Base.check("\t" + Base.text.replacingOccurrences(of: "  ", with: "\t")).findings == [])
    #expect(try Base.check("\u{FEFF}" + Base.text).findings == [])
    #expect(try Base.check(Base.text.replacingOccurrences(of: ": ", with: ":")).findings == [])
    let oneLine = Base.text.split(separator: "\n").joined()
    #expect(try Base.check(oneLine).findings == [])
    #expect(try Base.check(Base.text.replacingOccurrences(of: "\n", with: "\r\n")).findings == [])
  }

  @Test func `files that cannot be read are errors`() {
    for path in ["/nonexistent/x.conf", "/"] {
      let error = #expect(throws: ConfigurationError.self) { try ConfigurationCheck(path: path) }
      #expect(error?.kind == .unreadable)
    }
    let error = #expect(throws: ConfigurationError.self) {
      try ConfigurationCheck(Data([0x5B, 0xFF, 0x5D]), path: "x")
    }
    #expect(error?.problem == "not UTF-8 text")
    let long = #expect(throws: ConfigurationError.self) {
      try ConfigurationCheck(Data(repeating: 0x20, count: (1 << 20) + 1), path: "x")
    }
    #expect(long?.kind == .unreadable)
  }

  /// Any text, cut or garbled, is read or refused.
  @Test func `damaged files never trap`() {
    let bytes = Array(Base.text.utf8)
    var state: UInt64 = 1
    for round in 0..<400 {
      var copy = bytes
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let at = Int(state >> 33) % bytes.count
      if round % 3 == 0 { copy.removeSubrange(at...) }
      if round % 3 == 1 { copy[at] = UInt8(truncatingIfNeeded: state >> 40) }
      if round % 3 == 2 { copy.insert(contentsOf: Array("[{\"-9\":}]".utf8)[Int(state >> 50) % 9..<9], at: at) }
      _ = try? ConfigurationCheck(Data(copy), path: "x")
    }
  }
}

@Suite struct KeyTests {
  @Test func `unknown keys are passed over, with a hint`() throws {
    let check = try Base.check(Base.with([("\"priority\": 10", "\"priorty\": 9, \"priority\": 10, \"colour\": 1")]))
    #expect(check.isAccepted)
    #expect(
      check.findings.map { "\($0.key): \($0.fix)" } == ["priorty: did you mean `priority`?", "colour: remove it"])
  }

  @Test func `what list shows besides is no news`() throws {
    let shown = "\"max_groups\": 4, \"op_cap\": \"0,0,0,0,0,0,1,003f03ff\", \"state\": \"enabled\", \"clients\": 1, "
    #expect(try Base.check(Base.with([("\"read_buffer_limit\"", shown + "\"read_buffer_limit\"")])).findings == [])
  }

  @Test func `the file says what its devices have`() throws {
    let small = "\"max_groups\": 1, \"work_queue_size\": 8, \"max_engines\": 1, \"max_read_buffers\": 50, "
    let check = try Base.check(Base.with([("\"read_buffer_limit\"", small + "\"read_buffer_limit\"")]))
    #expect(
      check.findings.map(\.brief) == ["6 group0.0 read_buffers_allowed idxd -EINVAL", "10 wq0.0 size idxd -EINVAL"])
    let odd = try Base.check(Base.with([("\"read_buffer_limit\"", "\"max_batch_size\": 1000, \"read_buffer_limit\"")]))
    #expect(odd.findings.map(\.brief) == ["3 dsa0 max_batch_size warning"])
  }

  @Test func `keys behind a list are not applied`() throws {
    let check = try Base.check(
      Base.with([
        ("\"read_buffers_allowed\": 96,", ""),
        ("\"group_id\": 0}]}]}", "\"group_id\": 0}], \"read_buffers_allowed\": 50}]}"),
      ]))
    #expect(check.findings.map(\.brief) == ["21 group0.0 read_buffers_allowed warning"])
    #expect(check.configuration.devices.first?.groups.first?.readBuffersAllowed == 96)
  }

  @Test func `an empty list ends accel-config's reading`() throws {
    let check = try Base.check(Base.with([("[\n      {\"dev\": \"engine0.0\", \"group_id\": 0}]", "[]")]))
    #expect(check.findings.first?.brief == "20 group0.0 grouped_engines accel-config ")
    #expect(!check.isAccepted)
  }

  @Test func `dev decides, not the list and not the device's number`() throws {
    let check = try Base.check(Base.with([("grouped_workqueues", "grouped_workqueue"), ("engine0.0", "engine5.0")]))
    #expect(
      check.findings.map(\.brief) == ["7 group0.0 grouped_workqueue warning", "21 engine5.0 dev warning"])
    #expect(check.isAccepted && check.configuration.devices.first?.engines.count == 1)
    let beyond = try Base.check(Base.with([("wq0.0", "wq0.8")]))
    #expect(beyond.findings.first?.brief == "8 wq0.8 dev accel-config -ENOENT")
    let twice = try Base.check(
      Base.with([
        (
          "{\"dev\": \"engine0.0\", \"group_id\": 0}",
          "{\"dev\": \"engine0.0\"}, {\"dev\": \"engine0.0\", \"group_id\": 0}"
        )
      ]))
    #expect(twice.findings.map(\.brief) == ["21 engine0.0 dev warning"])
  }

  @Test func `analytics accelerators are passed over`() throws {
    let iax = "[{\"dev\": \"iax1\", \"groups\": [{\"dev\": \"group1.0\", \"x\": 1}]}," + Base.text.dropFirst()
    let check = try Base.check(iax)
    #expect(check.findings.map(\.brief) == ["1 iax1 dev warning"])
    #expect(check.configuration.devices.map(\.name) == ["dsa0"])
  }

  @Test(arguments: [("6.4", 6, 4), ("v6.12", 6, 12), ("6.8.0-45-generic", 6, 8), ("6.7-rc1", 6, 7)])
  func `versions of kernels`(_ text: String, _ major: Int, _ minor: Int) {
    #expect(KernelVersion(text) == KernelVersion(major, minor))
  }

  @Test(arguments: ["", "6", "six.four", "6.", "-6.4", "1e9.2"])
  func `texts that are no versions`(_ text: String) { #expect(KernelVersion(text) == nil) }
}

@Suite struct FileTests {
  /// The package's folder.
  private static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  @Test func `the shipped configurations come up on every kernel`() throws {
    let folder = Self.package.appendingPathComponent("sysctl/dsa")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".conf") }
    #expect(names.sorted() == ["1-device.conf", "2-priorities.conf", "8-devices.conf", "shared-queue.conf"])
    for name in names {
      for kernel in [KernelVersion(6, 4), KernelVersion(6, 12)] {
        let check = try ConfigurationCheck(path: folder.appendingPathComponent(name).path, kernel: kernel)
        #expect(check.findings == [], "\(name)")
      }
    }
  }

  @Test func `the eight devices are those of the original`() throws {
    let path = Self.package.appendingPathComponent("sysctl/dsa/8-devices.conf").path
    let devices = try ConfigurationCheck(path: path).configuration.devices
    #expect(devices.map(\.id) == [0, 2, 4, 6, 8, 10, 12, 14])
    for device in devices {
      #expect(device.workQueues.count == 1 && device.engines.map(\.id) == [0, 1, 2, 3])
      let queue = device.workQueues[0]
      #expect(queue.mode == .dedicated && queue.size == 128 && queue.type == .kernel && queue.priority == 10)
      #expect(queue.maxBatchSize == 128 && queue.maxTransferSize == 2 << 20 && !queue.blockOnFault)
    }
  }

  @Test func `a table for people`() throws {
    let path = Self.package.appendingPathComponent("sysctl/dsa/2-priorities.conf").path
    #expect(
      try ConfigurationCheck(path: path).configuration.description == """
        dsa0: version 0x100; 128 of 128 entries, 4 of 4 engines, 96 read buffers; batches up to 1024, transfers up to 2GiB
          group0.0: engines 0.0 0.1 0.2 0.3; read buffers 96 allowed, 0 reserved
            queue  mode       size  threshold  priority  max batch  max transfer  faults  type    driver     name
            wq0.0  dedicated    64          -         6        128          2MiB  stop    kernel  dmaengine  urgent
            wq0.1  dedicated    64          -         2        128          2MiB  stop    kernel  dmaengine  bulk

        """)
    let eight = Self.package.appendingPathComponent("sysctl/dsa/8-devices.conf").path
    let text = try ConfigurationCheck(path: eight).configuration.description
    #expect(text.hasSuffix("\ndsa2, dsa4, dsa6, dsa8, dsa10, dsa12, dsa14: as dsa0\n"))
  }

  private static let fixtures = package.deletingLastPathComponent().appendingPathComponent(
    "shared/fixtures/accel-config")
  private static var hasFixtures: Bool { FileManager.default.fileExists(atPath: fixtures.path) }

  @Test(
    .enabled(if: hasFixtures, "SKIPPED: files of accel-config and of the original are not beside the repository"),
    arguments: ["dsas-4e1w-d.conf", "os_profile.conf", "storage_profile.conf"])
  func `files of others come up`(_ name: String) throws {
    let path = Self.fixtures.appendingPathComponent(name).path
    let check = try ConfigurationCheck(path: path)
    // A shared queue of the kernel's is for kernels from 6.6 on.
    #expect(check.refusals.map(\.code) == (name == "os_profile.conf" ? ["0x800c0000"] : []))
    let today = try ConfigurationCheck(path: path, kernel: KernelVersion(6, 12))
    if name == "dsas-4e1w-d.conf" {
      #expect(check.configuration.devices.count == 8 && check.findings.count == 8)
      #expect(today.refusals.map(\.code) == Array(repeating: "0x80200000", count: 8))
      let ours = try ConfigurationCheck(path: Self.package.appendingPathComponent("sysctl/dsa/8-devices.conf").path)
      var original = check.configuration
      for at in original.devices.indices { original.devices[at].workQueues[0].name = "pageferry" }
      for at in original.devices.indices { original.devices[at].limits.operations = [] }
      #expect(original == ours.configuration)
    } else {
      #expect(check.warnings == [] && today.findings == [])
    }
  }
}
