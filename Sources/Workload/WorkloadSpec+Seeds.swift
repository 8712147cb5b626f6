// Other draws of the same workload.

import Events

extension WorkloadSpec {
  /// The workload with other seeds of its random patterns and punched holes; 0 is the workload as it is.
  ///
  /// Equal seeds stay equal, so that phases that go through the same draws still do. Traces, and patterns without chance, are what
  /// they were.
  public func reseeded(_ variant: Int) -> WorkloadSpec {
    guard variant != 0 else { return self }
    var spec = self
    for index in spec.tasks.indices {
      guard case .phases(let phases) = spec.tasks[index].work else { continue }
      spec.tasks[index].work = .phases(phases.map { $0.reseeded(variant) })
    }
    for index in spec.ages.indices {
      spec.ages[index].seed = WorkloadSpec.seed(spec.ages[index].seed, variant: variant)
    }
    return spec
  }

  /// One draw of a generator whose state is the seed and the variant: neighbours of either give seeds that are far apart.
  static func seed(_ seed: UInt64, variant: Int) -> UInt64 {
    var first = SplitMix64(seed: UInt64(bitPattern: Int64(variant)))
    var second = SplitMix64(seed: seed ^ first.next())
    return second.next()
  }
}

extension PhaseSpec {
  fileprivate func reseeded(_ variant: Int) -> PhaseSpec {
    var phase = self
    switch action {
    case .access(let access): phase.action = .access(access.reseeded(variant))
    case .mix(var mix):
      mix.seed = WorkloadSpec.seed(mix.seed, variant: variant)
      for index in mix.windows.indices { mix.windows[index].access = mix.windows[index].access.reseeded(variant) }
      phase.action = .mix(mix)
    case .punch(var punch):
      punch.seed = WorkloadSpec.seed(punch.seed, variant: variant)
      phase.action = .punch(punch)
    case .loop(let count, let phases): phase.action = .loop(count, phases.map { $0.reseeded(variant) })
    case .map, .unmap, .sleep, .compute, .set, .snap, .buddyinfo, .mark: break
    }
    return phase
  }
}

extension AccessSpec {
  fileprivate func reseeded(_ variant: Int) -> AccessSpec {
    var access = self
    access.seed = WorkloadSpec.seed(seed, variant: variant)
    return access
  }
}
