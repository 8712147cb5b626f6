// The model's tables: descriptors in progress, queues, groups, engines. Plain records in raw memory, linked by index.

import DSAFormat
import Units

/// No index.
let nothing: Int32 = -1

/// One descriptor from its arrival to its record.
struct Slot {
  var descriptor: Descriptor
  /// Next in the list it is on: free slots, a queue, an engine's work, an engine's batches.
  var next: Int32 = nothing
  /// Queue and engine, counted over all devices.
  var queue: Int32
  var engine: Int32 = nothing
  /// The batch it is a member of.
  var parent: Int32 = nothing
  /// Whether the slot holds a descriptor; and one that is on a device that vanished.
  var isUsed = true
  var isLost = false
  /// Memmove from its end.
  var isBackward = false
  var operation = Operation.none
  var status = CompletionStatus.none
  var result: UInt8 = 0
  var faultInfo: UInt8 = 0
  /// Batch: the page of its list that was translated last, whether it waits for one, whether its record is scheduled.
  var listPage: UInt64 = 0
  var isWaiting = false
  var isEnding = false
  /// Flow class while it moves data.
  var flow: Int32 = nothing
  var invalidFlags: UInt32 = 0
  var faultAddress: UInt64 = 0
  /// Bytes done, and bytes of the segment being moved.
  var done: UInt32 = 0
  var segment: UInt32 = 0
  /// Posted: when it can be dispatched. In an engine: when its data can start to move.
  var ready: Picoseconds
  /// When the record's address is translated.
  var recordReady: Picoseconds = 0
  /// From the last byte to the point where the record can be written.
  var tail: Picoseconds = 0
  /// Batch: members issued, running and done; drain: `running` are older descriptors it waits for.
  var issued: UInt32 = 0
  var running: UInt32 = 0
  var finished: UInt32 = 0
  var hasFailedMember = false
  /// Order of arrival in its queue, from 1.
  var ticket = 0
  /// For a timeline: accepted or, as a member, issued; at the head of its queue; dispatched to an engine; begin and end of the data
  /// stage. -1 for what did not happen.
  var acceptedAt: Picoseconds = -1
  var headAt: Picoseconds = -1
  var dispatchedAt: Picoseconds = -1
  var dataFrom: Picoseconds = -1
  var dataTo: Picoseconds = -1
}

/// What an operation does to memory.
enum Operation: UInt8 {
  case none, memmove, fill, compare, comparePattern

  var reads: Bool { self != .none && self != .fill }
  var writes: Bool { self == .memmove || self == .fill }
}

/// A list of slots, first in first out.
struct SlotList {
  var head = nothing
  var tail = nothing

  @inline(__always)
  mutating func append(_ slot: Int32, _ slots: UnsafeMutablePointer<Slot>) {
    slots[Int(slot)].next = nothing
    if tail == nothing { head = slot } else { slots[Int(tail)].next = slot }
    tail = slot
  }

  @inline(__always)
  mutating func removeFirst(_ slots: UnsafeMutablePointer<Slot>) {
    head = slots[Int(head)].next
    if head == nothing { tail = nothing }
  }

  /// Removes the slot behind `previous`, or the first.
  mutating func remove(after previous: Int32, _ slots: UnsafeMutablePointer<Slot>) {
    if previous == nothing { return removeFirst(slots) }
    let gone = slots[Int(previous)].next
    slots[Int(previous)].next = slots[Int(gone)].next
    if tail == gone { tail = previous }
  }
}

/// A work queue.
struct QueueState {
  var device: Int32
  var group: Int32
  /// Index within the device, for SWERROR.
  var index: Int32
  var isDedicated: Bool
  var size: Int
  /// The limited portal's, at most `size`.
  var threshold: Int
  var priority: Int
  var credit: Int
  var occupancy = 0
  var list = SlotList()
  var tickets = 0
  /// When it gave its last descriptor to an engine.
  var lastDispatch: Picoseconds = 0
  /// Drains that wait for older descriptors.
  var drains = 0
  var check: DescriptorCheck
}

/// A group: a contiguous run of queues and one of engines.
struct GroupState {
  var firstQueue: Int32
  var queueCount: Int32
  var firstEngine: Int32
  var engineCount: Int32
  /// Where the arbiter looks next, 0..<queueCount.
  var cursor: Int32 = 0
  /// Resource of its read buffers.
  var buffers: Int32
}

/// An engine: descriptors pass its data stage one after the other, everything before and behind overlaps.
struct EngineState {
  enum Stage: UInt8 {
    /// Nothing to move, or waiting for the event that starts the next.
    case idle, starting
    /// Moving data; holding until a page request is answered.
    case moving, blocked
  }

  var device: Int32
  var group: Int32
  var stage = Stage.idle
  /// Descriptors whose data waits for the data stage; the head is in it.
  var work = SlotList()
  /// Batches with members not yet issued.
  var batches = SlotList()
  var inProgress = 0
  var batchesInProgress = 0
  var workLimit: Int
  var batchLimit: Int
  /// Bytes ahead of a newcomer: the load by which the dispatcher chooses.
  var backlog = 0
  /// Time of the event that is valid; others are stale.
  var event: Picoseconds = -1
  /// Flow class of the data being moved, its pace in femtoseconds a byte, and when the last byte is there.
  var flow: Int32 = nothing
  var pace = 0
  var dataEnd: Picoseconds = 0
  /// Before this the next descriptor cannot start.
  var busyUntil: Picoseconds = 0
  /// The page each operand slot remembers, by `Operand`.
  var pages = InlineArray<4, UInt64>(repeating: .max)
}

/// Operand slots of an engine's translation.
enum Operand: Int {
  case source, destination, record, list
}

/// A device.
struct DeviceState {
  var firstQueue: Int32
  var queueCount: Int32
  var firstEngine: Int32
  var engineCount: Int32
  var firstGroup: Int32
  var groupCount: Int32
  var isGone = false
  var pageRequests: Bool
  var timing: DeviceTiming
  /// When the next descriptor can start.
  var nextStart: Picoseconds = 0
  var error = SoftwareError()
  /// Descriptors accepted and not yet ended, members of batches not counted; and since when there are any.
  var active = 0
  var busySince: Picoseconds = 0
  /// When `active` last changed, and what it was times how long it was that, until then.
  var changedAt: Picoseconds = 0
  var occupancyTime: Picoseconds = 0
}

/// Kinds of events; the payload is the kind over 20 bits of index.
enum EventKind: Int {
  /// A posted write reaches its queue (slot).
  case arrival
  /// An entry can be dispatched (group).
  case dispatch
  /// An engine may start its next descriptor, or ends a segment (engine).
  case start, end
  /// A page request is answered (engine; slot of a batch).
  case answer, listAnswer
  /// A list can be read (slot).
  case list
  /// A record is written; an interrupt arrives (slot).
  case record, interrupt
  /// A record whose page was asked for (slot).
  case recordAnswer
}
