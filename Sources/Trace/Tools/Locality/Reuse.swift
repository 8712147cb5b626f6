// How far apart two uses of a page are: the summary of one measure, and its JSON.

/// What lies between a record and the one before that used the same page, over all records whose page was used before.
public struct Reuse: Equatable, Sendable {
  /// What it is counted in; part of the names of JSON keys: `p50_pages`, `max_ns`.
  public enum Unit: String, Sendable, Codable {
    case pages
    case instructions
    case cycles
    case ns
  }

  /// Records between two values.
  public struct Bucket: Equatable, Sendable {
    /// Lowest and highest value in it: 0 and 0, or 2^k and 2^(k+1) - 1.
    public var from: UInt64
    public var to: UInt64
    public var records: UInt64
  }

  public var unit: Unit
  /// Nearest-rank percentiles, exact. nil when no page was used again.
  public var percentiles: Percentiles?
  /// By powers of two, from 0 to the last that is not empty.
  public var histogram: [Bucket]

  public struct Percentiles: Equatable, Sendable {
    public var p50: UInt64
    public var p90: UInt64
    public var p99: UInt64
    public var max: UInt64
  }

  /// `octaves[0]` counts value 0, `octaves[k]` the values from 2^(k-1) to 2^k - 1.
  init(unit: Unit, percentiles: Percentiles?, octaves: [UInt64]) {
    self.unit = unit
    self.percentiles = percentiles
    let used = octaves.lastIndex { $0 > 0 }.map { octaves[...$0] } ?? []
    histogram = used.enumerated().map { k, records in
      k == 0
        ? Bucket(from: 0, to: 0, records: records)
        : Bucket(from: 1 << UInt64(k - 1), to: .max >> UInt64(64 - k), records: records)
    }
  }
}

extension Reuse: Codable {
  /// A key and the unit of its number.
  private struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }

    init(_ name: String, _ unit: Unit) { stringValue = "\(name)_\(unit.rawValue)" }

    init(_ name: String) { stringValue = name }

    init?(stringValue: String) { self.stringValue = stringValue }

    init?(intValue: Int) { nil }
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(unit, forKey: Key("unit"))
    if let percentiles {
      try values.encode(percentiles.p50, forKey: Key("p50", unit))
      try values.encode(percentiles.p90, forKey: Key("p90", unit))
      try values.encode(percentiles.p99, forKey: Key("p99", unit))
      try values.encode(percentiles.max, forKey: Key("max", unit))
    }
    var list = values.nestedUnkeyedContainer(forKey: Key("histogram"))
    for bucket in histogram {
      var entry = list.nestedContainer(keyedBy: Key.self)
      try entry.encode(bucket.from, forKey: Key("from", unit))
      try entry.encode(bucket.to, forKey: Key("to", unit))
      try entry.encode(bucket.records, forKey: Key("records"))
    }
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    unit = try values.decode(Unit.self, forKey: Key("unit"))
    if let p50 = try values.decodeIfPresent(UInt64.self, forKey: Key("p50", unit)) {
      percentiles = Percentiles(
        p50: p50, p90: try values.decode(UInt64.self, forKey: Key("p90", unit)),
        p99: try values.decode(UInt64.self, forKey: Key("p99", unit)),
        max: try values.decode(UInt64.self, forKey: Key("max", unit)))
    }
    histogram = []
    var list = try values.nestedUnkeyedContainer(forKey: Key("histogram"))
    while !list.isAtEnd {
      let entry = try list.nestedContainer(keyedBy: Key.self)
      histogram.append(
        Bucket(
          from: try entry.decode(UInt64.self, forKey: Key("from", unit)),
          to: try entry.decode(UInt64.self, forKey: Key("to", unit)),
          records: try entry.decode(UInt64.self, forKey: Key("records"))))
    }
  }
}
