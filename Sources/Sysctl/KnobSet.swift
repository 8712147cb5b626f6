// What a room declares: a struct of values and a table that names them.

/// The knobs of one room: a plain struct the room reads, and a static table declaring each knob once.
///
/// Defaults are what `init()` gives. Table order is the order of listings and of written files, so a knob whose
/// `prepare` looks at another stands behind it.
///
/// ```swift
/// public struct CopyKnobs: KnobSet {
///   public var threshold = 12
///   public init() {}
///   public static let knobs: [Knob<Self>] = [
///     .integer("vm.dsa_copy_threshold", \.threshold, in: 1...(1 << 20), unit: .basePages, source: "…", doc: "…")
///   ]
/// }
/// ```
public protocol KnobSet: Sendable {
  /// The set with every knob at its default.
  init()
  /// The declarations, in listing order.
  static var knobs: [Knob<Self>] { get }
}
