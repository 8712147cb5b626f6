// The 64 bytes that are written to a portal, and the members of a batch list.

/// A work descriptor, exactly as it lies in memory (little-endian).
///
/// Offsets: 0 PASID and Priv, 4 flags, 7 opcode, 8 completion record address, 16 source, 24 destination, 32 transfer size,
/// 36 interrupt handle, 38 reserved, 40 operation-specific. A batch list is an array of these, aligned to 64 bytes.
///
/// Source: Intel DSA Architecture Specification 341204, descriptor format; `struct dsa_hw_desc` (include/uapi/linux/idxd.h).
@frozen public struct Descriptor: Equatable, Sendable {
  /// Bytes in a descriptor, and the alignment of a list of them.
  @inlinable public static var size: Int { 64 }

  /// PASID in bits 19:0, reserved 30:20, Priv in bit 31.
  public var pasidAndPrivilege: UInt32
  /// Flags in bits 23:0, opcode in bits 31:24.
  public var flagsAndOpcode: UInt32
  /// Where the completion record goes; a multiple of 32.
  public var recordAddress: UInt64
  /// Source, the pattern of a fill, or the list of a batch.
  public var source: UInt64
  /// Destination, the second source of a comparison, or the pattern compared with.
  public var destination: UInt64
  /// Bytes, or the members of a batch.
  public var transferSize: UInt32
  /// Which interrupt announces completion, if asked for.
  public var interruptHandle: UInt16
  /// Zero.
  public var reserved: UInt16
  /// Bytes 40 to 63: the expected result of a comparison is the lowest byte of the first word.
  public var operation0: UInt64
  public var operation1: UInt64
  public var operation2: UInt64

  /// A descriptor whose other fields are zero.
  @inlinable
  public init(
    _ opcode: Opcode, flags: DescriptorFlags = [], record: UInt64 = 0, source: UInt64 = 0, destination: UInt64 = 0,
    size: UInt32 = 0
  ) {
    pasidAndPrivilege = 0
    flagsAndOpcode = flags.rawValue & DescriptorFlags.mask | UInt32(opcode.rawValue) << 24
    recordAddress = record
    self.source = source
    self.destination = destination
    transferSize = size
    interruptHandle = 0
    reserved = 0
    operation0 = 0
    operation1 = 0
    operation2 = 0
  }
}

extension Descriptor {
  @inlinable public var opcode: Opcode {
    get { Opcode(rawValue: UInt8(truncatingIfNeeded: flagsAndOpcode >> 24)) }
    set { flagsAndOpcode = flagsAndOpcode & DescriptorFlags.mask | UInt32(newValue.rawValue) << 24 }
  }

  @inlinable public var flags: DescriptorFlags {
    get { DescriptorFlags(rawValue: flagsAndOpcode & DescriptorFlags.mask) }
    set { flagsAndOpcode = flagsAndOpcode & ~DescriptorFlags.mask | newValue.rawValue & DescriptorFlags.mask }
  }

  /// The process address space, 20 bits.
  @inlinable public var pasid: UInt32 {
    get { pasidAndPrivilege & 0xF_FFFF }
    set { pasidAndPrivilege = pasidAndPrivilege & ~0xF_FFFF | newValue & 0xF_FFFF }
  }

  /// Supervisor access.
  @inlinable public var isPrivileged: Bool {
    get { pasidAndPrivilege >> 31 != 0 }
    set { pasidAndPrivilege = pasidAndPrivilege & 0x7FFF_FFFF | (newValue ? 1 << 31 : 0) }
  }

  /// Fill: the 8 bytes that are repeated. They lie where other operations have their source.
  @inlinable public var pattern: UInt64 {
    get { source }
    set { source = newValue }
  }

  /// Compare-pattern: the 8 bytes compared with. They lie where other operations have their destination.
  @inlinable public var comparedPattern: UInt64 {
    get { destination }
    set { destination = newValue }
  }

  /// Comparison with `checkResult`: the result that is no false predicate; 0 equal, 1 different.
  @inlinable public var expectedResult: UInt8 {
    get { UInt8(truncatingIfNeeded: operation0) }
    set { operation0 = operation0 & ~0xFF | UInt64(newValue) }
  }

  /// Batch: how many descriptors the list has.
  @inlinable public var descriptorCount: UInt32 {
    get { transferSize }
    set { transferSize = newValue }
  }

  /// A pattern as it goes on after `bytes` bytes: its lowest byte is the next.
  @inlinable
  public static func pattern(_ pattern: UInt64, after bytes: Int) -> UInt64 {
    let shift = UInt64(bytes & 7) * 8
    return shift == 0 ? pattern : pattern >> shift | pattern << (64 - shift)
  }
}
