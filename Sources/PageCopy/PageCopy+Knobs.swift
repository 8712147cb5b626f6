// Knobs of the copy engines, with the order in which the original wants them written.

import DSAConfig
import Sysctl
import Units

/// How a waiting CPU learns that a descriptor is complete (vm.dsa_sync_mode).
public enum DSAWait: Int, Sendable, Equatable, CaseIterable {
  /// Reads the completion record in a loop.
  case spin
  /// The like, with cond_resched in each turn.
  case reschedule
  /// The like, with the pause instruction in each turn.
  case pause
  /// umonitor and umwait on the record.
  case umwait
}

/// The knobs that say what copies a list, and how; their names below are those under /proc/sys/vm.
///
/// The original follows null pointers, or frees what is in use, when they are written in another order than its README's. Such
/// writes are refused here, with what to write first. Writing the value that a knob has is always accepted.
public struct CopyKnobs: KnobSet, Equatable {
  /// cpu_multi_copy_pages.
  public var cpuMultiCopyPages = false
  /// limit_mt_num: workers, 1...32.
  public var limitMTNum = 4
  /// mt_copy_split.
  public var mtCopySplit = WorkerSplit.items
  /// limit_chans: channels, 1...8.
  public var limitChans = CopyLimits.channels
  /// dsa_copy_threshold, in base pages; negative is always. 12 in 2024, 16 in 2025.
  public var dsaCopyThreshold = 12
  /// dsa_list_cut.
  public var dsaListCut = ListCut.slots
  /// dsa_round_overlap: a round is submitted while the one before it runs.
  public var dsaRoundOverlap = false
  /// dsa_rules.
  public var dsaRules = CopyRules.c2
  /// dsa_sync_mode, 0...3; `wait` names it.
  public var dsaSyncMode = 0
  /// dsa_async_mode: sleep until the completion interrupt, instead of `dsaSyncMode`.
  public var dsaAsyncMode = false
  /// dsa_timeout: how long a descriptor is waited for; 1 us...1000 s.
  public var dsaTimeout = 100 * Picoseconds.millisecond
  /// dsa_state: channels and pools are there.
  public var dsaState = false
  /// use_dsa_copy_pages.
  public var useDSACopyPages = false

  /// How a descriptor is waited for in sync mode.
  public var wait: DSAWait { DSAWait(rawValue: dsaSyncMode) ?? .spin }

  public init() {}

  public init(
    useDSACopyPages: Bool = false, dsaState: Bool = false, cpuMultiCopyPages: Bool = false, dsaCopyThreshold: Int = 12
  ) {
    self.useDSACopyPages = useDSACopyPages
    self.dsaState = dsaState
    self.cpuMultiCopyPages = cpuMultiCopyPages
    self.dsaCopyThreshold = dsaCopyThreshold
  }

  private static func source(_ function: String) -> String { "DSA-2LM (madsys-dev/DSA-2LM), \(function)" }

  public static let knobs: [Knob<CopyKnobs>] = [
    .flag(
      "vm.cpu_multi_copy_pages", \.cpuMultiCopyPages, source: source("copy_page_lists_mt, copy_huge_page"),
      doc: "Whether several CPUs copy a list, or a huge page, that DSA does not take.",
      notes: "Without vm.use_concur_to_demote only huge pages come to it: base pages then go one by one."),
    .integer(
      "vm.limit_mt_num", \.limitMTNum, in: 1...CopyLimits.workers, unit: "workers",
      source: source("copy_page_multithread; Nimble, mm/copy_page.c"),
      doc: "CPUs that copy together: at most this and the CPUs of the node that migrates.",
      notes: "For one huge page an odd number is rounded down to an even one. The original takes 0, and divides by it."),
    .choice(
      "vm.mt_copy_split", \.mtCopySplit, source: source("copy_page_lists_mt (items)"),
      doc: "By what the workers share a list: items counts a huge page like a base page, bytes gives equal shares.",
      notes: "The original knows items alone: of a mixed list one worker may get all huge pages."),
    .integer(
      "vm.limit_chans", \.limitChans, in: 1...CopyLimits.channels, unit: "channels",
      source: source("dsa_init, dsa_multi_copy_pages"),
      doc: "Channels that a copy is spread over: the first so many kernel work queues of hw.dsa.config.",
      notes: """
        Write it while vm.dsa_state is 0. What does not divide goes to the last channel; the original loses it: 2 bytes of each huge page \
        with 3, 5 or 6 channels, 1 byte with 7.
        """,
      prepare: limitChans),
    .integer(
      "vm.dsa_copy_threshold", \.dsaCopyThreshold, in: Int(Int32.min)...Int(Int32.max), unit: .basePages,
      source: source("migrate_pages_concur"),
      doc: "A list of at least so many pages goes to DSA, a huge page counting 512; negative is always.",
      notes: "16 in the tree of 2025. One huge page by itself goes to DSA whatever this is."),
    .choice(
      "vm.dsa_list_cut", \.dsaListCut, evidence: .setting, source: source("dsa_copy_page_lists of May 2025 (c2)"),
      doc:
        "Where a long list is cut into rounds: slots as late as the pools of all channels allow, c2 as the original.",
      notes: "c2 cuts behind 24 huge or 1024 base pages, and some of these rounds do not fit the original's pools."),
    .flag(
      "vm.dsa_round_overlap", \.dsaRoundOverlap, evidence: .setting,
      source: source("dsa_copy_page_lists of May 2025 (0)"),
      doc:
        "Whether the next round of a long list is submitted while the one before runs; 0 waits for one after the other."
    ),
    .choice(
      "vm.dsa_rules", \.dsaRules, source: source("its states of August 2024 (c1) and May 2025 (c2)"),
      doc: "What happens with lists beyond 24 huge or 1024 base pages, and after a failure.",
      notes: """
        c1: such lists are copied page by page; any failure of DSA clears vm.use_dsa_copy_pages. c2: they are cut into rounds; only a \
        failing copy of one huge page clears it.
        """),
    .integer(
      "vm.dsa_sync_mode", \.dsaSyncMode, in: 0...3, source: source("wait_for_dsa_completion of May 2025"),
      doc: "How a CPU waits for a descriptor: 0 spins, 1 spins with cond_resched, 2 with pause, 3 sleeps in umwait.",
      notes: "The tree of 2024 knows 3 alone. With vm.dsa_async_mode = 1 it plays no part."),
    .flag(
      "vm.dsa_async_mode", \.dsaAsyncMode, source: source("wait_for_dsa_completion of May 2025"),
      doc: "Whether a copy sleeps until the completion interrupt instead of polling."),
    .duration(
      "vm.dsa_timeout", \.dsaTimeout, in: Picoseconds.microsecond...1000 * Picoseconds.second, evidence: .uncalibrated,
      source: source("POLL_RETRY_MAX: 1e8 polls, of the order of 0.1 to 1 s; 5 s in async mode"),
      doc: "How long a descriptor is waited for before the copy has failed."),
    .flag(
      "vm.dsa_state", \.dsaState, source: source("dsa_init, dsa_release"),
      doc:
        "Whether the channels and descriptor pools are there: 1 takes vm.limit_chans kernel work queues, 0 gives them back.",
      notes: """
        1 is refused when hw.dsa.config has fewer; the original logs an error, reads 1 all the same, and panics at the first copy. 0 is \
        refused while vm.use_dsa_copy_pages is 1.
        """,
      prepare: dsaState),
    .flag(
      "vm.use_dsa_copy_pages", \.useDSACopyPages, source: source("migrate_pages_concur, copy_huge_page"),
      doc: "Whether DSA copies lists that reach vm.dsa_copy_threshold, and huge pages.",
      notes: """
        Write vm.dsa_state = 1 first. A failing copy may clear it (vm.dsa_rules). Without vm.use_concur_to_demote only huge pages come to \
        it.
        """,
      prepare: useDSACopyPages),
  ]

