// Operations that move or look at bytes: as far as the pages go, then on, or a record that says where it ended.

import DSAFormat
import DSAModel
import Units

#if canImport(Glibc)
  import Glibc
#endif

/// Moves bytes between two places that do not overlap: destination, source, bytes.
public typealias CopyFunction = @Sendable (UnsafeMutableRawPointer, UnsafeRawPointer, Int) -> Void

extension SoftwareEngine {
  /// Times that a page may be asked for in a row without a byte done. Uncalibrated.
  private static var mostRequests: Int { 8 }

  /// What stops an operation: the page, which operand, and how it was reached.
  private struct Fault {
    var address: UInt64
    var operand: UInt8
    var isWrite: Bool
  }

  /// Carries out a checked memmove, fill or comparison.
  func move(_ descriptor: Descriptor) -> CompletionRecord {
    let opcode = descriptor.opcode
    let isWriting = opcode == .memmove || opcode == .fill
    let overlaps = opcode == .memmove && DescriptorCheck.overlap(descriptor)
    let isBackward = overlaps && descriptor.destination > descriptor.source
    countOperands(opcode)
    var record = CompletionRecord()
    var done = 0
    var requests = 0
    while true {
      let rest = Int(descriptor.transferSize) - done
      var (reach, fault) = reachable(descriptor, done: done, rest: rest, isBackward: isBackward)
      if !isWriting, let difference = firstDifference(descriptor, done: done, length: reach) {
        (reach, fault) = (difference, nil)
        record.result = 1
      }
      let offset = isBackward ? rest - reach : done
      if isWriting { apply(descriptor, offset: offset, length: reach, done: done, overlaps: overlaps) }
      count(opcode, bytes: reach)
      done += reach
      record.bytesCompleted = UInt32(done)
      guard let fault else { break }
      counts.pageFaults += 1
      record.faultAddress = fault.address
      record.faultInfo = fault.operand << 1
      record.status = CompletionStatus(rawValue: fault.isWrite ? 0x83 : 0x03)
      requests = reach > 0 ? 1 : requests + 1
      guard descriptor.flags.contains(.blockOnFault), core.configuration.pageRequests else {
        if isBackward { record.result = 1 }
        return record
      }
      guard requests <= Self.mostRequests, bringIn(fault.address, isWrite: fault.isWrite) else {
        record.status = CompletionStatus(rawValue: fault.isWrite ? 0x84 : 0x04)
        return record
      }
      record.faultAddress = 0
      record.faultInfo = 0
    }
    let isFalse = descriptor.flags.contains(.checkResult) && record.result != descriptor.expectedResult
    record.status = isFalse ? .falsePredicate : .success
    return record
  }

  // MARK: How far

  /// Bytes that can be done before a page that is not there.
  private func reachable(
    _ descriptor: Descriptor, done: Int, rest: Int, isBackward: Bool
  ) -> (bytes: Int, fault: Fault?) {
    let opcode = descriptor.opcode
    let offset = isBackward ? 0 : UInt64(done)
    var reach = rest
    var fault: Fault?
    func look(_ operand: UInt64, isWrite: Bool, number: UInt8) {
      let start = operand &+ offset
      let bytes = accessible(start, rest, isWrite: isWrite, fromEnd: isBackward)
      if bytes < reach {
        reach = bytes
        let address = isBackward ? start &+ UInt64(rest - bytes - 1) : start &+ UInt64(bytes)
        fault = Fault(address: address, operand: number, isWrite: isWrite)
      }
    }
    if opcode != .fill { look(descriptor.source, isWrite: false, number: 1) }
    if opcode != .comparePattern { look(descriptor.destination, isWrite: opcode != .compare, number: 2) }
    if let (bytes, injected) = injectedFault(descriptor, offset, rest: rest, isBackward: isBackward), bytes < reach {
      return (bytes, injected)
    }
    return (reach, fault)
  }

