// What a timeline records.

/// Kinds of records, tested where a stage, descriptor or kernel-thread event ends.
public struct TraceMask: OptionSet, Sendable {
  public var rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Which thread runs on a CPU.
  public static let cpus = TraceMask(rawValue: 1)
  /// Kernel threads: from being woken to going to sleep, and the shares of copying workers.
  public static let threads = TraceMask(rawValue: 2)
  /// Calls of migrate_pages, their stages, and what a copy does.
  public static let stages = TraceMask(rawValue: 4)
  /// Descriptors of DSA devices.
  public static let descriptors = TraceMask(rawValue: 8)
  /// Traffic and free pages of each node.
  public static let counters = TraceMask(rawValue: 16)

  public static let all: TraceMask = [.cpus, .threads, .stages, .descriptors, .counters]
}
