// The block about a single knob.

extension KnobTree {
  /// What `sysctl NAME` prints: the assignment, then one labelled line for each thing declared, wrapped at 100 columns.
  public func describe(_ name: String) throws(KnobError) -> String {
    let entry = try entry(name)
    let card = entry.card
    var text = ""
    if card.kind == .trigger {
      text += "\(entry.name)\n"
    } else {
      text += entry.line() + "\n"
      text += field("default", entry.defaultValue.isEmpty ? "empty" : entry.defaultValue)
    }
    if let write = history.last(where: { $0.name == entry.name }), write.origin != .program {
      text += field("set by", write.origin.description)
    }
    text += field("range", card.range)
    text += field("unit", card.unit.text)
    text += field("when", card.when.text)
    text += field("evidence", card.evidence.rawValue)
    text += field("meaning", card.doc)
    text += field("source", card.source)
    text += field("notes", card.notes ?? "")
    return text
  }

  /// Nothing for an empty content, else the label and the content wrapped behind it.
  private func field(_ label: String, _ content: String) -> String {
    guard !content.isEmpty else { return "" }
    let indent = String(repeating: " ", count: 12)
    let first = "  " + label + String(repeating: " ", count: 10 - label.count)
    let lines = wrapped(content, width: 100 - indent.count)
    return first + lines.joined(separator: "\n" + indent) + "\n"
  }

  /// The text's words in lines of at most `width` characters; a longer word gets a line of its own.
  private func wrapped(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    for word in text.split(whereSeparator: \.isWhitespace) {
      if let last = lines.last, last.count + 1 + word.count <= width {
        lines[lines.count - 1] = "\(last) \(word)"
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}
