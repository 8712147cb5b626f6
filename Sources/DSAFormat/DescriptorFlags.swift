// The 24 flag bits of a descriptor.

/// Flags of a descriptor, bits 23:0 of its second dword.
///
/// Source: Intel DSA Architecture Specification 341204, descriptor flags; `IDXD_OP_FLAG_*` (include/uapi/linux/idxd.h).
@frozen public struct DescriptorFlags: OptionSet, Hashable, Sendable {
  public var rawValue: UInt32

  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Starts after all earlier members of its batch, and only if they succeeded. Invalid outside a batch.
  @inlinable public static var fence: DescriptorFlags { DescriptorFlags(rawValue: 1 << 0) }
  /// Waits for the page at a page fault. Invalid unless the work queue allows it.
  @inlinable public static var blockOnFault: DescriptorFlags { DescriptorFlags(rawValue: 1 << 1) }
  /// The completion record address is valid.
  @inlinable public static var recordAddressValid: DescriptorFlags { DescriptorFlags(rawValue: 1 << 2) }
  /// The record is written on success too; without it only for statuses other than 1, 2 and 5.
  @inlinable public static var requestRecord: DescriptorFlags { DescriptorFlags(rawValue: 1 << 3) }
  /// An interrupt follows the record.
  @inlinable public static var requestInterrupt: DescriptorFlags { DescriptorFlags(rawValue: 1 << 4) }
  /// Cache control 3: durable writes; devices of version 2 and later.
  @inlinable public static var cacheControl3: DescriptorFlags { DescriptorFlags(rawValue: 1 << 5) }
  /// A result other than the expected one is status 2.
  @inlinable public static var checkResult: DescriptorFlags { DescriptorFlags(rawValue: 1 << 7) }
  /// Cache control 1: writes go to the last-level cache.
  @inlinable public static var cacheControl: DescriptorFlags { DescriptorFlags(rawValue: 1 << 8) }
  /// Traffic class B instead of A for the first, second and third address and for the record.
  @inlinable public static var address1TrafficClassB: DescriptorFlags { DescriptorFlags(rawValue: 1 << 9) }
  @inlinable public static var address2TrafficClassB: DescriptorFlags { DescriptorFlags(rawValue: 1 << 10) }
  @inlinable public static var address3TrafficClassB: DescriptorFlags { DescriptorFlags(rawValue: 1 << 11) }
  @inlinable public static var recordTrafficClassB: DescriptorFlags { DescriptorFlags(rawValue: 1 << 12) }
  @inlinable public static var strictOrdering: DescriptorFlags { DescriptorFlags(rawValue: 1 << 13) }
  /// The destination is read back before completion (cache control 2 on later devices).
  @inlinable public static var destinationReadback: DescriptorFlags { DescriptorFlags(rawValue: 1 << 14) }
  /// Batch: also an error of a member is an error of the batch's interrupt handling; bit 16.
  @inlinable public static var batchError: DescriptorFlags { DescriptorFlags(rawValue: 1 << 16) }
  /// Drain: readback addresses 1 and 2 are valid.
  @inlinable public static var readback1: DescriptorFlags { DescriptorFlags(rawValue: 1 << 16) }
  @inlinable public static var readback2: DescriptorFlags { DescriptorFlags(rawValue: 1 << 17) }
  /// Drain: no implicit readback in traffic class A or B.
  @inlinable public static var suppressReadbackA: DescriptorFlags { DescriptorFlags(rawValue: 1 << 18) }
  @inlinable public static var suppressReadbackB: DescriptorFlags { DescriptorFlags(rawValue: 1 << 19) }

  /// The four traffic class selectors.
  @inlinable public static var trafficClasses: DescriptorFlags { DescriptorFlags(rawValue: 0xF << 9) }
  /// All bits a descriptor has room for.
  @inlinable public static var mask: UInt32 { 0xFF_FFFF }
}
