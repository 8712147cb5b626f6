// pageferry validate.

import ArgumentParser
import Calibration
import Foundation
import Machine
import Report
import Validation

/// Compares the model with real kernels and measured devices, and writes docs/fidelity.md.
struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract:
      "Compare the model with recorded runs of real kernels and with measured DSA devices; write a page of Markdown.",
    discussion: """
      A reference folder holds scenarios/NAME.json (exact access patterns) and results/ensemble.json (what the kernel \
      counted). Each scenario is run with the same start delays, and medians are compared. A calibration folder holds tables \
      of published measurements (CSV); each is measured again on the modelled devices, with the same loop.

      Give any of the three. A file named by -o that an earlier call wrote keeps the parts that this call does not make. \
      The exit status is 1 when a counter differs, or when the devices' median error is above 7 % (10 % of what was read off \
      figures) or fewer than 90 % of the points are within 20 %.

      Examples:
        pageferry validate --reference oracle --reference-tpp oracle-tpp -o docs/fidelity.md
        pageferry validate --calibration calibration -o docs/fidelity.md
        pageferry validate --calibration calibration --json | jq .calibration.summary
      """)

  @Option(help: ArgumentHelp("Reference runs of Linux 6.12.", valueName: "dir"))
  var reference: String?

  @Option(help: ArgumentHelp("Reference runs of Linux 5.13 with TPP.", valueName: "dir"))
  var referenceTpp: String?

  @Option(help: ArgumentHelp("Tables of published measurements of DSA devices.", valueName: "dir"))
  var calibration: String?

  @Option(help: ArgumentHelp("Folder of the machine presets.", valueName: "dir"))
  var machines = "sysctl/machines"

  @Option(
    name: .shortAndLong, help: ArgumentHelp("Where to write the page. (default: standard output)", valueName: "file"))
  var output: String?

  @Option(help: ArgumentHelp("Run only this scenario; may be given several times.", valueName: "name"))
  var only: [String] = []

  @Option(
    help: ArgumentHelp(
      "Start delays in ms, with commas. The median of the model's runs is compared.", valueName: "list"))
  var delays = "0,37,113"

  @Option(help: ArgumentHelp("Keep a run directory for each run, in this folder.", valueName: "dir"))
  var runs: String?

  @Flag(help: "Print every point and the verdicts as JSON instead of the page; -o still gets the page.")
  var json = false

  private var inputs: [FidelityFile.Input] {
    [(reference, FidelityFile.Input.reference), (referenceTpp, .referenceTPP), (calibration, .calibration)]
      .compactMap { $0 == nil ? nil : $1 }
  }

  func validate() throws {
    let list = delays.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    guard list.allSatisfy({ $0.map { (0...60_000).contains($0) } ?? false }) else {
      throw ValidationError("--delays \(delays): want milliseconds from 0 to 60000, as in 0,37,113")
    }
    if inputs.isEmpty {
      throw ValidationError(
        "nothing to compare with; give --reference, --reference-tpp, --calibration or several of them")
    }
  }

  func run() throws {
    var file = try existing()
    var result = ValidationResult()
    // First: it takes a second, and a table that cannot be read ends the call.
    let devices = try calibration.map { try score($0) }
    if reference != nil || referenceTpp != nil {
      let (fidelity, page) = try compare()
      file.set(inputs.filter { $0 != .calibration }, page)
      result.kernels = ValidationResult.Kernels(fidelity)
    }
    if let devices {
      file.set([.calibration], devices.page)
      result.calibration = ValidationResult.Devices(devices)
    }
    if let output { try write(file.text, to: output) }
    if json {
      try Console.out(result.text())
    } else if let output {
      try Console.out("\(output): \(result.verdict)\n")
      let kept = file.inputs.filter { !inputs.contains($0) }
      if !kept.isEmpty { try Console.out("\(output): kept as it was: \(Self.names(kept))\n") }
      let absent = FidelityFile.Input.allCases.filter { !file.inputs.contains($0) }
      if !absent.isEmpty { try Console.out("\(output): does not hold: \(Self.names(absent))\n") }
    } else {
      try Console.out(file.text)
    }
    guard result.isClean else {
      throw Failure(message: "the model differs: \(result.verdict)", status: .failure)
    }
  }

  private static func names(_ inputs: [FidelityFile.Input]) -> String {
    inputs.map { "\($0.title) (--\($0.rawValue))" }.joined(separator: ", ")
  }

  // MARK: - The parts

  private func compare() throws -> (Fidelity, String) {
    var fidelity = Fidelity(machines: machines)
    fidelity.onRun = { Console.error("running \($0)") }
    fidelity.only = only
    fidelity.delays = delays.split(separator: ",").compactMap { Int($0) }
    if let runs { fidelity.onResult = { try ValidateCommand.keep($0, in: runs) } }
    do {
      let page = try fidelity.page(upstream: reference, tpp: referenceTpp)
      // Behind the comparison: it counts in the value.
      return (fidelity, page)
    } catch let error as ReferenceError {
      throw Failure(message: error.description, status: .usage)
    }
  }

  private func score(_ folder: String) throws(Failure) -> Calibration {
    do throws(CalibrationError) {
      return try Calibration(folder: folder, copyBandwidth: CostKnobs().copyBandwidth)
    } catch {
      throw Failure(message: error.description, status: .usage)
    }
  }

  // MARK: - The file

  /// The page that is there already, whose other parts stay; an empty one when there is none.
  private func existing() throws -> FidelityFile {
    guard let output else { return FidelityFile() }
    try checkFolder(of: output)
    guard let data = FileManager.default.contents(atPath: output),
      let file = FidelityFile(text: String(decoding: data, as: UTF8.self))
    else { return FidelityFile() }
    let lost = file.lost(by: inputs)
    guard lost.isEmpty else {
      throw Failure(
        message:
          "\(output): also holds \(Self.names(lost)), which this call would drop; give \(lost.count == 1 ? "that" : "those") "
          + "too, or write another file", status: .usage)
    }
    let isPartial = !only.isEmpty || delays != "0,37,113"
    if isPartial && (reference != nil || referenceTpp != nil) && file.inputs.contains(where: { $0 != .calibration }) {
      throw Failure(
        message: "\(output): holds all scenarios; --only and --delays would drop some: write another file",
        status: .usage)
    }
    return file
  }

  private func write(_ page: String, to output: String) throws(Failure) {
    do throws(ReportError) { try WholeFile.write(Data(page.utf8), to: output) } catch {
      throw Failure(message: "\(error)", status: .failure)
    }
  }

  /// Finds out before the runs, not after, that the page cannot be written.
  private func checkFolder(of output: String) throws {
    let folder = URL(fileURLWithPath: output).deletingLastPathComponent().path
    guard FileManager.default.isWritableFile(atPath: folder) else {
      throw Failure(message: "\(output): the folder \(folder) does not exist or cannot be written", status: .failure)
    }
  }

  /// Leaves a run directory, as `pageferry run` does.
  private static func keep(_ run: FidelityRun, in folder: String) throws {
    let inputs = try RunInputs(version: Pageferry.versionText, tree: run.tree, spec: run.spec)
    let directory = try RunDirectory(.path("\(folder)/\(run.name)"))
    _ = try RunFiles(run.result, inputs: inputs).write(to: directory, wallSeconds: .zero)
  }
}
