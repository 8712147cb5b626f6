// Numbers as the summary of a run writes them.

/// A count with commas.
func grouped(_ value: some BinaryInteger) -> String {
  var text = ""
  for (i, digit) in String(value).reversed().enumerated() {
    if i > 0 && i % 3 == 0 { text.append(",") }
    text.append(digit)
  }
  return String(text.reversed())
}

/// A number of 0 or more with commas and one decimal.
func grouped(tenths value: Double) -> String {
  let tenths = Int((value * 10).rounded())
  return "\(grouped(tenths / 10)).\(tenths % 10)"
}

/// A size in binary units with one decimal: `45.9 MiB`.
func sizeText(pages: Int) -> String {
  for (scale, name) in [(1 << 18, "GiB"), (1 << 8, "MiB")] where pages >= scale {
    let tenths = pages / scale * 10 + (pages % scale * 10 + scale / 2) / scale
    return "\(grouped(tenths / 10)).\(tenths % 10) \(name)"
  }
  return "\(pages * 4) KiB"
}

/// A share, 0 to 1, in per cent with one decimal.
func percentText(_ share: Double) -> String { grouped(tenths: share * 100) + " %" }

/// Rows of texts as a table, each column as wide as its widest text, two spaces between. The columns of `left` begin on the left,
/// the others end on the right; nothing ends in spaces.
func tableText(_ rows: [[String]], left: Set<Int> = []) -> String {
  var widths: [Int] = []
  for row in rows {
    for (i, text) in row.enumerated() {
      if i == widths.count { widths.append(0) }
      widths[i] = max(widths[i], text.utf8.count)
    }
  }
  return rows.map { row in
    var line = ""
    for (i, text) in row.enumerated() {
      let space = String(repeating: " ", count: widths[i] - text.utf8.count)
      line += "  " + (left.contains(i) ? text + space : space + text)
    }
    while line.last == " " { line.removeLast() }
    return line + "\n"
  }.joined()
}
