// What a timeline gets of a descriptor, at its end.

import DSAFormat
import Timeline
import Units

/// A queue or an engine of a device as one number.
public struct DevicePlace: Hashable, Sendable {
  public var device: Int
  /// The queue's place in the device's configuration, or the engine's among the device's, group by group.
  public var number: Int

  public init(device: Int, number: Int) {
    self.device = device
    self.number = number
  }

  /// From a record's field.
  public init(_ code: Int) { self.init(device: code >> 8, number: code & 0xFF) }

  public var code: Int { device << 8 | number }
}

extension DeviceModel {
  /// Leaves a descriptor whose record is written now. A member of a batch has its batch's queue.
  func note(_ slot: Int, in timeline: Timeline) {
    let state = slots + slot
    let engine = Int(state.pointee.engine)
    let queue = queues + Int(state.pointee.queue)
    let device = Int(queue.pointee.device)
    let descriptor = state.pointee.descriptor
    timeline.add(
      TimelineRecord(
        .descriptor, state.pointee.acceptedAt, now,
        track: DevicePlace(device: device, number: Int(queue.pointee.index)).code, code: descriptor.opcode.rawValue,
        reason: state.pointee.status.rawValue, a: Int(bitPattern: UInt(descriptor.recordAddress)),
        b: Int(descriptor.transferSize), c: state.pointee.headAt, d: state.pointee.dispatchedAt,
        e: state.pointee.dataFrom, f: state.pointee.dataTo,
        g: DevicePlace(device: device, number: engine - Int(devices[device].firstEngine)).code))
  }
}
