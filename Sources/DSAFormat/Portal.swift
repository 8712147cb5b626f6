// Where descriptors are submitted: a modelled device, a software device, or the mapped page of a real work queue.

/// What a work queue takes.
public struct PortalLimits: Equatable, Sendable {
  /// Entries of the queue. Software keeps at most so many descriptors in flight on a dedicated queue: more are lost.
  public var entries: Int
  /// Most members of a batch; 1 when the path takes no batches (a queue written through its character device).
  public var batch: Int
  /// Most bytes of one descriptor.
  public var transfer: Int
  /// Whether the queue is dedicated. A dedicated queue never answers, a shared one accepts or says Retry.
  public var isDedicated: Bool

  public init(entries: Int, batch: Int, transfer: Int, isDedicated: Bool) {
    self.entries = entries
    self.batch = batch
    self.transfer = transfer
    self.isDedicated = isDedicated
  }
}

/// A work queue as software sees it. Calls are at the rate of lists and batches, never of single pages; completions are read
/// from the memory of their records.
public protocol Portal: AnyObject {
  var limits: PortalLimits { get }

  /// Writes descriptors in order until the device says Retry.
  ///
  /// - Parameter descriptors: their lists and records stay where they are until the records are written.
  /// - Returns: how many were handed over, from the front. A dedicated queue takes all, and drops what finds it full without
  ///   a word: counting entries in flight is the caller's duty.
  func submit(_ descriptors: Span<Descriptor>) -> Int
}
