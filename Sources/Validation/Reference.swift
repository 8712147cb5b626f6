// What real kernels did: the ensembles of their runs, read from JSON.

import Foundation

/// One run of a kernel.
struct ReferenceRun: Sendable {
  var counters: [String: Int]
  var window: Int?
  /// Calls of migrate_pages by reason and pages moved.
  var lists: [String: [Int: Int]]
}

/// All runs of one scenario on one kernel.
struct ReferenceEnsemble: Sendable {
  var name: String
  var runs: [ReferenceRun]

  /// Smallest, median and largest of a counter; a counter that a run does not print was 0.
  func spread(_ counter: String) -> (low: Int, median: Int, high: Int)? {
    let values = runs.compactMap { counter == "window" ? $0.window : $0.counters[counter] ?? 0 }.sorted()
    guard !values.isEmpty else { return nil }
    return (values[0], values[values.count / 2], values[values.count - 1])
  }
}

/// A reference that could not be read.
public struct ReferenceError: Error, CustomStringConvertible {
  public let description: String
}

/// Reads a folder of reference runs.
struct ReferenceFolder {
  let path: String
  private let root: [String: Any]

  init(path: String) throws(ReferenceError) {
    self.path = path
    let file = path + "/results/ensemble.json"
    guard let data = FileManager.default.contents(atPath: file) else {
      throw ReferenceError(description: "\(file): cannot be read; give the folder that holds results/ and scenarios/")
    }
    guard let object = try? JSONSerialization.jsonObject(with: data), let root = object as? [String: Any] else {
      throw ReferenceError(description: "\(file): is no JSON object")
    }
    self.root = root
  }

  func scenario(_ name: String) -> String { "\(path)/scenarios/\(name).json" }

  /// The exact (icount) runs of a scenario or variant.
  func ensemble(_ name: String) throws(ReferenceError) -> ReferenceEnsemble {
    let runs = (root["runs"] as? [String: Any]) ?? root
    let entry = runs[name]
    let list = ((entry as? [String: Any])?["icount"] ?? entry) as? [[String: Any]]
    guard let list, !list.isEmpty else {
      throw ReferenceError(description: "\(path)/results/ensemble.json: has no runs of '\(name)'")
    }
    return ReferenceEnsemble(name: name, runs: list.map(Self.run))
  }

  private static func run(_ object: [String: Any]) -> ReferenceRun {
    var lists: [String: [Int: Int]] = [:]
    for (reason, value) in object["migrate_lists"] as? [String: Any] ?? [:] {
      let sizes = (value as? [String: Any])?["size"] as? [String: Int] ?? [:]
      let name = reason.split(separator: "/").first.map(String.init) ?? reason
      for (size, calls) in sizes { lists[name, default: [:]][Int(size) ?? 0, default: 0] += calls }
    }
    return ReferenceRun(
      counters: object["vmstat"] as? [String: Int] ?? [:], window: object["window_node0_after"] as? Int, lists: lists)
  }
}
