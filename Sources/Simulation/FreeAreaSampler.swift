// Snapshots of the free lists: at both ends of a run, where a phase asks for one, and in between if sim.buddy_interval says so.

import MemoryModel
import Units

/// The free lists at one moment of a run.
public struct FreeAreaSample: Equatable, Sendable {
  public var time: Picoseconds
  /// `start`, `end`, or what a `buddyinfo` phase calls it; empty for one of the series.
  public var name: String
  /// By zone.
  public var zones: [ZoneFreeAreas]

  public init(time: Picoseconds, name: String, zones: [ZoneFreeAreas]) {
    self.time = time
    self.name = name
    self.zones = zones
  }
}

/// Takes the snapshots; of a series that grows too long every second one goes, and its interval doubles.
struct FreeAreaSampler {
  static let limit = 1024
  private var interval: Picoseconds
  /// When the next one of the series is due.
  private(set) var next: Picoseconds
  private(set) var samples: [FreeAreaSample] = []

  /// `interval` 0: no series.
  init(interval: Picoseconds) {
    self.interval = interval
    next = interval == 0 ? .max : interval
  }

  mutating func take(_ name: String, now: Picoseconds, memory: Memory) {
    samples.append(FreeAreaSample(time: now, name: name, zones: memory.freeAreas()))
    guard interval > 0 else { return }
    if samples.count > Self.limit {
      var isKept = false
      samples = samples.filter { sample in
        guard sample.name.isEmpty else { return true }
        isKept.toggle()
        return isKept
      }
      interval *= 2
    }
    next = (now / interval + 1) * interval
  }
}
