// CRC-32C: its check value, and the same sum whichever way the CPU takes.
import CPlatform
import Testing

@Suite struct ChecksumTests {
  private static let ways = [PF_CRC_BITWISE, PF_CRC_INSTRUCTION, PF_CRC_FOLDED].filter {
    $0.rawValue <= pf_fastest_crc().rawValue
  }

  /// Source: RFC 3720, B.4, and the check value of CRC-32C in catalogues of CRCs.
  @Test func knownSumsComeOut() {
    if Self.ways.count < 3 { print("this CPU has no AVX-512 with VPCLMULQDQ: the folded checksum is not tested") }
    let vectors: [([UInt8], UInt32)] = [
      (Array("123456789".utf8), 0xE306_9283), ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
      ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43), (Array(0..<32), 0x46DD_794E), ([], 0),
    ]
    for way in Self.ways { for (bytes, sum) in vectors { #expect(pf_crc32c_by(way, 0, bytes, bytes.count) == sum) } }
  }

  /// Lengths around those at which a way begins, and ends, to take bytes together; odd addresses; sums that go on.
  @Test func allWaysGiveTheSameSum() {
    var random = Seeded(3)
    let bytes = (0..<20_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let near = [0, 8, 64, 256, 512, 768, 1024, 3072, 3328, 6144, 9216, 16_384]
    bytes.withUnsafeBytes { raw in
      for length in near.flatMap({ $0...$0 + 9 }) + near.dropFirst().map({ $0 - 1 }) {
        let start = raw.baseAddress! + Int(random.next() % 64)
        let before = UInt32(truncatingIfNeeded: random.next())
        let sums = Self.ways.map { pf_crc32c_by($0, before, start, length) }
        #expect(Set(sums + [pf_crc32c(before, start, length)]).count == 1, "\(length) bytes")
        let half = length / 3
        #expect(pf_crc32c(pf_crc32c(before, start, half), start + half, length - half) == sums[0])
      }
    }
  }
}
