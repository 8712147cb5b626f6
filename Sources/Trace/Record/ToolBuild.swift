// Our tool in valgrind, built on this machine with its C compiler and kept in the user's cache folder.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Builds Valgrind/pageferry_valgrind.c once for each valgrind and version of the source.
///
/// What valgrind's launcher runs is the file `FOLDER/NAME-amd64-linux`, for `--tool=NAME` (valgrind 3.19,
/// coregrind/launcher-linux.c, main). NAME may lead out of valgrind's folder, so the file needs no place there, and the program
/// sees the environment and the preloaded libraries that it has under lackey: VALGRIND_LIB would change both, and with them where
/// its stack begins.
struct ToolBuild {
  let valgrind: Valgrind
  /// Where it is kept; nil is the user's cache folder.
  let folder: String?
  let guarding: TemporaryGuard?
  let processGuard: ProcessGuard

  /// What it is called in errors and provenance.
  static let title = "pageferry's tool"
  private static let platform = "amd64-linux"
  private static let compilers = ["cc", "gcc", "clang"]
  /// Valgrind's own flags for its tools (Makefile.all.am, AM_CFLAGS_BASE and AM_CFLAGS_AMD64_LINUX). A tool has no C library.
  private static let compileFlags = [
    "-m64", "-O2", "-std=gnu99", "-fno-stack-protector", "-fno-strict-aliasing", "-fno-builtin", "-fomit-frame-pointer",
    "-fno-pic", "-DVGA_amd64=1", "-DVGO_linux=1", "-DVGP_amd64_linux=1", "-DVGPV_amd64_linux_vanilla=1",
  ]
  /// The same for linking (Makefile.tool.am, TOOL_LDFLAGS_COMMON_LINUX; the address is valt_load_address in valgrind.pc): away
  /// from where programs are.
  private static let linkFlags = [
    "-m64", "-static", "-no-pie", "-nodefaultlibs", "-nostartfiles", "-u", "_start",
    "-Wl,-Ttext-segment=0x58000000", "-Wl,-z,noexecstack",
  ]

  /// What the tool is for `--tool`, built if it is not there. Throws when it cannot be built: the fix says what to install.
  func option() throws(TraceError) -> String {
    #if arch(x86_64)
      let place = if let folder { folder } else { try CacheFolder.path() }
      let tool = place + "/valgrind-tool-" + digest
      if access(file(of: tool), X_OK) != 0 { try build(tool) }
      return Self.option(of: tool)
    #else
      throw TraceError(
        .system, file: Self.title, problem: "is for x86-64", fix: "record on such a machine, or with --tool lackey")
    #endif
  }

  /// From valgrind's folder of tools to the root and down to `tool`, an absolute path without the platform at its end. The root
  /// is its own parent.
  static func option(of tool: String) -> String {
    "--tool=" + String(repeating: "../", count: 32) + tool.drop { $0 == "/" }
  }

  private func file(of tool: String) -> String { tool + "-" + Self.platform }

