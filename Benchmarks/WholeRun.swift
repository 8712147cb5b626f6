// The claim that matters: a whole run, tiering on, in turns with the bare loop.

import MemoryModel
import Simulation
import Workload

/// A whole `Simulation.run` of skewed accesses over `pages` pages in two tiers. The run's own progress call is where it
/// stops to let the limit loop have its turn.
struct WholeRun {
  var pages: Int
  /// Accesses before the first round: the hot pages find their tier.
  var warmup: Int
  /// Accesses of a round, and rounds.
  var perRound: Int
  var rounds: Int
  var isHashing = true
  var extraKnobs: [String] = []

  struct Outcome {
    /// First touches, and accesses of the steady state.
    var fill = Rounds()
    var run = Rounds()
    var bare = Rounds()
    var hashed = Rounds()
    var source = Rounds()
    var result: RunResult
    /// Modelled time at which the rounds began.
    var begin = 0
  }

  private final class Book {
    var fill = Rounds()
    var run = Rounds()
    var bare = Rounds()
    var hashed = Rounds()
    var source = Rounds()
    var begin = 0
    var resumed = 0
    var doneBefore = 0
    var spent = 0
    var count = 0
  }

  func measure() throws -> Outcome {
    let spec = try Scenario.zipf(pages: pages, accesses: warmup + perRound * (rounds + 1))
    let simulation = try Simulation(spec, tree: Scenario.tieredTree(extraKnobs), isHashing: isHashing)
    let accesses = Scenario.zipfAccesses(pages: pages, accesses: 1 << 40)
    let bare = LimitLoop(accesses)
    let hashed = LimitLoop(accesses, isHashing: true)
    let book = Book()
    let (pages, warmup, perRound) = (pages, warmup, perRound)
    simulation.onProgress = { time, done, _ in
      book.spent += cpuNanoseconds() - book.resumed
      book.count += done - book.doneBefore
      book.doneBefore = done
      if done < pages {
        if book.count >= min(1 << 20, pages / 8) {
          book.fill.add(nanoseconds: book.spent, count: book.count)
          (book.spent, book.count) = (0, 0)
        }
      } else if done < pages + warmup {
        (book.spent, book.count) = (0, 0)
        book.begin = time
      } else if book.count >= perRound {
        book.run.add(nanoseconds: book.spent, count: book.count)
        book.bare.add(nanoseconds: bare.run(perRound), count: perRound)
        book.hashed.add(nanoseconds: hashed.run(perRound), count: perRound)
        book.source.add(nanoseconds: bare.runSource(perRound), count: perRound)
        (book.spent, book.count) = (0, 0)
      }
      book.resumed = cpuNanoseconds()
    }
    book.resumed = cpuNanoseconds()
    let result = try simulation.run()
    return Outcome(
      fill: book.fill, run: book.run, bare: book.bare, hashed: book.hashed, source: book.source, result: result,
      begin: book.begin)
  }
}

extension WholeRun.Outcome {
  /// What the kernel threads and the faults did meanwhile, for each million accesses.
  var activity: String {
    let samples = result.samples
    guard let last = samples.last, let first = samples.last(where: { $0.time <= begin }) else { return "" }
    let accesses = max(last.fastAccesses + last.slowAccesses - first.fastAccesses - first.slowAccesses, 1)
    func rate(_ event: VMEvent) -> String {
      let count = last.events[event.rawValue] - first.events[event.rawValue]
      return "\(event.name) \((Double(count) * 1e6 / Double(accesses)).text(0))"
    }
    let modelled = Double(last.time - first.time) / 1e12
    return "in \(modelled.text(0)) s modelled, a million accesses: "
      + [.numa_pte_updates, .numa_hint_faults, .pgpromote_success, .pgdemote_kswapd].map(rate).joined(separator: ", ")
  }
}
