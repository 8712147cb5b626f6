// What a workload is, as values: address spaces, regions, tasks, phases. Reading the file is File/'s, making accesses is
// Patterns/'s, running them is Simulation's.
import Units

/// One workload: what its tasks do, independent of machine and knobs.
public struct WorkloadSpec: Sendable, Equatable {
  /// Name, of letters, digits, `.`, `_` and `-`: usable as a file name.
  public var name: String
  /// One line on what it is; empty when the file says nothing.
  public var about: String
  /// The file it was read from; relative trace paths are relative to its folder.
  public var path: String
  /// Default seed. An access phase of task number k without its own `seed` uses `seed + k`.
  public var seed: UInt64
  /// The footprint in pages that the file states instead of the sum of its regions, when it does.
  public var statedFootprint: Int?
  /// Address spaces, in the order of their first task.
  public var processes: [ProcessSpec]
  /// Virtual memory areas, in the order of the file.
  public var regions: [RegionSpec]
  /// Tasks, in the order of the file.
  public var tasks: [TaskSpec]
  /// Knob writes at modelled times, ascending; equal times keep the order of the file.
  public var events: [KnobEvent]
  /// Nodes that are aged before the run, each once.
  public var ages: [AgeSpec] = []

  /// Pages the workload can touch: what the file states, else the sum of its regions (0 for a workload of traces alone,
  /// whose pages only the trace knows).
  public var footprint: Int { statedFootprint ?? regions.reduce(0) { $0 + $1.pages } }
}

/// What a node looks like before the tasks begin, in shares of what is free of it then. Shares are in millionths.
public struct AgeSpec: Sendable, Equatable {
  public var node: Int
  /// What stays free.
  public var free: Int
  /// Of that: in whole 2 MiB blocks.
  public var inBlocks: Int
  /// Pages of the kernel's own that nothing can move, strewn over some of the other blocks.
  public var unmovable: Int
  /// The share of the other blocks that have any.
  public var unmovableIn: Int
  /// Clean page cache. What is left are pages of processes that sleep.
  public var pageCache: Int
  public var seed: UInt64
  /// Line in the file.
  public var line: Int

  public init(
    node: Int, free: Int, inBlocks: Int, unmovable: Int, unmovableIn: Int, pageCache: Int, seed: UInt64, line: Int
  ) {
    self.node = node
    self.free = free
    self.inBlocks = inBlocks
    self.unmovable = unmovable
    self.unmovableIn = unmovableIn
    self.pageCache = pageCache
    self.seed = seed
    self.line = line
  }
}

/// One address space, shared by its tasks.
public struct ProcessSpec: Sendable, Equatable {
  public var name: String
  /// Dense virtual slots that the regions take, alignment included. A trace's pages come after them.
  public var slots: Int

  public init(name: String, slots: Int) {
    self.name = name
    self.slots = slots
  }
}

/// What backs a region.
public enum RegionKind: String, Sendable, Equatable, CaseIterable {
  case anonymous
  case file
}

/// Huge-page advice of a region.
public enum HugePageAdvice: String, Sendable, Equatable, CaseIterable {
  /// As the system-wide setting says (no madvise call).
  case systemDefault = "default"
  /// MADV_HUGEPAGE: huge pages when the system-wide setting is `madvise` or `always`.
  case madvise
  /// MADV_NOHUGEPAGE.
  case never
  /// Huge pages whatever the system-wide setting says.
  case always
}

/// A virtual memory area.
public struct RegionSpec: Sendable, Equatable {
  public var name: String
  /// Size in 4 KiB pages, 1 or more.
  public var pages: Int
  public var kind: RegionKind
  public var hugePages: HugePageAdvice
  /// Index of the owning process in `WorkloadSpec.processes`.
  public var process: Int
  /// Dense virtual slot of page 0 in that process; a multiple of 512, so that no two regions share a 2 MiB block.
  public var baseSlot: Int
  /// Whether the region is mapped when its process starts: true unless some phase maps it.
  public var isMappedAtStart: Bool
}

/// How often something is done.
public enum RepeatCount: Sendable, Equatable {
  case times(Int)
  /// Until every task without a `forever` is done.
  case forever
}

