// Knobs of reclaim and NUMA balancing. Their declarations are in Tiering+Knobs.swift.

/// Knobs of reclaim.
public struct ReclaimKnobs: Sendable {
  /// vm.swappiness, 0 to 200.
  public var swappiness = 60
  /// mm.numa.demotion_enabled.
  public var demotionEnabled = false
  public init() {}
}

/// Knobs of NUMA balancing.
public struct BalancingKnobs: Sendable {
  /// kernel.numa_balancing: bit 0 normal, bit 1 memory tiering.
  public var mode = 0
  /// kernel.numa_balancing_promote_rate_limit_MBps.
  public var promoteRateLimit = 65536
  /// debug.sched.numa_balancing.*, in milliseconds and MiB.
  public var scanDelay = 1000
  public var scanPeriodMin = 1000
  public var scanPeriodMax = 60000
  public var scanSizeMiB = 256
  public var hotThreshold = 1000
  public init() {}
}
