// Memory that tests copy.

import CopyKernels
import Events
import Units

/// Two stretches of random bytes, and a way to see what a copy changed.
final class TestMemory {
  let from: UnsafeMutableRawBufferPointer
  let to: UnsafeMutableRawBufferPointer
  private var expected: [UInt8]

  init(bytes: Int, seed: UInt64 = 1) {
    from = .allocate(byteCount: bytes, alignment: Page.size)
    to = .allocate(byteCount: bytes, alignment: Page.size)
    var state = seed
    for i in 0..<bytes {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      from[i] = UInt8(truncatingIfNeeded: state >> 33)
      to[i] = ~from[i]
    }
    expected = [UInt8](to)
  }

  deinit {
    from.deallocate()
    to.deallocate()
  }

  /// A piece, noted as one that will be copied.
  func piece(to offset: Int, from source: Int, bytes: Int) -> CopyPiece {
    for i in 0..<bytes { expected[offset + i] = from[source + i] }
    return CopyPiece(to: to.baseAddress! + offset, from: UnsafeRawPointer(from.baseAddress! + source), bytes: bytes)
  }

  /// The first byte that is not what the pieces make it.
  var firstDifference: Int? { to.indices.first { to[$0] != expected[$0] } }
}
