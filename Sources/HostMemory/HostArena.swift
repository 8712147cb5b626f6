// A piece of real memory on a node.

import Foundation
import Units

/// Memory of this machine, touched, bound and verified. It goes back when the arena does, and with the process at the latest.
///
/// An address that is not in the arena but beside it is not mapped, where the arena is not on hugetlbfs.
public final class HostArena: @unchecked Sendable, CustomStringConvertible {
  // Everything here is constant. What is in the memory is the callers' affair, as is who writes it when.

  /// What was asked for.
  public let request: HostMemory.Request
  /// The first byte; aligned to `request.pages.size`.
  public let base: UnsafeMutableRawPointer
  /// Bytes, a multiple of `request.pages.size`.
  public let count: Int
  /// The node of this machine that it is bound to.
  public let hostNode: Int
  /// Whether it stands in for another node: the machine has fewer nodes with memory than are asked for.
  public let standIn: Bool
  /// What it lies on.
  public let backing: HostBacking
  /// Bytes on pages of 2 MiB, as the kernel counts them (/proc/self/smaps); nil where it does not say.
  public let hugeBytes: Int?
  /// Steps back from what was asked for, first to last.
  public let retreats: [Retreat]
  /// Why it is not bound to its node; nil where it is.
  public let bindingProblem: String?
  /// Where the pages lay when they had been touched, all of them.
  public let placement: Placement

  private let mapping: Mapping

  init(
    request: HostMemory.Request, mapping: Mapping, node: HostMemory.Place, hugeBytes: Int?, retreats: [Retreat],
    placement: Placement
  ) {
    self.request = request
    self.mapping = mapping
    base = mapping.base
    count = mapping.count
    hostNode = node.host
    standIn = node.standIn
    backing = mapping.backing
    self.hugeBytes = hugeBytes
    self.retreats = retreats
    bindingProblem = mapping.bindingProblem
    self.placement = placement
  }

  deinit { mapping.unmap() }

  /// The bytes.
  public var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: base, count: count) }

  /// Asks the kernel again where the pages lie: every `stride`-th page of what the arena is backed by.
  public func placement(stride: Int = 1) -> Placement {
    Placement(base: base, count: count, pageSize: backing == .hugetlbfs ? HostPages.hugeSize : 4096, stride: stride)
  }

  /// What every output about this memory has to say: stand-ins, retreats, pages elsewhere, what could not be checked.
  public var remarks: [String] {
    var remarks: [String] = []
    if standIn {
      remarks.append(
        "node \(request.node) is played by node \(hostNode): this machine has too few nodes with memory, so local and remote memory "
          + "are the same here")
    }
    for retreat in retreats { remarks.append("node \(request.node): \(retreat)") }
    if let bindingProblem { remarks.append("node \(request.node): not bound to node \(hostNode): \(bindingProblem)") }
    if let problem = placement.problem { remarks.append("node \(request.node): \(problem)") }
    let elsewhere = placement.pages(notOn: hostNode)
    if elsewhere > 0 {
      remarks.append("node \(request.node): \(elsewhere) of \(placement.asked) pages are not on node \(hostNode)")
    }
    return remarks
  }

  /// `node 0: 64MiB in 2 MiB pages of hugetlbfs, all on node 0`.
  public var description: String {
    var text = "node \(request.node): \(ByteSize.text(count)) in \(backing.words)"
    if let hugeBytes, backing == .basePages, hugeBytes > 0 {
      text += " (\(ByteSize.text(hugeBytes)) of them in transparent huge pages of 2 MiB)"
    }
    return text + ", " + placement.description
  }
}

/// Where pages lie, by asking the kernel: move_pages(2) without nodes to move to.
public struct Placement: Sendable, Equatable, CustomStringConvertible {
  /// Pages of one node.
  public struct Share: Sendable, Equatable {
    public var node: Int
    public var pages: Int
  }

  /// Bytes of a page.
  public var pageSize: Int
  /// One page in so many was asked for.
  public var stride: Int
  /// Pages that were asked for.
  public var asked: Int
  /// By node, ascending.
  public var shares: [Share]
  /// Pages that the kernel does not place: not mapped, or not asked about because it refused.
  public var unplaced: Int
  /// Why nothing is known; nil where the kernel answered.
  public var problem: String?

  /// Pages that are known to lie on other nodes.
  public func pages(notOn node: Int) -> Int { shares.reduce(0) { $0 + ($1.node == node ? 0 : $1.pages) } }

  /// Whether every page that was asked for is there.
  public func isWhole(on node: Int) -> Bool { shares == [Share(node: node, pages: asked)] }

  public var description: String {
    if problem != nil { return "where its pages lie is not known" }
    let every = stride > 1 ? " (one page in \(stride) looked at)" : ""
    if unplaced == 0, shares.count == 1, let share = shares.first { return "all on node \(share.node)\(every)" }
    var parts = shares.map { "\($0.pages) pages on node \($0.node)" }
    if unplaced > 0 { parts.append("\(unplaced) pages nowhere") }
    return parts.joined(separator: ", ") + every
  }
}
