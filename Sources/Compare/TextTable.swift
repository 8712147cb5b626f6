// A table as text: labels at the left, values at the right of their columns.

import Report

/// Rows of one value a column.
struct TextTable {
  private let columns: [String]
  private var rows: [(label: String, cells: [String])] = []

  init(columns: [String]) { self.columns = columns }

  mutating func add<Column>(_ label: String, _ columns: [Column], _ cell: (Column) -> String) {
    rows.append((label, columns.map(cell)))
  }

  /// A row of words alone.
  mutating func heading(_ label: String) { rows.append((label, [])) }

  /// All rows under the line of columns; no spaces at the ends of lines.
  var text: String {
    let all = [(label: "", cells: columns)] + rows
    let labels = all.map(\.label.count).max() ?? 0
    let widths = columns.indices.map { column in
      all.map { $0.cells.count > column ? $0.cells[column].count : 0 }.max() ?? 0
    }
    return all.map { row in
      let cells = zip(row.cells, widths).map { "  " + $0.right($1) }.joined()
      return (row.label.left(labels) + cells).trimmedRight + "\n"
    }.joined()
  }
}