/// One stream of accesses and pauses, run by one or more threads that take turns at it.
public struct TaskSpec: Sendable, Equatable {
  public var name: String
  /// Index of its process in `WorkloadSpec.processes`.
  public var process: Int
  /// CPUs it may run on, ascending; nil is any CPU.
  public var cpus: [Int]?
  /// Threads that share the stream: each takes the next chunk.
  public var threads: Int
  /// Outstanding misses of a thread in thousandths: 4,000 is four misses that overlap.
  public var mlpThousandths: Int
  /// log2(bytes / 64) of its accesses, 0 (64 bytes) to 6 (4,096 bytes).
  public var sizeClass: Int
  /// Accesses back to back to the same page for each one generated; only the first can fault.
  public var weight: Int
  /// How often the work is done.
  public var repeats: RepeatCount
  /// Modelled time before the work begins.
  public var start: Picoseconds
  public var work: TaskWork
  /// Line in the file.
  public var line: Int
}

/// Where a task's accesses come from.
public enum TaskWork: Sendable, Equatable {
  case phases([PhaseSpec])
  case trace(TraceSpec)
}

/// A trace file to replay.
public struct TraceSpec: Sendable, Equatable {
  /// As written.
  public var path: String
  /// Relative paths joined to the folder of the workload file.
  public var resolvedPath: String
  public var line: Int
  public var threads = TraceThreads.shared

  public init(path: String, resolvedPath: String, line: Int, threads: TraceThreads = .shared) {
    self.path = path
    self.resolvedPath = resolvedPath
    self.line = line
    self.threads = threads
  }
}

/// Who replays the records of a trace.
public enum TraceThreads: Sendable, Equatable {
  /// The threads of the task share all of them out, as they come.
  case shared
  /// Each thread of the trace is a task of its own, and each process of the trace an address space; see
  /// `WorkloadSpec.withRecordedThreads`.
  case recorded
  /// The task replays one thread of the trace, in the pages of its process alone.
  case one(thread: UInt16, process: UInt16)
}

/// One step of a task.
public struct PhaseSpec: Sendable, Equatable {
  public var action: PhaseAction
  /// Number of the phase within its task, in the order of the file, a loop before what it holds.
  public var number: Int
  /// Line and column in the file.
  public var line: Int
  public var column: Int

  public init(action: PhaseAction, number: Int, line: Int, column: Int) {
    self.action = action
    self.number = number
    self.line = line
    self.column = column
  }
}

public enum PhaseAction: Sendable, Equatable {
  /// Maps the region (its index); nothing when it is mapped.
  case map(region: Int)
  /// Unmaps the region and frees its pages.
  case unmap(region: Int)
  case access(AccessSpec)
  /// Accesses of several windows in turns, for a time.
  case mix(MixSpec)
  /// The task sleeps.
  case sleep(Picoseconds)
  /// The task uses CPU time without touching memory.
  case compute(Picoseconds)
  /// Knob writes, in order.
  case set([KnobWrite])
  /// Reports the node of every page of the region.
  case snap(region: Int)
  /// Takes a snapshot of the free lists, with a name.
  case buddyinfo(name: String)
  /// Frees a random part of the region's pages.
  case punch(PunchSpec)
  /// A new section of the report begins; totals leave out a warm-up.
  case mark(name: String, isWarmup: Bool)
  case loop(RepeatCount, [PhaseSpec])
}

/// A knob write as text; the knob tree judges name and value.
public struct KnobWrite: Sendable, Equatable {
  public var name: String
  public var value: String
  public var line: Int

  public init(name: String, value: String, line: Int) {
    self.name = name
    self.value = value
    self.line = line
  }
}

/// Knob writes at a modelled time.
public struct KnobEvent: Sendable, Equatable {
  public var at: Picoseconds
  public var writes: [KnobWrite]
  public var line: Int
}

/// Pages freed at random (MADV_DONTNEED), to fragment memory.
public struct PunchSpec: Sendable, Equatable {
  public var region: Int
  /// Share of pages that go, in millionths. Draw p of SplitMix64(seed) decides page p: `below(1_000_000) < share`.
  public var share: Int
  public var seed: UInt64
}

