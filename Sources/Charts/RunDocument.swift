// run.json, as far as charts need it.

/// The parts of run.json that a report shows. Keys are in snake case there.
struct RunDocument: Decodable {
  struct Kernel: Decodable {
    var rules: String
    var status: String
    var notCompared: [String]
  }

  struct Workload: Decodable {
    struct Trace: Decodable {
      var file: String
      var digest: String
    }

    var name: String
    var about: String
    var file: String
    var digest: String
    var traces: [Trace]
  }

  struct Totals: Decodable {
    var accesses: Int
    var fastAccesses: Int
    var elapsedPs: Int
    var accessesPerS: Int
  }

  struct Migrations: Decodable {
    struct Calls: Decodable {
      var reason: String
      var mode: String
      var pages: [Int]
      var calls: [Int]
    }

    struct Reason: Decodable {
      var stageTimePs: [String: Int]
    }

    var largestPagesBinHoldsMore: Int
    var callsByPages: [Calls]
    var byReason: [String: Reason]
    var traceEventsLost: Int
  }

  struct Machine: Decodable {
    struct Node: Decodable {
      var tier: Int
      var managedPages: Int
    }

    var nodes: [Node]
  }

  var format: Int
  var pageferry: String
  var seed: Int
  var kernel: Kernel
  var workload: Workload
  var elapsedPs: Int
  var isCutOff: Bool
  var footprintPages: Int
  var totals: Totals
  var totalsExcludingWarmup: Totals
  var vmstat: [String: Int]
  var migrations: Migrations
  var machine: Machine
  var warnings: [String]
  var faults: [String]
  /// Digests by file.
  var files: [String: String]
}
