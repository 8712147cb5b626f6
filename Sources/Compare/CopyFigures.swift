// What copying pages took in a run.

import Simulation
import Units

/// Copies of migrations, all engines together and each by itself. Times are modelled, in picoseconds.
public struct CopyFigures: Codable, Equatable, Sendable {
  /// Bytes copied, and the time from the start to the end of each copy, summed up.
  public var bytes: Int
  public var elapsedPs: Int
  /// CPU time spent copying, submitting and waiting.
  public var cpuPs: Int
  public var engines: [EngineFigures]
  /// Time that each device was busy, in the order of the configuration; empty without DSA.
  public var devicesBusyPs: [Int]

  /// Bytes a second while copying; nil when nothing was copied.
  public var bytesPerSecond: Int?

  /// No copy.
  static let none = CopyFigures(
    bytes: 0, elapsedPs: 0, cpuPs: 0, engines: [], devicesBusyPs: [], bytesPerSecond: nil)

  static func rate(_ bytes: Int, in span: Picoseconds) -> Int? {
    guard span > 0, bytes > 0 else { return nil }
    return Int(clamping: UInt128(bytes) * UInt128(Picoseconds.second) / UInt128(span))
  }
}

/// One copy engine.
public struct EngineFigures: Codable, Equatable, Sendable {
  public var engine: String
  public var bytes: Int
}

extension CopyFigures {
  init(_ result: RunResult) {
    let trace = result.trace
    let pages = trace.basePages.reduce(0, +) + trace.hugePages.reduce(0, +)
    bytes = pages << Page.shift
    elapsedPs = trace.copyTime
    cpuPs = trace.copyTime
    engines = [EngineFigures(engine: "cpu", bytes: bytes)]
    devicesBusyPs = []
    bytesPerSecond = CopyFigures.rate(bytes, in: elapsedPs)
  }
}
