// What is said about a knob, apart from its value: what listings, the docs page and errors print.

/// What kind of value a knob holds.
public enum KnobKind: String, Sendable {
  case integer, flag, choice, text, capacity, integers, duration, bandwidth
  /// No value: a write does something, as to vm.compact_memory. Listings and files leave it out.
  case trigger
}

/// When a knob may be written.
public enum KnobWhen: String, Sendable {
  /// At any time, also while a run is going on.
  case always
  /// Only while the tree's `isRunning` is false.
  case beforeRun

  /// The words printed: `always`, `before the run`.
  public var text: String { self == .always ? "always" : "before the run" }
}

/// How far a default can be trusted.
public enum KnobEvidence: String, Sendable {
  /// A constant or default read in kernel source.
  case kernel
  /// Fitted to, or read off, a measurement that `source` names.
  case calibrated
  /// A guess, or a figure from literature without its conditions.
  case uncalibrated
  /// A setting of the simulator itself; it claims nothing about a machine.
  case setting
}

/// The unit of a knob's value, printed as it is. Empty for plain numbers, flags and words.
public struct KnobUnit: Equatable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  /// The printed text: `base pages`, `1/10000 of the zone`.
  public let text: String

  /// A unit by its printed text.
  public init(_ text: String) { self.text = text }
  public init(stringLiteral text: String) { self.text = text }
  public var description: String { text }

  /// No unit.
  public static let plain: KnobUnit = ""
  /// 4 KiB pages.
  public static let basePages: KnobUnit = "base pages"
  /// Bytes.
  public static let bytes: KnobUnit = "bytes"
  /// 1024 bytes, as `_kbytes` knobs count.
  public static let kibibytes: KnobUnit = "KiB"
  /// 2^20 bytes, as `_mb` knobs count.
  public static let mebibytes: KnobUnit = "MiB"
  /// 2^20 bytes per second, as the kernel's `MBps` knobs count.
  public static let mebibytesPerSecond: KnobUnit = "MiB/s"
  /// Milliseconds, as `_ms` and `_millisecs` knobs count.
  public static let milliseconds: KnobUnit = "ms"
  /// Hundredths.
  public static let percent: KnobUnit = "%"
}

/// Everything declared about a knob but its value and default.
public struct KnobCard: Sendable {
  /// The dotted name, `vm.limit_chans`; in a family with `N` for the index, `hw.nodeN.size`.
  public internal(set) var name: String
  /// What the value is.
  public let kind: KnobKind
  /// The accepted values in words: `1...3000`, `0 or 8...`, `0 | 1`, `tpp2021 | v6.12`; empty for texts.
  public let range: String
  /// The unit of value and range.
  public let unit: KnobUnit
  /// When it may be written.
  public let when: KnobWhen
  /// How far the default can be trusted.
  public let evidence: KnobEvidence
  /// Where meaning and default come from: kernel file and function, specification section, paper and figure.
  public let source: String
  /// What it does, in a sentence or two.
  public let doc: String
  /// Anything else a user should know.
  public let notes: String?
}
