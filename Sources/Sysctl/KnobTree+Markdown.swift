// The docs page: tables of all knobs, one for each first component of names.

extension KnobTree {
  /// Sections `## vm`, `## hw`, … in order of first declaration, each a table in declaration order. A family has one
  /// row. On a tree with changed values there is a column of values too. Same tree, same bytes.
  public func markdown() -> String {
    let showsValues = catalog.knobs.indices.contains { at in defaultText(of: at) != valueText(of: at) }
    var sections: [(title: Substring, rows: String)] = []
    for (at, knob) in catalog.knobs.enumerated() {
      let title = KnobName.firstComponent(knob.card.name)
      let row = row(of: at, showsValues: showsValues)
      if let known = sections.firstIndex(where: { $0.title == title }) {
        sections[known].rows += row
      } else {
        sections.append((title, row))
      }
    }
    let titles = showsValues ? ["knob", "value", "default"] : ["knob", "default"]
    let columns = titles + ["range", "unit", "when", "evidence", "meaning", "source"]
    let head = line(columns) + line(columns.map { _ in "---" })
    return sections.map { "## \($0.title)\n\n" + head + $0.rows }.joined(separator: "\n")
  }

  private func row(of at: Int, showsValues: Bool) -> String {
    let card = catalog.knobs[at].card
    var cells = ["`\(card.name)`"]
    if showsValues { cells.append(valueText(of: at)) }
    let meaning = card.notes.map { "\(card.doc) \($0)" } ?? card.doc
    cells += [
      defaultText(of: at), card.range, card.unit.text, card.when.text, card.evidence.rawValue, meaning, card.source,
    ]
    return line(cells)
  }

  private func line(_ cells: [String]) -> String {
    "| " + cells.map(escaped).joined(separator: " | ") + " |\n"
  }

  /// A cell's text: bars escaped, on one line.
  private func escaped(_ cell: String) -> String {
    cell.split(whereSeparator: \.isNewline).joined(separator: " ").split(
      separator: "|", omittingEmptySubsequences: false
    )
    .joined(separator: "\\|")
  }

  private func defaultText(of at: Int) -> String { text(of: at, in: catalog.defaults) }
  private func valueText(of at: Int) -> String { text(of: at, in: sets) }

  /// A knob's value; of a family the value all listed indices share, or each with its index: `0: 16GiB, 1: 64GiB`.
  private func text(of at: Int, in sets: [any KnobSet]) -> String {
    let knob = catalog.knobs[at]
    let set = sets[knob.set]
    let values = (0..<max(1, knob.listed(set))).map { knob.read(set, $0) }
    if Set(values).count == 1 { return values[0] }
    return values.enumerated().map { "\($0): \($1)" }.joined(separator: ", ")
  }
}
