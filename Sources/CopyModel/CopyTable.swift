// A table of copies: long rows for programs, short ones for people.

import Units

/// Rows of one experiment. Numbers are integers; keys end in their unit, headings in the unit that people read.
public struct CopyTable: Sendable {
  /// What stands in a column.
  public struct Column: Equatable, Sendable {
    /// In CSV and JSON.
    public var key: String
    /// For people.
    public var heading: String
    /// Of the heading's unit, in the key's; a power of 10.
    public var divisor = 1
    /// Decimals for people.
    public var places = 0

    static func time(_ key: String, _ heading: String) -> Column {
      Column(key: key, heading: heading, divisor: Picoseconds.microsecond, places: 2)
    }
  }

  public enum Cell: Equatable, Sendable {
    case text(String)
    case integer(Int)
    case none
  }

  public let columns: [Column]
  public private(set) var rows: [[Cell]] = []

  init(_ columns: [Column]) { self.columns = columns }

  mutating func add(_ cells: [Cell]) {
    precondition(cells.count == columns.count)
    rows.append(cells)
  }

  // MARK: Columns of measurements

  static let latency = Column.time("latency_ps", "us")
  static let bandwidth = Column(key: "bytes_per_second", heading: "GB/s", divisor: 1_000_000_000, places: 2)
  static let speedup = Column(key: "speedup_over_cpu_permille", heading: "x cpu", divisor: 1000, places: 2)

  /// Columns of `cells`.
  static let measured = [
    latency, bandwidth, speedup, .time("cpu_time_ps", "CPU us"), .time("copy_ps", "copy us"),
    .time("fill_ps", "fill us"), .time("submit_ps", "submit us"), .time("poll_ps", "poll us"),
    .time("switch_ps", "switch us"),
  ]

  /// A measurement beside one CPU's.
  static func cells(_ copy: CopyMeasurement, _ cpu: CopyMeasurement) -> [Cell] {
    [
      copy.elapsed, copy.bandwidth, copy.speedup(over: cpu), copy.cpuTime, copy.copying, copy.filling, copy.submitting,
      copy.polling, copy.switching,
    ].map { .integer($0) }
  }

  // MARK: Texts

  /// Values separated by commas, exact, under their keys.
  public var csv: String {
    let lines =
      [columns.map(\.key)]
      + rows.map { row in
        row.map { cell in
          switch cell {
          case .text(let text): text.contains(",") ? "\"\(text)\"" : text
          case .integer(let value): "\(value)"
          case .none: ""
          }
        }
      }
    return lines.map { $0.joined(separator: ",") + "\n" }.joined()
  }

  /// All rows for people; columns that are 0 in all of them are left out.
  public var text: String {
    let shown = columns.indices.filter { column in
      rows.contains { $0[column] != .integer(0) && $0[column] != .none }
    }
    return CopyTable.aligned(
      [shown.map { columns[$0].heading }] + rows.map { row in shown.map { show(row[$0], columns[$0]) } })
  }

  /// One column's values, a row for each value of `down` and a column for each of `across`.
  ///
  /// - Parameters:
  ///   - corner: heading of the rows.
  ///   - last: a row below, without its heading cell.
  func pivot(
    _ key: String, down: String, across: String, corner: String, label: (Cell) -> String,
    last: (heading: String, cells: [String])? = nil
  ) -> String {
    guard let value = columns.firstIndex(where: { $0.key == key }),
      let rowKey = columns.firstIndex(where: { $0.key == down }),
      let columnKey = columns.firstIndex(where: { $0.key == across })
    else { return "" }
    var downs: [Cell] = []
    var acrosses: [Cell] = []
    for row in rows {
      if !downs.contains(row[rowKey]) { downs.append(row[rowKey]) }
      if !acrosses.contains(row[columnKey]) { acrosses.append(row[columnKey]) }
    }
    var lines = [[corner] + acrosses.map { show($0, columns[columnKey]) }]
    for cell in downs {
      lines.append(
        [label(cell)]
          + acrosses.map { across in
            rows.first { $0[rowKey] == cell && $0[columnKey] == across }.map { show($0[value], columns[value]) } ?? "-"
          })
    }
    if let last { lines.append([last.heading] + last.cells) }
    return CopyTable.aligned(lines)
  }

  private func show(_ cell: Cell, _ column: Column) -> String {
    switch cell {
    case .text(let text): text
    case .integer(let value): CopyTable.fixed(value, over: column.divisor, places: column.places)
    case .none: "-"
    }
  }

  /// `value / divisor` with so many decimals, rounded to nearest.
  static func fixed(_ value: Int, over divisor: Int, places: Int) -> String {
    guard places > 0 else { return "\(ratio(value, divisor, times: 1))" }
    var scale = 1
    for _ in 0..<places { scale *= 10 }
    let scaled = ratio(value, divisor, times: scale)
    let decimals = "\(scaled % scale)"
    return "\(scaled / scale)." + String(repeating: "0", count: places - decimals.count) + decimals
  }

  /// Cells at the right end of their column; the first column's at the left.
  static func aligned(_ lines: [[String]]) -> String {
    let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      var text = ""
      for (column, cell) in line.enumerated() {
        let space = String(repeating: " ", count: widths[column] - cell.count)
        text += (column == 0 ? "  " : "  ") + (column == 0 ? cell + space : space + cell)
      }
      return text + "\n"
    }.joined()
  }
}

/// What an experiment found, ready to be shown.
public struct CopyReport: Sendable {
  public let table: CopyTable
  /// The short form for people.
  public let text: String
  /// What limits the numbers.
  public let notes: [String]
}
