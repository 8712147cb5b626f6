// Who gets how much bandwidth: max-min fair sharing of what devices, memories and the platform can carry.

import Units

/// Engines that move data of the same kind between the same memories: they share alike.
struct FlowClass {
  /// What a flow takes of a resource for one byte of progress.
  struct Use {
    var resource: Int32 = 0
    var weight = 0
  }

  var uses = InlineArray<7, Use>(repeating: Use())
  var useCount = 0
  /// Bytes a second that one flow can use at most.
  var limit: Int
  /// Engines moving such data now.
  var count = 0
  /// Where it stands among the active classes; -1 when it does not.
  var position: Int32 = -1
  /// Femtoseconds a byte, of each of its flows.
  var pace = 0
  /// The pace when no other class is active, by number of flows; 0 when not yet known.
  var alone = InlineArray<8, Int>(repeating: 0)
  var firstEngine: Int32
  var engineCount: Int32

  mutating func use(_ resource: Int32, weight: Int) {
    for index in 0..<useCount where uses[index].resource == resource {
      uses[index].weight += weight
      return
    }
    uses[useCount] = Use(resource: resource, weight: weight)
    useCount += 1
  }
}

/// The shared capacities, and how the active flows divide them.
///
/// Flows are engines, a few dozen at most. Rates change only when the set of active flows does, and are found by progressive
/// filling: all flows grow alike until a capacity is used up or a flow has all it can use; those stop, the others grow on.
/// Capacities are bytes a second; the capacity of a group's read buffers is bytes in flight, and a flow's weight the time its
/// buffers are held.
struct Flows: ~Copyable {
  /// Smallest rate, bytes a second: slower ones would overflow the time of a 2 GiB transfer.
  static let slowest = 16_000_000

  private(set) var classes: UnsafeMutablePointer<FlowClass>
  private(set) var classCount = 0
  private var classCapacity = 64
  private let capacity: UnsafeMutablePointer<Int>
  private let left: UnsafeMutablePointer<Int>
  private let demand: UnsafeMutablePointer<Int>
  private let resourceCount: Int
  /// Classes with flows, in the order in which they became active.
  private let active: UnsafeMutablePointer<Int32>
  private let growing: UnsafeMutablePointer<Int32>
  private(set) var activeCount = 0

  /// - Parameters:
  ///   - capacities: of the resources, 1... each.
  ///   - engines: most flows at a time.
  init(capacities: [Int], engines: Int) {
    resourceCount = capacities.count
    capacity = .allocate(capacity: resourceCount)
    for (index, value) in capacities.enumerated() { (capacity + index).initialize(to: value) }
    left = .allocate(capacity: resourceCount)
    left.initialize(repeating: 0, count: resourceCount)
    demand = .allocate(capacity: resourceCount)
    demand.initialize(repeating: 0, count: resourceCount)
    active = .allocate(capacity: engines)
    active.initialize(repeating: 0, count: engines)
    growing = .allocate(capacity: engines)
    growing.initialize(repeating: 0, count: engines)
    classes = .allocate(capacity: classCapacity)
  }

  deinit {
    capacity.deallocate()
    left.deallocate()
    demand.deallocate()
    active.deallocate()
    growing.deallocate()
    classes.deallocate()
  }

  /// Changes a capacity. What was remembered of flows that are alone is forgotten.
  /// - Returns: whether it is another one.
  mutating func setCapacity(_ resource: Int, _ value: Int) -> Bool {
    if capacity[resource] == value { return false }
    capacity[resource] = value
    for index in 0..<classCount { classes[index].alone = InlineArray<8, Int>(repeating: 0) }
    return true
  }

  mutating func add(_ new: FlowClass) -> Int32 {
    if classCount == classCapacity {
      let larger = UnsafeMutablePointer<FlowClass>.allocate(capacity: classCapacity * 2)
      larger.moveInitialize(from: classes, count: classCount)
      classes.deallocate()
      classes = larger
      classCapacity *= 2
    }
    (classes + classCount).initialize(to: new)
    classCount += 1
    return Int32(classCount - 1)
  }

  /// Moves one engine from a class to another; either may be `nothing`.
  mutating func move(from old: Int32, to new: Int32) {
    if old != nothing {
      let flow = classes + Int(old)
      flow.pointee.count -= 1
      if flow.pointee.count == 0 {
        // Order decides nothing but must be the same in every run: the last takes the place.
        activeCount -= 1
        let last = active[activeCount]
        let position = flow.pointee.position
        active[Int(position)] = last
        classes[Int(last)].position = position
        flow.pointee.position = -1
      }
    }
    if new != nothing {
      let flow = classes + Int(new)
      flow.pointee.count += 1
      if flow.pointee.count == 1 {
        flow.pointee.position = Int32(activeCount)
        active[activeCount] = new
        activeCount += 1
      }
    }
  }

  func activeClass(_ index: Int) -> Int32 { active[index] }

  /// Shares all capacities among the active flows, and writes the new paces to `paces` by position.
  func share(into paces: UnsafeMutablePointer<Int>) {
    if activeCount != 1 { return fill(paces) }
    // One device at work, by far the most frequent case: remembered.
    let flow = classes + Int(active[0])
    let count = flow.pointee.count
    if count >= 8 { return fill(paces) }
    if flow.pointee.alone[count] == 0 {
      fill(paces)
      flow.pointee.alone[count] = paces[0]
    }
    paces[0] = flow.pointee.alone[count]
  }

  /// Progressive filling.
  private func fill(_ paces: UnsafeMutablePointer<Int>) {
    for index in 0..<activeCount {
      let flow = classes + Int(active[index])
      growing[index] = active[index]
      for use in 0..<flow.pointee.useCount {
        let resource = Int(flow.pointee.uses[use].resource)
        left[resource] = capacity[resource]
        demand[resource] = 0
      }
    }
    for index in 0..<activeCount {
      let flow = classes + Int(active[index])
      for use in 0..<flow.pointee.useCount {
        demand[Int(flow.pointee.uses[use].resource)] += flow.pointee.uses[use].weight * flow.pointee.count
      }
    }
    var remaining = activeCount
    while remaining > 0 {
      // How far all can grow.
      var level = Int.max
      for index in 0..<remaining {
        let flow = classes + Int(growing[index])
        level = min(level, flow.pointee.limit)
        for use in 0..<flow.pointee.useCount {
          let resource = Int(flow.pointee.uses[use].resource)
          level = min(level, left[resource] / demand[resource])
        }
      }
      // Those that cannot grow further stop and gather behind the others. All are judged before any takes its share.
      var kept = 0
      for index in 0..<remaining {
        let name = growing[index]
        let flow = classes + Int(name)
        var stops = flow.pointee.limit == level
        for use in 0..<flow.pointee.useCount {
          let resource = Int(flow.pointee.uses[use].resource)
          stops = stops || left[resource] / demand[resource] == level
        }
        if stops {
          paces[Int(flow.pointee.position)] = 1_000_000_000_000_000 / max(level, Flows.slowest)
        } else {
          growing[index] = growing[kept]
          growing[kept] = name
          kept += 1
        }
      }
      for index in kept..<remaining {
        let flow = classes + Int(growing[index])
        for use in 0..<flow.pointee.useCount {
          let resource = Int(flow.pointee.uses[use].resource)
          let weight = flow.pointee.uses[use].weight * flow.pointee.count
          left[resource] -= level * weight
          demand[resource] -= weight
        }
      }
      remaining = kept
    }
  }
}
