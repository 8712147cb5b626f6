// Knobs of the machine's DSA devices (hw.dsa.*).

import Sysctl

/// A configuration with the file it was read from.
public struct DSAFile: Sendable, Equatable {
  /// As it was written; empty for `DSAConfiguration.eightDevices`.
  public private(set) var path = ""
  /// What the file comes to; all of it comes up.
  public private(set) var configuration = DSAConfiguration.eightDevices

  /// Most devices of one machine: what the device model takes (`DeviceModel.init`).
  public static let mostDevices = 16

  /// As messages say it.
  public var name: String { path.isEmpty ? "the default of hw.dsa.config" : path }

  /// The eight devices of the original's machine.
  public init() {}

  /// Reads and checks a file of accel-config, under the driver of the modelled kernels; an empty path is the default.
  public init(path: String) throws(KnobRefusal) {
    guard !path.isEmpty else { return }
    let check: ConfigurationCheck
    do throws(ConfigurationError) { check = try ConfigurationCheck(path: path) } catch {
      throw KnobRefusal("\(error)")
    }
    if let first = check.refusals.first {
      let rest = check.refusals.count - 1
      throw KnobRefusal("\(first)" + (rest == 0 ? "" : " (and \(rest) more: pageferry dsa check \(path))"))
    }
    guard check.configuration.devices.count <= Self.mostDevices else {
      throw KnobRefusal(
        "\(path) has \(check.configuration.devices.count) devices, and a machine at most \(Self.mostDevices); name fewer"
      )
    }
    self.path = path
    configuration = check.configuration
  }
}

/// Whether copies of huge pages by all devices share one device's bandwidth (hw.dsa.serialize_huge).
public enum SerializeHuge: String, Sendable, CaseIterable {
  case off, always
  /// Where a copy read or wrote not long before.
  case reused
}

/// The DSA devices of the machine.
public struct DSAHardwareKnobs: KnobSet {
  /// hw.dsa.config: read and checked when it is written.
  public var file = DSAFile()
  /// hw.dsa.platform_bandwidth, bytes a second.
  public var platformBandwidth = 106_000_000_000
  /// hw.dsa.serialize_huge.
  public var serializeHuge = SerializeHuge.off
  /// hw.dsa.node.
  public var node = 0

  /// The devices as they come up.
  public var configuration: DSAConfiguration { file.configuration }

  public init() {}

  public static let knobs: [Knob<DSAHardwareKnobs>] = [
    .parsed(
      "hw.dsa.config", \.file, range: "a file of accel-config, or empty",
      parse: { path throws(KnobRefusal) in try DSAFile(path: path) }, print: { $0.path },
      when: .beforeRun, evidence: .setting, source: "DSA-2LM (madsys-dev/DSA-2LM), dsas-4e1w-d.conf (empty)",
      doc: "The machine's DSA devices: an accel-config file, read and checked when this is written.",
      notes: """
        Empty is eight devices, each with one dedicated kernel queue of 128 entries, four engines, batches of 128 and transfers of \
        2 MiB. A file is refused with its first finding; pageferry dsa check shows all. A relative path begins at the working \
        directory. Write it while vm.dsa_state is 0.
        """,
      prepare: { set, tree throws(KnobRefusal) in
        // That knob is of a room above, known here by name alone.
        guard set.file != tree[DSAHardwareKnobs.self].file, (try? tree.read("vm.dsa_state")) == "1" else { return }
        throw KnobRefusal("work queues are held, since vm.dsa_state is 1; write vm.dsa_state=0 first")
      }),
    .bandwidth(
      "hw.dsa.platform_bandwidth", \.platformBandwidth, in: 1_000_000_000...10_000_000_000_000, when: .beforeRun,
      evidence: .calibrated, source: "DSA-2LM (USENIX ATC '25, figures 4 and 5): 104 to 110 GB/s; docs/dsa-model.md",
      doc: "Bytes a second that all devices together can copy."),
    .choice(
      "hw.dsa.serialize_huge", \.serializeHuge, when: .beforeRun, evidence: .uncalibrated,
      source: "hypothesis for DSA-2LM's README: 68 us for a 2 MiB page in some states, 17 us in others",
      doc: "Whether huge pages' descriptors, of all devices, serialise on one resource of a single device's size.",
      notes: """
        A hypothesis, unconfirmed, for the README's slow state, a factor of 4: always, or reused where a copy of a huge page read or wrote within \
        the last 14 MB. docs/dsa-model.md has what each predicts for what the author saw.
        """),
    .integer(
      "hw.dsa.node", \.node, in: 0...15, when: .beforeRun, evidence: .setting, source: "Pageferry",
      doc: "The node beside whose memory all devices sit."),
  ]
}
