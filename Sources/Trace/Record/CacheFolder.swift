// Where what can be made again is kept for the user.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// `$XDG_CACHE_HOME/pageferry`, else `~/.cache/pageferry` (XDG Base Directory Specification 0.8).
enum CacheFolder {
  /// What to do when it cannot be written.
  static let fix = "set XDG_CACHE_HOME to a folder that may be written"

  /// Makes the folder where it is missing. Home is the password file's where HOME names no folder: recordings are made with a
  /// small environment.
  static func path() throws(TraceError) -> String {
    let caches: String
    if let stated = variable("XDG_CACHE_HOME"), stated.hasPrefix("/") {
      caches = stated
    } else {
      guard let home = home() else {
        throw TraceError(
          .system, file: "", problem: "there is no home folder for the cache", fix: "set XDG_CACHE_HOME to a folder")
      }
      caches = home + "/.cache"
    }
    let folder = caches + "/pageferry"
    for place in [caches, folder] where mkdir(place, 0o700) != 0 && errno != EEXIST {
      throw TraceError.system("mkdir", place, fix: fix)
    }
    return folder
  }

  private static func home() -> String? {
    if let stated = variable("HOME"), isFolder(stated) { return stated }
    guard let entry = getpwuid(getuid()), let directory = entry.pointee.pw_dir else { return nil }
    let home = String(cString: directory)
    return isFolder(home) ? home : nil
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return path.hasPrefix("/") && stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }
}
