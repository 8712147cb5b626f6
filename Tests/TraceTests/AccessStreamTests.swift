// What our tool in valgrind writes: every kind of record, in pieces of any size, and what it never writes.
import Foundation
import Testing

@testable import Trace

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct AccessStreamTests {
  private static let head: [UInt64] = [AccessStream.magic, AccessStream.version]

  private static func word(_ kind: UInt64, _ size: Int, _ instructions: UInt64) -> UInt64 {
    kind | UInt64(size) << 3 | instructions << 16
  }

  private static func bytes(_ words: [UInt64]) -> [UInt8] {
    words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
  }

  /// Reads what is written into a pipe in pieces of these sizes, over and over; the last is what is left.
  private static func read(
    _ bytes: [UInt8], pieces: [Int] = [1 << 20]
  ) throws -> (accesses: [Access], stream: AccessStream) {
    let pipe = try RecordPipe()
    // The pipe ends with its last writer; no child of another test may hold it open.
    let input = ByteInput(pipe: pipe.takeReadEnd(), name: "pipe", hasEnded: { false })
    let end = fcntl(pipe.writeEnd, F_DUPFD_CLOEXEC, 0)
    pipe.closeWriteEnd()
    let hasWritten = DispatchSemaphore(value: 0)
    let thread = Thread {
      var start = 0
      var turn = 0
      while start < bytes.count {
        let count = min(pieces[turn % pieces.count], bytes.count - start)
        let n = bytes[start..<start + count].withUnsafeBytes { write(end, $0.baseAddress, count) }
        if n <= 0 { break }
        start += n
        turn += 1
      }
      close(end)
      hasWritten.signal()
    }
    thread.start()
    // A writer without a reader would get SIGPIPE: the read end stays until all is in the pipe, which has room for it.
    defer { withExtendedLifetime(input) { hasWritten.wait() } }
    var sink = Collector()
    var stream = AccessStream()
    try stream.read(input, &sink) { _ in }
    return (sink.all, stream)
  }

  @Test func `kinds, sizes and instructions are as written`() throws {
    let top: UInt64 = (1 << 48) - 2
    let (accesses, stream) = try Self.read(
      Self.bytes(
        Self.head + [
          0x1000, Self.word(1, 8, 3), 0x2001, Self.word(2, 1, 3), 0x3000, Self.word(3, 4096, 10),
          0xFFFF_FFFF_FF60_0000, Self.word(4, 15, 10), 0, Self.word(0, 0, 12),
          // More came after all.
          0x4000, Self.word(1, 4, 14),
        ]))
    #expect(
      accesses == [
        Access(address: 0x1000, size: 8, work: 3), Access(address: 0x2001, size: 1, isWrite: true),
        Access(address: 0x3000, size: 4096, work: 7), Access(address: 0x3000, size: 4096, isWrite: true),
        Access(address: 0xFFFF_FFFF_FF60_0000, size: 15), Access(address: 0x4000, size: 4, work: 4),
      ])
    #expect(!stream.isWhole && stream.rest == 0 && stream.bytes == 16 * 7)
    // The count of instructions begins anew after 2^48.
    var words = Self.head
    for count in [top / 2, top, 3] { words += [0x1000, Self.word(1, 8, count & 0xFFFF_FFFF_FFFF)] }
    let wrapped = try Self.read(Self.bytes(words + [0, Self.word(0, 0, 3)]))
    #expect(wrapped.accesses.map(\.work) == [top / 2, top - top / 2, 5])
    #expect(wrapped.stream.isWhole)
  }

  @Test(arguments: 1...20) func `pieces of any size make the same accesses`(_ seed: UInt64) throws {
    var random = Seeded(seed)
    var words = Self.head
    var expected: [Access] = []
    var count: UInt64 = 0
    var work: UInt64 = 0
    for _ in 0..<Int.random(in: 1...2000, using: &random) {
      let kind = UInt64.random(in: 0...4, using: &random)
      let size = kind == 0 ? 0 : Int.random(in: 1...4096, using: &random)
      let address = kind == 0 ? 0 : random.next() >> 1
      let step = random.next() % 5
      (count, work) = (count + step, work + step)
      words += [address, Self.word(kind, size, count)]
      if kind == 0 { continue }
      expected.append(Access(address: address, size: size, isWrite: kind == 2, work: work))
      if kind == 3 { expected.append(Access(address: address, size: size, isWrite: true)) }
      work = 0
    }
    let cut = Int.random(in: 0...15, using: &random)
    let sizes = (0..<7).map { _ in Int.random(in: 1...700, using: &random) }
    let (accesses, stream) = try Self.read(Self.bytes(words) + [UInt8](repeating: 1, count: cut), pieces: sizes)
    #expect(accesses == expected)
    #expect(stream.rest == cut && stream.bytes == words.count * 8)
  }

  @Test(
    arguments: [
      ([0x1234, 1], 0, "does not begin as pageferry's tool in valgrind does"),
      ([AccessStream.magic, 2], 0, "does not begin as pageferry's tool in valgrind does"),
      (head + [0x1000, word(1, 8, 1), 0x1000, word(5, 8, 1)], 32, "unknown kind 5"),
      (head + [0x1000, word(7, 8, 1)], 16, "unknown kind 7"),
      (head + [0x1000, word(1, 0, 1)], 16, "an access of 0 bytes at this address"),
      (head + [0x1000, word(2, 4097, 1)], 16, "an access of 4097 bytes at this address"),
      (head + [UInt64.max - 3, word(2, 8, 1)], 16, "an access of 8 bytes at this address"),
      (head + [0x1000, word(1, 8, 9), 0x1000, word(1, 8, 8)], 32, "fewer instructions than before"),
      (head + [0x1000, word(0, 0, 9)], 16, "an end with an access"),
      (head + [0, word(0, 1, 9)], 16, "an end with an access"),
    ] as [([UInt64], Int, String)])
  func `what the tool never writes is an error with its byte`(
    _ words: [UInt64], _ byte: Int, _ problem: String
  ) throws {
    let error = #expect(throws: TraceError.self) { try Self.read(Self.bytes(words)) }
    #expect(error?.byte == byte && error?.problem == problem && error?.file == "pipe")
    #expect(error?.kind == (byte == 0 ? .format : .malformed))
  }

  @Test(arguments: 1...200) func `no bytes trap`(_ seed: UInt64) {
    var random = Seeded(seed)
    var bytes = Self.bytes(Self.head)
    for _ in 0..<Int.random(in: 0...400, using: &random) { bytes.append(UInt8.random(in: 0...255, using: &random)) }
    do {
      let (accesses, stream) = try Self.read(bytes)
      #expect(stream.bytes + stream.rest == bytes.count && accesses.count <= bytes.count / 8)
    } catch {
      #expect((error as? TraceError)?.byte != nil)
    }
  }
}
