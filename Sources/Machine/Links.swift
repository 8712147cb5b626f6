// The nodes' memory as a resource: latency, bandwidth, and how one grows as the other fills. Demand traffic and copies
// share it.

import Units

/// What a node's memory can do.
public struct LinkProperties: Equatable, Sendable {
  /// Unloaded latency of a dependent read and of a write, in picoseconds.
  public var readLatency: Picoseconds
  public var writeLatency: Picoseconds
  /// Peak bytes a second, all CPUs together.
  public var readBandwidth: Int
  public var writeBandwidth: Int
  /// Most bytes a second one thread can draw.
  public var threadReadBandwidth: Int
  public var threadWriteBandwidth: Int

  public init(
    readLatency: Picoseconds, writeLatency: Picoseconds, readBandwidth: Int, writeBandwidth: Int,
    threadReadBandwidth: Int, threadWriteBandwidth: Int
  ) {
    self.readLatency = readLatency
    self.writeLatency = writeLatency
    self.readBandwidth = readBandwidth
    self.writeBandwidth = writeBandwidth
    self.threadReadBandwidth = threadReadBandwidth
    self.threadWriteBandwidth = threadWriteBandwidth
  }
}

/// The load on every node, epoch by epoch: the traffic of one epoch sets the latency and the left-over bandwidth of the
/// next.
///
/// **Loaded latency.** With ρ the share of the peak that an epoch used, latency is
/// `L0 * (1 + queue * ρ / (2 (1 - ρ)))` for ρ up to 0.95: the mean wait of an M/D/1 queue, of which `queue`, in 1/1000, is
/// felt (uncalibrated). The factor moves a quarter of the way each epoch: at once, it would swing between an idle and an
/// overloaded link, and threads would draw a tenth more than the peak. Beyond that the link is saturated: every access takes `stretch` times as long, and `stretch` moves
/// half of the way to the value at which demand equals the peak, so that closed-loop threads settle at the published
/// bandwidth.
public final class Links {
  /// How many fractions a load is kept in: quantised, so that a steady load leaves the costs alone.
  private static let unit = 64

  public let nodes: [LinkProperties]
  /// Epoch length.
  public let epoch: Picoseconds
  private let queue: Int
  private var readBytes: [Int]
  private var writeBytes: [Int]
  /// Queueing factor and saturation stretch in force, in 1/64, for reads and writes.
  private var queueing: [(read: Int, write: Int)]
  private var stretch: [(read: Int, write: Int)]
  /// Utilisation of the last epoch in 1/64, for left-over bandwidth.
  private var readLoad: [Int]
  private var writeLoad: [Int]
  /// Rises whenever a factor changes: whoever caches costs compares it.
  public private(set) var version = 0
  /// Worker copies under way that read and write a node, and the bytes of the epoch that they and devices moved.
  private var sharers: [(read: Int, write: Int)]
  private var sharedBytes: [(read: Int, write: Int)]
  private var deviceBytes: [(read: Int, write: Int)]
  /// Their part of the last epoch's load, in 1/64.
  private var sharedLoad: [(read: Int, write: Int)]
  private var deviceLoad: [(read: Int, write: Int)]
  /// Bytes moved by copies, reads and writes, by node.
  public private(set) var copiedFrom: [Int]
  public private(set) var copiedTo: [Int]

  public init(nodes: [LinkProperties], epoch: Picoseconds, queuePermille: Int) {
    self.nodes = nodes
    self.epoch = epoch
    queue = queuePermille
    let zero = [Int](repeating: 0, count: nodes.count)
    (readBytes, writeBytes, readLoad, writeLoad, copiedFrom, copiedTo) = (zero, zero, zero, zero, zero, zero)
    queueing = [(read: Int, write: Int)](repeating: (Links.unit, Links.unit), count: nodes.count)
    stretch = queueing
    sharers = [(read: Int, write: Int)](repeating: (0, 0), count: nodes.count)
    (sharedBytes, deviceBytes, sharedLoad, deviceLoad) = (sharers, sharers, sharers, sharers)
  }