  /// Makes a page of one operand absent for this once.
  private func injectedFault(
    _ descriptor: Descriptor, _ offset: UInt64, rest: Int, isBackward: Bool
  ) -> (bytes: Int, fault: Fault)? {
    let opcode = descriptor.opcode
    let hasTwo = opcode == .memmove || opcode == .compare
    func start(_ operand: Int) -> UInt64 {
      (operand == 1 || opcode == .fill ? descriptor.destination : descriptor.source) &+ offset
    }
    func pages(_ operand: Int) -> Int {
      Int(((start(operand) &+ UInt64(rest - 1)) >> 12) - start(operand) >> 12) + 1
    }
    guard let (operand, page) = core.injectedFault(operands: hasTwo ? 2 : 1, pages: pages) else { return nil }
    let from = start(operand)
    let address = (from >> 12 + UInt64(page)) << 12
    let low = max(address, from)
    let high = min(address &+ UInt64(Page.size), from &+ UInt64(rest))
    let bytes = isBackward ? Int(from &+ UInt64(rest) &- high) : Int(low &- from)
    let isSecond = operand == 1 || opcode == .fill
    let isWrite = isSecond && opcode != .compare
    return (bytes, Fault(address: address, operand: isSecond ? 2 : 1, isWrite: isWrite))
  }

  // MARK: Bytes

  private func apply(_ descriptor: Descriptor, offset: Int, length: Int, done: Int, overlaps: Bool) {
    guard length > 0,
      let destination = UnsafeMutableRawPointer(bitPattern: UInt(descriptor.destination) &+ UInt(offset))
    else { return }
    if descriptor.opcode == .fill {
      fill(destination, length, Descriptor.pattern(descriptor.pattern, after: done))
      return
    }
    guard let source = UnsafeRawPointer(bitPattern: UInt(descriptor.source) &+ UInt(offset)) else { return }
    if overlaps { memmove(destination, source, length) } else { copy(destination, source, length) }
  }

  /// Repeats 8 bytes, the lowest first.
  private func fill(_ destination: UnsafeMutableRawPointer, _ length: Int, _ pattern: UInt64) {
    var at = 0
    while at + 8 <= length {
      destination.storeBytes(of: pattern.littleEndian, toByteOffset: at, as: UInt64.self)
      at += 8
    }
    var rest = pattern
    while at < length {
      destination.storeBytes(of: UInt8(truncatingIfNeeded: rest), toByteOffset: at, as: UInt8.self)
      rest >>= 8
      at += 1
    }
  }

  /// Where a comparison finds the first difference; nil if it finds none.
  private func firstDifference(_ descriptor: Descriptor, done: Int, length: Int) -> Int? {
    guard length > 0, let first = UnsafeRawPointer(bitPattern: UInt(descriptor.source) &+ UInt(done)) else {
      return nil
    }
    if descriptor.opcode == .comparePattern {
      var pattern = Descriptor.pattern(descriptor.comparedPattern, after: done)
      for index in 0..<length {
        if first.load(fromByteOffset: index, as: UInt8.self) != UInt8(truncatingIfNeeded: pattern) { return index }
        pattern = pattern >> 8 | pattern << 56
      }
      return nil
    }
    guard let second = UnsafeRawPointer(bitPattern: UInt(descriptor.destination) &+ UInt(done)),
      memcmp(first, second, length) != 0
    else { return nil }
    return (0..<length).first {
      first.load(fromByteOffset: $0, as: UInt8.self) != second.load(fromByteOffset: $0, as: UInt8.self)
    }
  }

  // MARK: Books

  private func countOperands(_ opcode: Opcode) {
    if opcode != .fill { counts.readingSource1 += 1 }
    if opcode == .compare { counts.readingSource2 += 1 }
    if opcode == .memmove || opcode == .fill { counts.writingDestination += 1 }
  }

  private func count(_ opcode: Opcode, bytes: Int) {
    if opcode != .fill { counts.bytesRead += opcode == .compare ? 2 * bytes : bytes }
    if opcode == .memmove || opcode == .fill { counts.bytesWritten += bytes }
  }
}
