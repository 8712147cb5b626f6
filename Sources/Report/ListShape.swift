// Sizes of migrations in a few classes, for people.

import Migration

/// Calls of migrate_pages by pages moved.
public struct ListShape: Equatable, Sendable {
  /// The classes: none, single pages, small lists, whole kswapd chunks of 32, and what huge pages make.
  public static let bins: [(name: String, pages: ClosedRange<Int>)] = [
    ("0", 0...0), ("1", 1...1), ("2-7", 2...7), ("8-15", 8...15), ("16-31", 16...31), ("32", 32...32),
    ("33-511", 33...511), ("512", 512...512), ("513+", 513...Int.max),
  ]

  public var reason: MigrateReason
  public var mode: MigrateMode
  /// Calls by class.
  public var calls: [Int]

  /// One line for each reason and mode that occurred, in their order.
  public static func all(_ trace: MigrationTrace) -> [ListShape] {
    var shapes: [ListShape] = []
    for reason in MigrateReason.allCases {
      for mode in MigrateMode.allCases {
        let histogram = trace.histogram[reason.rawValue][mode.rawValue]
        var calls = [Int](repeating: 0, count: bins.count)
        for (pages, count) in histogram.enumerated() where count > 0 {
          guard let bin = bins.firstIndex(where: { $0.pages.contains(pages) }) else { continue }
          calls[bin] += count
        }
        if calls.contains(where: { $0 > 0 }) { shapes.append(ListShape(reason: reason, mode: mode, calls: calls)) }
      }
    }
    return shapes
  }
}
