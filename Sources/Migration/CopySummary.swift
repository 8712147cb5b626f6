// What the copy engines of a run did.

import DSAModel
import PageCopy
import Units

/// Copies of one run, by engine and by device.
public struct CopySummary: Sendable {
  /// Length of the run.
  public var elapsed: Picoseconds
  /// /proc/timer, and what it does not see.
  public var timer: CopyTimer
  /// vm.use_dsa_copy_pages at the end: failures turn it off.
  public var isSwitchedOn: Bool
  /// Counters of each device; empty when vm.dsa_state was never 1.
  public var devices: [DeviceCounters] = []

  public init(elapsed: Picoseconds, timer: CopyTimer = CopyTimer(), isSwitchedOn: Bool = false) {
    self.elapsed = elapsed
    self.timer = timer
    self.isSwitchedOn = isSwitchedOn
  }

  public func use(of method: CopyMethod) -> EngineUse { timer.engines[method.rawValue] }

  /// Bytes copied by all engines together.
  public var bytes: Int { timer.engines.reduce(0) { $0 + $1.bytes } }
  /// CPU time of copying: moving bytes, submitting, polling.
  public var cpuTime: Picoseconds { timer.engines.reduce(0) { $0 + $1.cpuTime } }
  /// From the beginning of each copy to its end, summed up.
  public var copyTime: Picoseconds { timer.engines.reduce(0) { $0 + $1.elapsed } }
  /// Mean bytes a second while a copy was under way; 0 without copies.
  public var bandwidth: Int {
    copyTime > 0 ? bytes * 1000 / max(copyTime / Picoseconds.nanosecond, 1) * 1_000_000 : 0
  }
  /// Share of the run in which a device had work, of all devices that had any, 1/1000.
  public var busyPermille: Int {
    let busy = devices.map(\.busyTime).filter { $0 > 0 }
    guard !busy.isEmpty, elapsed > 0 else { return 0 }
    return busy.reduce(0) { $0 + $1 / 1000 } / busy.count * 1000 * 1000 / elapsed
  }
}
