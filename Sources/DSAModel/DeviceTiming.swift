// What a device's parts take. The same for all devices of a kind; distance to memory is a property of the path.

import Units

/// Physical parameters of a device. One set holds for all published measurements (`DeviceTiming()`); how well is in
/// the calibration test. Sources: S1 LightDSA (EuroSys '26, raw results), S2 accel-datapath (hardware evaluation on a Xeon
/// Gold 6438M), S3 DSA-2LM (USENIX ATC '25). The sum of a lone operation's parts is measured; how it is split among them is
/// an assumption unless said otherwise.
public struct DeviceTiming: Equatable, Sendable {
  /// From the store at the portal to the entry that can be dispatched. Assumed share of a no-op.
  public var postLatency = 80 * Picoseconds.nanosecond
  /// Dispatch and decoding in the engine. Assumed share of a no-op.
  public var decodeLatency = 40 * Picoseconds.nanosecond
  /// From the end of the operation to the record's visibility to a polling CPU, its look included. Assumed share of a no-op.
  public var recordLatency = 100 * Picoseconds.nanosecond
  /// A miss of the device's translation cache, where nothing hides it. S2: 64 B to remembered pages 0.58 us against S1's 0.75 us
  /// to others.
  public var translationLatency = 170 * Picoseconds.nanosecond
  /// From the device to memory and back, on top of the path's own latency; read buffers are held for both.
  /// Uncalibrated: below 84 ns, else 96 buffers would bind on local DRAM (S1: they do not).
  public var fabricLatency = 70 * Picoseconds.nanosecond
  /// What a read costs in the engine beyond the wait for memory. S1: a source read adds 260 ns (memmove less fill, 64 B).
  public var readLatency = 78 * Picoseconds.nanosecond
  /// Mean tail of a line's latency. The slowest of n lines in flight comes so many times H(n) - 1 later than one alone, with
  /// H(n) = 1 + 1/2 + ... + 1/n: the largest of n exponential draws. For each stream, up to `spreadLines`. S1: 130 ns
  /// from 64 B to 2 KiB for fill, twice that for memmove.
  public var spreadLatency = 42 * Picoseconds.nanosecond
  /// Lines of one descriptor in flight at most; a power of two. S1: the growth ends at 2 KiB.
  public var spreadLines = 32
  /// A source page behind the first whose translation is not hidden. S1: memmove, 8 to 16 KiB.
  public var crossingLatency = 100 * Picoseconds.nanosecond
  /// So many crossings are exposed, then translation runs ahead. S1: memmove, 16 KiB to 1 MiB.
  public var exposedCrossings = 3
  /// Shortest time between two descriptors of one engine. S1: 45 to 50 ns (batches of 32 on one engine).
  public var engineInterval = 45 * Picoseconds.nanosecond
  /// Shortest time between two descriptors of one device. S2: 53.9 M descriptors a second at most.
  public var deviceInterval = 19 * Picoseconds.nanosecond
  /// What a descriptor, its record and its translations take of the device's bandwidth, as bytes of data.
  /// S1: 4 KiB at 136.8 ns, 2 KiB at 72.6 ns, against 31.37 GB/s for 1 MiB.
  public var descriptorOverheadBytes = 192
  /// Bytes a second the device reads, and writes, at most, independently. S1: 29915 MiB/s memmove, half of it for compare.
  public var readBandwidth = 31_370_000_000
  public var writeBandwidth = 31_370_000_000
  /// Bytes a second of one engine. S1: one engine reaches the device's bandwidth.
  public var engineBandwidth = 31_370_000_000
  /// Bytes of a read buffer. Intel DSA Architecture Specification 341204: one line; 64 is x86's.
  public var readBufferBytes = 64
  /// Work descriptors in progress in one engine, members included. Uncalibrated: at least 12 are needed for S1's floor.
  public var workInProgress = 16
  /// Batch descriptors in progress in one engine. Uncalibrated.
  public var batchesInProgress = 4
  /// From the last member's record to the batch's. Uncalibrated.
  public var batchFinishLatency = 10 * Picoseconds.nanosecond
  /// A head or tail of a destination that is not a whole line, serialised in the engine. S1: 0.37 us. Only on the way to memory:
  /// what cache control sends to the cache is merged there. S2: batches of 4 KiB to such destinations, with cache control, take
  /// 145 ns a member on one engine.
  public var partialLineTime = 370 * Picoseconds.nanosecond
  /// From an access to a page that is not there to the record that says so. S1: fitted to 4.1 us for a partial completion, a CPU's
  /// touch (1.21 us) and a new submission.
  public var faultLatency = 1_400 * Picoseconds.nanosecond
  /// From a page request to its answer, the kernel's fault handling included. S1: 13.8 us a page.
  public var pageRequestLatency = 13_600 * Picoseconds.nanosecond
  /// How much longer the answer to a write at a shared queue's portal takes while the device moves data: it shares the device's
  /// way to the fabric. S2: 216 ns a submission with copies of 4 KiB against 189 ns with 64 B; S1 has 0.21 against 0.19 us.
  public var answerWait = 35 * Picoseconds.nanosecond
  /// From the record to the interrupt's handler. Uncalibrated.
  public var interruptLatency = 1 * Picoseconds.microsecond

  public init() {}
}
