// A series of shares on one line.

import Simulation
import Units

/// The share of accesses that the fast tier served, in equal steps of modelled time.
public struct Sparkline: Equatable, Sendable {
  /// Shares in 1/1000; nil where nothing was accessed.
  public private(set) var permille: [Int?]

  private static let bars: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

  /// Accesses between two samples go to the steps between them in proportion to time.
  public init(samples: [RunSample], steps: Int) {
    permille = [Int?](repeating: nil, count: steps)
    guard let end = samples.last?.time, end > 0, steps > 0 else { return }
    for step in 0..<steps {
      let from = end / steps * step
      let to = step == steps - 1 ? end : end / steps * (step + 1)
      let fast =
        Sparkline.count(at: to, samples) { $0.fastAccesses } - Sparkline.count(at: from, samples) { $0.fastAccesses }
      let slow =
        Sparkline.count(at: to, samples) { $0.slowAccesses } - Sparkline.count(at: from, samples) { $0.slowAccesses }
      if fast + slow > 0 { permille[step] = Decimal.ratio(fast, fast + slow, times: 1000) }
    }
  }

  /// A counter at a time, between two samples in proportion.
  private static func count(at time: Picoseconds, _ samples: [RunSample], _ value: (RunSample) -> Int) -> Int {
    guard let right = samples.firstIndex(where: { $0.time >= time }) else { return samples.last.map(value) ?? 0 }
    guard right > 0 else { return value(samples[0]) }
    let (a, b) = (samples[right - 1], samples[right])
    return value(a) + Decimal.ratio(value(b) - value(a), b.time - a.time, times: time - a.time)
  }

  /// One bar a step, the lowest for 0 and the highest for all; a space where nothing was accessed.
  public var text: String {
    String(permille.map { $0.map { Sparkline.bars[min($0 * 8 / 1000, 7)] } ?? " " })
  }
}
