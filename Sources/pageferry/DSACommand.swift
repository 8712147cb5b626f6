// pageferry dsa.

import ArgumentParser
import DSAConfig
import Report

/// What can be said of DSA devices without having one.
struct DSACommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dsa", abstract: "Check configurations of DSA copy engines.", subcommands: [DSACheckCommand.self])
}

/// Loads and enables a file of accel-config on paper.
struct DSACheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Say what the driver and the device would refuse of an accel-config file, or what it comes to.",
    discussion: """
      Files are those of 'accel-config save-config' and 'load-config'. Values are written to the driver's rules in the order of \
      the file, then devices and queues are enabled. Each refusal is a line with its place, the code that sysfs, the driver \
      (cmd_status) or the device would answer, and what to write instead. A file that comes up is shown as a table: groups, \
      queues and engines as they are then, rounded and with defaults.

      Where the file does not say what its devices have (max_work_queues and the like), they are those of Sapphire Rapids.

      Examples:
        pageferry dsa check sysctl/dsa/8-devices.conf
        pageferry dsa check /etc/accel-config/accel-config.conf --kernel "$(uname -r)"
        pageferry dsa check --json my.conf | jq '.findings[] | select(.refused)'

      Exit status: 1 when anything is refused, or the file cannot be read or is no JSON.
      """)

  @Argument(help: ArgumentHelp("The accel-config files.", valueName: "file"))
  var files: [String]

  @Option(
    help: ArgumentHelp(
      "Whose idxd driver decides, from \(KernelVersion.oldest) on. From 6.7 on queues need a driver_name.",
      valueName: "version"))
  var kernel = "\(KernelVersion.oldest)"

  @Flag(help: "Print all as JSON, warnings and refusals too.")
  var json = false

  func run() throws {
    guard let version = KernelVersion(kernel), version >= .oldest else {
      throw ValidationError("--kernel: '\(kernel)' is no version from \(KernelVersion.oldest) on; write it as 6.12")
    }
    var entries: [JSONValue] = []
    var isGood = true
    for file in files {
      let check: ConfigurationCheck
      do {
        check = try ConfigurationCheck(path: file, kernel: version)
      } catch {
        isGood = false
        if json { entries.append(Self.entry(error)) } else { Console.error("\(error)") }
        continue
      }
      isGood = isGood && check.isAccepted
      if json { entries.append(Self.entry(check, file: file)) } else { try show(check, file: file) }
    }
    if json { try Console.out(JSONValue.list(entries).text) }
    if !isGood { throw Failure(message: "", status: .failure) }
  }

  /// The table of a file that comes up; all that is to be said about it goes to standard error.
  private func show(_ check: ConfigurationCheck, file: String) throws(Failure) {
    for finding in check.findings { Console.error("\(finding)") }
    guard check.isAccepted else { return }
    try Console.out((files.count > 1 ? "\(file)\n" : "") + check.configuration.description)
  }

  // MARK: - JSON

  private static func entry(_ error: ConfigurationError) -> JSONValue {
    .object([
      ("file", .string(error.path)), ("accepted", false),
      (
        "error",
        .object([
          ("line", .integer(error.line)), ("column", .integer(error.column)), ("problem", .string(error.problem)),
          ("fix", .string(error.fix)),
        ])
      ),
    ])
  }

  private static func entry(_ check: ConfigurationCheck, file: String) -> JSONValue {
    .object([
      ("file", .string(file)), ("accepted", .bool(check.isAccepted)),
      ("findings", .list(check.findings.map(finding))), ("devices", .list(check.configuration.devices.map(device))),
    ])
  }

  private static func finding(_ finding: ConfigurationFinding) -> JSONValue {
    .object([
      ("refused", .bool(finding.isRefusal)), ("by", .string(finding.judge.rawValue)), ("code", .string(finding.code)),
      ("line", .integer(finding.line)), ("column", .integer(finding.column)), ("object", .string(finding.object)),
      ("key", .string(finding.key)), ("problem", .string(finding.problem)), ("fix", .string(finding.fix)),
      ("source", .string(finding.source)),
    ])
  }

  private static func device(_ device: DSAConfiguration.Device) -> JSONValue {
    .object([
      ("dev", .string(device.name)), ("version", .integer(device.limits.version)),
      ("entries", .integer(device.limits.entries)), ("used_entries", .integer(device.usedEntries)),
      ("read_buffers", .integer(device.limits.readBuffers)), ("read_buffer_limit", .integer(device.readBufferLimit)),
      ("max_batch_size", .integer(device.limits.batchSize)),
      ("max_transfer_size_bytes", .integer(device.limits.transferSize)),
      ("groups", .list(device.groups.map { group($0, of: device) })),
      ("queues", .list(device.workQueues.map { queue($0, of: device) })),
    ])
  }

  private static func group(_ group: DSAConfiguration.Group, of device: DSAConfiguration.Device) -> JSONValue {
    .object([
      ("dev", .string("group\(device.id).\(group.id)")),
      ("queues", .list(group.workQueues.map { .string("wq\(device.id).\($0)") })),
      ("engines", .list(group.engines.map { .string("engine\(device.id).\($0)") })),
      ("read_buffers_allowed", .integer(group.readBuffersAllowed)),
      ("read_buffers_reserved", .integer(group.readBuffersReserved)),
      ("use_read_buffer_limit", .bool(group.usesReadBufferLimit)),
      ("traffic_class_a", .integer(group.trafficClassA)), ("traffic_class_b", .integer(group.trafficClassB)),
      ("desc_progress_limit", .integer(group.descProgressLimit)),
      ("batch_progress_limit", .integer(group.batchProgressLimit)),
    ])
  }

  private static func queue(_ queue: DSAConfiguration.WorkQueue, of device: DSAConfiguration.Device) -> JSONValue {
    .object([
      ("dev", .string("wq\(device.id).\(queue.id)")), ("group_id", .integer(queue.group ?? -1)),
      ("mode", .string(queue.mode.rawValue)), ("size", .integer(queue.size)), ("threshold", .integer(queue.threshold)),
      ("priority", .integer(queue.priority)), ("block_on_fault", .bool(queue.blockOnFault)),
      ("max_batch_size", .integer(queue.maxBatchSize)), ("max_transfer_size_bytes", .integer(queue.maxTransferSize)),
      ("type", .string(queue.type.rawValue)), ("driver_name", .string(queue.driverName)), ("name", .string(queue.name)),
    ])
  }
}
