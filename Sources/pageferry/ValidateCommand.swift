// pageferry validate.

import ArgumentParser
import Foundation
import Report
import Validation

/// Compares the model with real kernels and writes docs/fidelity.md.
struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Compare the model with recorded runs of real kernels; write the comparison as Markdown.",
    discussion: """
      A reference folder holds scenarios/NAME.json (exact access patterns) and results/ensemble.json (what the kernel \
      counted). Each scenario is run with the same start delays, and medians are compared. The exit status is 1 when \
      something differs.

      Example:
        pageferry validate --reference oracle --reference-tpp oracle-tpp -o docs/fidelity.md
      """)

  @Option(help: ArgumentHelp("Reference runs of Linux 6.12.", valueName: "dir"))
  var reference: String?

  @Option(help: ArgumentHelp("Reference runs of Linux 5.13 with TPP.", valueName: "dir"))
  var referenceTpp: String?

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

  func validate() throws {
    let list = delays.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    guard list.allSatisfy({ $0.map { (0...60_000).contains($0) } ?? false }) else {
      throw ValidationError("--delays \(delays): want milliseconds from 0 to 60000, as in 0,37,113")
    }
    if reference == nil && referenceTpp == nil {
      throw ValidationError("nothing to compare with; give --reference, --reference-tpp or both")
    }
  }

  func run() throws {
    var fidelity = Fidelity(machines: machines)
    fidelity.onRun = { Console.error("running \($0)") }
    fidelity.only = only
    fidelity.delays = delays.split(separator: ",").compactMap { Int($0) }
    if let runs { fidelity.onResult = { try ValidateCommand.keep($0, in: runs) } }
    if let output { try checkFolder(of: output) }
    let page: String
    do {
      page = try fidelity.page(upstream: reference, tpp: referenceTpp)
    } catch let error as ReferenceError {
      throw Failure(message: error.description, status: .usage)
    }
    if let output {
      do {
        try Data(page.utf8).write(to: URL(fileURLWithPath: output), options: .atomic)
      } catch {
        throw Failure(message: "\(output): \(error.localizedDescription)", status: .failure)
      }
      try Console.out("\(output): \(fidelity.verdict)\n")
    } else {
      try Console.out(page)
    }
    guard fidelity.isClean else {
      throw Failure(message: "model and kernel differ: \(fidelity.verdict)", status: .failure)
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
