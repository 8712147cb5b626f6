// Digests of files and texts, so that two runs can be compared and inputs recognised.

import Foundation

/// 64-bit FNV-1a. It tells different bytes apart; it is no protection against anybody who wants them to look alike.
public struct Digest: Equatable, Sendable, CustomStringConvertible {
  public private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  public init() {}

  public init(of bytes: some Sequence<UInt8>) {
    self.init()
    for byte in bytes { add(byte) }
  }

  public init(of text: String) { self.init(of: text.utf8) }

  /// The bytes of a file, read in pieces.
  public init(file path: String) throws(ReportError) {
    self.init()
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw ReportError.system("cannot open", path) }
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw ReportError.system("cannot read", path)
      }
      if count == 0 { return }
      buffer.withUnsafeBufferPointer { bytes in
        for i in 0..<count { add(bytes[i]) }
      }
    }
  }

  @inline(__always)
  private mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }

  /// `fnv1a64:` and 16 hexadecimal digits.
  public var description: String { "fnv1a64:" + Digest.hexadecimal(value) }

  /// 16 hexadecimal digits.
  public static func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
