// Accesses of a mix: which window comes next is drawn, what it accesses is its own pattern's business.
import MemoryModel

/// The endless accesses of one `MixSpec`; whoever looks at the clock ends them.
public final class MixSource: AccessSource {
  public let spec: MixSpec
  /// Whether `hash` is kept: over the page numbers within the regions, in the order of the accesses.
  public let isHashing: Bool

  /// More than any run makes until `end()`, then 0.
  public private(set) var remaining = MixSource.endless
  public var remainingInRound: Int { remaining }
  public private(set) var roundsDone = 0
  public var hash: UInt64 { isHashing ? fnv : 0 }
  /// Whether the accesses given out end a stretch: the moment to look at the clock. False before the first stretch.
  public private(set) var isBetweenStretches = false

  private let windows: [PatternSource]
  /// Running sums of the weights; the window drawn is the first whose sum exceeds the number drawn.
  private let sums: [UInt64]
  private var draws: DrawStream
  private var window = 0
  private var leftOfDraw = 0
  private var leftOfStretch = 0
  private var fnv = PatternSource.hashStart

  private static let endless = 1 << 62

  /// - Parameters:
  ///   - spec: the mix; the sum of its weights is 1 or more.
  ///   - baseSlots: for each window the dense virtual slot of its region's page 0.
  ///   - hashing: whether to keep the hash.
  public init(_ spec: MixSpec, baseSlots: [Int], hashing: Bool = true) {
    precondition(spec.windows.count == baseSlots.count && spec.batch >= 1)
    self.spec = spec
    isHashing = hashing
    windows = zip(spec.windows, baseSlots).map { window, base in
      var access = window.access
      access.accesses = Self.endless
      access.rounds = 1
      return PatternSource(access, baseSlot: base, hashing: false)
    }
    var sum: UInt64 = 0
    var sums: [UInt64] = []
    for window in spec.windows {
      precondition(window.weight >= 0)
      sum += UInt64(window.weight)
      sums.append(sum)
    }
    precondition(sum >= 1, "some window can be drawn")
    self.sums = sums
    draws = DrawStream(seed: spec.seed)
  }

  public func restart() {
    for window in windows { window.restart() }
    draws = DrawStream(seed: spec.seed)
    leftOfDraw = 0
    leftOfStretch = 0
    isBetweenStretches = false
    remaining = Self.endless
    roundsDone = 0
    fnv = PatternSource.hashStart
  }

  /// The time is up: no more accesses.
  public func end() {
    guard remaining > 0 else { return }
    remaining = 0
    roundsDone = 1
  }

  /// Accesses up to the end of the stretch at most, so that the clock can be looked at.
  public func fill(_ batch: AccessBatch, limit: Int) {
    batch.isUniform = true
    batch.uniformGap = spec.windows[0].access.think
    batch.uniformSizeClass = spec.windows[0].access.sizeClass
    if leftOfStretch == 0 { leftOfStretch = spec.stretch }
    let count = remaining == 0 ? 0 : max(0, min(limit, batch.capacity, leftOfStretch))
    var done = 0
    while done < count {
      if leftOfDraw == 0 { drawWindow() }
      let run = min(leftOfDraw, count - done)
      windows[window].draw(into: batch.slots + done, count: run)
      if isHashing { enterHash(batch.slots + done, count: run) }
      done += run
      leftOfDraw -= run
    }
    batch.count = count
    leftOfStretch -= count
    isBetweenStretches = leftOfStretch == 0
  }

  /// O(windows): a mix has few.
  private func drawWindow() {
    leftOfDraw = spec.batch
    guard sums.count > 1 else { return }
    let number = draws.below(sums[sums.count - 1])
    window = sums.firstIndex { $0 > number } ?? 0
  }

  private func enterHash(_ slots: UnsafeMutablePointer<UInt32>, count: Int) {
    let base = UInt32(windows[window].baseSlot)
    var hash = fnv
    for i in 0..<count { hash = (hash ^ UInt64((slots[i] >> 1) &- base)) &* PatternSource.hashPrime }
    fnv = hash
  }
}
