// How a descriptor ended.

/// The status byte of a completion record: a code in bits 5:0, and in bit 7 whether a faulting access was a write. A device
/// never writes 0, so software clears the byte and waits for another value.
///
/// Source: Intel DSA Architecture Specification 341204, completion record status; `enum dsa_completion_status`
/// (include/uapi/linux/idxd.h).
@frozen public struct CompletionStatus: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  public var rawValue: UInt8

  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Not yet completed.
  @inlinable public static var none: CompletionStatus { CompletionStatus(rawValue: 0x00) }
  @inlinable public static var success: CompletionStatus { CompletionStatus(rawValue: 0x01) }
  /// Done, but the result is not the expected one.
  @inlinable public static var falsePredicate: CompletionStatus { CompletionStatus(rawValue: 0x02) }
  /// Stopped at a page fault: the record says how far, and where.
  @inlinable public static var pageFault: CompletionStatus { CompletionStatus(rawValue: 0x03) }
  /// The page request was answered with an error.
  @inlinable public static var pageRequestFailed: CompletionStatus { CompletionStatus(rawValue: 0x04) }
  /// At least one member of the batch did not succeed.
  @inlinable public static var batchFailed: CompletionStatus { CompletionStatus(rawValue: 0x05) }
  /// Page fault on the list of the batch.
  @inlinable public static var batchListFault: CompletionStatus { CompletionStatus(rawValue: 0x06) }
  @inlinable public static var invalidOpcode: CompletionStatus { CompletionStatus(rawValue: 0x10) }
  @inlinable public static var invalidFlags: CompletionStatus { CompletionStatus(rawValue: 0x11) }
  /// A reserved field is not zero.
  @inlinable public static var reservedField: CompletionStatus { CompletionStatus(rawValue: 0x12) }
  @inlinable public static var transferSize: CompletionStatus { CompletionStatus(rawValue: 0x13) }
  @inlinable public static var descriptorCount: CompletionStatus { CompletionStatus(rawValue: 0x14) }
  @inlinable public static var fieldValue: CompletionStatus { CompletionStatus(rawValue: 0x15) }
  @inlinable public static var overlap: CompletionStatus { CompletionStatus(rawValue: 0x16) }
  @inlinable public static var dualcastAlignment: CompletionStatus { CompletionStatus(rawValue: 0x17) }
  @inlinable public static var listAlignment: CompletionStatus { CompletionStatus(rawValue: 0x18) }
  @inlinable public static var interruptHandle: CompletionStatus { CompletionStatus(rawValue: 0x19) }
  /// Page fault on the record itself; seen in SWERROR only.
  @inlinable public static var recordFault: CompletionStatus { CompletionStatus(rawValue: 0x1A) }
  /// The record address is no multiple of 32; seen in SWERROR only.
  @inlinable public static var recordAlignment: CompletionStatus { CompletionStatus(rawValue: 0x1B) }
  @inlinable public static var addressAlignment: CompletionStatus { CompletionStatus(rawValue: 0x1C) }
  @inlinable public static var privilege: CompletionStatus { CompletionStatus(rawValue: 0x1D) }
  @inlinable public static var trafficClass: CompletionStatus { CompletionStatus(rawValue: 0x1E) }
  @inlinable public static var readbackFault: CompletionStatus { CompletionStatus(rawValue: 0x1F) }
  @inlinable public static var hardwareError: CompletionStatus { CompletionStatus(rawValue: 0x20) }
  /// A write to a full dedicated queue was dropped; seen in SWERROR only.
  @inlinable public static var dedicatedQueueFull: CompletionStatus { CompletionStatus(rawValue: 0x53) }

  /// The code without the write bit.
  @inlinable public var code: CompletionStatus { CompletionStatus(rawValue: rawValue & 0x7F) }
  /// Whether the access that faulted was a write.
  @inlinable public var isWriteFault: Bool { rawValue & 0x80 != 0 }

  /// Whether the record is written even if none was requested: all but success, false predicate and batch failure.
  @inlinable public var isAlwaysRecorded: Bool {
    self != .success && self != .falsePredicate && self != .batchFailed
  }

  public var description: String { "status 0x" + String(rawValue, radix: 16) }
}
