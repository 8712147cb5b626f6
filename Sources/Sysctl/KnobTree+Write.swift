// Writes: each is a transaction of parse, range, prepare, commit, effect.

extension KnobTree {
  /// Writes one knob. On error nothing has changed.
  ///
  /// - Parameters:
  ///   - name: in any spelling: `vm.limit_chans`, `vm/limit_chans`, `/proc/sys/vm/limit_chans`.
  ///   - value: as a user writes it; spaces around it are dropped.
  ///   - origin: named in errors and in the history.
  public mutating func write(name: String, value: String, origin: KnobOrigin = .program) throws(KnobError) {
    let value = ConfLine.trimmed(value)
    func refusal(_ problem: KnobError.Problem) -> KnobError {
      KnobError(problem, key: name, value: value, origin: origin)
    }
    guard let place = catalog.place(name) else { throw refusal(catalog.unknown(name)) }
    let knob = catalog.knobs[place.knob]
    if isRunning, knob.card.when == .beforeRun { throw refusal(.running) }
    if let control = ConfLine.controlCharacter(in: value) {
      throw refusal(.malformed(reason: "it has the control character \(control); write it without"))
    }
    let applied: BoundKnob.Applied
    do {
      applied = try knob.write(sets[knob.set], place.index, value, self)
    } catch {
      switch error {
      case .value(.malformed(let reason)): throw refusal(.malformed(reason: reason))
      case .value(.outOfRange): throw refusal(.outOfRange(range: knob.card.range, unit: knob.card.unit.text))
      case .refused(let room): throw refusal(.refused(reason: room.reason))
      }
    }
    sets[knob.set] = applied.set
    history.append(KnobWrite(name: knob.name(at: place.index), value: applied.canonical, origin: origin))
  }

  /// Writes one knob from `key=value`, the argument of `--set`. Spaces around both are dropped.
  public mutating func writeAssignment(_ text: String, origin: KnobOrigin = .commandLine) throws(KnobError) {
    guard let (key, value) = ConfLine.splitAssignment(text) else {
      throw KnobError(
        .syntax(reason: "'\(Quoted.plain(text))' is no assignment; write key=value"), value: text, origin: origin)
    }
    try write(name: key, value: value, origin: origin)
  }
}
