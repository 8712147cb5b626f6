// The operations a descriptor can name.

/// A descriptor's operation. Any byte is one; what a device does not know it answers with `CompletionStatus.opcode`.
///
/// Source: Intel DSA Architecture Specification 341204, operation codes; the names are those of `enum dsa_opcode`
/// (include/uapi/linux/idxd.h) written out.
@frozen public struct Opcode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  public var rawValue: UInt8

  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

  @inlinable public static var noOp: Opcode { Opcode(rawValue: 0x00) }
  @inlinable public static var batch: Opcode { Opcode(rawValue: 0x01) }
  @inlinable public static var drain: Opcode { Opcode(rawValue: 0x02) }
  @inlinable public static var memmove: Opcode { Opcode(rawValue: 0x03) }
  @inlinable public static var fill: Opcode { Opcode(rawValue: 0x04) }
  @inlinable public static var compare: Opcode { Opcode(rawValue: 0x05) }
  @inlinable public static var comparePattern: Opcode { Opcode(rawValue: 0x06) }
  @inlinable public static var createDelta: Opcode { Opcode(rawValue: 0x07) }
  @inlinable public static var applyDelta: Opcode { Opcode(rawValue: 0x08) }
  @inlinable public static var dualcast: Opcode { Opcode(rawValue: 0x09) }
  @inlinable public static var translationFetch: Opcode { Opcode(rawValue: 0x0A) }
  @inlinable public static var crcGeneration: Opcode { Opcode(rawValue: 0x10) }
  @inlinable public static var copyWithCRC: Opcode { Opcode(rawValue: 0x11) }
  @inlinable public static var difCheck: Opcode { Opcode(rawValue: 0x12) }
  @inlinable public static var difInsert: Opcode { Opcode(rawValue: 0x13) }
  @inlinable public static var difStrip: Opcode { Opcode(rawValue: 0x14) }
  @inlinable public static var difUpdate: Opcode { Opcode(rawValue: 0x15) }
  @inlinable public static var cacheFlush: Opcode { Opcode(rawValue: 0x20) }

  public var description: String {
    switch self {
    case .noOp: "no-op"
    case .batch: "batch"
    case .drain: "drain"
    case .memmove: "memmove"
    case .fill: "fill"
    case .compare: "compare"
    case .comparePattern: "compare-pattern"
    default: "opcode 0x" + String(rawValue, radix: 16)
    }
  }
}