/// Order in which an access phase visits its window of pages.
public enum AccessPattern: Sendable, Equatable {
  /// Access c goes to page c * stride mod pages; stride is in `0..<pages`.
  case sequential(stride: Int)
  /// Steps of `stride` bytes through `bytes` bytes, from the first; a step that leaves them begins again at the first.
  /// Unlike `sequential`, a page that several steps fall into is accessed as often.
  case sweep(bytes: Int, stride: Int)
  /// Every page alike.
  case uniform
  /// Every byte of the window's first `bytes` alike; the last page counts in part.
  case uniformBytes(Int)
  /// Rank i has weight floor(2^32 / (i + 1)^s), s = thousandths / 1000.
  case zipf(exponentThousandths: Int)
  /// `hot` pages get `hotShare` millionths of the accesses; after every `period` accesses they move up by `step` pages.
  case drift(hot: Int, hotShare: Int, step: Int, period: Int)
  /// One random cycle through all pages; each access needs the one before.
  case chase
}

/// Which accesses are writes.
public enum WriteMix: Sendable, Equatable {
  /// Access c, counted over all rounds, when c mod n is 0; 0 is never.
  case every(Int)
  /// A random share in millionths.
  case share(Int)
}

/// Accesses to a window of a region.
public struct AccessSpec: Sendable, Equatable {
  /// Index in `WorkloadSpec.regions`.
  public var region: Int
  public var pattern: AccessPattern
  /// First page of the window within the region.
  public var first: Int
  /// Pages of the window, 1 or more; `first + pages` is within the region.
  public var pages: Int
  /// Accesses of one round.
  public var accesses: Int
  public var rounds: Int
  public var writes: WriteMix
  public var seed: UInt64
  /// When not 0, rank q becomes page q * scatter mod pages.
  public var scatter: UInt64
  /// Time between accesses that is not memory's.
  public var think: Picoseconds
  /// Sleep after each round.
  public var sleep: Picoseconds
  /// log2(bytes / 64) of each access.
  public var sizeClass: Int

  /// Whether each access waits for the one before, whatever the task's mlp says.
  public var isDependent: Bool { pattern == .chase }

  public init(
    region: Int, pattern: AccessPattern, first: Int = 0, pages: Int, accesses: Int? = nil, rounds: Int = 1,
    writes: WriteMix = .every(0), seed: UInt64 = 1, scatter: UInt64 = 0, think: Picoseconds = 0,
    sleep: Picoseconds = 0, sizeClass: Int = 0
  ) {
    self.region = region
    self.pattern = pattern
    self.first = first
    self.pages = pages
    self.accesses = accesses ?? pages
    self.rounds = rounds
    self.writes = writes
    self.seed = seed
    self.scatter = scatter
    self.think = think
    self.sleep = sleep
    self.sizeClass = sizeClass
  }
}

/// Windows whose accesses are drawn against each other, for a modelled time.
public struct MixSpec: Sendable, Equatable {
  /// One or more. Their `accesses`, `rounds` and `sleep` say nothing here; `think` and `sizeClass` are the same in all.
  public var windows: [MixWindow]
  /// Time after which the phase ends: with the first look at the clock that finds it past.
  public var duration: Picoseconds
  /// Accesses that follow one draw of a window, 1 or more.
  public var batch: Int
  /// Seed of the draws of windows.
  public var seed: UInt64

  /// Accesses between two looks at the clock, where draws are shorter.
  public static let look = 1_024

  /// Accesses between two looks at the clock: whole draws.
  public var stretch: Int { batch * max(1, Self.look / batch) }

  public init(windows: [MixWindow], duration: Picoseconds, batch: Int, seed: UInt64) {
    self.windows = windows
    self.duration = duration
    self.batch = batch
    self.seed = seed
  }
}

/// One window of a mix.
public struct MixWindow: Sendable, Equatable {
  public var access: AccessSpec
  /// Its part in the draws: it is drawn with probability `weight` / (sum of all).
  public var weight: Int

  public init(_ access: AccessSpec, weight: Int) {
    self.access = access
    self.weight = weight
  }
}
