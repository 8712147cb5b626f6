// Arenas of real memory on nodes: checked before they are taken, all or none.

import Foundation
import Host
import Units

/// The memory of this machine, as a source of arenas.
///
/// Nodes of a model are numbered from 0; each is played by a node of this machine with memory, in the order of their numbers, and over again
/// when there are too few (`HostArena.standIn`).
public struct HostMemory: Sendable {
  /// Memory that is wanted.
  public struct Request: Sendable, Equatable {
    /// The model's node, 0...1023.
    public var node: Int
    /// Bytes; rounded up to whole pages.
    public var bytes: Int
    public var pages: HostPages

    public init(node: Int, bytes: Int, pages: HostPages) {
      self.node = node
      self.bytes = bytes
      self.pages = pages
    }
  }

  /// Which node of this machine plays one of the model.
  public struct Place: Sendable, Equatable {
    public var host: Int
    public var standIn: Bool
  }

  /// Nodes of this machine with memory that the process may use, ascending; never empty.
  public let nodes: [Int]

  public init() {
    var nodes = HostNodes(.machine).withMemory.map(\.id)
    if let allowed = NodePolicies.ask().allowed { nodes = nodes.filter { allowed.contains($0) } }
    self.nodes = nodes.isEmpty ? [0] : nodes
  }

  public func place(of node: Int) -> Place {
    Place(host: nodes[max(0, node) % nodes.count], standIn: node >= nodes.count)
  }

  /// Takes all of them or none.
  /// - Throws: what is short, before anything is taken; or what the system refused.
  public func take(_ requests: [Request]) throws(HostMemoryError) -> [HostArena] {
    guard sysconf(Int32(_SC_PAGESIZE)) == 4096 else {
      throw HostMemoryError(
        .system, "this kernel's pages have \(sysconf(Int32(_SC_PAGESIZE))) bytes",
        fix: "use a kernel with pages of 4096 bytes; copies of frames are measured in these")
    }
    let plans = try plan(requests)
    var arenas: [HostArena] = []
    for plan in plans { arenas.append(try arena(plan)) }
    return arenas
  }

  /// Huge pages of 2 MiB that are missing in the pools for these requests, by node of this machine, ascending: what a
  /// `HugePageReservation` has to add.
  public func missingHugePages(for requests: [Request]) -> [HugePageReservation.Want] {
    missingHugePages(forEach: [requests])
  }

  /// The same for requests that are taken and given back one list after the other: each node needs the most that one of them takes there.
  public func missingHugePages(forEach lists: [[Request]]) -> [HugePageReservation.Want] {
    var most: [Int: Int] = [:]
    for requests in lists {
      var needed: [Int: Int] = [:]
      for request in requests where request.pages == .huge && request.bytes > 0 {
        needed[place(of: request.node).host, default: 0] += (request.bytes - 1) / HostPages.hugeSize + 1
      }
      most.merge(needed) { max($0, $1) }
    }
    let pool = try? HugePagePool(.machine, pageSize: HostPages.hugeSize, nodes: nodes)
    return most.sorted { $0.key < $1.key }.compactMap { node, pages in
      let missing = pages - (pool?.available(on: node) ?? 0)
      return missing > 0 ? HugePageReservation.Want(node: node, pages: missing) : nil
    }
  }

  // MARK: - Making an arena

  /// What is to be done for a request.
  struct Plan {
    var request: Request
    var count: Int
    var place: Place
    /// What it is tried on first, and why not on anything better.
    var backing: HostBacking
    var retreats: [Retreat] = []
  }

  private func arena(_ plan: Plan) throws(HostMemoryError) -> HostArena {
    var plan = plan
    while true {
      do throws(Mapping.Fault) {
        let mapping = try Mapping(count: plan.count, backing: plan.backing, node: plan.place.host)
        return finish(mapping, plan)
      } catch {
        guard plan.backing == .hugetlbfs else {
          throw HostMemoryError(
            .system, "\(ByteSize.text(plan.count)) on node \(plan.place.host): \(error.reason)",
            fix: "ask for less memory, or look at 'ulimit -v' and the limits of the control group")
        }
        // Other programs took pages of the pool since it was looked at, or a control group limits them.
        retreat(&plan, error.reason)
        try check([plan])
      }
    }
  }

  /// Looks at what a mapping came to.
  private func finish(_ made: Mapping, _ plan: Plan) -> HostArena {
    var mapping = made
    var retreats = plan.retreats
    let pages = MappedPages(base: mapping.base, count: mapping.count)
    let huge = pages.map { mapping.backing == .hugetlbfs ? $0.pooled : $0.transparent }
    if mapping.backing == .transparentHuge, huge != mapping.count {
      let reason =
        huge.map {
          "the kernel gave \($0 / HostPages.hugeSize) huge pages of \(mapping.count / HostPages.hugeSize); free memory is in pieces, or "
            + "/sys/kernel/mm/transparent_hugepage/enabled says never"
        } ?? "/proc/self/smaps cannot be read, so that nobody knows"
      retreats.append(Retreat(from: .transparentHuge, to: .basePages, reason: reason))
      mapping.backing = .basePages
    }
    let placement = Placement(
      base: mapping.base, count: mapping.count,
      pageSize: mapping.backing == .hugetlbfs ? HostPages.hugeSize : 4096, stride: 1)
    return HostArena(
      request: plan.request, mapping: mapping, node: plan.place, hugeBytes: huge, retreats: retreats,
      placement: placement)
  }
}
