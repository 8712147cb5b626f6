// Which tool of valgrind's records.

/// A tool that runs in valgrind and hands a program's accesses over. Both hand over the same ones.
public enum RecorderTool: String, CaseIterable, Sendable {
  /// Ours where it is there or can be built, lackey otherwise.
  case auto
  /// Valgrind/pageferry_valgrind.c, built on this machine at first use: 16 bytes an access.
  case own
  /// The one that comes with valgrind: a line and a system call an instruction and an access.
  case lackey
}
