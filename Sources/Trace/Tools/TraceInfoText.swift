// The summary of a trace as text.

extension TraceInfo {
  /// The summary as text: one fact a line, then tables, ending in a line feed.
  public func rendered() -> String {
    var facts = headerFacts
    if isBrief { facts.append(("records read", "none: all is from the header")) }
    facts += pageFacts + reuseFacts
    facts += header.provenance.fields.map { ($0.name, escaped($0.value)) }
    let list = facts.map { name, value in
      name + String(repeating: " ", count: Swift.max(1, 14 - name.utf8.count)) + value + "\n"
    }
    return ([list.joined()] + tables).joined(separator: "\n")
  }

  private var headerFacts: [(String, String)] {
    let layout = header.layout
    var lines: [(String, String)] = [
      ("trace", path),
      (
        "format",
        "version \(version), \(layout.addressKind.rawName) addresses in units of \(1 << layout.granuleShift) B"
      ),
      (
        "size",
        "\(grouped(header.fileBytes)) B in \(grouped(header.blocks)) \(header.blocks == 1 ? "block" : "blocks")"
      ),
      ("records", "\(grouped(header.records)), \(layout.isCoalesced ? "coalesced by page" : "one an access")"),
      (
        "accesses",
        "\(grouped(header.accesses)): \(grouped(header.reads)) reads (\(percentText(readShare))),"
          + " \(grouped(header.writes)) writes"
      ),
    ]
    if layout.isCacheFiltered {
      // A part that was cut out of a filtered trace does not state how many.
      let count = header.cachedAccesses
      lines.append(("cached", count > 0 ? "\(grouped(count)) accesses left out by the filter" : "not known how many"))
    }
    if layout.hasTouches { lines.append(("touches", "\(grouped(header.touches)) of the accesses reach no memory")) }
    lines += [
      (
        "threads",
        grouped(header.threads) + (header.processes > 1 ? " in \(grouped(header.processes)) processes" : "")
      ),
      ("work", layout.gapUnit == .none ? "not recorded" : "\(grouped(header.totalGap)) \(layout.gapUnit)"),
      (
        "footprint",
        "\(grouped(header.footprintPages)) pages of 4 KiB (\(sizeText(pages: header.footprintPages))) in"
          + " \(grouped(header.footprintHugeBlocks)) blocks of 2 MiB"
      ),
      ("addresses", "\(hexText(header.lowestAddress)) to \(hexText(header.highestAddress))"),
    ]
    if layout.hasTimes {
      lines.append(("time stamps", "\(grouped(header.firstTime)) to \(grouped(header.lastTime)) ns"))
    }
    return lines
  }

  private var pageFacts: [(String, String)] {
    guard let accessesPerPage, let hottestTenthShare else { return [] }
    return [
      (
        "per page",
        "p50 \(grouped(accessesPerPage.p50)), p90 \(grouped(accessesPerPage.p90)),"
          + " p99 \(grouped(accessesPerPage.p99)), max \(grouped(accessesPerPage.max)) accesses"
      ),
      ("hottest 10 %", "\(percentText(hottestTenthShare)) of the accesses"),
    ]
  }

  private var reuseFacts: [(String, String)] {
    guard let coldRecords, let foldedRepeats else { return [] }
    var lines = [
      (
        "reuses",
        "\(grouped(header.records - coldRecords)) records to a page used before; not counted:"
          + " \(grouped(coldRecords)) first ones, \(grouped(foldedRepeats)) folded repeats"
      )
    ]
    for (name, reuse, words) in [
      ("  distance", reuseDistance, "pages"), ("  work", reuseWork, "\(header.layout.gapUnit) of all threads"),
      ("  time", reuseTime, "ns"),
    ] {
      guard let p = reuse?.percentiles else { continue }
      lines.append(
        (
          name,
          "p50 \(grouped(p.p50)), p90 \(grouped(p.p90)), p99 \(grouped(p.p99)), max \(grouped(p.max)) \(words)"
        ))
    }
    return lines
  }

  private var tables: [String] {
    var tables: [String] = []
    if let reuseDistance {
      tables += histogram("reuse distance: distinct pages between two records of a page", reuseDistance)
    }
    if let reuseWork {
      tables += histogram(
        "reuse interval: \(header.layout.gapUnit) of all threads between two records of a page", reuseWork)
    }
    if let reuseTime { tables += histogram("reuse interval: ns between two records of a page", reuseTime) }
    if let workingSet {
      let rows = workingSet.map { set in
        let part = Int((1 / set.partOfTrace).rounded())
        return [
          part == 1 ? "all" : "1/\(part)", grouped(set.windowRecords), grouped(tenths: set.meanPages),
          grouped(set.maxPages), sizeText(pages: set.maxPages),
        ]
      }
      tables.append(
        "working set: distinct pages in a window, over all windows of so many records\n"
          + tableText([["of trace", "records", "mean pages", "max pages", "max"]] + rows, left: [0]))
    }
    if let hottestRegions, !hottestRegions.isEmpty { tables.append(regionsText(hottestRegions)) }
    return tables
  }

  /// A title and a row for each power of two from the first to the last that is not empty; nothing when all are.
  private func histogram(_ title: String, _ reuse: Reuse) -> [String] {
    let buckets = reuse.histogram.drop { $0.records == 0 }
    let all = buckets.reduce(0) { $0 + $1.records }
    let most = buckets.map(\.records).max() ?? 0
    guard most > 0 else { return [] }
    let rows = buckets.map { bucket in
      let bar = Int((Double(bucket.records) / Double(most) * 40).rounded())
      return [
        grouped(bucket.from), grouped(bucket.records), percentText(Double(bucket.records) / Double(all)),
        String(repeating: "#", count: bucket.records == 0 ? 0 : Swift.max(1, bar)),
      ]
    }
    return [title + "\n" + tableText([["from", "records", "share"]] + rows, left: [3])]
  }

  private func regionsText(_ regions: [HotRegion]) -> String {
    let hasProcesses = regions.contains { $0.process > 0 }
    let rows = regions.map { region in
      (hasProcesses ? ["\(region.process)"] : []) + [
        hexText(region.lowestAddress), hexText(region.highestAddress), grouped(region.pages),
        grouped(region.accesses), grouped(tenths: region.accessesPerPage), percentText(region.share),
        percentText(region.writeShare),
      ]
    }
    let heading =
      (hasProcesses ? ["process"] : []) + ["from", "to", "pages", "accesses", "a page", "of all", "writes"]
    return "hottest regions: blocks of 2 MiB, neighbours of like heat as one\n" + tableText([heading] + rows)
  }

  /// Text of the file without what a terminal would obey: control characters as `\u{1B}`.
  private func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      if scalar.properties.generalCategory == .control {
        result += scalar == "\n" ? "\\n" : "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

extension AddressKind {
  /// The word used in text.
  var rawName: String {
    switch self {
    case .virtual: "virtual"
    case .physical: "physical"
    case .pageNumber: "page-number"
    }
  }
}
