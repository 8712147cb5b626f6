// Where the replay loop gets its accesses from.
import MemoryModel

/// A stream of accesses, cut into rounds. Called once a batch, never once an access.
public protocol AccessSource: AnyObject {
  /// Accesses still to come, in this round and all later ones.
  var remaining: Int { get }
  /// Accesses still to come in this round; `rounds` of them are timed and may be followed by a sleep.
  var remainingInRound: Int { get }
  /// Rounds that are complete.
  var roundsDone: Int { get }
  /// FNV hash of the page numbers of all accesses given out; 0 when it is switched off.
  var hash: UInt64 { get }
  /// Replaces the batch by the next accesses: at most `limit`, at most the batch's capacity, never across the end of a
  /// round. `batch.count` is 0 only when `remaining` is 0 or `limit` is.
  func fill(_ batch: AccessBatch, limit: Int)
  /// Starts over from the first access.
  func restart()
  /// Why the stream ended before its time (a damaged trace), nil as long as all is well.
  var failure: WorkloadError? { get }
}

extension AccessSource {
  public var failure: WorkloadError? { nil }
}
