// What a modelled DSA descriptor costs, members of batches and single ones, on one device and on eight.

import DSAFormat
import DSAModel
import Units

enum CopyDevices {
  static func measure(descriptors: Int, rounds: Int) throws -> [Measurement] {
    let bare = LimitLoop(Scenario.zipfAccesses(pages: 1 << 20, accesses: 1 << 40))
    return try [(1, 4096, true), (1, 64, true), (8, 4096, true), (1, 4096, false), (8, 65536, false)].map {
      (devices, size, isBatched) throws in
      var (limit, times) = (Rounds(), Rounds())
      for _ in 0..<rounds {
        limit.add(nanoseconds: bare.run(1 << 20), count: 1 << 20)
        let bench = try DeviceBench(devices: devices, size: size)
        let start = cpuNanoseconds()
        let count = isBatched ? bench.batches(descriptors) : bench.singles(descriptors)
        times.add(nanoseconds: cpuNanoseconds() - start, count: count)
      }
      let name =
        "\(isBatched ? "batched" : "single") \(ByteSize.text(size)), \(devices) device\(devices == 1 ? "" : "s")"
      return Measurement("dsa/\(name)", unit: "ns/descriptor", times, limit: "zipf bare", limit, bar: 150)
    }
  }
}

/// Devices that copy nothing: the model's own time.
private struct DeviceBench {
  private static let flags: DescriptorFlags = [.recordAddressValid, .requestRecord]
  private let memory = FlatMemory(size: 16 << 20)
  private let model: DeviceModel<FlatMemory>
  private let devices: Int
  private let size: Int

  init(devices: Int, size: Int) throws {
    memory.movesData = false
    self.devices = devices
    self.size = size
    let link = DeviceLink(readBandwidth: 300_000_000_000, writeBandwidth: 300_000_000_000)
    model = try DeviceModel(
      devices: [DeviceConfiguration](repeating: DeviceConfiguration(), count: devices), memory: memory,
      paths: [DevicePath(readLatency: 112 * .nanosecond)], links: [link])
  }

  private func copy(_ index: Int) -> Descriptor {
    let place = UInt64(index * size % (4 << 20))
    return Descriptor(
      .memmove, flags: Self.flags, record: UInt64(0x4000 + index * 32), source: 0x10_0000 + place,
      destination: 0x80_0000 + place, size: UInt32(size))
  }

  /// Batches of 128, eight queued on each device at a time.
  func batches(_ descriptors: Int) -> Int {
    for index in 0..<128 { memory.store(copy(index), at: UInt64(0x1_0000 + index * 64)) }
    let batch = Descriptor(.batch, flags: Self.flags, source: 0x1_0000, size: 128)
    var done = 0
    while done < descriptors {
      for device in 0..<devices {
        for _ in 0..<8 { model.submit(batch, device: device, queue: 0, at: model.now) }
      }
      model.finish()
      done += devices * 8 * 128
    }
    return done
  }

  /// Posted writes, 64 to each device at a time.
  func singles(_ descriptors: Int) -> Int {
    let list = (0..<64).map(copy)
    var done = 0
    while done < descriptors {
      for device in 0..<devices {
        model.post(list.span, device: device, queue: 0, at: model.now, interval: ModelPortal<FlatMemory>.postedInterval)
      }
      model.finish()
      done += devices * 64
    }
    return done
  }
}
