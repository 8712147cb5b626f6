// A table as text: labels at the left, values at the right of their columns.

import Report

/// Rows of one value a column.
package struct TextTable {
  private let corner: String
  private let columns: [String]
  private var rows: [(label: String, cells: [String])] = []

  /// - Parameter corner: the heading of the labels.
  package init(columns: [String], corner: String = "") {
    self.columns = columns
    self.corner = corner
  }

  package mutating func add<Column>(_ label: String, _ columns: [Column], _ cell: (Column) -> String) {
    rows.append((label, columns.map(cell)))
  }

  /// A row of texts.
  package mutating func add(_ label: String, _ cells: [String]) { rows.append((label, cells)) }

  /// A row of words alone.
  mutating func heading(_ label: String) { rows.append((label, [])) }

  /// All rows under the line of columns; no spaces at the ends of lines.
  package var text: String {
    let all = [(label: corner, cells: columns)] + rows
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
