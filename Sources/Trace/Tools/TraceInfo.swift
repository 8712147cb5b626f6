// What `trace info` says about a trace: the header, checked, and how its accesses spread over pages.

/// A summary of one trace. All of it is verified: the whole file has been read.
public struct TraceInfo: Codable, Equatable, Sendable {
  public var path: String
  /// Format version.
  public var version: Int
  /// Counts, layout and provenance.
  public var header: TraceHeader
  /// Reads in all accesses, 0 to 1.
  public var readShare: Double
  /// Accesses per distinct 4 KiB page.
  public var accessesPerPage: Spread
  /// Share of accesses that go to the tenth of the pages accessed most, 0 to 1.
  public var hottestTenthShare: Double

  /// A distribution: nearest-rank percentiles.
  public struct Spread: Codable, Equatable, Sendable {
    public var p50: Int
    public var p90: Int
    public var p99: Int
    public var max: Int
  }

  /// Reads the whole of `path`: time and memory grow with the trace and its footprint (2 KiB per 2 MiB block).
  public init(path: String) throws(TraceError) {
    var reader = try TraceReader(path: path)
    self = try Self(reading: &reader)
  }

  /// Reads all of `reader` from its start.
  public init(reading reader: inout TraceReader) throws(TraceError) {
    reader.rewind()
    let block = TraceBlock()
    var pages = PageCounts()
    while try reader.next(into: block) {
      for i in 0..<block.count
      where !pages.add(1 + Int(block.repeats[i]), to: block.address(i), of: block.pageProcess[Int(block.pageIndex[i])])
      {
        throw TraceError(
          .limit, file: reader.path, problem: "more than \(PageDirectory.maxBlocks) blocks of 2 MiB in use",
          fix: "summarise a smaller trace")
      }
    }
    let counts = pages.sorted
    header = reader.header
    guard counts.count == header.footprintPages, pages.hugeBlocks == header.footprintHugeBlocks else {
      throw TraceError(
        .damaged, file: reader.path, byte: 64, problem: "the header's footprint is not the trace's",
        fix: "record the trace again")
    }
    path = reader.path
    version = TraceFormat.version
    readShare = Double(header.reads) / Double(header.accesses)
    func rank(_ percent: Int) -> Int { Int(counts[Swift.max(0, (counts.count * percent + 99) / 100 - 1)]) }
    accessesPerPage = Spread(p50: rank(50), p90: rank(90), p99: rank(99), max: rank(100))
    let tenth = Swift.max(1, counts.count / 10)
    let hottest = counts.suffix(tenth).reduce(0) { $0 + Int($1) }
    hottestTenthShare = Double(hottest) / Double(header.accesses)
  }

  /// The summary as text, one fact a line, ending in a line feed.
  public func rendered() -> String {
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
        "\(grouped(header.accesses)): \(grouped(header.reads)) reads (\(percent(readShare))),"
          + " \(grouped(header.writes)) writes"
      ),
    ]
    if layout.isCacheFiltered {
      // A part that was cut out of a filtered trace does not state how many.
      let count = header.cachedAccesses
      lines.append(("cached", count > 0 ? "\(grouped(count)) accesses left out by the filter" : "not known how many"))
    }
    lines += [
      ("threads", grouped(header.threads)),
      ("work", layout.gapUnit == .none ? "not recorded" : "\(grouped(header.totalGap)) \(layout.gapUnit)"),
      (
        "footprint",
        "\(grouped(header.footprintPages)) pages of 4 KiB (\(size(pages: header.footprintPages))) in"
          + " \(grouped(header.footprintHugeBlocks)) blocks of 2 MiB"
      ),
      ("addresses", "\(hexText(header.lowestAddress)) to \(hexText(header.highestAddress))"),
      (
        "per page",
        "p50 \(grouped(accessesPerPage.p50)), p90 \(grouped(accessesPerPage.p90)),"
          + " p99 \(grouped(accessesPerPage.p99)), max \(grouped(accessesPerPage.max)) accesses"
      ),
      ("hottest 10 %", "\(percent(hottestTenthShare)) of the accesses"),
    ]
    lines += header.provenance.fields.map { ($0.name, escaped($0.value)) }
    return lines.map { name, value in
      name + String(repeating: " ", count: Swift.max(1, 14 - name.utf8.count)) + value + "\n"
    }.joined()
  }

  /// A count with commas, as the summary of a run has it.
  private func grouped(_ value: Int) -> String {
    var text = ""
    for (i, digit) in String(value).reversed().enumerated() {
      if i > 0 && i % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }

  /// A size in binary units with one decimal, as the summary of a run has it: `45.9 MiB`.
  private func size(pages: Int) -> String {
    for (scale, name) in [(1 << 18, "GiB"), (1 << 8, "MiB")] where pages >= scale {
      let tenths = pages / scale * 10 + (pages % scale * 10 + scale / 2) / scale
      return "\(grouped(tenths / 10)).\(tenths % 10) \(name)"
    }
    return "\(pages * 4) KiB"
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

  private func percent(_ share: Double) -> String {
    let tenths = Int((share * 1000).rounded())
    return "\(tenths / 10).\(tenths % 10) %"
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
