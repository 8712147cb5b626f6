// Accesses of a synthetic pattern; PatternSource+Fill.swift has the loops.
import MemoryModel

/// The accesses of one `AccessSpec`, bit for bit those of the reference generator for sequential, uniform and Zipf patterns.
///
/// Ranks are drawn for a whole batch, then scattered, hashed and turned into slots, each in a loop of its own.
public final class PatternSource: AccessSource {
  public let spec: AccessSpec
  /// Dense virtual slot of the region's page 0.
  public let baseSlot: Int
  /// Whether `hash` is kept; beside the rest of a skewed pattern it costs a fraction of a nanosecond an access.
  public let isHashing: Bool

  public internal(set) var remaining: Int
  public internal(set) var remainingInRound: Int
  public internal(set) var roundsDone = 0
  var fnv: UInt64 = 0
  public var hash: UInt64 { isHashing ? fnv : 0 }

  var draws: DrawStream
  var writeDraws: DrawStream
  /// Accesses until the next write of a fixed write interval.
  var untilWrite = 0
  /// Next rank (sequential), next byte (sweep), place in the cycle (chase) or first page of the hot set (drift).
  var position = 0
  /// Accesses until the hot set moves.
  var untilMove = 0
  let zipf: ZipfTable?
  let cycle: RandomCycle?
  let scatter: Scatter?

  /// - Parameters:
  ///   - spec: the accesses; as a parsed file has them, see `AccessSpec` for the ranges.
  ///   - baseSlot: dense virtual slot of the region's page 0; `baseSlot + first + pages` is at most 2^31.
  ///   - hashing: whether to keep the hash.
  public init(_ spec: AccessSpec, baseSlot: Int, hashing: Bool = true) {
    precondition(spec.pages >= 1 && spec.first >= 0 && baseSlot >= 0 && spec.accesses >= 0 && spec.rounds >= 0)
    precondition(baseSlot + spec.first + spec.pages <= 1 << 31, "slots are 31-bit numbers")
    precondition((0...6).contains(spec.sizeClass))
    self.spec = spec
    self.baseSlot = baseSlot
    isHashing = hashing
    if case .zipf(let exponent) = spec.pattern {
      zipf = ZipfTable(pages: spec.pages, exponentThousandths: exponent)
    } else {
      zipf = nil
    }
    cycle = spec.pattern == .chase ? RandomCycle(pages: spec.pages, seed: spec.seed) : nil
    scatter = spec.scatter == 0 ? nil : Scatter(factor: spec.scatter, pages: spec.pages)
    draws = DrawStream(seed: 0)
    writeDraws = DrawStream(seed: 0)
    remaining = 0
    remainingInRound = 0
    restart()
  }

  public func restart() {
    remaining = spec.accesses * spec.rounds
    remainingInRound = min(spec.accesses, remaining)
    roundsDone = 0
    fnv = Self.hashStart
    draws = DrawStream(seed: spec.seed)
    // A stream of its own, so that the write share leaves the pages as they are.
    writeDraws = DrawStream(seed: ~spec.seed)
    untilWrite = 0
    position = 0
    if case .drift(_, _, _, let period) = spec.pattern { untilMove = period }
  }

  /// Offset basis and prime of 64-bit FNV-1a, taken over whole page numbers instead of bytes.
  static let hashStart: UInt64 = 0xCBF2_9CE4_8422_2325
  static let hashPrime: UInt64 = 0x100_0000_01B3
}
