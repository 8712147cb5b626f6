// The command. It only joins: arguments to knobs and files, runs to reports. Subcommands have a file each.

import ArgumentParser
import Compare
import CopyBench
import CopyKernels
import Foundation
import HostMemory
import Plot
import Report
import Simulation
import Sweep
import Sysctl
import Trace
import Workload

/// `pageferry`.
struct Pageferry: ParsableCommand {
  static let versionText = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "pageferry",
    abstract: "Runs a memory workload on a modelled tiered-memory machine under a modelled Linux kernel.",
    discussion: """
      Pageferry answers what a workload would do on fast and slow memory under given kernel knobs: which pages \
      kswapd demotes, which hint faults promote, and what that costs.

      A first run:
        pageferry run workloads/demo.yaml -p sysctl/profiles/tiering-v6.12.conf

      Exit status: 0 when all went well, 1 when a run failed or a file could not be written, 2 for bad arguments, \
      knobs or workload files, 130 after an interrupt.
      """,
    version: versionText,
    subcommands: [
      RunCommand.self, CompareCommand.self, SweepCommand.self, ReportCommand.self, SysctlCommand.self,
      TraceCommand.self, ValidateCommand.self, DSACommand.self, CopyPlanCommand.self, CopyModelCommand.self,
      HostCommand.self, BenchCommand.self,
    ])
}

@main enum Main {
  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    // The guard of huge pages outlives interrupts, and no help shows it.
    if arguments.first == ReservationGuard.commandName {
      exit(ReservationGuard.run(Array(arguments.dropFirst())))
    }
    Interrupt.watch()
    exit(status: run(arguments))
  }

  /// Parses and runs; the exit status.
  static func run(_ arguments: [String]) -> ExitStatus {
    do {
      var command = try Pageferry.parseAsRoot(arguments)
      try command.run()
      return .ok
    } catch {
      return report(error)
    }
  }

  /// Prints what went wrong and says with what status to leave.
  private static func report(_ error: any Error) -> ExitStatus {
    switch error {
    case let failure as Failure:
      if !failure.message.isEmpty { Console.error(failure.message) }
      return failure.status
    case let error as KnobError: return complain("\(error)", .usage)
    case let error as WorkloadError: return complain("\(error)", .usage)
    case let error as ReportError: return complain("\(error)", .failure)
    case let error as PlotError: return complain("\(error)", .failure)
    case let error as TraceError: return complain("\(error)", error.kind == .usage ? .usage : .failure)
    case let error as HostMemoryError: return complain("\(error)", error.kind == .request ? .usage : .failure)
    case let error as CompareError: return complain("\(error)", error.kind == .usage ? .usage : .failure)
    case let error as SweepError: return complain("\(error)", error.kind == .usage ? .usage : .failure)
    case let error as CopyBenchError: return complain("\(error)", error.isUsage ? .usage : .failure)
    case let error as CopyKernelError: return complain("\(error)", .failure)
    case let error as WorkerPoolError: return complain("\(error)", .failure)
    case let error as RunError: return complain("\(error)", error.kind == .knob ? .usage : .failure)
    default: return arguments(error)
    }
  }

  private static func complain(_ message: String, _ status: ExitStatus) -> ExitStatus {
    Console.error(message)
    return status
  }

  /// Help and version are no errors; everything else that the parser throws is one of usage.
  private static func arguments(_ error: any Error) -> ExitStatus {
    if Pageferry.exitCode(for: error) == .success {
      do throws(Failure) {
        try Console.out(Pageferry.fullMessage(for: error) + "\n")
        return .ok
      } catch {
        return complain(error.message, .failure)
      }
    }
    // An error that is not the parser's: a device, a thread, a system call.
    guard Pageferry.exitCode(for: error) == .validationFailure else { return complain("\(error)", .failure) }
    let usage = Pageferry.fullMessage(for: error).split(separator: "\n").first { $0.hasPrefix("Usage:") }
    Console.error(Pageferry.message(for: error))
    if let usage { Console.plain("\(usage)\n  See '--help' of the command for more information.\n") }
    return .usage
  }
}
