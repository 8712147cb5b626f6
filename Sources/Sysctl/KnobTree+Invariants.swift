// What must hold of any product's declarations; its tests call this once.

extension KnobTree {
  /// What is wrong with the declarations, one line each; empty if all is well. Looks at defaults, not at this tree's
  /// values.
  ///
  /// Every knob says its meaning and its source, its default is a value it accepts, no `prepare` refuses the defaults
  /// written in order, and the written defaults read back as they were.
  public func declarationFaults() -> [String] {
    var faults: [String] = []
    for knob in catalog.knobs {
      if knob.card.doc.isEmpty { faults.append("\(knob.card.name) has no meaning") }
      if knob.card.source.isEmpty { faults.append("\(knob.card.name) has no source") }
    }
    var defaults = self
    defaults.sets = catalog.defaults
    defaults.history = []
    defaults.isRunning = false
    var reloaded = defaults
    for entry in defaults.entries {
      do throws(KnobError) {
        try reloaded.write(name: entry.name, value: entry.value)
        let value = try reloaded.read(entry.name)
        if value != entry.value { faults.append("\(entry.name)=\(entry.value) reads back as \(value)") }
      } catch {
        faults.append("default \(error)")
      }
    }
    return faults
  }
}
