// A result for people.

import PageCopy
import Units

extension CopyBenchResult {
  /// Tables by route and caches: folios by order, each list, and before them the machine's own limit.
  public var text: String {
    var routes: [CopyRoute] = []
    for row in samples where !routes.contains(row.route) { routes.append(row.route) }
    var text = memory.map { "\($0)\n" }.joined()
    text += "GB/s are 10^9 bytes copied a second (each is read once and written once), by the median.\n"
    for route in routes {
      text += "\nnode \(route.from) to node \(route.to)\n\(limitText(route))"
      for caches in CacheState.allCases {
        text += ordersText(route, caches)
        var names: [String] = []
        for case .list(let name, let list) in rows(route, caches).map(\.subject) where !names.contains(name) {
          names.append(name)
          text += listText(route, caches, name, list)
        }
      }
    }
    text += "\n\(verified) copies, all compared with their sources byte by byte\n"
    if repeated + disturbed > 0 {
      text +=
        "note: other programs had the CPU during \(repeated + disturbed) copies; \(repeated) of them do not count\n"
    }
    return text + remarks.map { "note: \($0)\n" }.joined()
  }

  private func rows(_ route: CopyRoute, _ caches: CacheState) -> [CopySamples] {
    samples.filter { $0.route == route && $0.caches == caches && $0.subject != .stream }
  }

  private func limitText(_ route: CopyRoute) -> String {
    let streams = samples.filter { $0.subject == .stream && $0.route == route }
    guard let size = streams.first?.bytes else { return "" }
    let counts = Set(streams.map(\.threads)).filter { $0 > 0 }.sorted()
    let parts = counts.compactMap { count in
      streams.filter { $0.threads == count }.max { $0.bytesPerSecond < $1.bytesPerSecond }.map {
        "\(count) thread\(count == 1 ? "" : "s") \(Self.gigabytes($0)) GB/s (\($0.engine))"
      }
    }
    return "  machine's own limit, \(ByteSize.text(size)) front to back: \(parts.joined(separator: ", "))\n"
  }

  private func ordersText(_ route: CopyRoute, _ caches: CacheState) -> String {
    var orders: [Int] = []
    var engines: [String] = []
    let rows = rows(route, caches)
    for row in rows {
      guard case .order(let order) = row.subject else { continue }
      if !orders.contains(order) { orders.append(order) }
      if !engines.contains(row.engine) { engines.append(row.engine) }
    }
    if orders.isEmpty { return "" }
    var lines = [["engine"] + orders.map { ByteSize.text(Page.size << $0) }]
    for engine in engines {
      lines.append(
        [engine]
          + orders.map { order in
            rows.first { $0.engine == engine && $0.subject == .order(order) }.map(Self.gigabytes) ?? "-"
          })
    }
    return "\n  one folio, caches \(caches.rawValue), GB/s\n" + Self.aligned(lines)
  }

  private func listText(_ route: CopyRoute, _ caches: CacheState, _ name: String, _ list: PageList) -> String {
    var lines = [["engine", "GB/s", "ns/4KiB", "p50 us", "p90 us", "p99 us", "x memcpy", "of limit"]]
    for row in rows(route, caches) where row.subject == .list(name, list) {
      let values = Dictionary(uniqueKeysWithValues: values(row).map { ($0.key, $0.value) })
      func number(_ key: String) -> Int? { if case .integer(let value)? = values[key] { value } else { nil } }
      lines.append([
        row.engine, Self.gigabytes(row), Self.fixed(row.picosecondsPerPage, places: 3, shown: 1),
        Self.fixed(row.percentile(50), places: 3, shown: 1), Self.fixed(row.percentile(90), places: 3, shown: 1),
        Self.fixed(row.percentile(99), places: 3, shown: 1),
        number("speedup_over_memcpy_permille").map { Self.fixed($0, places: 3, shown: 2) } ?? "-",
        number("share_of_limit_permille").map { "\(($0 + 5) / 10) %" } ?? "-",
      ])
    }
    let title = "list \(name): \(list), \(ByteSize.text(list.bytes)), caches \(caches.rawValue)"
    let copies = rows(route, caches).first { $0.subject == .list(name, list) }?.times.count ?? 0
    return "\n  \(title), \(copies) copies\n" + Self.aligned(lines)
  }

  private static func gigabytes(_ row: CopySamples) -> String {
    fixed(row.bytesPerSecond / 1_000_000, places: 3, shown: 2)
  }

  /// `value` / 10^places with so many decimals shown, rounded to nearest.
  static func fixed(_ value: Int, places: Int, shown: Int) -> String {
    func power(_ exponent: Int) -> Int { (0..<max(0, exponent)).reduce(1) { product, _ in product * 10 } }
    let cut = power(places - shown)
    let rounded = (value + cut / 2) / cut
    let decimals = "\(rounded % power(shown))"
    return "\(rounded / power(shown)).\(String(repeating: "0", count: shown - decimals.count))\(decimals)"
  }

  /// Cells at the right end of their column; the first column's at the left.
  static func aligned(_ lines: [[String]]) -> String {
    let widths = (lines.first ?? []).indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      var text = "  "
      for (column, cell) in line.enumerated() {
        let space = String(repeating: " ", count: widths[column] - cell.count)
        text += "  " + (column == 0 ? cell + space : space + cell)
      }
      return text + "\n"
    }.joined()
  }
}

extension EngineCatalog {
  /// What there is here; for what is not, why, and what would enable it.
  public var text: String {
    var lines = ""
    let width = offers.map(\.name.count).max() ?? 0
    for offer in offers {
      let name = offer.name + String(repeating: " ", count: width - offer.name.count)
      lines += "  \(name)  \(offer.obstacle == nil ? "yes" : "no ")  \(offer.words)\n"
      if let obstacle = offer.obstacle {
        let indent = String(repeating: " ", count: width + 9)
        lines += "\(indent)\(obstacle.why)\n\(indent)to enable it: \(obstacle.remedy)\n"
      }
    }
    return lines
      + "mt:N:items|bytes[:kernel] takes any number of threads from 1 to \(CopyLimits.workers), and any kernel.\n"
  }
}
