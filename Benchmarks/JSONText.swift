// Measurements as JSON.

import Foundation

enum JSONText {
  static func of(_ measurements: [Measurement]) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return (try? encoder.encode(measurements)).map { String(decoding: $0, as: UTF8.self) } ?? "[]"
  }
}
