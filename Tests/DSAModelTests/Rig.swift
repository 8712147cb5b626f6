// A modelled machine for tests: bytes, records at the front of memory, and a loop that waits for one of them.
import DSAFormat
import Testing
import Units

@testable import DSAModel

/// Plain flags of a descriptor that wants its record.
let recorded: DescriptorFlags = [.recordAddressValid, .requestRecord]

/// Devices over flat memory. Records lie in the first 64 KiB, lists in the next 128 KiB, data from `Rig.data` on.
final class Rig {
  static let lists: UInt64 = 0x1_0000
  static let data: UInt64 = 0x4_0000

  let memory: FlatMemory
  let model: DeviceModel<FlatMemory>

  /// Local DRAM as S3 (DSA-2LM) gives it, 112 ns, on links that bind nobody.
  static let dram = DevicePath(readLatency: 112 * .nanosecond)
  static let wide = DeviceLink(readBandwidth: 300_000_000_000, writeBandwidth: 300_000_000_000)

  init(
    _ devices: [DeviceConfiguration] = [DeviceConfiguration()], size: Int = 8 << 20, paths: [DevicePath] = [Rig.dram],
    links: [DeviceLink] = [Rig.wide], regions: [(start: UInt64, path: Int)] = [], platform: Int = 106_000_000_000,
    faults: FaultPlan = FaultPlan()
  ) throws {
    memory = FlatMemory(size: size, regions: regions)
    model = try DeviceModel(
      devices: devices, memory: memory, paths: paths, links: links, platformBandwidth: platform, faults: faults)
  }

  /// The address of a record.
  func record(_ index: Int) -> UInt64 { UInt64(index * 32) }

  func read(_ index: Int) -> CompletionRecord { memory.record(at: record(index)) }

  func clear(_ index: Int) { memory.write(CompletionRecord(), at: record(index)) }

  /// Lets time pass until a record is written.
  /// - Returns: when; nil if it never is.
  @discardableResult
  func wait(_ index: Int) -> Picoseconds? {
    while read(index).status == .none {
      let next = model.nextEventTime
      if next == .max { return nil }
      model.advance(to: next)
    }
    return model.now
  }

  /// Submits one descriptor now and waits for record `index`, which its address is set to.
  @discardableResult
  func run(
    _ descriptor: Descriptor, record index: Int = 0, device: Int = 0, queue: Int = 0, portal: PortalKind = .limited,
    write: PortalWrite = .posted
  ) -> CompletionRecord {
    var descriptor = descriptor
    descriptor.recordAddress = record(index)
    clear(index)
    model.submit(descriptor, device: device, queue: queue, portal: portal, write: write, at: model.now)
    wait(index)
    return read(index)
  }

  /// Stores a list and gives its batch descriptor.
  func batch(_ members: [Descriptor], at address: UInt64 = Rig.lists, flags: DescriptorFlags = recorded) -> Descriptor {
    for (index, member) in members.enumerated() { memory.store(member, at: address + UInt64(index * 64)) }
    return Descriptor(.batch, flags: flags, source: address, size: UInt32(members.count))
  }

  func copy(from: UInt64, to: UInt64, _ size: Int, record index: Int = 0, flags: DescriptorFlags = recorded)
    -> Descriptor
  {
    Descriptor(.memmove, flags: flags, record: record(index), source: from, destination: to, size: UInt32(size))
  }
}

/// A device whose one queue is shared.
func shared(threshold: Int = 128, size: Int = 128, engines: Int = 4) -> DeviceConfiguration {
  var device = DeviceConfiguration()
  device.queues[0].mode = .shared(threshold: threshold)
  device.queues[0].size = size
  device.groups[0].engines = engines
  return device
}
