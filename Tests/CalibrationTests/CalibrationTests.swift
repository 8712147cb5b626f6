// The modelled device against the published tables. They are not part of the project: PAGEFERRY_SHARED names the folder that
// holds `calibration`, else `../shared` beside the checkout; absent, the tests say so.
import Foundation
import Testing
import Validation

@testable import Calibration

private let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized.path

/// The folder of tables; nil without one.
let tables: String? = {
  let named = ProcessInfo.processInfo.environment["PAGEFERRY_SHARED"] ?? root + "/../shared"
  guard FileManager.default.fileExists(atPath: named + "/calibration/dsa-sync-latency.csv") else {
    print("SKIPPED: no tables of measurements at \(named)/calibration; the modelled DSA was NOT compared with them")
    return nil
  }
  return named + "/calibration"
}()

@Suite(.enabled(if: tables != nil, "no tables of measurements beside the repository"))
struct CalibrationTests {
  /// Scored once; the default of cost.copy_bandwidth.
  private static let scored = Result { try Calibration(folder: tables ?? "", copyBandwidth: 11_000_000_000) }

  @Test func theBarsAreMet() throws {
    let calibration = try Self.scored.get()
    print(calibration.page)
    #expect(calibration.summary.isWithinBars, "\(calibration.verdict)")
    // What was reached; a change that loses some of it has to say so.
    let summary = calibration.summary
    #expect(summary.exact == 100 && summary.digitised == 20)
    #expect(summary.exactMedian < 2.5 && summary.exactWithin20 >= 96, "\(calibration.verdict)")
    #expect(summary.predictedMedian < 3.5 && summary.predictedWithin20 >= 94, "\(calibration.verdict)")
    #expect(summary.digitisedMedian < 3.5 && summary.digitisedWithin10 >= 90, "\(calibration.verdict)")
  }

  @Test(arguments: [
    ("dsa-sync-latency.csv", 30, 2.2), ("dsa-async-throughput.csv", 11, 1.6), ("dsa-faults.csv", 4, 1.0),
    ("dsa-depth-sweep.csv", 32, 1.9), ("dsa-batch-latency.csv", 20, 7.2), ("dsa-multi-device.csv", 16, 2.5),
    ("huge-page-split-latency.csv", 4, 5.5), ("cpu-copy.csv", 3, 10.5),
  ])
  func eachTableIsAsCloseAsItWas(table: String, count: Int, median: Double) throws {
    let points = try Self.scored.get().points.filter { $0.table == table }
    #expect(points.count == count)
    #expect(CalibrationSummary.median(points) < median, "\(CalibrationSummary.median(points)) %")
  }

  @Test func everyRowIsScoredOrNamed() throws {
    let calibration = try Self.scored.get()
    for table in Calibration.tables {
      let text = try String(contentsOfFile: (tables ?? "") + "/" + table, encoding: .utf8)
      let rows = Set(2...text.split(whereSeparator: \.isNewline).count)
      let scored = Set(calibration.points.filter { $0.table == table }.map(\.line))
      let named = Set(calibration.unscored.filter { $0.table == table }.map(\.line))
      #expect(scored.isDisjoint(with: named) && scored.union(named) == rows, "\(table)")
    }
  }

  @Test func thePointsThatNoMonotoneModelMeetsAreMarked() throws {
    let marked = try Self.scored.get().points.filter { $0.mark == .notMonotone }
    #expect(marked.map(\.published) == [6155, 17290, 24159])
  }

  @Test func eachMissIsNamedWithAReason() throws {
    let calibration = try Self.scored.get()
    #expect(!calibration.misses.isEmpty && calibration.misses.count <= 6)
    for point in calibration.misses { #expect(Calibration.reason(for: point) != "not known", "\(point)") }
  }

  @Test func theSameTableGivesTheSamePoints() throws {
    var again: [CalibrationPoint] = []
    try AccelDatapath.depthSweep(tables ?? "", &again)
    #expect(again == (try Self.scored.get().points.filter { $0.table == "dsa-depth-sweep.csv" }))
  }

  /// docs/fidelity.md has what `pageferry validate --calibration` writes today.
  @Test func thePageIsCurrent() throws {
    let file = FidelityFile(text: try String(contentsOfFile: root + "/docs/fidelity.md", encoding: .utf8))
    #expect(
      file?.text(of: .calibration) == (try Self.scored.get().page),
      "docs/fidelity.md is stale: run 'pageferry validate --calibration ../shared/calibration -o docs/fidelity.md'")
  }
}
