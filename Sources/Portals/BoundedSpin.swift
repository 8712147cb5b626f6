// How threads wait for each other: first with PAUSE, then giving the CPU away, then asleep.

import CPortals

#if canImport(Glibc)
  import Glibc
#endif

/// A wait that gets more patient. Uncalibrated.
struct BoundedSpin {
  private var turns = 0

  /// Waits a little, longer the more often it is called.
  mutating func once() {
    turns += 1
    if turns <= 256 {
      pf_pause()
    } else if turns <= 1024 {
      sched_yield()
    } else {
      // 20 us: the timer adds about 50.
      var time = timespec(tv_sec: 0, tv_nsec: 20_000)
      nanosleep(&time, nil)
    }
  }
}
