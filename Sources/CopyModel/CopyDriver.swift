// One CPU that copies, the workers beside it, and the devices' time between them.

import MemoryModel
import Migration
import Units

/// Drives the copies of one machine, one after the other.
///
/// As in runs, a thread that sleeps costs its CPU a context switch when it comes back, and so does a worker when it begins; the
/// worker of the migrating CPU begins when that CPU's thread sleeps.
final class CopyDriver {
  private let copies: CopyMachine
  private let copy: ModelCopy
  private let switchCost: Picoseconds
  /// The migrating CPU's clock.
  private(set) var now: Picoseconds = 0
  /// Context switches, all CPUs together.
  var switching: Picoseconds = 0
  /// Whether the sleeping thread was woken: by its last worker, an interrupt or a deadline.
  private var isWoken = false
  private var works: [(work: CopyWork, clock: Picoseconds)] = []

  init(_ copies: CopyMachine, switchCost: Picoseconds) {
    self.copies = copies
    self.switchCost = switchCost
    copy = ModelCopy(machine: copies)
    copies.onWork = { [unowned self] work, now in works.append((work, now)) }
    copies.onWake = { [unowned self] _, _ in isWoken = true }
  }

  func idle(_ span: Picoseconds) { now += span }

  /// Copies folios from the call to its return.
  func copy(_ pairs: [(old: PFN, new: PFN)], isSingle: Bool) {
    copy.start(pairs, isSingle: isSingle, cpu: 0)
    while true {
      // A record that is there by now is not waited for.
      copies.advance(to: now)
      switch copy.step(now: now, cpu: 0) {
      case .done: return
      case .useCPU(let time): now += time
      case .spin: waitForCopy()
      case .sleep:
        beginWork()
        waitForCopy()
        now += switchCost
        switching += switchCost
      }
    }
  }

  /// The migrating thread sleeps: all shares are queued, and each worker has been switched to.
  private func beginWork() {
    for index in works.indices {
      if works[index].work.cpu == 0 { works[index].clock = now }
      works[index].clock += switchCost
      switching += switchCost
    }
  }

  private func waitForCopy() {
    guard let copy = copies.takeBlocked() else { return }
    isWoken = false
    while copy.isSpinning ? !copy.isReady : !isWoken {
      if let index = works.indices.min(by: { works[$0].clock < works[$1].clock }) {
        // Always the worker that is behind.
        if let time = works[index].work.step(now: works[index].clock) {
          works[index].clock += time
        } else {
          now = max(now, works[index].clock)
          works.remove(at: index)
        }
        continue
      }
      let next = min(copies.nextTime, copy.deadline)
      // A copy waits for a device, a worker or a deadline.
      guard next != .max else { return }
      copies.advance(to: next)
      if copy.isSpinning && next == copy.deadline { break }
    }
    now = max(now, copies.now)
  }
}
