// The published measurements' loops, driven on the model: one CPU that submits and polls.
import DSAFormat
import Units

@testable import DSAModel

/// What a source's harness adds to the device: at most three declared parameters.
struct Harness {
  /// Cost of one submission to the CPU, back to back.
  var issue: Picoseconds
  /// Software time between a completion and the next submission of a loop with one operation, or of a batch member's set-up.
  var work: Picoseconds = 0
  /// Distance: latency of the memory, as seen by a CPU.
  var distance: Picoseconds = 112 * .nanosecond
}

/// One CPU that keeps operations in flight on a device.
final class Loop {
  let rig: Rig
  let harness: Harness
  let queue: ModelPortal<FlatMemory>

  init(_ device: DeviceConfiguration, _ harness: Harness, size: Int = 8 << 20) throws {
    rig = try Rig([device], size: size, paths: [DevicePath(readLatency: harness.distance)])
    rig.memory.movesData = false
    self.harness = harness
    queue = ModelPortal(rig.model, device: 0, queue: 0, interval: harness.issue)
  }

  /// Mean time of an operation with `depth` slots in flight, each resubmitted as soon as the CPU sees its record. Slots are
  /// looked at in turn. Addresses come from `make(operation, slot)`.
  func closed(depth: Int, operations: Int, make: (Int, Int) -> Descriptor) -> Picoseconds {
    var next = 0
    var start = 0
    var done = 0
    let skipped = operations / 2
    func submit(_ slot: Int) {
      var descriptor = make(next, slot)
      descriptor.recordAddress = rig.record(slot)
      rig.clear(slot)
      let one = [descriptor]
      _ = queue.submit(one.span)
      next += 1
    }
    for slot in 0..<depth { submit(slot) }
    var slot = 0
    while done < operations {
      rig.model.advance(to: max(queue.now, rig.model.now))
      while rig.read(slot).status == .none { rig.model.advance(to: rig.model.nextEventTime) }
      queue.now = max(queue.now, rig.model.now) + harness.work
      done += 1
      if done == skipped { start = queue.now }
      submit(slot)
      slot = (slot + 1) % depth
    }
    return (queue.now - start) / (operations - skipped)
  }

  /// Mean time from a submission to its record, one at a time.
  func latency(operations: Int = 20, make: (Int) -> Descriptor) -> Picoseconds {
    var sum = 0
    var counted = 0
    for operation in 0..<operations {
      var descriptor = make(operation)
      descriptor.recordAddress = rig.record(0)
      rig.clear(0)
      let start = max(queue.now, rig.model.now)
      queue.now = start
      let one = [descriptor]
      _ = queue.submit(one.span)
      let end = rig.wait(0) ?? .max
      if operation >= operations / 4 {
        sum += end - start
        counted += 1
      }
      queue.now = end + harness.work
    }
    return sum / counted
  }
}
