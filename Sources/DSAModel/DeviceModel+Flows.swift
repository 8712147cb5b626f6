// Engines as flows: which class an engine's data belongs to, and what happens when the set of active flows changes.

import Units

extension DeviceModel {
  /// The flow class of an operation between two paths.
  ///
  /// Descriptors too short to fill an engine's interval cannot use its whole bandwidth; they are told apart in three steps.
  /// Copies of huge pages that share one resource (`HugeSerialization`) are a fifth kind.
  /// - Parameters:
  ///   - first: path of the source; 0 when there is none.
  ///   - second: path of the destination or the second source; 0 when there is none.
  func flow(
    _ operation: Operation, first: Int, second: Int, size: Int, engine: Int, isSerialized: Bool = false
  ) -> Int32 {
    let group = Int(engines[engine].group)
    let kind = Int(operation.rawValue) - 1
    let step = isSerialized ? 4 : size > 1024 ? 3 : size > 512 ? 2 : size > 256 ? 1 : 0
    let place = (((group * 4 + kind) * pathCount + first) * pathCount + second) * 5 + step
    let found = flowTable[place]
    if found != nothing { return found }
    let made = flows.add(makeFlow(operation, first: first, second: second, step: step, engine: engine))
    flowTable[place] = made
    return made
  }

  private func makeFlow(_ operation: Operation, first: Int, second: Int, step: Int, engine: Int) -> FlowClass {
    let device = Int(engines[engine].device)
    let timing = devices[device].timing
    let group = groups[Int(engines[engine].group)]
    var limit = timing.engineBandwidth
    if step < 3 {
      let bytes = (256 << step) + timing.descriptorOverheadBytes
      limit = min(limit, bytes * Picoseconds.second / timing.engineInterval)
    }
    // A comparison reads two streams and moves on at half the rate.
    let streams = operation == .compare ? 2 : 1
    var flow = FlowClass(
      limit: limit / streams, firstEngine: group.firstEngine, engineCount: group.engineCount)
    flow.use(0, weight: 1)
    if step == 4 { flow.use(Int32(firstLink + 2 * linkCount), weight: 1) }
    let resource = Int32(1 + 2 * device)
    func read(_ path: Int) {
      flow.use(resource, weight: 1)
      flow.use(Int32(firstLink + 2 * paths[path].link), weight: 1)
      // Byte picoseconds: a byte is held in a buffer for the round trip.
      flow.use(group.buffers, weight: max(paths[path].readLatency + timing.fabricLatency, 1))
    }
    if operation.reads { read(first) }
    if operation == .compare { read(second) }
    if operation.writes {
      flow.use(resource + 1, weight: 1)
      flow.use(Int32(firstLink + 2 * paths[second].link + 1), weight: 1)
    }
    return flow
  }

  /// How much longer than on an idle device the answer to a write at a shared queue's portal takes now
  /// (`DeviceTiming.answerWait`).
  public func answerDelay(of device: Int) -> Picoseconds {
    precondition(device >= 0 && device < deviceCount, "no such device")
    let first = Int(devices[device].firstEngine)
    for engine in first..<first + Int(devices[device].engineCount) where engines[engine].dataEnd > now {
      return devices[device].timing.answerWait
    }
    return 0
  }

  /// Puts an engine into a flow class, or out of all. When the set of active flows changes, all are given their share anew.
  func setFlow(_ new: Int32, engine index: Int) {
    let old = engines[index].flow
    if old == new { return }
    engines[index].flow = nothing
    flows.move(from: old, to: new)
    shareAnew()
    engines[index].flow = new
  }

  /// Shares bandwidth among the active flows, and moves the ends of those whose pace changed.
  func shareAnew() {
    flows.share(into: paces)
    for position in 0..<flows.activeCount {
      let name = flows.activeClass(position)
      let flow = flows.classes + Int(name)
      let pace = paces[position]
      if flow.pointee.pace == pace { continue }
      flow.pointee.pace = pace
      let first = Int(flow.pointee.firstEngine)
      for index in first..<first + Int(flow.pointee.engineCount) where engines[index].flow == name {
        retime(engines + index, index, pace: pace)
      }
    }
  }

  private func retime(_ engine: UnsafeMutablePointer<EngineState>, _ index: Int, pace: Int) {
    if engine.pointee.stage != .moving || engine.pointee.event < 0 { return }
    if engine.pointee.dataEnd > now {
      let left = engine.pointee.dataEnd - now
      let scaled = left.multipliedFullWidth(by: pace)
      engine.pointee.dataEnd = now + engine.pointee.pace.dividingFullWidth((scaled.high, scaled.low)).quotient
    }
    engine.pointee.pace = pace
    let end = max(engine.pointee.dataEnd, engine.pointee.busyUntil, now)
    if end == engine.pointee.event { return }
    engine.pointee.event = end
    schedule(.end, index, at: end)
  }
}
