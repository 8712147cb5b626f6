// One record of a trace, as writers take it.

/// One access, and those after it that were folded into it.
public struct TraceRecord: Equatable, Sendable {
  /// Byte address of the first byte. The access does not cross a 4 KiB boundary.
  public var address: UInt64
  /// Thread number, unique over all processes.
  public var thread: UInt16
  /// The process of that thread: equal addresses of two processes are two pages. A thread has one process.
  public var process: UInt16
  /// Bytes accessed, 1 to 4096.
  public var size: UInt16
  /// Whether the first access is a write.
  public var isWrite: Bool
  /// Work since the first access of the previous record of the same thread, in the trace's gap unit.
  public var gap: UInt32
  /// Further accesses to the same 4 KiB page, directly after the first.
  public var repeats: UInt32
  /// How many of `repeats` are writes.
  public var repeatWrites: UInt32
  /// Whether the accesses were answered by a modelled cache, but not by the modelled TLB: the page walk sets the accessed and dirty
  /// bits, and memory is not reached.
  public var isTouch: Bool
  /// When the first access was, in nanoseconds from any origin; 0 in a trace without time stamps.
  public var time: UInt64

  @inlinable
  public init(
    address: UInt64, thread: UInt16 = 0, process: UInt16 = 0, size: UInt16 = 64, isWrite: Bool = false,
    gap: UInt32 = 0, repeats: UInt32 = 0, repeatWrites: UInt32 = 0, isTouch: Bool = false, time: UInt64 = 0
  ) {
    self.address = address
    self.thread = thread
    self.process = process
    self.size = size
    self.isWrite = isWrite
    self.gap = gap
    self.repeats = repeats
    self.repeatWrites = repeatWrites
    self.isTouch = isTouch
    self.time = time
  }

  /// Accesses in this record.
  @inlinable public var accesses: Int { 1 + Int(repeats) }
  /// Writes in this record.
  @inlinable public var writes: Int { (isWrite ? 1 : 0) + Int(repeatWrites) }
}
