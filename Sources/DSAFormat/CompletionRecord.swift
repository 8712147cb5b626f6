// The 32 bytes in which a device says how a descriptor ended.

/// A completion record, exactly as it lies in memory (little-endian), aligned to 32 bytes.
///
/// Offsets: 0 status, 1 result, 2 fault info, 4 bytes completed, 8 fault address, 16 operation-specific.
///
/// Source: Intel DSA Architecture Specification 341204, completion record; `struct dsa_completion_record`
/// (include/uapi/linux/idxd.h).
@frozen public struct CompletionRecord: Equatable, Sendable {
  /// Bytes in a record, and its alignment.
  @inlinable public static var size: Int { 32 }

  public var status: CompletionStatus
  /// Comparison: 0 equal, 1 different. Memmove that stopped at a fault: 0 it went forward, 1 backward.
  public var result: UInt8
  /// Bit 0 the fault address is masked, bits 3:1 which operand faulted.
  public var faultInfo: UInt8
  public var reserved: UInt8
  /// Bytes done; in a batch, members processed.
  public var bytesCompleted: UInt32
  /// The page that faulted, if one did.
  public var faultAddress: UInt64
  /// Bytes 16 to 31: the flags that were invalid are the lowest 24 bits.
  public var operation0: UInt64
  public var operation1: UInt64

  /// A record with status `none`, as software prepares it, or with the given fields.
  @inlinable
  public init(
    status: CompletionStatus = .none, result: UInt8 = 0, faultInfo: UInt8 = 0, bytesCompleted: UInt32 = 0,
    faultAddress: UInt64 = 0, invalidFlags: DescriptorFlags = []
  ) {
    self.status = status
    self.result = result
    self.faultInfo = faultInfo
    reserved = 0
    self.bytesCompleted = bytesCompleted
    self.faultAddress = faultAddress
    operation0 = UInt64(invalidFlags.rawValue)
    operation1 = 0
  }

  /// With status `invalidFlags`: which ones.
  @inlinable public var invalidFlags: DescriptorFlags {
    DescriptorFlags(rawValue: UInt32(truncatingIfNeeded: operation0) & DescriptorFlags.mask)
  }
}

extension Descriptor {
  /// What is left of a memmove after a partial completion: a copy that went forward continues behind what is done, one that
  /// went backward keeps its addresses and does the front.
  ///
  /// - Parameter record: of this descriptor, with status `pageFault`.
  /// - Returns: the descriptor to submit once the page is there; nil when nothing is left or the record claims too much.
  public func rest(after record: CompletionRecord) -> Descriptor? {
    guard opcode == .memmove, record.bytesCompleted < transferSize else { return nil }
    var rest = self
    rest.transferSize -= record.bytesCompleted
    if record.result == 0 {
      rest.source &+= UInt64(record.bytesCompleted)
      rest.destination &+= UInt64(record.bytesCompleted)
    }
    return rest
  }
}
