// How much faster one run is than another, and what that is worth.

import Units

/// What a speed-up says, when every uncalibrated cost is taken as given, as half, and as twice as much.
public enum Verdict: String, Codable, Sendable {
  case faster, slower
  /// Within the dead band (`Speedup.band`).
  case same
  /// Not the same at all three.
  case undecided
}

/// A ratio of two runs under the same costs, in millionths: 1,250,000 is 1.25 times as fast.
public struct Speedup: Codable, Equatable, Sendable {
  /// With the costs as given.
  public var millionths: Int
  /// With uncalibrated costs halved and doubled; nil when there were no such runs.
  public var halvedMillionths: Int?
  public var doubledMillionths: Int?
  public var verdict: Verdict

  /// Ratios that differ from 1 by less than this many millionths (0.5 %) are `same`.
  public static let band = 5_000

  public init(given: Int, halved: Int?, doubled: Int?) {
    millionths = given
    halvedMillionths = halved
    doubledMillionths = doubled
    let verdicts = [given, halved, doubled].compactMap { $0.map(Speedup.verdict) }
    verdict = verdicts.allSatisfy { $0 == verdicts[0] } ? verdicts[0] : .undecided
  }

  /// The least and the greatest of the three; nil when there is only one.
  public var range: ClosedRange<Int>? {
    guard let halvedMillionths, let doubledMillionths else { return nil }
    let all = [millionths, halvedMillionths, doubledMillionths]
    return (all.min() ?? millionths)...(all.max() ?? millionths)
  }

  private static func verdict(_ millionths: Int) -> Verdict {
    millionths >= 1_000_000 + band ? .faster : millionths <= 1_000_000 - band ? .slower : .same
  }

  /// Work a time of `run` over that of `reference`, in millionths, rounded to nearest; nil when one of them did nothing or took
  /// no time. With `byTime` the work counts as the same.
  static func ratio(_ run: RunSummary, over reference: RunSummary, byTime: Bool) -> Int? {
    let (work, base) = byTime ? (1, 1) : (run.measuredAccesses, reference.measuredAccesses)
    guard run.measuredPs > 0, reference.measuredPs > 0, work > 0, base > 0 else { return nil }
    let (high, isLarge) = (UInt128(work) * UInt128(reference.measuredPs)).multipliedReportingOverflow(by: 1_000_000)
    guard !isLarge else { return nil }
    let low = UInt128(base) * UInt128(run.measuredPs)
    return Int(clamping: (high + low / 2) / low)
  }

  /// A part of a whole in millionths, rounded to nearest; 0 of nothing.
  static func millionths(_ part: Int, of whole: Int) -> Int {
    guard part > 0, whole > 0 else { return 0 }
    return Int(clamping: (UInt128(part) * 1_000_000 + UInt128(whole) / 2) / UInt128(whole))
  }
}
