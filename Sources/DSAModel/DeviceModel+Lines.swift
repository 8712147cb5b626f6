// What a descriptor's lines cost: how many move, and how late the slowest of the first ones is.

import DSAFormat
import Units

extension DeviceModel {
  /// How much later than the first the slowest of a descriptor's first lines is there.
  @inline(__always)
  static func spread(_ size: Int, _ timing: DeviceTiming) -> Picoseconds {
    let lines = min((size + 63) >> 6, timing.spreadLines)
    if lines < 2 { return 0 }
    // H(n) - 1 = ln n + 0.577 + 1/2n - 1, of the power of two below; in thousandths.
    let octaves = Int.bitWidth - 1 - lines.leadingZeroBitCount
    return timing.spreadLatency * (693 * octaves - 423 + (500 >> octaves)) / 1000
  }

  /// A segment's size in whole lines: what is read and written of memory, by the operand that lies across more of them.
  @inline(__always)
  static func bytesOfLines(_ slot: UnsafeMutablePointer<Slot>, _ segment: Int) -> Int {
    let operation = slot.pointee.operation
    let done = slot.pointee.isBackward ? 0 : UInt64(slot.pointee.done)
    var skew = 0
    if operation.reads { skew = Int((slot.pointee.descriptor.source &+ done) & 63) }
    if operation.writes || operation == .compare {
      skew = max(skew, Int((slot.pointee.descriptor.destination &+ done) & 63))
    }
    return (skew + segment + 63) & ~63
  }
}
