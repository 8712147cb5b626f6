// How much of its time a device was in use, up to now.

import Units

extension DeviceModel {
  /// Time with a descriptor in a queue or in progress, the one that is there now included.
  public func busyTime(of device: Int) -> Picoseconds {
    let state = devices[device]
    return counts[device].busyTime + (state.active > 0 ? now - state.busySince : 0)
  }

  /// Descriptors in queues or in progress, members of batches not counted, times the time they were there.
  ///
  /// By Little's law its growth over a span of time, divided by the span, is how many there were on average.
  public func occupancyTime(of device: Int) -> Picoseconds {
    let state = devices[device]
    return state.occupancyTime + state.active * (now - state.changedAt)
  }
}
