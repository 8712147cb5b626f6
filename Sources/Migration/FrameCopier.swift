// Copies of real bytes beside the modelled ones.

import MemoryModel
import PageCopy
import Units

/// Real memory whose bytes the engines move that the knobs choose.
public protocol FrameCopier: FrameBacking {
  /// Copies a list, or one huge page, and returns when every byte is where it belongs.
  ///
  /// - Parameters:
  ///   - knobs: which engine takes what.
  ///   - isSingle: copy_huge_page and not the copy of a list.
  ///   - cpus: CPUs that may copy together.
  ///   - isUsedNext: whether somebody is about to read or write what is copied: promotions.
  func copyList(_ moves: [FrameMove], knobs: CopyKnobs, isSingle: Bool, cpus: Int, isUsedNext: Bool) -> RealCopy
  /// Copies a folio with the calling CPU; the time that it took.
  func copyPage(_ move: FrameMove, isUsedNext: Bool) -> Picoseconds
}

/// What a copy of real bytes came to.
public struct RealCopy: Equatable, Sendable {
  public var method: CopyMethod
  public var measured: Picoseconds

  public init(method: CopyMethod, measured: Picoseconds) {
    self.method = method
    self.measured = measured
  }
}

/// Real bytes that were moved at the start of a modelled copy.
struct RealPart {
  let result: RealCopy
  let drivesClock: Bool
  /// What is to be noted at the end, but for the modelled time.
  private let measured: MeasuredCopy
  /// Time of the modelled copy so far.
  var spent: Picoseconds = 0
  /// Whether the clock has had it.
  var isTaken = false

  init(
    _ pairs: [(old: PFN, new: PFN)], of machine: CopyMachine, by backing: any FrameCopier, _ isSingle: Bool,
    _ cpus: Int, _ isUsedNext: Bool
  ) {
    let moves = pairs.map { FrameMove(from: $0.old, to: $0.new, order: machine.memory.order(of: $0.old)) }
    result = backing.copyList(
      moves, knobs: machine.context.knobs, isSingle: isSingle, cpus: cpus, isUsedNext: isUsedNext)
    drivesClock = backing.drivesClock
    let huge = moves.count { $0.order > 0 }
    measured = MeasuredCopy(
      isSingle ? .hugePage : .list, engine: result.method.name, basePages: moves.count - huge, hugePages: huge,
      measured: result.measured)
  }

  var copy: MeasuredCopy {
    var copy = measured
    copy.modelled = drivesClock ? nil : spent
    return copy
  }
}

extension MigrateReason {
  /// Whether pages that move for this reason are about to be used.
  var usesNext: Bool { self == .numaMisplaced }
}