  /// Adds demand traffic of the running epoch.
  @inline(__always)
  public func addDemand(node: Int, read: Int, write: Int) {
    readBytes[node] += read
    writeBytes[node] += write
  }

  /// Latency of a read or a write on a node under the load in force.
  public func latency(node: Int, isWrite: Bool) -> Picoseconds {
    let link = nodes[node]
    return isWrite
      ? link.writeLatency * queueing[node].write / Links.unit * stretch[node].write / Links.unit
      : link.readLatency * queueing[node].read / Links.unit * stretch[node].read / Links.unit
  }

  /// What one access costs a thread that keeps `mlpMilli`/1000 misses outstanding: the larger of its share of the latency
  /// and of its bytes over the thread's bandwidth, stretched when the link is saturated.
  public func accessCost(node: Int, isWrite: Bool, bytes: Int, mlpMilli: Int) -> Picoseconds {
    let link = nodes[node]
    let bandwidth = isWrite ? link.threadWriteBandwidth : link.threadReadBandwidth
    let slow = isWrite ? stretch[node].write : stretch[node].read
    let transfer = bytes * Picoseconds.second / bandwidth * slow / Links.unit
    return max(latency(node: node, isWrite: isWrite) * 1000 / mlpMilli, transfer)
  }

  /// Time one CPU takes to copy `bytes` from a node to another, under the load in force; the traffic counts for the epoch.
  /// The slowest of the CPU's own rate, the source's left-over read and the destination's left-over write bandwidth binds;
  /// a copy never gets less than an eighth of a link.
  public func copy(bytes: Int, from: Int, to: Int, cpuBandwidth: Int) -> Picoseconds {
    let read = leftOver(nodes[from].readBandwidth, load: readLoad[from])
    let write = leftOver(nodes[to].writeBandwidth, load: writeLoad[to])
    let rate = min(
      cpuBandwidth, min(read, nodes[from].threadReadBandwidth), min(write, nodes[to].threadWriteBandwidth))
    readBytes[from] += bytes
    writeBytes[to] += bytes
    copiedFrom[from] += bytes
    copiedTo[to] += bytes
    return bytes * Picoseconds.second / rate
  }

  // MARK: Copies that share a link

  /// A worker begins or ends to copy from a node to another: the workers of a link share what is left of it.
  public func beginShared(from: Int, to: Int) {
    sharers[from].read += 1
    sharers[to].write += 1
  }

  public func endShared(from: Int, to: Int) {
    sharers[from].read -= 1
    sharers[to].write -= 1
  }

  /// Like `copy`, for a worker between `beginShared` and `endShared`: what demand, devices and serial copies leave is shared
  /// equally among the workers of a link.
  public func copyShared(bytes: Int, from: Int, to: Int, cpuBandwidth: Int) -> Picoseconds {
    let read = leftOver(nodes[from].readBandwidth, load: readLoad[from] - sharedLoad[from].read)
    let write = leftOver(nodes[to].writeBandwidth, load: writeLoad[to] - sharedLoad[to].write)
    let rate = min(
      cpuBandwidth, min(read / max(sharers[from].read, 1), nodes[from].threadReadBandwidth),
      min(write / max(sharers[to].write, 1), nodes[to].threadWriteBandwidth))
    sharedBytes[from].read += bytes
    sharedBytes[to].write += bytes
    readBytes[from] += bytes
    writeBytes[to] += bytes
    copiedFrom[from] += bytes
    copiedTo[to] += bytes
    return bytes * Picoseconds.second / max(rate, 1)
  }

  /// What moved on a node in the running epoch so far, bytes.
  public func moved(node: Int) -> (read: Int, write: Int) { (readBytes[node], writeBytes[node]) }

  /// Adds what a device moved in the running epoch.
  public func addDevice(bytes: Int, from: Int, to: Int) {
    deviceBytes[from].read += bytes
    deviceBytes[to].write += bytes
    readBytes[from] += bytes
    writeBytes[to] += bytes
    copiedFrom[from] += bytes
    copiedTo[to] += bytes
  }

