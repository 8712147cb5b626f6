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
    let (knob, index) = try place(name, value, origin)
    if isRunning, knob.card.when == .beforeRun { throw refusal(.running) }
    let applied: BoundKnob.Applied
    do {
      applied = try knob.write(sets[knob.set], index, value, self)
    } catch {
      switch error {
      case .value(let fault): throw refusal(knob.problem(fault))
      case .refused(let room): throw refusal(.refused(reason: room.reason))
      }
    }
    sets[knob.set] = applied.set
    history.append(KnobWrite(name: knob.name(at: index), value: applied.canonical, origin: origin))
  }

  /// The value as the knob prints it, without writing it: its name, form and range are checked, and no room is asked.
  public func canonical(name: String, value: String, origin: KnobOrigin = .program) throws(KnobError) -> String {
    let value = ConfLine.trimmed(value)
    let (knob, index) = try place(name, value, origin)
    do throws(ValueFault) { return try knob.canonical(sets[knob.set], index, value) } catch {
      throw KnobError(knob.problem(error), key: name, value: value, origin: origin)
    }
  }

  /// The knob of this name, for a value without control characters.
  private func place(_ name: String, _ value: String, _ origin: KnobOrigin) throws(KnobError) -> (BoundKnob, Int) {
    func refusal(_ problem: KnobError.Problem) -> KnobError {
      KnobError(problem, key: name, value: value, origin: origin)
    }
    guard let place = catalog.place(name) else { throw refusal(catalog.unknown(name)) }
    if let control = ConfLine.controlCharacter(in: value) {
      throw refusal(.malformed(reason: "it has the control character \(control); write it without"))
    }
    return (catalog.knobs[place.knob], place.index)
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

extension BoundKnob {
  /// What an error says of a value that was not taken.
  fileprivate func problem(_ fault: ValueFault) -> KnobError.Problem {
    switch fault {
    case .malformed(let reason): .malformed(reason: reason)
    case .outOfRange: .outOfRange(range: card.range, unit: card.unit.text)
    }
  }
}
