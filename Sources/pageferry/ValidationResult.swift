// What `pageferry validate` found, as a sentence and as JSON.

import Calibration
import Foundation
import Validation

/// Verdicts of the parts that were compared.
struct ValidationResult: Encodable {
  struct Kernels: Encodable {
    var verdict: String
    var isClean: Bool
    var counters: Int
    var agreed: Int
    /// Within the kernel's own [min, max].
    var within: Int
    var directions: Int
    var agreedDirections: Int

    init(_ fidelity: Fidelity) {
      verdict = fidelity.verdict
      isClean = fidelity.isClean
      counters = fidelity.compared
      agreed = fidelity.agreed
      within = fidelity.within
      directions = fidelity.comparedDirections
      agreedDirections = fidelity.agreedDirections
    }
  }

  struct Devices: Encodable {
    /// A point with what it misses by, percent.
    struct Point: Encodable {
      var point: CalibrationPoint
      var errorPercent: Double
    }

    var verdict: String
    var isWithinBars: Bool
    var summary: CalibrationSummary
    var points: [Point]
    var unscored: [UnscoredRow]
    /// Parameters of the device: name and value.
    var device: [String: String]

    init(_ calibration: Calibration) {
      verdict = calibration.verdict
      summary = calibration.summary
      isWithinBars = summary.isWithinBars
      points = calibration.points.map { Point(point: $0, errorPercent: $0.error) }
      unscored = calibration.unscored
      device = Dictionary(uniqueKeysWithValues: Calibration.deviceParameters.map { ($0.name, $0.value) })
    }
  }

  var kernels: Kernels?
  var calibration: Devices?

  var isClean: Bool { kernels?.isClean ?? true && calibration?.isWithinBars ?? true }
  var verdict: String { [kernels?.verdict, calibration?.verdict].compactMap { $0 }.joined(separator: " Devices: ") }

  func text() throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }
}
