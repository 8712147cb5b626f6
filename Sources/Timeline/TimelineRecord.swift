// One entry of a timeline's buffer: 80 bytes, whatever it is of.

import Units

/// What a record is of; the comments say what its fields hold.
public enum TimelineKind: UInt8, Sendable {
  /// `track` the CPU, `a` the thread's number.
  case run
  /// A kernel thread was awake: `track` its number.
  case awake
  /// A worker copied a share: `track` the thread's number, `a` the list, `b` bytes.
  case share
  /// A call: `track` the caller, `code` the function, `reason`, `a` base pages moved, `b` failed.
  case call
  /// A stage of a call: `track` the caller, `code` the stage, `reason`, `a` its CPU time (of a copy by an engine: its elapsed
  /// time), `b` base pages, `c` the list or 0.
  case stage
  /// A part of a copy: `track` the caller, `code` a `CopyPart`, `a` the list, `b` descriptors, shares or base pages.
  case copy
  /// A descriptor was posted at `start`: `a` the address of its record, `b` the list.
  case post
  /// A descriptor from acceptance (or issue, of a batch's member) to its record: `track` device and queue, `code` the opcode,
  /// `reason` the status, `a` the address of its record, `b` bytes or members, `c` when it came to the head of its queue (-1 for a
  /// member), `d` when it was dispatched, `e` and `f` beginning and end of its data stage (-1 without), `g` the engine.
  case descriptor
  /// A node's traffic from `start` to `end`: `track` the node, `a` bytes read, `b` bytes written, `c` free pages at the end, `d` since
  /// when there are so many.
  case node
}

/// What the thread of a copy does.
public enum CopyPart: UInt8, Sendable {
  /// Fills descriptors and writes them to portals.
  case submit
  /// Waits for a record, an entry, a pool or workers.
  case wait
  /// Copies a page itself.
  case copy
  /// Queues the work of copying workers.
  case queueWork
}

/// A record, with numbers instead of names.
public struct TimelineRecord: Equatable, Sendable {
  public var start: Picoseconds
  public var end: Picoseconds
  public var kind: TimelineKind
  public var code: UInt8
  public var reason: UInt8
  public var track: Int32
  public var a: Int
  public var b: Int
  public var c: Int
  public var d: Int
  public var e: Int
  public var f: Int
  public var g: Int

  public init(
    _ kind: TimelineKind, _ start: Picoseconds, _ end: Picoseconds, track: Int, code: UInt8 = 0, reason: UInt8 = 0,
    a: Int = 0, b: Int = 0, c: Int = 0, d: Int = 0, e: Int = 0, f: Int = 0, g: Int = 0
  ) {
    self.start = start
    self.end = end
    self.kind = kind
    self.code = code
    self.reason = reason
    self.track = Int32(truncatingIfNeeded: track)
    self.a = a
    self.b = b
    self.c = c
    self.d = d
    self.e = e
    self.f = f
    self.g = g
  }
}
