// Times of one engine on one subject, and what is made of them.

import PageCopy

/// All times of a row, and what each copied.
public struct CopySamples: Sendable {
  public let route: CopyRoute
  public let caches: CacheState
  public let subject: CopySubject
  public let engine: String
  /// CPUs that copied; 0 for a device.
  public let threads: Int
  /// Whether the row belongs to the machine's limit and was not asked for.
  public let isLimit: Bool
  /// Bytes of one copy.
  public let bytes: Int
  /// 4 KiB pages of one copy.
  public let pages: Int
  /// Nanoseconds, in the order measured, each of one whole copy.
  public private(set) var times: [Int] = []

  init(
    route: CopyRoute, caches: CacheState, subject: CopySubject, engine: EngineOffer, isLimit: Bool, list: PageList
  ) {
    self.route = route
    self.caches = caches
    self.subject = subject
    self.engine = engine.name
    threads = engine.threads
    self.isLimit = isLimit
    bytes = list.bytes
    pages = list.weight
  }

  mutating func add(_ nanoseconds: Int) { times.append(max(1, nanoseconds)) }

  /// The time that so many of a hundred copies did not exceed (nearest rank); 0 without copies.
  public func percentile(_ percent: Int) -> Int {
    let sorted = times.sorted()
    if sorted.isEmpty { return 0 }
    return sorted[min(sorted.count, max(1, (sorted.count * percent + 99) / 100)) - 1]
  }

  /// Nanoseconds of the middle copy.
  public var median: Int { percentile(50) }

  /// By the median; decimal.
  public var bytesPerSecond: Int { median == 0 ? 0 : Int(Double(bytes) / Double(median) * 1e9) }

  /// Picoseconds for each 4 KiB, by the median.
  public var picosecondsPerPage: Int { pages == 0 ? 0 : median * 1000 / pages }
}

/// All that was measured.
public struct CopyBenchResult: Sendable {
  public internal(set) var samples: [CopySamples] = []
  /// What every output has to say.
  public internal(set) var remarks: [String] = []
  /// The arenas of each route.
  public internal(set) var memory: [String] = []
  /// Nanoseconds of reading the clock, taken off each time.
  public internal(set) var clock = 0
  /// Copies that do not count, since the kernel took a CPU away meanwhile.
  public internal(set) var repeated = 0
  /// Copies that count all the same, since no quiet moment came.
  public internal(set) var disturbed = 0
  /// Copies that were compared with their sources: all.
  public internal(set) var verified = 0

  /// The row of an engine.
  public func row(_ engine: String, _ subject: CopySubject, _ caches: CacheState, _ route: CopyRoute) -> CopySamples? {
    samples.first {
      $0.engine == engine && $0.subject == subject && $0.caches == caches && $0.route == route
    }
  }

  /// The fastest stream of a route with at most so many threads: the machine's own limit. 0 asks for any number.
  public func limit(threads: Int, _ route: CopyRoute) -> CopySamples? {
    samples.filter {
      $0.subject == .stream && $0.route == route && $0.threads > 0 && (threads == 0 || $0.threads <= threads)
    }
    .max { $0.bytesPerSecond < $1.bytesPerSecond }
  }

  /// The fastest single thread on a subject.
  public func bestSerial(_ subject: CopySubject, _ caches: CacheState, _ route: CopyRoute) -> CopySamples? {
    samples.filter {
      $0.threads == 1 && $0.subject == subject && $0.caches == caches && $0.route == route
    }.max { $0.bytesPerSecond < $1.bytesPerSecond }
  }
}