  /// Of everything that makes it the tool it is: FNV-1a, 64 bits, in hexadecimal.
  var digest: String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    let words = [valgrind.version, Self.platform] + Self.compileFlags + Self.linkFlags
    for byte in PackageResources.pageferry_valgrind_c + words.joined(separator: "\n").utf8 {
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
    }
    let text = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - text.utf8.count) + text
  }

  // MARK: Building

  private func build(_ tool: String) throws(TraceError) {
    let parts = try ToolParts.find(for: valgrind.path, Self.platform)
    let compiler = try Self.compiler()
    let folder = "\(tool).partial-\(getpid())"
    var code: Int32 = 0
    let make = {
      let made = mkdir(folder, 0o700) == 0
      code = errno
      return made
    }
    if guarding.map({ $0(folder, make) }) == nil { _ = make() }
    var status = stat()
    guard stat(folder, &status) == 0 else {
      errno = code
      throw TraceError.system("mkdir", folder, fix: CacheFolder.fix)
    }
    defer {
      for name in ["tool.c", "tool.o", "log", "tool-" + Self.platform] { unlink(folder + "/" + name) }
      rmdir(folder)
    }
    try InstrumentRuntime.write(PackageResources.pageferry_valgrind_c, folder + "/tool.c")
    try run(
      compiler, Self.compileFlags + ["-I" + parts.headers, "-c", folder + "/tool.c", "-o", folder + "/tool.o"],
      in: folder)
    try run(
      compiler,
      Self.linkFlags + [folder + "/tool.o", "-o", file(of: folder + "/tool")] + parts.libraries(Self.platform),
      in: folder)
    guard try Valgrind.version(valgrind.path, [Self.option(of: folder + "/tool")], processGuard) == valgrind.version
    else {
      throw TraceError(
        .system, file: parts.headers, problem: "are not of valgrind \(valgrind.version), or the tool does not run",
        fix: "apt-get install --reinstall valgrind")
    }
    try Self.sync(file(of: folder + "/tool"))
    guard rename(file(of: folder + "/tool"), file(of: tool)) == 0 else {
      throw TraceError.system("rename", file(of: tool))
    }
  }

  private static func compiler() throws(TraceError) -> String {
    for name in compilers {
      if case .found(let path) = ProgramSearch.find(name) { return path }
    }
    throw TraceError(.system, file: "cc", problem: "no C compiler is in PATH", fix: "apt-get install gcc")
  }

  /// Runs the compiler. What it says goes into a file, of which the first line with an error is passed on.
  private func run(_ compiler: String, _ arguments: [String], in folder: String) throws(TraceError) {
    let log = folder + "/log"
    let descriptor = open(log, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw TraceError.system("open", log) }
    defer { close(descriptor) }
    let process = ChildProcess(guarding: processGuard)
    defer { process.destroy() }
    try process.start(
      compiler, [compiler] + arguments, descriptors: [(descriptor, STDOUT_FILENO), (descriptor, STDERR_FILENO)])
    process.wait()
    if process.end == .status(0) { return }
    var text = [UInt8](repeating: 0, count: 1 << 14)
    let count = max(pread(descriptor, &text, text.count, 0), 0)
    let lines = String(decoding: text.prefix(count), as: UTF8.self).split(separator: "\n")
    let line = lines.first { $0.contains("error") } ?? lines.first ?? "and said nothing"
    throw TraceError(
      .system, file: compiler, problem: "does not build \(Self.title): \(line)",
      fix: "apt-get install --reinstall gcc valgrind")
  }

  private static func sync(_ path: String) throws(TraceError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw TraceError.system("open", path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw TraceError.system("fsync", path, fix: "check the disk") }
  }
}

/// What valgrind brings for tools to be built with.
struct ToolParts {
  /// The folder of pub_tool_tooliface.h.
  let headers: String
  /// The folder of libcoregrind-PLATFORM.a.
  let archives: String

  /// Looks under the folder that the launcher's is in: `/usr` for /usr/bin/valgrind. Then where they mostly are, for a launcher
  /// may be a script that somebody keeps elsewhere; those of another version are found out once the tool is built. Debian has the
  /// libraries in lib/x86_64-linux-gnu/valgrind, valgrind's own installation in lib/valgrind.
  static func find(for launcher: String, _ platform: String) throws(TraceError) -> ToolParts {
    var prefix = launcher
    if let resolved = realpath(launcher, nil) {
      prefix = String(cString: resolved)
      free(resolved)
    }
    for _ in 0..<2 { prefix = String(prefix.prefix(upTo: prefix.lastIndex(of: "/") ?? prefix.startIndex)) }
    for place in [prefix, "/usr/local", "/usr"] {
      let headers = place + "/include/valgrind"
      for library in ["lib/x86_64-linux-gnu", "lib64", "lib"] {
        let archives = "\(place)/\(library)/valgrind"
        if access(headers + "/pub_tool_tooliface.h", R_OK) == 0,
          access("\(archives)/libcoregrind-\(platform).a", R_OK) == 0
        {
          return ToolParts(headers: headers, archives: archives)
        }
      }
    }
    throw TraceError(
      .system, file: launcher, problem: "valgrind's headers and static libraries are not there",
      fix: "install those that valgrind's tools are built with; Debian's valgrind package has them")
  }

  /// What to link, in this order. libgcc-sup stands in for what libgcc asks of a C library; older versions of
  /// valgrind have none.
  func libraries(_ platform: String) -> [String] {
    let sup = "\(archives)/libgcc-sup-\(platform).a"
    return ["\(archives)/libcoregrind-\(platform).a", "\(archives)/libvex-\(platform).a", "-lgcc"]
      + (access(sup, R_OK) == 0 ? [sup] : [])
  }
}
