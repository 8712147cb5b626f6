// Names a mistyped one may have meant.

/// Ranking of candidates for an unknown name.
public enum NearMiss {
  /// Names longer than this are not compared; no knob's name is near.
  private static let longest = 96

  /// At most three candidates: those within a quarter of the name's length in edits (1...4), nearest first, then
  /// those with the same last component. Equal ones keep the candidates' order.
  public static func find(_ name: String, among candidates: [String]) -> [String] {
    let written = Array(name.utf8)
    guard !written.isEmpty, written.count <= longest else { return [] }
    let limit = max(1, min(4, written.count / 4))
    let last = KnobName.lastComponent(name)
    var ranked: [(rank: Int, order: Int, name: String)] = []
    for (order, candidate) in candidates.enumerated() {
      let distance = edits(written, Array(candidate.utf8))
      if distance <= limit {
        ranked.append((distance, order, candidate))
      } else if KnobName.lastComponent(candidate) == last {
        ranked.append((limit + 1, order, candidate))
      }
    }
    ranked.sort { ($0.rank, $0.order) < ($1.rank, $1.order) }
    return ranked.prefix(3).map(\.name)
  }

  /// Insertions, deletions, substitutions and swaps of neighbours from one text to the other (optimal string
  /// alignment). O(a x b) time.
  static func edits(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var older = [Int](repeating: 0, count: b.count + 1)
    var previous = Array(0...b.count)
    for i in a.indices {
      var row = [i + 1]
      for j in b.indices {
        var best = min(previous[j + 1] + 1, row[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, older[j - 1] + 1) }
        row.append(best)
      }
      older = previous
      previous = row
    }
    return previous[b.count]
  }
}
