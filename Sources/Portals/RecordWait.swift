// How a thread waits for a completion record: as vm.dsa_sync_mode says at first, then giving the CPU away.

import CPortals
import DSAFormat
import PageCopy

#if canImport(Glibc)
  import Glibc
#endif

/// A wait for one record.
struct RecordWait {
  /// Polls after which the CPU is given away, and after which the thread sleeps. Uncalibrated.
  private static let mostPolls = 2000
  private static let mostYields = 4000
  /// Cycles of one UMWAIT at most, 10 us or less. Uncalibrated.
  private static let monitorCycles: UInt64 = 20_000

  private let mode: DSAWait
  private var turns = 0

  init(_ mode: DSAWait) { self.mode = mode }

  /// Whether the clock is due: looking at it takes as long as many polls.
  var isTimeToLook: Bool { turns > Self.mostPolls || turns & 63 == 0 }

  mutating func once(_ record: UnsafeMutablePointer<CompletionRecord>) {
    turns += 1
    if turns > Self.mostYields {
      var time = timespec(tv_sec: 0, tv_nsec: 20_000)
      nanosleep(&time, nil)
    } else if turns > Self.mostPolls || mode == .reschedule {
      sched_yield()
    } else {
      switch mode {
      case .spin, .reschedule: break
      case .pause: pf_pause()
      case .umwait:
        UnsafeRawPointer(record).withMemoryRebound(to: UInt8.self, capacity: 1) {
          pf_monitor_wait($0, 0, Self.monitorCycles)
        }
      }
    }
  }
}
