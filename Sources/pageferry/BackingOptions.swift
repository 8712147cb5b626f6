// --backing, of pageferry run.

import ArgumentParser
import Backing
import DSAModel
import Host
import HostMemory
import MemoryModel
import Migration
import Simulation
import Sysctl

/// What stands behind the frames of a run.
struct BackingOptions: ParsableArguments {
  enum Kind: String, ExpressibleByArgument, CaseIterable {
    case modelled
    case real
  }

  @Option(
    help: ArgumentHelp(
      "What is behind frames: a tag a page, or real memory that real engines move and that is compared in full (docs/backing.md).",
      valueName: "modelled|real"))
  var backing = Kind.modelled

  @OptionGroup var reserve: ReserveOptions

  func validate() throws {
    if reserve.reserve && backing == .modelled { throw ValidationError("--reserve: add --backing real") }
  }

  /// Sets a run up, with real memory if it is wanted. Keep the reservation as long as the run, and release it behind it.
  func simulation(
    _ make: (_ backing: ((Memory) throws(RunError) -> any FrameCopier)?) throws(RunError) -> Simulation, tree: KnobTree
  ) throws(RunError) -> (Simulation, HugePageReservation?) {
    guard backing == .real else { return (try make(nil), nil) }
    var reservation: HugePageReservation?
    let simulation = try make { memory throws(RunError) in
      let host = HostMemory()
      do {
        reservation = try reserve.reservation(for: RealFrames.requests(for: memory), of: host)
        return try RealFrames(
          for: memory, from: host, drivesClock: tree[SimulationKnobs.self].copyClock == .measured,
          corruptions: tree[FaultKnobs.self].corruptions)
      } catch let error as HostMemoryError {
        throw RunError(
          "--backing real: \(error.problem)",
          fix: "lower hw.nodeN.size (in all: what the modelled machine has), or \(error.fix)", kind: .host)
      } catch { throw RunError("--backing real: \(error)", fix: "run without it", kind: .host) }
    }
    return (simulation, reservation)
  }
}
