// Huge pages added to the pool for a process's own time, and taken out again whatever ends it.

import CPlatform
import Foundation
import Host
import Units

/// Huge pages that a process adds to the pool (nr_hugepages) while it lives. Root's business, and only where the user says `--reserve`.
///
/// A guard process of its own session holds them: it shrinks the pool again when the pipe from this process closes, which `kill -9` does
/// too. If the guard dies, this process does it; if both die, a file in `/run/pageferry` tells the next run (`recover`).
public final class HugePageReservation {
  /// Pages to add on a node of this machine.
  public struct Want: Sendable, Equatable {
    public var node: Int
    public var pages: Int

    public init(node: Int, pages: Int) {
      self.node = node
      self.pages = pages
    }
  }

  /// Pages that were added, by node.
  public let added: [Want]
  /// Bytes of a page.
  public let pageSize: Int
  private let root: HostRoot
  private let folder: ReservationFolder
  private let keeper: ReservationRecord.Process
  /// The end of the pipe that keeps the guard waiting; -1 when it is closed.
  private var pipe: Int32

  /// Adds the pages, all or none.
  /// - Parameter executable: the pageferry that has `host-guard`; this program where nothing is said.
  /// - Throws: a shortage of memory, before anything is done; or what the system refused.
  public init(
    _ wants: [Want], pageSize: Int = HostPages.hugeSize, root: HostRoot = .machine, executable: String? = nil
  ) throws(HostMemoryError) {
    let wants = wants.filter { $0.pages > 0 }
    try HugePageReservation.check(wants, pageSize: pageSize, root)
    folder = ReservationFolder(root)
    self.root = root
    self.pageSize = pageSize
    added = wants
    guard !wants.isEmpty else {
      keeper = .current()
      pipe = -1
      return
    }
    let task = ReservationGuard.Task(
      root: root.prefix, folder: folder.path, pageSize: pageSize, owner: getpid(), wants: wants)
    let started: (id: Int32, pipe: Int32, answer: Int32)
    do throws(SpawnFault) {
      started = try HugePageReservation.spawn(executable, [ReservationGuard.commandName] + task.arguments)
    } catch {
      throw HostMemoryError(
        .system, "the guard of huge pages cannot be started: \(error.reason)", fix: "run without --reserve")
    }
    keeper = ReservationRecord.Process(
      id: started.id, start: ReservationRecord.Process.startTime(of: started.id) ?? 0)
    pipe = started.pipe
    let answer = HugePageReservation.line(from: started.answer)
    close(started.answer)
    guard answer == "held" else {
      close(pipe)
      pipe = -1
      waitpid(started.id, nil, 0)
      throw HostMemoryError(
        .system, "\(HugePageReservation.text(wants, pageSize)) could not be added: \(answer ?? "the guard died")",
        fix: geteuid() == 0
          ? "ask for fewer, or: echo 1 > /proc/sys/vm/compact_memory" : "run as root, or have root write nr_hugepages")
    }
  }

  deinit { _ = release() }

  /// Takes the pages out again and waits until it is done. What is still mapped goes when it is unmapped (surplus pages).
  /// - Returns: what went wrong; nil when the pool is as it was.
  public func release() -> String? {
    guard pipe >= 0 else { return nil }
    close(pipe)
    pipe = -1
    var status: Int32 = 0
    while waitpid(keeper.id, &status, 0) < 0 && errno == EINTR {}
    guard status != 0 else { return nil }
    // The guard was killed, or could not.
    return HugePageReservation.recover(root, folder: folder.path).last
  }

  /// `512 huge pages of 2MiB on node 0`.
  public var description: String { HugePageReservation.text(added, pageSize) }

  static func text(_ wants: [Want], _ pageSize: Int) -> String {
    let places = wants.map { "\($0.pages) on node \($0.node)" }.joined(separator: ", ")
    return "huge pages of \(ByteSize.text(pageSize)) (\(places))"
  }

  // MARK: - Before

  private static func check(_ wants: [Want], pageSize: Int, _ root: HostRoot) throws(HostMemoryError) {
    var needed = 0
    for want in wants {
      let (bytes, isOver) = want.pages.multipliedReportingOverflow(by: pageSize)
      let (sum, isSumOver) = needed.addingReportingOverflow(bytes)
      guard !isOver, !isSumOver else {
        throw HostMemoryError(.request, "\(want.pages) huge pages are more than any machine has", fix: "ask for fewer")
      }
      needed = sum
    }
    let budget = MemoryBudget(root)
    guard let available = budget.available, needed > max(0, available - budget.margin) else { return }
    throw HostMemoryError(
      .shortage,
      "\(text(wants, pageSize)) take \(HostMemory.rough(needed)) and \(HostMemory.rough(max(0, available - budget.margin))) are there "
        + "(MemAvailable less \(HostMemory.rough(budget.margin)) for everyone else)", fix: "ask for fewer")
  }

  // MARK: - The guard's process

  private struct SpawnFault: Error { var reason: String }

  /// Starts the guard with one pipe to it and one from it, which no other program inherits.
  private static func spawn(
    _ executable: String?, _ arguments: [String]
  ) throws(SpawnFault) -> (id: Int32, pipe: Int32, answer: Int32) {
    func fault(_ code: Int32) -> SpawnFault { SpawnFault(reason: String(cString: strerror(code))) }
    var down: [Int32] = [-1, -1]
    var up: [Int32] = [-1, -1]
    guard pf_pipe(&down) == 0 else { throw fault(errno) }
    guard pf_pipe(&up) == 0 else {
      let code = errno
      for end in down { close(end) }
      throw fault(code)
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, down[0], STDIN_FILENO)
    posix_spawn_file_actions_adddup2(&actions, up[1], STDOUT_FILENO)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, pf_spawn_in_own_session())
    let path = executable ?? "/proc/self/exe"
    var words = ([executable ?? "pageferry"] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var id: Int32 = 0
    let code = posix_spawn(&id, path, &actions, &attributes, &words, pf_environment())
    close(down[0])
    close(up[1])
    guard code == 0 else {
      close(down[1])
      close(up[0])
      throw fault(code)
    }
    return (id, down[1], up[0])
  }

  /// A line, nil when the other side ended without one.
  private static func line(from descriptor: Int32) -> String? {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while bytes.count < 4096 {
      let count = read(descriptor, &byte, 1)
      if count < 0 && errno == EINTR { continue }
      guard count == 1 else { return nil }
      if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(byte)
    }
    return nil
  }
}
