// A plan as a table for people.

import Units

extension CopyPlan: CustomStringConvertible {
  /// Most faults that are told one by one.
  private static let maxFaults = 8

  /// A head line, and for each round a line and a table: a row for each channel, channels alike in one row, rounds alike in one table.
  public var description: String {
    var text = "\(list), \(ByteSize.text(list.bytes)): \(rounds.count) round\(rounds.count == 1 ? "" : "s")"
    text += " on \(channels) channel\(channels == 1 ? "" : "s"), cut by \(cut.rawValue)\n"
    var first = 0
    while first < rounds.count {
      let (huge, base) = (rounds[first].huge.count, rounds[first].base.count)
      let rest = rounds[first...]
      let end = rest.firstIndex { $0.huge.count != huge || $0.base.count != base } ?? rounds.count
      let numbers = end == first + 1 ? "round \(end)" : "rounds \(first + 1)-\(end)"
      let items = "items \(rounds[first].items.lowerBound)-\(rounds[end - 1].items.upperBound - 1)"
      text += "\(numbers): \(items): \(PageList(huge: huge, base: base))\(end == first + 1 ? "" : " each")\n"
      text += table(first)
      first = end
    }
    let faults = faultsOfOriginal
    for fault in faults.prefix(Self.maxFaults) { text += "original: \(fault)\n" }
    if faults.count > Self.maxFaults { text += "original: and \(faults.count - Self.maxFaults) more\n" }
    return text
  }

  private func table(_ index: Int) -> String {
    let round = rounds[index]
    var rows: [(channels: ClosedRange<Int>, cells: [String])] = []
    for channel in 0..<channels {
      let base = round.basePages(channel: channel, of: channels)
      let isBatched = round.isBatched(channels: channels)
      let cells = [
        "\(round.descriptors(channel: channel, of: channels))",
        round.huge.isEmpty ? "-" : "\(round.huge.count) x \(ByteSize.text(sliceBytes(channel: channel)))",
        isBatched || base == 0 ? "-" : "\(base)", isBatched ? "\(base)" : "-",
        ByteSize.text(bytes(round: index, channel: channel)),
      ]
      if let last = rows.indices.last, rows[last].cells == cells {
        rows[last].channels = rows[last].channels.lowerBound...channel
      } else {
        rows.append((channel...channel, cells))
      }
    }
    var lines = [["channels", "descriptors", "huge slices", "singles", "batch", "bytes"]]
    for row in rows {
      let (low, high) = (row.channels.lowerBound, row.channels.upperBound)
      lines.append([low == high ? "\(low)" : "\(low)-\(high)"] + row.cells)
    }
    let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      "  "
        + line.indices.map { String(repeating: " ", count: widths[$0] - line[$0].count) + line[$0] }
        .joined(separator: "  ") + "\n"
    }.joined()
  }
}
