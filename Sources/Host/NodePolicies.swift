// What libnuma says of this machine.

import CNuma

/// Whether memory can be bound to nodes, and to which (libnuma).
public struct NodePolicies: Sendable, Equatable {
  /// Nodes whose memory the process may use (cpusets), ascending; nil where the kernel has no memory policies.
  public var allowed: [Int]?

  public init(allowed: [Int]?) { self.allowed = allowed }

  /// Asks the library.
  public static func ask() -> NodePolicies {
    guard numa_available() >= 0, let mask = numa_get_mems_allowed() else { return NodePolicies(allowed: nil) }
    defer { numa_bitmask_free(mask) }
    let last = numa_max_node()
    guard last >= 0 else { return NodePolicies(allowed: nil) }
    return NodePolicies(allowed: (0...Int(last)).filter { numa_bitmask_isbitset(mask, UInt32($0)) != 0 })
  }
}
