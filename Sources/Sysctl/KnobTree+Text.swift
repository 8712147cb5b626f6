// The tree as text: one line a knob, and the whole configuration as a file.

extension KnobEntry {
  /// `vm.limit_chans = 8`; long `vm.limit_chans = 8  # channels, default 1, range 1...8`.
  public func line(long: Bool = false) -> String {
    let short = value.isEmpty ? "\(name) =" : "\(name) = \(value)"
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
  /// effects). It holds no file names, so equal trees give equal bytes wherever their files lay.
  public func sysctlText() -> String {
    let places = places { knob, set in max(knob.listed(set), knob.stored(set)) }
    var lastWritten: [String: String] = [:]
    for write in history { lastWritten[write.name] = write.value }

    var untouched = ""
    var remaining = ""
    for entry in places.map(entry(at:)) {
      if let written = lastWritten[entry.name] {
        if written != entry.value { remaining += entry.line() + "\n" }
      } else if entry.isDefault {
        untouched += entry.line() + "\n"
      } else {
        remaining += entry.line() + "\n"
      }
    }
    var text = "# Effective knobs, complete. Syntax: sysctl.conf(5).\n\n# At their defaults.\n" + untouched
    if !history.isEmpty {
      text += "\n# Written, in order.\n"
      for write in history { text += write.value.isEmpty ? "\(write.name) =\n" : "\(write.name) = \(write.value)\n" }
    }
    if !remaining.isEmpty { text += "\n# Set otherwise.\n" + remaining }
    return text
  }
}
