// What goes wrong when copies are measured.

import CopyKernels

/// Each says what and where, and what to do.
public enum CopyBenchError: Error, Sendable, Equatable, CustomStringConvertible {
  case unknownEngine(String, offered: [String])
  case unavailable(engine: String, KernelObstacle)
  /// Not 1 to 32.
  case threads(Int)
  /// A list that has no room in the arenas.
  case room(list: String, needed: Int, arena: Int, pages: String)
  /// The destination is not what the source is.
  case wrongCopy(engine: String, list: String, item: Int, offset: Int)
  /// Somebody wrote into a source.
  case wrongSource(offset: Int)
  /// An argument that makes no sense.
  case setting(String)

  /// Whether the caller asked for what cannot be, rather than something failing.
  public var isUsage: Bool {
    switch self {
    case .unknownEngine, .unavailable, .threads, .room, .setting: true
    case .wrongCopy, .wrongSource: false
    }
  }

  public var description: String {
    switch self {
    case .unknownEngine(let name, let offered):
      "no engine '\(name)'; there are \(offered.joined(separator: ", ")) mt:N:items|bytes[:kernel] with N of 1 to 32, and dsa:software:CxE with C of 1 to 8 queues and E of 1 to 16 engines"
    case .unavailable(let engine, let obstacle): "engine \(engine): \(obstacle)"
    case .threads(let count): "\(count) copying threads; write 1 to 32"
    case .room(let list, let needed, let arena, let pages):
      "list \(list) needs \(needed) bytes of \(pages) pages and an arena has \(arena); give --arena"
    case .wrongCopy(let engine, let list, let item, let offset):
      "engine \(engine): list \(list): item \(item) differs from its source from byte \(offset) on; the engine lost data"
    case .wrongSource(let offset): "byte \(offset) of a source was written to; an engine wrote where it must not"
    case .setting(let words): words
    }
  }
}
