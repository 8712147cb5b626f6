// What a device counts, after the performance counters of the specification.

import Units

/// Counters of one device since the model was made.
///
/// Source: Intel DSA Architecture Specification 341204, appendix D; `dropped` is its DWQ full drops. `bytesCompleted`, `lost`
/// and the two fault counters are the model's own.
public struct DeviceCounters: Equatable, Sendable {
  // Work queues.
  public var dedicatedAccepted = 0
  public var sharedAcceptedLimited = 0
  public var sharedAcceptedUnlimited = 0
  public var retriesLimited = 0
  public var retriesUnlimited = 0
  /// Posted writes to a full dedicated queue.
  public var dropped = 0
  /// Posted writes to a shared queue, or to a device that is gone.
  public var discarded = 0

  // Engines.
  public var bytesRead = 0
  public var bytesWritten = 0
  public var readingSource1 = 0
  public var readingSource2 = 0
  public var writingDestination = 0
  public var fromBatch = 0
  /// Bytes that records of data operations report as done.
  public var bytesCompleted = 0

  // Translation: one request for each page of each operand, and those the engine remembered.
  public var translationRequests = 0
  public var translationHits = 0
  public var pageFaults = 0
  public var pageRequests = 0

  // Operations, as they are dispatched.
  public var noOps = 0
  public var batches = 0
  public var drains = 0
  public var memmoves = 0
  public var fills = 0
  public var compares = 0
  public var comparePatterns = 0
  public var otherOperations = 0

  // Completions.
  public var successes = 0
  public var partials = 0
  public var errors = 0
  public var recordWrites = 0
  public var interrupts = 0
  /// In flight on a device that vanished.
  public var lost = 0
  /// Batch members that an earlier failure kept from starting.
  public var abandoned = 0

  /// Time with a descriptor in a queue or in progress, up to the last moment without one.
  public var busyTime: Picoseconds = 0

  public init() {}

  /// Descriptors that entered a queue.
  public var accepted: Int { dedicatedAccepted + sharedAcceptedLimited + sharedAcceptedUnlimited }
  public var retries: Int { retriesLimited + retriesUnlimited }
  /// Every write to a portal.
  public var submissions: Int { accepted + retries + dropped + discarded }
  /// Descriptors that ended, members included.
  public var completions: Int { successes + partials + errors }
}

/// SWERROR: the first error that no record could report.
public struct SoftwareError: Equatable, Sendable {
  /// Status code, 0x53 for a dropped descriptor; 0 when there is none.
  public var code: UInt8 = 0
  /// Whether another error came before this one was cleared.
  public var overflow = false
  public var queue = 0
  /// Operation and record address of the descriptor, where it is known.
  public var opcode: UInt8 = 0
  public var address: UInt64 = 0

  public init() {}
}
