// Which build of the program runs: versions of a working copy are many.

import CPlatform
import Foundation

enum ProgramBuild {
  /// CRC-32C and length of the executable: `crc32c:1a2b3c4d:40448848`.
  static func text() throws(Failure) -> String {
    let path = "/proc/self/exe"
    do {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
      let sum = bytes.withUnsafeBytes { pf_crc32c(0, $0.baseAddress, $0.count) }
      let digits = String(sum, radix: 16)
      return "crc32c:\(String(repeating: "0", count: 8 - digits.count))\(digits):\(bytes.count)"
    } catch {
      throw Failure(message: "\(path): \(error.localizedDescription)", status: .failure)
    }
  }
}
