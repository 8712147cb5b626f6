// The form in which accesses reach the replay loop: dense virtual slots, decoded once per batch.

/// A run of accesses of one thread. `slots[i]` is `virtual slot << 1 | isWrite`, where a virtual slot is the dense number
/// of a 4 KiB virtual page in its task's page table.
///
/// A batch is either *uniform* (every access has the same size and the same think time before it) or *varied*
/// (each has its own in `sizeClasses` and `gaps`).
public final class AccessBatch {
  /// How many accesses ahead the replay loop prefetches.
  public static let prefetchDistance = 32

  /// The size class of an access that reaches the page table and no memory: a CPU cache answers it after a page walk.
  public static let touchClass = 7

  /// Accesses the batch can hold.
  public let capacity: Int
  /// `virtual slot << 1 | isWrite`, one per access.
  public let slots: UnsafeMutablePointer<UInt32>
  /// Time before each access in picoseconds (think time, cached accesses); read only when `isUniform` is false.
  public let gaps: UnsafeMutablePointer<UInt32>
  /// log2(bytes / 64) of each access, 0 (64 bytes) to 6 (4096 bytes), or `touchClass`; read only when `isUniform` is false.
  public let sizeClasses: UnsafeMutablePointer<UInt8>
  /// Accesses now in the batch.
  public var count = 0
  /// Whether `uniformGap` and `uniformSizeClass` hold for all accesses.
  public var isUniform = true
  /// Time before each access in picoseconds, when uniform.
  public var uniformGap = 0
  /// log2(bytes / 64) of each access, when uniform.
  public var uniformSizeClass = 0

  public init(capacity: Int) {
    precondition(capacity > 0)
    self.capacity = capacity
    // The replay loop prefetches this far past its place; the pad keeps that inside the array.
    let padded = capacity + AccessBatch.prefetchDistance
    slots = .allocate(capacity: padded)
    gaps = .allocate(capacity: capacity)
    sizeClasses = .allocate(capacity: capacity)
    slots.initialize(repeating: 0, count: padded)
    gaps.initialize(repeating: 0, count: capacity)
    sizeClasses.initialize(repeating: 0, count: capacity)
  }

  deinit {
    slots.deallocate()
    gaps.deallocate()
    sizeClasses.deallocate()
  }
}
