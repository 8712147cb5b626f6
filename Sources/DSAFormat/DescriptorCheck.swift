// What a device refuses before it starts: operation, flags, reserved fields, sizes, alignment.

/// The checks of one work queue.
///
/// Source: Intel DSA Architecture Specification 341204, descriptor checks; devices in modelled time and on real memory share them.
public struct DescriptorCheck: Equatable, Sendable {
  /// Most bytes of a descriptor: the smaller of the device's and the queue's.
  public var maxTransfer: Int
  /// Most members of a batch: the smaller of the device's and the queue's.
  public var maxBatch: Int
  /// Interrupt handles that a descriptor may name: 0..<interruptHandles.
  public var interruptHandles: Int
  /// Whether descriptors may ask to wait for pages.
  public var blockOnFault: Bool
  /// Whether descriptors may carry Priv.
  public var isPrivileged: Bool
  /// Whether source and destination of a memmove may share bytes.
  public var allowsOverlap: Bool

  public init(
    maxTransfer: Int, maxBatch: Int, interruptHandles: Int, blockOnFault: Bool, isPrivileged: Bool, allowsOverlap: Bool
  ) {
    self.maxTransfer = maxTransfer
    self.maxBatch = maxBatch
    self.interruptHandles = interruptHandles
    self.blockOnFault = blockOnFault
    self.isPrivileged = isPrivileged
    self.allowsOverlap = allowsOverlap
  }

  /// Flags that every operation may carry.
  private static let common: DescriptorFlags = [
    .recordAddressValid, .requestRecord, .requestInterrupt, .trafficClasses, .strictOrdering,
  ]

  /// The first check that fails, in the order operation, flags, reserved fields, sizes, values and alignment (the
  /// specification leaves the order open), or `none`.
  ///
  /// - Parameters:
  ///   - isMember: whether it is a member of a batch.
  ///   - flags: becomes the invalid ones if the status is `invalidFlags`.
  public func status(
    of descriptor: Descriptor, isMember: Bool, invalid flags: inout UInt32
  ) -> CompletionStatus {
    let opcode = descriptor.opcode
    guard let allowed = allowedFlags(opcode, isMember: isMember) else { return .invalidOpcode }
    let wrong = descriptor.flags.subtracting(allowed)
    if !wrong.isEmpty {
      flags = wrong.rawValue
      return .invalidFlags
    }
    // A record that is asked for needs its address.
    if descriptor.flags.contains(.requestRecord) && !descriptor.flags.contains(.recordAddressValid) {
      flags = DescriptorFlags.requestRecord.rawValue
      return .invalidFlags
    }
    if descriptor.pasidAndPrivilege & 0x7FF0_0000 != 0 || descriptor.reserved != 0 { return .reservedField }
    if descriptor.isPrivileged && !isPrivileged { return .privilege }
    if descriptor.flags.contains(.requestInterrupt) && Int(descriptor.interruptHandle) >= interruptHandles {
      return .interruptHandle
    }
    return operands(descriptor, opcode)
  }

  /// nil for an operation this device does not know, or does not take inside a batch.
  private func allowedFlags(_ opcode: Opcode, isMember: Bool) -> DescriptorFlags? {
    var flags = DescriptorCheck.common
    if isMember { flags.insert(.fence) }
    if blockOnFault { flags.insert(.blockOnFault) }
    switch opcode {
    case .noOp: break
    case .batch:
      if isMember { return nil }
      flags.insert(.batchError)
    case .drain:
      if isMember { return nil }
      flags.formUnion([.readback1, .readback2, .suppressReadbackA, .suppressReadbackB])
    case .memmove, .fill: flags.formUnion([.cacheControl, .destinationReadback])
    case .compare, .comparePattern: flags.insert(.checkResult)
    default: return nil
    }
    return flags
  }

  private func operands(_ descriptor: Descriptor, _ opcode: Opcode) -> CompletionStatus {
    let size = Int(descriptor.transferSize)
    switch opcode {
    case .batch:
      // Reserved: the second address and bytes 40 to 63.
      if descriptor.destination != 0 || isSpecific(descriptor) { return .reservedField }
      if size < 2 || size > maxBatch { return .descriptorCount }
      if descriptor.source & 63 != 0 { return .listAlignment }
    case .memmove, .fill:
      if isSpecific(descriptor) { return .reservedField }
      if size < 1 || size > maxTransfer { return .transferSize }
      if opcode == .memmove && !allowsOverlap && Self.overlap(descriptor) { return .overlap }
    case .compare, .comparePattern:
      if descriptor.operation0 > 0xFF || descriptor.operation1 | descriptor.operation2 != 0 { return .reservedField }
      if size < 1 || size > maxTransfer { return .transferSize }
      if descriptor.flags.contains(.checkResult) && descriptor.expectedResult > 1 { return .fieldValue }
    default:
      break
    }
    return .none
  }

  private func isSpecific(_ descriptor: Descriptor) -> Bool {
    descriptor.operation0 | descriptor.operation1 | descriptor.operation2 != 0
  }

  /// Whether source and destination share a byte.
  public static func overlap(_ descriptor: Descriptor) -> Bool {
    let size = UInt64(descriptor.transferSize)
    return descriptor.source &- descriptor.destination < size || descriptor.destination &- descriptor.source < size
  }
}
