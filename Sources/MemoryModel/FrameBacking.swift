// Real memory behind modelled frames, as the model sees it: where content is made, ends, and moves. Nothing here depends on a host.

import Units

/// What stands behind frames when their bytes are real. Asked where content becomes final, and once a list of copies; never for an access.
public protocol FrameBacking: AnyObject {
  /// Whether the time that a copy took drives the modelled clock (clock.copy = measured).
  var drivesClock: Bool { get }
  /// Writes all bytes of a base page: the content of a virtual page in one generation.
  func write(_ pfn: PFN, slot: Int, generation: UInt16)
  /// Compares all bytes of a base page with the content of a virtual page in one generation; a difference is kept for the report.
  func check(_ pfn: PFN, slot: Int, generation: UInt16)
  /// Copies base pages with the calling CPU; the measured time.
  func copyPages(_ moves: [FrameMove]) -> Picoseconds
  /// Takes note of a copy that is over.
  func note(_ copy: MeasuredCopy)
  /// What was found so far.
  var report: BackingReport { get }
}

/// The bytes of one folio on their way.
public struct FrameMove: Equatable, Sendable {
  public var old: PFN
  public var new: PFN
  /// 0 or `Page.hugeOrder`.
  public var order: Int

  public init(from old: PFN, to new: PFN, order: Int) {
    self.old = old
    self.new = new
    self.order = order
  }
}

/// A copy of real bytes beside the modelled one.
public struct MeasuredCopy: Equatable, Sendable {
  /// What was copied.
  public enum Subject: String, Sendable {
    /// The pages that one call of migrate_pages copied one after the other.
    case pages
    /// A list that was copied as a whole.
    case list
    /// One 2 MiB page, by copy_huge_page.
    case hugePage = "huge_page"
    /// The pages of a range that khugepaged joins, with the holes it clears.
    case collapse
  }

  public var subject: Subject
  /// Who copied, in the words of `CopyMethod.name`.
  public var engine: String
  public var basePages: Int
  public var hugePages: Int
  /// What the model says it takes; nil where the measured time took its place.
  public var modelled: Picoseconds?
  /// By the monotonic clock.
  public var measured: Picoseconds

  public init(
    _ subject: Subject, engine: String, basePages: Int = 0, hugePages: Int = 0, modelled: Picoseconds? = nil,
    measured: Picoseconds = 0
  ) {
    self.subject = subject
    self.engine = engine
    self.basePages = basePages
    self.hugePages = hugePages
    self.modelled = modelled
    self.measured = measured
  }

  public var bytes: Int { basePages << Page.shift + hugePages << (Page.shift + Page.hugeOrder) }
}

/// What became of the real memory of a run.
public struct BackingReport: Equatable, Sendable {
  /// The memory in words: a line a node.
  public var arenas: [String] = []
  /// What copies lists, in words.
  public var engines: [String] = []
  /// What every output about this memory has to say: stand-ins, retreats, engines that failed.
  public var remarks: [String] = []
  public var drivesClock = false
  /// The first copies, `BackingReport.mostCopies` of them at most; `lostCopies` more are in the totals alone.
  public var copies: [MeasuredCopy] = []
  public var lostCopies = 0
  /// All copies, added up by subject and engine, in the order in which each came first.
  public var totals: [Total] = []
  /// Base pages that were written, and that were compared with what they should hold.
  public var written = 0
  public var compared = 0
  /// Base pages with wrong bytes; `faults` names the first.
  public var wrong = 0
  public var faults: [String] = []

  /// Lines of copies-measured.csv.
  public static let mostCopies = 1_000_000
  /// Wrong pages that are named.
  public static let mostFaults = 100

  /// Copies of one kind.
  public struct Total: Equatable, Sendable {
    public var copy: MeasuredCopy
    public var calls: Int
  }

  public init() {}

  /// Adds a copy.
  public mutating func add(_ copy: MeasuredCopy) {
    if copies.count < Self.mostCopies { copies.append(copy) } else { lostCopies += 1 }
    guard let index = totals.firstIndex(where: { $0.copy.subject == copy.subject && $0.copy.engine == copy.engine })
    else {
      totals.append(Total(copy: copy, calls: 1))
      return
    }
    totals[index].calls += 1
    totals[index].copy.basePages += copy.basePages
    totals[index].copy.hugePages += copy.hugePages
    totals[index].copy.measured += copy.measured
    totals[index].copy.modelled = copy.modelled.flatMap { more in totals[index].copy.modelled.map { $0 + more } }
  }
}

extension Memory {
  /// Compares the bytes of every mapped page, in the frame that the page table says, with its content.
  public func checkBacking() {
    guard let backing else { return }
    for slot in 0..<table.pages where isMapped(slot: slot) {
      let block = slot & ~(Page.perHuge - 1)
      let pfn = isHuge(slot: slot) ? table.frame[block] + PFN(slot - block) : table.frame[slot]
      backing.check(pfn, slot: slot, generation: table.generation[slot])
    }
  }

  /// The content of a folio's pages ends here: it is compared a last time.
  @inline(__always)
  func checkContent(_ pfn: PFN, slot: Int, order: Int) {
    if backing != nil { checkBytes(pfn, slot: slot, order: order) }
  }

  /// Writes the bytes of the content that a folio's pages have now.
  @inline(__always)
  func writeContent(_ pfn: PFN, slot: Int, order: Int) {
    if backing != nil { writeBytes(pfn, slot: slot, order: order) }
  }

  @inline(never)
  private func checkBytes(_ pfn: PFN, slot: Int, order: Int) {
    guard let backing else { return }
    for i in 0..<(1 << order) {
      backing.check(pfn + PFN(i), slot: slot + i, generation: table.generation[slot + i])
    }
  }

  @inline(never)
  private func writeBytes(_ pfn: PFN, slot: Int, order: Int) {
    guard let backing else { return }
    for i in 0..<(1 << order) {
      backing.write(pfn + PFN(i), slot: slot + i, generation: table.generation[slot + i])
    }
  }
}
