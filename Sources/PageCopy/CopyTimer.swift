// /proc/timer: what copies took.

import Units

/// The original's nine fields, blind spots included, and beside them what it does not see.
///
/// Source: kernels-with-dsa, /proc/timer. Its total leaves out base pages that are copied one by one and the time of a list copy
/// that failed.
public struct CopyTimer: Sendable, Equatable {
  /// timer_state: whether the nine fields count. `dsa_copy_fail` counts always.
  public private(set) var isOn = false
  /// total_time and last_time.
  public private(set) var total: Picoseconds = 0
  public private(set) var last: Picoseconds = 0
  /// last_cnt, in base pages.
  public private(set) var lastCount = 0
  public private(set) var counts = CopyCounts()
  /// dsa_copy_fail: calls of the DSA copies of which the CPU had to take over a part.
  public private(set) var dsaCopyFail = 0
  /// All copies since the run began, whatever the state.
  public var engines = [EngineUse](repeating: EngineUse(), count: CopyMethod.allCases.count)
  /// Sizes and latencies of the calls of all copies, by method.
  public var histograms = [CopyHistogram](repeating: CopyHistogram(), count: CopyMethod.allCases.count)
  /// Rounds of DSA list copies.
  public var rounds = 0
  /// Descriptors submitted, batches among them, and members of batches.
  public var descriptors = 0
  public var batches = 0
  public var members = 0
  /// Rests of copies that stopped at a page fault, submitted again.
  public var resumed = 0
  /// Items that the CPU or workers copied after DSA had failed; those that DSA copied at a second try are not among them.
  public var takenOver = 0
  /// Waits that ended without a record.
  public var timeouts = 0
  /// Lists that vm.dsa_list_cut = c2 plans beyond the pools: the original crashes, here they go page by page.
  public var overflows = 0
  /// Times a submission found no free entry.
  public var fullQueues = 0

  public init() {}

  /// A write to /proc/timer: 0 stops and keeps all, 1 clears and starts unless it is on; anything else does nothing.
  public mutating func write(_ value: Int) {
    if value == 0 { isOn = false }
    if value == 1, !isOn {
      isOn = true
      total = 0
      last = 0
      lastCount = 0
      counts = CopyCounts()
      dsaCopyFail = 0
    }
  }

  /// A copy that the timer sees.
  mutating func time(_ span: Picoseconds, pages: Int) {
    guard isOn else { return }
    total += span
    last = span
    lastCount = pages
  }

  mutating func count(_ change: (inout CopyCounts) -> Void) {
    if isOn { change(&counts) }
  }

  /// A page that a migration copied on its CPU outside of any list: of a base page only bpage_cnt sees anything.
  public mutating func addSerial(pages: Int, _ time: Picoseconds) {
    let cpu = CopyMethod.cpu.rawValue
    engines[cpu].calls += 1
    engines[cpu].elapsed += time
    engines[cpu].cpuTime += time
    histograms[cpu].add(pages: pages, time)
    if pages > 1 {
      engines[cpu].hugePages += 1
      count { $0.addHugePage(by: .cpu) }
      self.time(time, pages: pages)
    } else {
      engines[cpu].basePages += 1
      count { $0.addBasePage() }
    }
  }

  /// A copy of real bytes whose measured time drives the clock.
  public mutating func addMeasured(_ list: PageList, by method: CopyMethod, _ time: Picoseconds) {
    engines[method.rawValue].calls += 1
    engines[method.rawValue].elapsed += time
    engines[method.rawValue].basePages += list.baseCount
    engines[method.rawValue].hugePages += list.hugeCount
    histograms[method.rawValue].add(pages: list.weight, time)
    count { counts in
      switch method {
      case .dsa: counts.add(list, by: .dsa)
      case .workers: counts.add(list, by: .workers)
      case .cpu:
        for _ in 0..<list.hugeCount { counts.addHugePage(by: .cpu) }
        counts.basePages += list.baseCount
      }
    }
    self.time(time, pages: list.weight)
  }

  mutating func failed() { dsaCopyFail += 1 }

  /// The line that reading /proc/timer gives.
  public var line: String {
    "timer_state = \(isOn ? 1 : 0) total_time = \(total / Picoseconds.millisecond)ms "
      + "last_time = \(last / Picoseconds.nanosecond)ns last_cnt = \(lastCount) dsa_hpage_cnt = \(counts.dsaHugePages) "
      + "dsa_bpage_cnt = \(counts.dsaBasePages) dsa_copy_fail = \(dsaCopyFail) hpage_cnt = \(counts.hugePages) "
      + "bpage_cnt = \(counts.basePages)\n"
  }
}

/// What moves bytes.
public enum CopyMethod: Int, CaseIterable, Sendable {
  /// The migrating CPU, page by page.
  case cpu
  /// Several CPUs.
  case workers
  case dsa

  /// As files write it.
  public var name: String {
    switch self {
    case .cpu: "cpu"
    case .workers: "cpu_multithreaded"
    case .dsa: "dsa"
    }
  }
}

/// What one method did.
public struct EngineUse: Sendable, Equatable {
  /// Calls: lists, or single pages.
  public var calls = 0
  public var basePages = 0
  public var hugePages = 0
  /// From the beginning of each call to its end, summed up.
  public var elapsed: Picoseconds = 0
  /// CPU time: copying, preparing and submitting, polling.
  public var cpuTime: Picoseconds = 0

  public init() {}

  public var bytes: Int { basePages << Page.shift + hugePages << (Page.shift + Page.hugeOrder) }
}
