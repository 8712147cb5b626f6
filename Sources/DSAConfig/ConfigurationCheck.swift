// The public face: a file in, its configuration and everything that is to be said of it out.

import Foundation

/// A file of accel-config, loaded and enabled on paper.
///
/// Values are written to the driver in the order of the file, as accel-config does; then devices and queues are enabled. A write
/// that is refused leaves the value as it was and the rest goes on, so that one reading shows everything. accel-config itself
/// stops at the first and enables nothing. What depends on the machine and not on the file is not known here: interrupts,
/// portals, memory, an IOMMU that is off, an event log.
public struct ConfigurationCheck: Sendable, Equatable {
  /// The file's devices, as far as they were accepted.
  public var configuration: DSAConfiguration
  /// In the order of the file while it is read, then those of enabling, device by device.
  public var findings: [ConfigurationFinding]

  public var refusals: [ConfigurationFinding] { findings.filter(\.isRefusal) }
  public var warnings: [ConfigurationFinding] { findings.filter { !$0.isRefusal } }
  /// Whether all of it comes up.
  public var isAccepted: Bool { !findings.contains(where: \.isRefusal) }

  /// Reads and checks a file.
  public init(path: String, kernel: KernelVersion = .oldest) throws(ConfigurationError) {
    try self.init(ConfigurationText.contents(path: path), path: path, kernel: kernel)
  }

  /// Checks a file's bytes; `path` is for messages.
  public init(_ data: Data, path: String, kernel: KernelVersion = .oldest) throws(ConfigurationError) {
    var loader = ConfigurationLoader(path: path, kernel: kernel)
    try loader.load(try ConfigurationText(data, path: path).root)
    for index in loader.devices.indices { loader.enable(index) }
    configuration = DSAConfiguration(devices: loader.devices.map(\.result))
    findings = loader.findings
  }
}
