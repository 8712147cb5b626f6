public struct MemoryKnobs: Sendable {
  public var minFreeKbytes = -1
  public var watermarkScaleFactor = 10
  public var watermarkBoostFactor = 15000
  public var lowmemReserveRatio = [256, 256, 32, 0]
  public var percpuHighFraction = 0
  public var demoteScaleFactor = 200
  public init() {}
}
