// What a program needs to be built with so that it can be recorded natively: a C file and a line of compiler flags.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The runtime that is linked into programs for `InstrumentedRecorder`, as text: an installed command has no source tree beside it.
public enum InstrumentRuntime {
  /// The C file's name.
  public static let sourceName = "pageferry_instrument.c"
  /// The name of the file with the compiler's flags, a response file: `clang @FILE`.
  public static let flagsName = "pageferry_instrument.flags"

  /// The C file: Runtime/pageferry_instrument.c as it was when this was built.
  public static var source: [UInt8] { PackageResources.pageferry_instrument_c }

  /// Flags for clang 16 or later. The check before each access of `-fsanitize=kernel-address` is a call to be supplied by the program, and
  /// needs no memory of AddressSanitizer's own. Beside it: a call for every access and none left out as known to be good; no changes
  /// to stack and globals; copies as calls too. Source: LLVM, lib/Transforms/Instrumentation/AddressSanitizer.cpp, the
  /// options at its beginning; Linux's scripts/Makefile.kasan uses most of them.
  ///
  /// `-fsanitize-coverage=trace-loads,trace-stores` leaves out vectors of 32 bytes and more, copies of structures, atomic
  /// read-modify-writes and long double: its callbacks take 1 to 16 bytes.
  public static let flags = [
    "-fsanitize=kernel-address",
    "-mllvm -asan-instrumentation-with-call-threshold=0",
    "-mllvm -asan-opt=0",
    "-mllvm -asan-use-stack-safety=0",
    "-mllvm -asan-stack=0",
    "-mllvm -asan-globals=0",
    "-mllvm -asan-kernel-mem-intrinsic-prefix=1",
  ]

  /// Writes both files into `folder`, which is made if it is not there; their paths. Files of these names are replaced.
  public static func write(to folder: String) throws(TraceError) -> (source: String, flags: String) {
    guard !folder.isEmpty else {
      throw TraceError(.usage, file: "", problem: "the name of the folder is empty", fix: "name a folder")
    }
    if mkdir(folder, 0o777) != 0 && errno != EEXIST { throw TraceError.system("mkdir", folder) }
    let place = folder.hasSuffix("/") ? folder : folder + "/"
    try write(source, place + sourceName)
    try write(Array((flags.joined(separator: "\n") + "\n").utf8), place + flagsName)
    return (place + sourceName, place + flagsName)
  }

  /// Writes a file whole.
  static func write(_ bytes: [UInt8], _ path: String) throws(TraceError) {
    let file = try OutputFile(path: path)
    var failure: TraceError?
    bytes.withUnsafeBytes { raw in
      do throws(TraceError) { try file.append(raw) } catch { failure = error }
    }
    if let failure { throw failure }
    try file.commit()
  }
}
