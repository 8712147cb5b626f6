// What is in a run directory.

import Foundation
import Simulation
import Units

/// The files of a run directory as texts.
public struct RunFiles {
  /// Files by name, in the order they are written; run.json is last but host.json.
  public private(set) var files: [(name: String, text: String)] = []
  /// Files that depend on the host, as host.json does.
  private var measured: [(name: String, text: String)] = []
  private let backing: BackingText?

  /// Everything that depends on the inputs alone.
  public init(_ result: RunResult, inputs: RunInputs, zoneinfo: Bool = false) {
    backing = result.backing.map { BackingText(backing: $0) }
    if let backing { measured.append(("copies-measured.csv", backing.csv)) }
    files.append(("config.sysctl", inputs.tree.sysctlText()))
    files.append(("vmstat.csv", VMStatText.text(result)))
    files.append(("machine.csv", MachineText.text(result)))
    files.append(("heat.csv", HeatText.text(result.heat)))
    files.append(("regions.csv", RegionText.text(result.heat)))
    files.append(("copies.csv", CopyHistogramText.text(result.copy.timer)))
    files.append(("trace.txt", MigrateTraceText.text(result)))
    let copies = CopyText(copy: result.copy)
    files.append(("timer", copies.timer))
    files.append(("timer.json", copies.timerJSON.text))
    files += FreeAreaText.files(result.freeAreas, rules: result.memory.rules)
    if zoneinfo { files.append(("zoneinfo", ProcText.zoneinfo(result.memory))) }
    if let timeline = result.timeline {
      files.append(("timeline.json", TimelineJSON(timeline, version: inputs.version).text))
    }
    let digests = files.map { ($0.name, Digest(of: $0.text)) }
    files.append(("run.json", RunJSON(result, inputs: inputs).document(files: digests).text))
  }

  /// run.json.
  public var json: String { files.first { $0.name == "run.json" }?.text ?? "" }

  /// Writes all files, with host.json, and gives the directory its name, which is returned.
  public func write(to directory: RunDirectory, wallSeconds: Duration) throws(ReportError) -> String {
    for file in measured + files { try directory.write(file.name, file.text) }
    try directory.write("host.json", RunFiles.host(wall: wallSeconds, backing: backing))
    return try directory.commit()
  }

  /// Writes all files, with host.json, into a new folder. Several threads may do so at once, each its own.
  public func write(toFolder path: String, wallSeconds: Duration) throws(ReportError) {
    guard mkdir(path, 0o777) == 0 else { throw ReportError.system("cannot make the directory", path) }
    for file in measured + files { try RunDirectory.write(file.text, to: path + "/" + file.name) }
    try RunDirectory.write(RunFiles.host(wall: wallSeconds, backing: backing), to: path + "/host.json")
  }

  /// host.json: what differs from host to host.
  static func host(wall: Duration, backing: BackingText?) -> String {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    let (seconds, attoseconds) = wall.components
    return JSONValue.object(
      [
        ("host", .string(hostName)),
        ("wall_time_us", .integer(Int(seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000))),
        ("peak_rss_kib", .integer(usage.ru_maxrss)),
      ] + (backing.map { [("backing", $0.json)] } ?? [])
    ).text
  }

  private static var hostName: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "" }
    return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
