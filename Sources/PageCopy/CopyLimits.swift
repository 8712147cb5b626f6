// The sizes of the original's descriptor pools, which bound what one round can hold.

/// Source: kernels-with-dsa (madsys-dev/DSA-2LM), its list copy of August 2024; the sizes follow from pages and structures.
public enum CopyLimits {
  /// Most channels (MAX_CHAN); `vm.limit_chans` is 1 to this.
  public static let channels = 8
  /// Top-level descriptors of a channel: software descriptors of 160 bytes in one page (MAX_IDXD_DESC).
  public static let slots = 25
  /// Members of a channel's one batch: hardware descriptors of 64 bytes in two pages (MAX_BATCH_SIZE).
  public static let batchMembers = 128
  /// Huge pages after which the original of 2025 ends a round, and beyond which that of 2024 refuses a list: `slots` less the
  /// batch.
  public static let hugeCap = slots - 1
  /// Base pages likewise: eight channels' batches, however many channels are in use.
  public static let baseCap = 8 * batchMembers
  /// Most workers of the multithreaded copy. Source: Nimble, mm/copy_page.c.
  public static let workers = 32

  /// What each possible CPU holds for each channel, in pages of the node of the CPU that allocates.
  public struct Pool: Sendable, Equatable {
    public var what: String
    public var pages: Int
    /// Objects that are used of those that fit.
    public var used: Int
    public var fitting: Int
  }

  /// Pools by CPU and channel. One batch array means one batch in flight a channel and CPU.
  public static let pools = [
    Pool(what: "software descriptors", pages: 1, used: slots, fitting: slots),
    Pool(what: "hardware descriptors", pages: 1, used: slots, fitting: 64),
    Pool(what: "completion records", pages: 1, used: slots, fitting: 128),
    Pool(what: "batch members", pages: 2, used: batchMembers, fitting: batchMembers),
    Pool(what: "completion records of batch members", pages: 2, used: batchMembers, fitting: 256),
  ]
}
