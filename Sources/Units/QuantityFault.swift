// Why a text is not the quantity it should be.

/// The reason a text was refused as a quantity, and what to write instead.
public struct QuantityFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// One line, without the text itself and without a full stop, e.g. `no unit; write 12ns, 1.5us or 3ms`.
  public let reason: String

  /// A fault with its reason.
  public init(_ reason: String) { self.reason = reason }

  public var description: String { reason }
}
