// The order in which a task runs its phases, loops unrolled one step at a time.

/// Walks phases, entering loops; a value, so that a copy is a bookmark.
public struct PhaseCursor: Sendable {
  private struct Frame {
    var phases: [PhaseSpec]
    var next = 0
    /// Rounds still to begin after this one; nil goes on forever.
    var roundsLeft: Int?
  }

  private var frames: [Frame] = []

  /// - Parameters:
  ///   - phases: as a parsed task has them.
  ///   - repeats: how often all of them run.
  public init(_ phases: [PhaseSpec], repeats: RepeatCount) { enter(phases, repeats) }

  /// The next phase, never a loop; nil when the task is done.
  ///
  /// Complexity: O(1) plus the loops that end or begin here.
  public mutating func next() -> PhaseSpec? {
    while let frame = frames.last {
      if frame.next == frame.phases.count {
        if let left = frame.roundsLeft {
          guard left > 0 else {
            frames.removeLast()
            continue
          }
          frames[frames.count - 1].roundsLeft = left - 1
        }
        frames[frames.count - 1].next = 0
        continue
      }
      let phase = frame.phases[frame.next]
      frames[frames.count - 1].next += 1
      guard case .loop(let times, let body) = phase.action else { return phase }
      enter(body, times)
    }
    return nil
  }

  /// Ends the task: `next()` answers nil from now on.
  public mutating func stop() { frames.removeAll() }

  private mutating func enter(_ phases: [PhaseSpec], _ repeats: RepeatCount) {
    guard !phases.isEmpty else { return }
    switch repeats {
    case .forever: frames.append(Frame(phases: phases, roundsLeft: nil))
    case .times(let count):
      if count > 0 { frames.append(Frame(phases: phases, roundsLeft: count - 1)) }
    }
  }
}
