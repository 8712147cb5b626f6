// What real kernels did: the ensembles of their runs, read from JSON.

import Foundation
import Migration

/// One run of a kernel.
struct ReferenceRun: Sendable {
  var counters: [String: Int]
  var window: Int?
  /// Calls of migrate_pages by reason and pages moved, and by reason and mode where the run tells them apart (TPP),
  /// `compaction/sync_light`.
  var lists: [String: [Int: Int]]
  /// The same by reason and function (TPP), `demotion/migrate_pages_concur`.
  var functionLists: [String: [Int: Int]]
  /// Fields of /proc/timer after the run, without their units (TPP).
  var timer: [String: Int]
  /// Hash of the pages of each access op, as the program printed it.
  var hashes: [String]

  /// A mode as the runs call it.
  static func name(of mode: MigrateMode) -> String {
    switch mode {
    case .async: "async"
    case .syncLight: "sync_light"
    case .sync: "sync"
    }
  }
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

  /// Names of all ensembles, sorted.
  var names: [String] { ((root["runs"] as? [String: Any]) ?? root).keys.sorted() }

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
    func add(_ key: String, _ sizes: [String: Int]) {
      let reason = key.split(separator: "/").first.map(String.init) ?? key
      for (size, calls) in sizes {
        lists[reason, default: [:]][Int(size) ?? 0, default: 0] += calls
        if key != reason { lists[key, default: [:]][Int(size) ?? 0, default: 0] += calls }
      }
    }
    // The 6.12 runs keep sizes by reason, the TPP runs by reason and mode.
    for (reason, value) in object["migrate_lists"] as? [String: Any] ?? [:] {
      add(reason, (value as? [String: Any])?["size"] as? [String: Int] ?? [:])
    }
    let byMode = (object["lists"] as? [String: Any])?["reason_mode_succeeded"] as? [String: [String: Int]]
    for (key, sizes) in byMode ?? [:] { add(key, sizes) }
    var byFunction: [String: [Int: Int]] = [:]
    let functions = (object["lists"] as? [String: Any])?["reason_function_succeeded"] as? [String: [String: Int]]
    for (key, sizes) in functions ?? [:] {
      for (size, calls) in sizes { byFunction[key, default: [:]][Int(size) ?? 0, default: 0] += calls }
    }
    let timer = (object["timer_after"] as? [String: String] ?? [:]).mapValues { Int($0.prefix { $0.isNumber }) ?? 0 }
    let window = object["window_node0_after"] as? Int ?? (object["window_node0"] as? [Int])?.last
    return ReferenceRun(
      counters: object["vmstat"] as? [String: Int] ?? [:], window: window, lists: lists, functionLists: byFunction,
      timer: timer,
      hashes: object["access_hash"] as? [String] ?? [])
  }
}
