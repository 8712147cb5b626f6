// Many runs on several threads, taken in the order of their numbers, so that what is made of them does not depend on the threads.

import Foundation
import Synchronization

/// Numbered runs, of which each thread takes the next that nobody has taken.
public final class RunThreads: Sendable {
  private struct State {
    /// The next run that nobody has taken.
    var next = 0
    /// By run, in thousandths.
    var progress: [Int]
    /// Runs that ended and let others begin.
    var ended = 0
    var isStopped = false
  }

  private let count: Int
  private let state: Mutex<State>

  public init(_ count: Int) {
    self.count = count
    state = Mutex(State(progress: Array(repeating: 0, count: count)))
  }

  /// Makes all runs; returns when every one that began has ended.
  ///
  /// - Parameters:
  ///   - jobs: threads; each takes the memory of a run.
  ///   - onProgress: called on the caller's thread about ten times a second with thousandths of runs that are done, of all runs, and
  ///     runs that ended.
  ///   - body: makes a run on a thread of its own, saying now and then how many thousandths of it are done. With false no other run
  ///     begins.
  public func run(
    jobs: Int, onProgress: (_ done: Int, _ ended: Int) -> Void,
    _ body: @escaping @Sendable (_ run: Int, _ report: @escaping @Sendable (Int) -> Void) -> Bool
  ) {
    let ended = DispatchSemaphore(value: 0)
    let threads = max(1, min(jobs, count))
    for _ in 0..<threads {
      let thread = Thread { [self] in
        runAll(body)
        ended.signal()
      }
      thread.stackSize = 8 << 20
      thread.start()
    }
    var left = threads
    while left > 0 {
      if ended.wait(timeout: .now() + .milliseconds(100)) == .success { left -= 1 }
      let (done, whole) = state.withLock { ($0.progress.reduce(0, +), $0.ended) }
      onProgress(done, whole)
    }
  }

  private func runAll(_ body: (Int, @escaping @Sendable (Int) -> Void) -> Bool) {
    while let index = take() {
      let goesOn = body(index) { [self] done in state.withLock { $0.progress[index] = min(done, 999) } }
      state.withLock { state in
        guard goesOn else {
          state.isStopped = true
          return
        }
        state.progress[index] = 1000
        state.ended += 1
      }
    }
  }

  private func take() -> Int? {
    state.withLock { state in
      guard !state.isStopped, state.next < count else { return nil }
      defer { state.next += 1 }
      return state.next
    }
  }
}
