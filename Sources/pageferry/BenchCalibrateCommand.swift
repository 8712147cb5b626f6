// pageferry bench calibrate.

import ArgumentParser
import CopyBench
import CopyKernels
import Foundation
import HostMemory
import Report
import Sysctl
import Units

/// Makes a machine preset of this machine.
struct BenchCalibrateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "calibrate",
    abstract: "Measures latency, bandwidth and copy speed and writes them as a machine preset.",
    discussion: """
      The file is one of knobs, as those of sysctl/machines: `pageferry run -p FILE` models this machine. Each measured line is a comment \
      in it, with how often it was measured and between which values; the head says on what machine, when, and by which command. What \
      cannot be measured here keeps its default, and the file says so.

      Examples:
        pageferry bench calibrate -o here.conf
        pageferry sysctl -p here.conf --check
        pageferry run workloads/demo.yaml -p here.conf -p sysctl/profiles/tpp.conf

      Exit status: 0; 1 when memory could not be had or the file not be written; 2 for arguments that cannot be.
      """)

  @Option(name: [.customShort("o"), .customLong("output")], help: ArgumentHelp("The preset.", valueName: "file"))
  var output: String

  @Flag(help: "Three rounds in place of nine.")
  var quick = false

  @Option(help: ArgumentHelp("Memory on each node: larger than all caches together, twice over.", valueName: "size"))
  var arena = "512MiB"

  @OptionGroup var reserve: ReserveOptions

  @Flag(name: .shortAndLong, help: "Show no progress.")
  var quiet = false

  func run() throws {
    // Measuring takes a minute: what cannot be written is said before.
    if output.isEmpty { throw ValidationError("--output: name a file") }
    let folder = URL(fileURLWithPath: output).deletingLastPathComponent().path
    guard FileManager.default.isWritableFile(atPath: folder) else {
      throw Failure(message: "\(output): the folder \(folder) does not exist or cannot be written", status: .failure)
    }
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: output, isDirectory: &isFolder), isFolder.boolValue {
      throw Failure(message: "\(output): is a folder; name a file in it", status: .failure)
    }
    let bar = ProgressBar("calibrate", isQuiet: quiet)
    let plan = MachineCalibration.Plan(rounds: quick ? 3 : 9, arena: try BenchCopyCommand.arenaSize(arena))
    let memory = HostMemory()
    let calibration = try reserve.withReservation(forEach: plan.requests(of: memory), of: memory) {
      try MachineCalibration.measure(plan, of: memory) { done, total in
        bar.show(done, of: total, "\(done) of \(total) steps")
      }
    }
    bar.end()
    let command = (["pageferry"] + CommandLine.arguments.dropFirst()).joined(separator: " ")
    let text = calibration.preset(
      CalibrationProvenance(
        version: Pageferry.versionText, command: command.split(whereSeparator: \.isNewline).joined(separator: " ")))
    do throws(ReportError) { try WholeFile.write(Data(text.utf8), to: output) } catch {
      throw Failure(message: "\(error)", status: .failure)
    }
    for remark in calibration.remarks { Console.error("note: \(remark)") }
    try Console.out(text.split(separator: "\n").filter { !$0.hasPrefix("#") }.joined(separator: "\n") + "\n")
  }
}
