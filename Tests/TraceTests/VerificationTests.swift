// Verifying finds what is wrong, wherever it is.
import CPlatform
import Foundation
import Testing

@testable import Trace

@Suite struct VerificationTests {
  private func small(_ scratch: Scratch) throws -> [UInt8] {
    try write(
      randomRecords(40, seed: 6, layout: TraceLayout(), threads: 3), to: scratch.path("a.pft"),
      provenance: TraceProvenance(program: "test"))
    return try bytes(of: scratch.path("a.pft"))
  }

  @Test func wholeTracesAreWhole() throws {
    let scratch = try Scratch()
    for layout in [TraceLayout(), TraceLayout(addressKind: .pageNumber, granuleShift: 12, gapUnit: .none)] {
      let header = try write(
        randomRecords(70_000, seed: 2, layout: layout, threads: 9), to: scratch.path("a.pft"), layout: layout)
      #expect(try TraceVerification(path: scratch.path("a.pft")).header == header)
    }
  }

  @Test func everyFlippedByteIsFound() throws {
    let scratch = try Scratch()
    let good = try small(scratch)
    var random = Seeded(12)
    for i in good.indices {
      var bad = good
      bad[i] ^= UInt8(1 << (random.next() % 8))
      let path = try scratch.write(bad, "b.pft")
      let error = #expect(throws: TraceError.self, "byte \(i)") { try TraceVerification(path: path) }
      #expect(error?.byte != nil && error?.problem.isEmpty == false)
    }
  }

  /// Checksums that are right over counts that are not: a writer's fault rather than damage.
  @Test(arguments: [24, 32, 40, 48, 56, 64, 68, 72, 80, 88, 96, 104, 112, 128, 136, 144, 152])
  func everyWrongCountIsFound(offset: Int) throws {
    let scratch = try Scratch()
    let good = try small(scratch)
    for step in [1, -1] {
      var bad = good
      bad[offset] = UInt8(truncatingIfNeeded: Int(bad[offset]) + step)
      seal(&bad, 4092, over: 0..<4092)
      let end = bad.count
      for k in 0..<4 { bad[end - 8 + k] = bad[4092 + k] }
      seal(&bad, end - 4, over: end - 48..<end - 4)
      let path = try scratch.write(bad, "b.pft")
      let error = #expect(throws: TraceError.self, "\(offset) \(step)") { try TraceVerification(path: path) }
      #expect(error?.byte != nil)
      if [68, 80, 88, 96, 104].contains(offset) { #expect(error?.byte == offset) }
    }
  }

  private func seal(_ bytes: inout [UInt8], _ offset: Int, over range: Range<Int>) {
    let sum = bytes.withUnsafeBytes { pf_crc32c(0, $0.baseAddress! + range.lowerBound, range.count) }
    for k in 0..<4 { bytes[offset + k] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * k)) }
  }
}
