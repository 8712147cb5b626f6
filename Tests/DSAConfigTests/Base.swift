// A configuration that comes up, to be changed in one place.

import DSAConfig
import Foundation

enum Base {
  /// One shared user queue with an engine. Each key stands on a line of its own, so that a change is found by its line.
  static let text = """
    [
      {"dev": "dsa0",
       "read_buffer_limit": 0,
       "groups": [
        {"dev": "group0.0",
         "read_buffers_allowed": 96,
         "grouped_workqueues": [
          {"dev": "wq0.0",
           "mode": "shared",
           "size": 16,
           "group_id": 0,
           "priority": 10,
           "block_on_fault": 0,
           "max_batch_size": 32,
           "max_transfer_size": 2097152,
           "type": "user",
           "driver_name": "user",
           "name": "sim",
           "threshold": 15}],
         "grouped_engines": [
          {"dev": "engine0.0", "group_id": 0}]}]}
    ]
    """

  /// The base with parts replaced, each of which has to be there.
  static func with(_ changes: [(String, String)]) -> String {
    changes.reduce(text) { text, change in
      precondition(text.contains(change.0), "the base has no \(change.0)")
      return text.replacingOccurrences(of: change.0, with: change.1)
    }
  }

  static func check(_ text: String, kernel: KernelVersion = .oldest) throws(ConfigurationError) -> ConfigurationCheck {
    try ConfigurationCheck(Data(text.utf8), path: "x.conf", kernel: kernel)
  }
}

extension ConfigurationFinding {
  /// `11 wq0.0 priority idxd -EINVAL`, or `11 wq0.0 priority warning`.
  var brief: String {
    "\(line) \(object) \(key) " + (isRefusal ? "\(judge.rawValue) \(code)" : "warning")
  }
}