  /// What demand and CPU copies leave of a node to devices, bytes a second.
  public func leftForDevices(node: Int) -> (read: Int, write: Int) {
    (
      leftOver(nodes[node].readBandwidth, load: readLoad[node] - deviceLoad[node].read),
      leftOver(nodes[node].writeBandwidth, load: writeLoad[node] - deviceLoad[node].write)
    )
  }

  private func leftOver(_ bandwidth: Int, load: Int) -> Int {
    max(bandwidth * (Links.unit - min(max(load, 0), Links.unit)) / Links.unit, bandwidth / 8)
  }

  /// Closes an epoch of `elapsed` time: what moved in it sets the factors of the next.
  public func endEpoch(elapsed: Picoseconds) {
    guard elapsed > 0 else { return }
    var changed = false
    for node in nodes.indices {
      let busy = readBytes[node] | writeBytes[node] | readLoad[node] | writeLoad[node]
      let idle = (read: Links.unit, write: Links.unit)
      if busy == 0 && stretch[node] == idle && queueing[node] == idle { continue }
      let link = nodes[node]
      readLoad[node] = load(bytes: readBytes[node], bandwidth: link.readBandwidth, elapsed: elapsed)
      writeLoad[node] = load(bytes: writeBytes[node], bandwidth: link.writeBandwidth, elapsed: elapsed)
      noteSharedLoad(node, elapsed: elapsed)
      let newQueueing = (
        read: approach(queueing[node].read, queueingFactor(readLoad[node]), elapsed: elapsed),
        write: approach(queueing[node].write, queueingFactor(writeLoad[node]), elapsed: elapsed)
      )
      let newStretch = (
        read: stretchFactor(stretch[node].read, load: readLoad[node]),
        write: stretchFactor(stretch[node].write, load: writeLoad[node])
      )
      changed = changed || newQueueing != queueing[node] || newStretch != stretch[node]
      queueing[node] = newQueueing
      stretch[node] = newStretch
      readBytes[node] = 0
      writeBytes[node] = 0
    }
    if changed { version += 1 }
  }

  private func noteSharedLoad(_ node: Int, elapsed: Picoseconds) {
    let link = nodes[node]
    func loads(_ bytes: (read: Int, write: Int)) -> (read: Int, write: Int) {
      if bytes == (0, 0) { return bytes }
      return (
        load(bytes: bytes.read, bandwidth: link.readBandwidth, elapsed: elapsed),
        load(bytes: bytes.write, bandwidth: link.writeBandwidth, elapsed: elapsed)
      )
    }
    sharedLoad[node] = loads(sharedBytes[node])
    deviceLoad[node] = loads(deviceBytes[node])
    sharedBytes[node] = (0, 0)
    deviceBytes[node] = (0, 0)
  }

  /// Traffic over what the epoch could carry, in 1/64.
  private func load(bytes: Int, bandwidth: Int, elapsed: Picoseconds) -> Int {
    // Epochs are microseconds to milliseconds: bandwidth in MB/s times nanoseconds does not overflow.
    let capacity = max(bandwidth / 1_000_000 * (elapsed / 1_000) / 1_000, 1)
    return bytes * Links.unit / capacity
  }

  private func queueingFactor(_ load: Int) -> Int {
    let capped = min(load, Links.unit * 95 / 100)
    return Links.unit + Links.unit * queue * capped / (2 * (Links.unit - capped) * 1000)
  }

  /// A quarter of the way from `now` to `target`, at least one unit; all of it when much more than an epoch has passed.
  private func approach(_ now: Int, _ target: Int, elapsed: Picoseconds) -> Int {
    if elapsed >= 8 * epoch { return target }
    let part = (target - now) / 4
    return part != 0 ? now + part : now + (target - now).signum()
  }

  private func stretchFactor(_ now: Int, load: Int) -> Int {
    max(Links.unit, (now + now * load / Links.unit + 1) / 2)
  }
}
