// Byte offsets, opcodes and codes as the specification and the kernel's header have them.
import DSAFormat
import Testing

@Suite struct LayoutTests {
  /// Bytes of a value as memory holds it.
  private func bytes<Value: BitwiseCopyable>(_ value: Value) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }

  @Test func sizes() {
    #expect(MemoryLayout<Descriptor>.size == 64 && MemoryLayout<Descriptor>.stride == 64)
    #expect(MemoryLayout<CompletionRecord>.size == 32 && MemoryLayout<CompletionRecord>.stride == 32)
    #expect(Descriptor.size == 64 && CompletionRecord.size == 32)
  }

  @Test func descriptorOffsets() {
    #expect(MemoryLayout<Descriptor>.offset(of: \.pasidAndPrivilege) == 0)
    #expect(MemoryLayout<Descriptor>.offset(of: \.flagsAndOpcode) == 4)
    #expect(MemoryLayout<Descriptor>.offset(of: \.recordAddress) == 8)
    #expect(MemoryLayout<Descriptor>.offset(of: \.source) == 16)
    #expect(MemoryLayout<Descriptor>.offset(of: \.destination) == 24)
    #expect(MemoryLayout<Descriptor>.offset(of: \.transferSize) == 32)
    #expect(MemoryLayout<Descriptor>.offset(of: \.interruptHandle) == 36)
    #expect(MemoryLayout<Descriptor>.offset(of: \.reserved) == 38)
    #expect(MemoryLayout<Descriptor>.offset(of: \.operation0) == 40)
    #expect(MemoryLayout<Descriptor>.offset(of: \.operation1) == 48)
    #expect(MemoryLayout<Descriptor>.offset(of: \.operation2) == 56)
  }

  @Test func recordOffsets() {
    #expect(MemoryLayout<CompletionRecord>.offset(of: \.status) == 0)
    #expect(MemoryLayout<CompletionRecord>.offset(of: \.result) == 1)
    #expect(MemoryLayout<CompletionRecord>.offset(of: \.faultInfo) == 2)
    #expect(MemoryLayout<CompletionRecord>.offset(of: \.bytesCompleted) == 4)
    #expect(MemoryLayout<CompletionRecord>.offset(of: \.faultAddress) == 8)
    #expect(MemoryLayout<CompletionRecord>.offset(of: \.operation0) == 16)
    #expect(MemoryLayout<CompletionRecord>.offset(of: \.operation1) == 24)
  }

  @Test func descriptorBytes() {
    var descriptor = Descriptor(
      .memmove, flags: [.fence, .checkResult, .readback2], record: 0x1112_1314_1516_1718, source: 0x2122_2324_2526_2728,
      destination: 0x3132_3334_3536_3738, size: 0x4142_4344)
    descriptor.pasid = 0xABCDE
    descriptor.isPrivileged = true
    descriptor.interruptHandle = 0x5152
    descriptor.expectedResult = 0x61
    let expected: [UInt8] =
      [0xDE, 0xBC, 0x0A, 0x80, 0x81, 0x00, 0x02, 0x03, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11]
      + [0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21, 0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31]
      + [0x44, 0x43, 0x42, 0x41, 0x52, 0x51, 0, 0, 0x61, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 16)
    #expect(bytes(descriptor) == expected)
    #expect(descriptor.opcode == .memmove && descriptor.flags == [.fence, .checkResult, .readback2])
    #expect(descriptor.pasid == 0xABCDE && descriptor.isPrivileged)
    descriptor.opcode = .fill
    descriptor.flags = .requestRecord
    descriptor.isPrivileged = false
    #expect(Array(bytes(descriptor)[0..<8]) == [0xDE, 0xBC, 0x0A, 0x00, 0x08, 0x00, 0x00, 0x04])
  }

  @Test func recordBytes() {
    let record = CompletionRecord(
      status: CompletionStatus(rawValue: 0x83), result: 1, faultInfo: 4, bytesCompleted: 0x0102_0304,
      faultAddress: 0x1112_1314_1516_1718, invalidFlags: DescriptorFlags(rawValue: 0xABCDEF))
    let expected: [UInt8] =
      [0x83, 1, 4, 0, 4, 3, 2, 1, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 0xEF, 0xCD, 0xAB, 0, 0, 0, 0, 0]
      + [UInt8](repeating: 0, count: 8)
    #expect(bytes(record) == expected)
    #expect(record.status.code == .pageFault && record.status.isWriteFault)
    #expect(record.invalidFlags.rawValue == 0xABCDEF)
  }

  @Test(
    arguments: [
      (DescriptorFlags.fence, 0x1), (.blockOnFault, 0x2), (.recordAddressValid, 0x4), (.requestRecord, 0x8),
      (.requestInterrupt, 0x10), (.cacheControl3, 0x20), (.checkResult, 0x80), (.cacheControl, 0x100),
      (.address1TrafficClassB, 0x200), (.address2TrafficClassB, 0x400), (.address3TrafficClassB, 0x800),
      (.recordTrafficClassB, 0x1000), (.strictOrdering, 0x2000), (.destinationReadback, 0x4000), (.batchError, 0x10000),
      (.trafficClasses, 0x1E00),
    ] as [(DescriptorFlags, UInt32)])
  func flagBits(flag: DescriptorFlags, bits: UInt32) { #expect(flag.rawValue == bits) }

  @Test(
    arguments: [
      (Opcode.noOp, 0), (.batch, 1), (.drain, 2), (.memmove, 3), (.fill, 4), (.compare, 5), (.comparePattern, 6),
      (.createDelta, 7), (.applyDelta, 8), (.dualcast, 9), (.translationFetch, 0x0A), (.crcGeneration, 0x10),
      (.copyWithCRC, 0x11), (.difCheck, 0x12), (.difUpdate, 0x15), (.cacheFlush, 0x20),
    ] as [(Opcode, UInt8)])
  func opcodes(opcode: Opcode, value: UInt8) { #expect(opcode.rawValue == value) }

  @Test func onlySuccessesAndBatchFailureNeedARequestForTheirRecord() {
    let silent = (0...UInt8.max).filter { !CompletionStatus(rawValue: $0).isAlwaysRecorded }
    #expect(silent == [1, 2, 5])
  }

  @Test func restOfAPartialMemmove() {
    let whole = Descriptor(.memmove, source: 0x1000, destination: 0x9000, size: 0x3000)
    let forward = CompletionRecord(status: .pageFault, result: 0, bytesCompleted: 0x1800)
    let backward = CompletionRecord(status: .pageFault, result: 1, bytesCompleted: 0x1800)
    #expect(whole.rest(after: forward) == Descriptor(.memmove, source: 0x2800, destination: 0xA800, size: 0x1800))
    #expect(whole.rest(after: backward) == Descriptor(.memmove, source: 0x1000, destination: 0x9000, size: 0x1800))
    #expect(whole.rest(after: CompletionRecord(status: .success, bytesCompleted: 0x3000)) == nil)
    #expect(whole.rest(after: CompletionRecord(status: .pageFault, bytesCompleted: 0x3001)) == nil)
    #expect(Descriptor(.fill, size: 8).rest(after: forward) == nil)
  }
}
