// Memory that tests copy.

import CopyKernels
import Events
import Foundation
import Units

/// Two stretches of random bytes, and a way to see what a copy changed.
final class TestMemory {
  let from: UnsafeMutableRawBufferPointer
  let to: UnsafeMutableRawBufferPointer
  private let expected: UnsafeMutableRawBufferPointer

  /// - Parameter bytes: a multiple of 8.
  init(bytes: Int) {
    from = .allocate(byteCount: bytes, alignment: Page.size)
    to = .allocate(byteCount: bytes, alignment: Page.size)
    expected = .allocate(byteCount: bytes, alignment: Page.size)
    var random = SplitMix64(seed: UInt64(bytes))
    for word in 0..<(bytes / 8) { from.storeBytes(of: random.next(), toByteOffset: word * 8, as: UInt64.self) }
    memset(to.baseAddress!, 0x5A, bytes)
    expected.copyMemory(from: UnsafeRawBufferPointer(to))
  }

  deinit {
    from.deallocate()
    to.deallocate()
    expected.deallocate()
  }

  /// A piece, noted as one that will be copied.
  func piece(to offset: Int, from source: Int, bytes: Int) -> CopyPiece {
    memcpy(expected.baseAddress! + offset, from.baseAddress! + source, bytes)
    return CopyPiece(to: to.baseAddress! + offset, from: UnsafeRawPointer(from.baseAddress! + source), bytes: bytes)
  }

  /// Whether the destination is what the pieces make it, and nothing beside them was written.
  var isAsExpected: Bool { memcmp(to.baseAddress!, expected.baseAddress!, to.count) == 0 }
}

/// A value under a lock of pthreads, which ThreadSanitizer knows.
final class Locked<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var value: Value

  init(_ value: Value) { self.value = value }

  func withLock<Result>(_ body: (inout Value) -> Result) -> Result { lock.withLock { body(&value) } }
}
