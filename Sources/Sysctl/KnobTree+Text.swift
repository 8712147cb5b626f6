// The tree as text: one line a knob, and the whole configuration as a file.

/// `name = value`, without a space at the end of an empty one.
private func assignment(_ name: String, _ value: String) -> String {
  value.isEmpty ? "\(name) =" : "\(name) = \(value)"
}

extension KnobEntry {
  /// `vm.limit_chans = 8`; long `vm.limit_chans = 8  # channels, default 1, range 1...8`.
  public func line(long: Bool = false) -> String {
    let short = assignment(name, value)
    guard long else { return short }
    var words = card.unit == .plain ? [] : [card.unit.text]
    words.append("default \(defaultValue.isEmpty ? "empty" : defaultValue)")
    if !card.range.isEmpty { words.append("range \(card.range)") }
    return "\(short)  # \(words.joined(separator: ", "))"
  }
}

extension KnobTree {
  /// Every knob in use with its value, one line each, in declaration order: what `sysctl -a` prints.
  ///
  /// The long form says unit, default and range behind a `#`; it is for people and does not load.
  public func listing(long: Bool = false) -> String {
    entries.map { $0.line(long: long) + "\n" }.joined()
  }

  /// The effective configuration as a file that loads, onto a tree at its defaults, to the same values.
  ///
  /// Knobs at their default come first, in declaration order; then every write of the history in its order, since
  /// writes may refuse or change each other depending on it; then what else differs (values set by the program or by
  /// effects). It holds no file names, so equal trees give equal bytes wherever their files lay, and a tree loaded
  /// from it prints the same bytes again.
  public func sysctlText() -> String {
    let writes = historyBehindDefaults()
    var lastWritten: [String: String] = [:]
    for write in writes { lastWritten[write.name] = write.value }

    var untouched = ""
    var written = writes.map { assignment($0.name, $0.value) + "\n" }.joined()
    for entry in places(count: { knob, set in max(knob.listed(set), knob.stored(set)) }).map(entry(at:)) {
      if lastWritten[entry.name] == nil, entry.isDefault {
        untouched += entry.line() + "\n"
      } else if lastWritten[entry.name] != entry.value {
        written += entry.line() + "\n"
      }
    }
    let head = "# Effective knobs, complete. Syntax: sysctl.conf(5).\n\n# At their defaults.\n"
    return head + untouched + (written.isEmpty ? "" : "\n# Written, in order.\n" + written)
  }

  /// The history from the first write that was not of a default: those before it say what the first section of a
  /// written file says.
  private func historyBehindDefaults() -> ArraySlice<KnobWrite> {
    history.drop { write in
      guard let place = catalog.place(write.name), catalog.knobs[place.knob].card.kind != .trigger else { return false }
      return entry(at: place).defaultValue == write.value
    }
  }
}
