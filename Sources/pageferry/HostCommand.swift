// pageferry host.

import ArgumentParser
import Host
import HostMemory
import Report

/// The machine that this runs on.
struct HostCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "host",
    abstract: "Show what this machine has for real copies, and what stands in the way.",
    discussion: """
      Nodes with sizes and distances, huge pages, the CPU's instructions, DSA devices and their queues. Each thing that keeps \
      real memory or a real DSA from being used is named, with what helps. The page needs no root, and changes nothing but what a killed \
      run left behind.

      --reserve adds huge pages to the pool and holds them until standard input ends or the command is interrupted: for programs that do \
      not do it themselves. Afterwards the pool is as it was, whatever ended the command (docs/host.md).

      Examples:
        pageferry host
        pageferry host --json | jq '.obstacles[] | .fix'
        pageferry host --sysfs-root /tmp/other-machine
        sudo pageferry host --reserve 512
      """)

  @Flag(help: "Print all as JSON. Sizes are in bytes.")
  var json = false

  @Option(
    help: ArgumentHelp(
      "A folder with sys, proc and dev as another machine had them. The CPU and libraries of this machine are not asked then.",
      valueName: "dir"))
  var sysfsRoot: String?

  @Option(
    help: ArgumentHelp(
      "Add huge pages of 2 MiB (root): 512, spread over the nodes with memory, or by node as 0=256,1=256.",
      valueName: "pages"))
  var reserve: String?

  func run() throws {
    let root = sysfsRoot.map { HostRoot($0) } ?? .machine
    if let sysfsRoot, !root.exists("/sys") {
      throw ValidationError("--sysfs-root: '\(sysfsRoot)' has no folder 'sys'; make one with sys, proc and dev in it")
    }
    for line in HugePageReservation.recover(root) { Console.error(line) }
    let reservation = try reserve.map { try HugePageReservation(wants($0, root), root: root) }
    let host = HostInventory(root)
    try Console.out(json ? HostJSON.document(host).text : HostPage.text(host))
    guard let reservation else { return }
    Console.error("\(reservation.description) are held until standard input ends or an interrupt")
    while readLine() != nil {}
    if let problem = reservation.release() { throw Failure(message: problem, status: .failure) }
  }

  /// Pages by node.
  private func wants(_ text: String, _ root: HostRoot) throws -> [HugePageReservation.Want] {
    let nodes = HostNodes(root).withMemory.map(\.id)
    if let pages = Int(text), pages > 0, pages < 1 << 32, !nodes.isEmpty {
      return nodes.enumerated().map { index, node in
        .init(node: node, pages: pages / nodes.count + (index < pages % nodes.count ? 1 : 0))
      }
    }
    return try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
      let numbers = part.split(separator: "=").map { Int($0) }
      guard numbers.count == 2, let node = numbers[0], let pages = numbers[1], pages > 0, pages < 1 << 32 else {
        throw ValidationError("--reserve: '\(text)' is no number of pages; write it as 512, or by node as 0=256,1=256")
      }
      guard nodes.contains(node) else {
        throw ValidationError("--reserve: there is no node \(node) with memory; pageferry host shows them")
      }
      return .init(node: node, pages: pages)
    }
  }
}