  // MARK: - What is refused

  private static func limitChans(_ set: CopyKnobs, _ tree: KnobTree) throws(KnobRefusal) {
    let old = tree[CopyKnobs.self]
    guard old.dsaState, set.limitChans != old.limitChans else { return }
    let first = old.useDSACopyPages ? "vm.use_dsa_copy_pages=0 and vm.dsa_state=0" : "vm.dsa_state=0"
    throw KnobRefusal("\(old.limitChans) channels are held, since vm.dsa_state is 1; write \(first) first")
  }

  private static func dsaState(_ set: CopyKnobs, _ tree: KnobTree) throws(KnobRefusal) {
    let old = tree[CopyKnobs.self]
    guard set.dsaState != old.dsaState else { return }
    guard set.dsaState else {
      if old.useDSACopyPages {
        throw KnobRefusal("vm.use_dsa_copy_pages is 1; write vm.use_dsa_copy_pages=0 first")
      }
      return
    }
    let devices = tree[DSAHardwareKnobs.self]
    let count = devices.configuration.kernelQueues.count
    guard count >= set.limitChans else {
      let queues = count == 1 ? "queue" : "queues"
      let fix =
        count == 0
        ? "name a file with \(set.limitChans) of them in hw.dsa.config"
        : "write vm.limit_chans=\(count) first, or name a file with \(set.limitChans) of them in hw.dsa.config"
      throw KnobRefusal(
        "\(devices.file.name) has \(count) kernel work \(queues) (dedicated and enabled), and vm.limit_chans is "
          + "\(set.limitChans); \(fix)")
    }
    try checkQueues(set, devices)
  }

  /// The channels' queues must take what copies are planned in: a slice of a huge page, and a full batch. The original submits such
  /// descriptors all the same; the device refuses them, and every copy fails.
  private static func checkQueues(_ set: CopyKnobs, _ devices: DSAHardwareKnobs) throws(KnobRefusal) {
    let slice = PageKind.huge.bytes - PageKind.huge.bytes / set.limitChans * (set.limitChans - 1)
    for place in devices.configuration.kernelQueues.prefix(set.limitChans) {
      let device = devices.configuration.devices[place.device]
      guard let queue = device.workQueues.first(where: { $0.id == place.workQueue }) else { continue }
      let name = "\(devices.file.name): wq\(device.id).\(queue.id)"
      guard queue.maxTransferSize >= slice else {
        throw KnobRefusal(
          "\(name) transfers \(queue.maxTransferSize) bytes at most, and a channel's part of a huge page is \(slice); write a "
            + "max_transfer_size of \(slice) or more, or raise vm.limit_chans")
      }
      guard queue.maxBatchSize >= CopyLimits.batchMembers else {
        throw KnobRefusal(
          "\(name) takes batches of \(queue.maxBatchSize) at most, and a list's have up to \(CopyLimits.batchMembers); write a "
            + "max_batch_size of \(CopyLimits.batchMembers) or more")
      }
    }
  }

  private static func useDSACopyPages(_ set: CopyKnobs, _ tree: KnobTree) throws(KnobRefusal) {
    let old = tree[CopyKnobs.self]
    guard set.useDSACopyPages, !old.useDSACopyPages, !set.dsaState else { return }
    throw KnobRefusal("vm.dsa_state is 0; write vm.dsa_state=1 first")
  }
}
