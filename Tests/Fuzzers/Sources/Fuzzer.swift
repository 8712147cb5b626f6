// libFuzzer's way in: one program for all targets. Tests/Fuzzers/fuzz.sh builds and runs it.
import Foundation

@testable import Trace

/// What is fuzzed; the environment variable FUZZ_TARGET names it.
enum Target: Equatable {
  /// The reader of another tool's format, strict and lenient.
  case format(ImportFormat)
  /// The recognition of formats, and the reader of the one that is recognised.
  case auto
  /// Compressed bytes.
  case packed
  /// Traces of our own, with checksums made right.
  case pft

  init?(_ name: String) {
    switch name {
    case "auto": self = .auto
    case "packed": self = .packed
    case "pft": self = .pft
    default:
      guard let format = ImportFormat(rawValue: name) else { return nil }
      self = .format(format)
    }
  }

  static let current: Target = {
    let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
    if let target = Target(name) { return target }
    let all = ["auto", "packed", "pft"] + ImportFormat.allCases.map(\.rawValue)
    fatalError("FUZZ_TARGET is `\(name)`, not one of \(all.joined(separator: ", "))")
  }()
}

/// Runs one input. Whatever the bytes are, a reader ends with a result or a `TraceError`; anything else ends the program.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = UnsafeRawBufferPointer(start: start, count: count)
  switch Target.current {
  case .format(let format): fuzzImport(format, bytes)
  case .auto: fuzzImport(nil, bytes)
  case .packed: fuzzPacked(bytes)
  case .pft: fuzzTrace(bytes)
  }
  return 0
}
