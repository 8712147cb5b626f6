// What requests come to on this machine, and whether it has so much.

import Host
import Units

extension HostMemory {
  /// Most bytes of a request: far above any machine, and far below what sums overflow at.
  private static let most = 1 << 50

  /// Chooses what each request is tried on, and checks that there is memory for all of them together.
  func plan(_ requests: [Request]) throws(HostMemoryError) -> [Plan] {
    let thp = TransparentHugePages(.machine)
    var plans: [Plan] = []
    var taken: [Int: Int] = [:]
    var pool: HugePagePool?
    var poolProblem = "this kernel has no pool of 2 MiB pages"
    do throws(Unreadable) { pool = try HugePagePool(.machine, pageSize: HostPages.hugeSize, nodes: nodes) } catch {
      if !error.isAbsent { poolProblem = "\(error)" }
    }
    for request in requests {
      let count = try HostMemory.roundedUp(request)
      var plan = Plan(request: request, count: count, place: place(of: request.node), backing: .basePages)
      if request.pages == .huge {
        plan.backing = .hugetlbfs
        let node = plan.place.host
        let pages = count / HostPages.hugeSize
        let free = max(0, (pool?.available(on: node) ?? 0) - taken[node, default: 0])
        if pages <= free {
          taken[node, default: 0] += pages
        } else {
          retreat(
            &plan,
            pool == nil
              ? poolProblem
              : "\(pages) pages are needed on node \(node) and \(free) are free in the pool; --reserve adds them")
          if !thp.takesAdvice {
            retreat(
              &plan,
              "/sys/kernel/mm/transparent_hugepage/enabled is '\(thp.enabled ?? "not there")'; as root: echo madvise > it"
            )
          }
        }
      }
      plans.append(plan)
    }
    try check(plans)
    return plans
  }

  /// One step down: hugetlbfs, transparent huge pages, 4 KiB pages.
  func retreat(_ plan: inout Plan, _ reason: String) {
    let to: HostBacking = plan.backing == .hugetlbfs ? .transparentHuge : .basePages
    plan.retreats.append(Retreat(from: plan.backing, to: to, reason: reason))
    plan.backing = to
  }

  private static func roundedUp(_ request: Request) throws(HostMemoryError) -> Int {
    guard (0...1023).contains(request.node) else {
      throw HostMemoryError(.request, "node \(request.node) is none of 0...1023", fix: "number nodes from 0")
    }
    guard (1...most).contains(request.bytes) else {
      throw HostMemoryError(
        .request, "\(request.bytes) bytes on node \(request.node) are not in 1...1PiB", fix: "ask for another size")
    }
    let size = request.pages.size
    return (request.bytes + size - 1) / size * size
  }

  /// Refuses what the machine, the process's control groups or a node do not have. Pages of a pool are set aside already and count
  /// for nothing here.
  func check(_ plans: [Plan]) throws(HostMemoryError) {
    let budget = MemoryBudget(.machine)
    let needed = plans.reduce(0) { $0 + ($1.backing == .hugetlbfs ? 0 : $1.count) }
    guard needed > 0 else { return }
    func refuse(_ needed: Int, of available: Int, _ place: String, fix: String) throws(HostMemoryError) {
      guard needed > available else { return }
      throw HostMemoryError(
        .shortage,
        "\(HostMemory.rough(needed)) of memory are needed and \(HostMemory.rough(available)) are there (\(place))",
        fix: fix)
    }
    if let available = budget.available {
      try refuse(
        needed, of: max(0, available - budget.margin),
        "MemAvailable of /proc/meminfo less \(HostMemory.rough(budget.margin)) for everyone else",
        fix: "ask for less, or end programs that use much")
    }
    if let group = budget.group {
      try refuse(needed, of: group.available, group.path, fix: "ask for less, or raise the limit of the control group")
    }
    // On one node the machine's figure is the better one.
    guard nodes.count > 1 else { return }
    for node in HostNodes(.machine).nodes {
      let here = plans.reduce(0) { $0 + ($1.backing != .hugetlbfs && $1.place.host == node.id ? $1.count : 0) }
      try refuse(
        here, of: node.available, "node \(node.id)",
        fix: "ask for less there; 'numactl -H' and 'pageferry host' show nodes")
    }
  }

  /// A size for people: whole MiB from 1 MiB on, rounded down.
  static func rough(_ bytes: Int) -> String { ByteSize.text(bytes >= 1 << 20 ? (bytes >> 20) << 20 : bytes) }
}
