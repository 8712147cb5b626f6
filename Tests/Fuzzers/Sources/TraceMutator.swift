// Changes one part of a trace and makes sizes and checksums right again: else nothing but the checksums would be tested.
import CPlatform

@testable import Trace

/// libFuzzer's hook: changes `data`, of `size` bytes, in place; its new size, at most `maxSize`.
/// Source: compiler-rt, include/fuzzer/FuzzerInterface.h.
@_cdecl("LLVMFuzzerCustomMutator")
func customMutator(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ maxSize: Int, _ seed: UInt32) -> Int {
  guard Target.current == .pft, seed % 8 > 0,
    var trace = OpenTrace(UnsafeRawBufferPointer(start: data, count: size))
  else { return libFuzzerMutate(data, size, maxSize) }
  trace.mutate(seed / 8, room: maxSize - size)
  let bytes = trace.sealed()
  UnsafeMutableRawBufferPointer(start: data, count: maxSize).copyBytes(from: bytes)
  return bytes.count
}

/// libFuzzer's own changes.
@_silgen_name("LLVMFuzzerMutate")
private func libFuzzerMutate(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ maxSize: Int) -> Int

/// A trace of one block, taken apart.
private struct OpenTrace {
  private var header: [UInt8]
  private var head: [UInt8]
  private var payload: [UInt8]
  private var index: [UInt8]

  /// Nil when `bytes` have no such parts.
  init?(_ bytes: UnsafeRawBufferPointer) {
    let payloadStart = TraceFormat.headerBytes + TraceFormat.blockHeaderBytes
    let indexEnd = bytes.count - TraceFormat.footerBytes
    guard indexEnd > payloadStart else { return nil }
    let stated = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 144, as: UInt64.self))
    guard let indexStart = Int(exactly: stated), indexStart >= payloadStart, indexStart + 8 <= indexEnd else {
      return nil
    }
    header = Array(bytes[..<TraceFormat.headerBytes])
    head = Array(bytes[TraceFormat.headerBytes..<payloadStart])
    payload = Array(bytes[payloadStart..<indexStart])
    index = Array(bytes[indexStart..<indexEnd])
  }

  /// Changes one part; the whole grows by `room` bytes at most.
  mutating func mutate(_ seed: UInt32, room: Int) {
    switch seed % 8 {
    case 0: Self.change(&header, 20..<144)
    case 1: Self.change(&head, 8..<56)
    case 2: Self.change(&index, 0..<index.count - 8)
    case 3: mutateText()
    default:
      let size = payload.count
      payload += [UInt8](repeating: 0, count: max(0, min(room, 64)))
      payload.removeLast(payload.count - Self.change(&payload, 0..<size, upTo: payload.count))
      Self.store(UInt32(payload.count), 8, in: &head)
      if head[20] == BlockCodec.stored.rawValue { Self.store(UInt32(payload.count), 12, in: &head) }
    }
  }

  private mutating func mutateText() {
    let start = TraceFormat.provenanceOffset
    let size = min(Int(header[76]) | Int(header[77]) << 8, TraceFormat.maxProvenanceBytes)
    let count = Self.change(&header, start..<start + size, upTo: TraceFormat.maxProvenanceBytes)
    for i in start + count..<TraceFormat.headerBytes { header[i] = 0 }
    Self.store(UInt32(count), 76, in: &header)
  }

  /// Has libFuzzer change `part` of `bytes`, which gets `upTo` bytes at most; how many it has then.
  @discardableResult
  private static func change(_ bytes: inout [UInt8], _ part: Range<Int>, upTo: Int? = nil) -> Int {
    bytes.withUnsafeMutableBufferPointer {
      guard let start = $0.baseAddress, upTo ?? part.count > 0 else { return 0 }
      return libFuzzerMutate(start + part.lowerBound, part.count, upTo ?? part.count)
    }
  }

  /// The whole, with what depends on its parts.
  mutating func sealed() -> [UInt8] {
    Self.store(Self.sum(payload[...]), 56, in: &head)
    Self.store(Self.sum(head[..<60]), 60, in: &head)
    Self.store(Self.sum(index[..<(index.count - 8)]), index.count - 8, in: &index)
    let indexStart = header.count + head.count + payload.count
    Self.store(UInt64(indexStart), 144, in: &header)
    Self.store(UInt64(indexStart + index.count + TraceFormat.footerBytes), 152, in: &header)
    let sum = Self.sum(header[..<(header.count - 4)])
    Self.store(sum, header.count - 4, in: &header)
    let decoded = header.withUnsafeBytes { raw in
      raw.baseAddress.flatMap { try? TraceHeader(decoding: $0, file: "") }
    }
    let footer = decoded.map { TraceFooter($0, headerSum: sum).encoded() }
    return header + head + payload + index + (footer ?? [UInt8](repeating: 0, count: TraceFormat.footerBytes))
  }

  private static func sum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.withUnsafeBytes { pf_crc32c(0, $0.baseAddress, $0.count) }
  }

  private static func store<T: FixedWidthInteger>(_ value: T, _ offset: Int, in bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self) }
  }
}
