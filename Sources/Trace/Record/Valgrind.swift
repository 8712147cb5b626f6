// The valgrind that is installed: where it is, which version.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// An installed valgrind.
struct Valgrind {
  /// Its launcher, or the script around it.
  let path: String
  /// `3.19.0`.
  let version: String

  /// The one that a shell would run.
  static func find(_ processGuard: @escaping ProcessGuard) throws(TraceError) -> Valgrind {
    switch ProgramSearch.find("valgrind") {
    case .found(let path):
      guard let version = try version(path, [], processGuard) else {
        throw TraceError(
          .system, file: path, problem: "does not state its version", fix: "apt-get install --reinstall valgrind")
      }
      return Valgrind(path: path, version: version)
    case .missing:
      throw TraceError(
        .system, file: "valgrind", problem: "is not installed",
        fix: "apt-get install valgrind, or put its folder in PATH")
    case .notExecutable(let path):
      throw TraceError(
        .system, file: path, problem: "is not executable", fix: "apt-get install --reinstall valgrind")
    }
  }

  /// What `valgrind OPTIONS --version` says, without `valgrind-`; nil when it says something else. With a tool among the options
  /// it is that tool's core that answers.
  static func version(
    _ path: String, _ options: [String], _ processGuard: @escaping ProcessGuard
  ) throws(TraceError) -> String? {
    let pipe = try RecordPipe()
    let process = ChildProcess(guarding: processGuard)
    let bytes = ByteInput(pipe: pipe.takeReadEnd(), name: path, hasEnded: process.hasEnded)
    defer { process.destroy() }
    try process.start(path, ["valgrind"] + options + ["--version"], descriptors: [(pipe.writeEnd, STDOUT_FILENO)])
    pipe.closeWriteEnd()
    var text: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256, alignment: 1)
    defer { buffer.deallocate() }
    while text.count < 1024, let start = buffer.baseAddress {
      let n = try bytes.readSome(into: start, count: buffer.count)
      if n == 0 { break }
      text += buffer.prefix(n)
    }
    let line = String(decoding: text.prefix { $0 >= 0x20 && $0 < 0x7F }, as: UTF8.self)
    return line.hasPrefix("valgrind-") ? String(line.dropFirst("valgrind-".count)) : nil
  }
}
