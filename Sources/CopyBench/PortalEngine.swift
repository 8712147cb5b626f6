// Copies through portals: plans, descriptors, records, as the kernel's copy code has them.

import CopyKernels
import Host
import PageCopy
import Portals
import Units

/// Lists go to queues by `HostCopy`, all of them, however short.
final class PortalEngine: CopyEngine {
  private let channels: HostChannels

  init(_ channels: HostChannels) { self.channels = channels }

  var remarks: [String] { channels.portals.compactMap(\.retreat) }

  func prepare(_ list: PlacedList) throws -> any PreparedCopy { Prepared(channels, list) }

  private final class Prepared: PreparedCopy {
    let copier: HostCopy
    let pages: [CopyPage]
    let memory: [UnsafeRawBufferPointer]

    init(_ channels: HostChannels, _ list: PlacedList) {
      copier = HostCopy(channels)
      pages = list.places.compactMap { place in
        guard let from = place.from, let to = place.to else { return nil }
        return CopyPage(from: from, to: to, order: place.bytes == Page.size ? 0 : Page.hugeOrder)
      }
      // Arenas are mapped and touched for as long as the list is: one range each spans what is used of them.
      memory = [
        Self.span(pages.map { ($0.source, Page.size << $0.order) }),
        Self.span(pages.map { (UnsafeRawPointer($0.destination), Page.size << $0.order) }),
      ]
      for memory in memory { channels.register(memory) }
    }

    deinit { for memory in memory { copier.channels.unregister(memory) } }

    func copy() throws {
      let result = try copier.copy(pages)
      if result.takenOver > 0 || result.timeouts > 0 {
        throw PortalEngineError.takenOver(items: result.takenOver, first: result.firstError.words)
      }
    }

    private static func span(_ places: [(start: UnsafeRawPointer, bytes: Int)]) -> UnsafeRawBufferPointer {
      let start = places.map(\.start).min()
      let end = places.map { $0.start + $0.bytes }.max()
      guard let start, let end else { return UnsafeRawBufferPointer(start: nil, count: 0) }
      return UnsafeRawBufferPointer(start: start, count: end - start)
    }
  }
}

/// A copy by DSA that was not one.
enum PortalEngineError: Error, CustomStringConvertible {
  case takenOver(items: Int, first: String)

  var description: String {
    switch self {
    case .takenOver(let items, let first):
      "the device failed and CPUs copied \(items) items, which is no measurement of it; first error: \(first)"
    }
  }
}

extension HardwareQueueDescription {
  /// A queue of sysfs that a process can open: of a DSA, enabled, of type user, with a node. Nil for any other.
  public init?(_ queue: IdxdWorkQueue) {
    guard queue.device.hasPrefix("dsa"), queue.state == "enabled", queue.type == "user", let mode = queue.mode,
      let size = queue.size, let node = queue.node
    else { return nil }
    self.init(
      path: node.openPath, isDedicated: mode == .dedicated,
      entries: mode == .dedicated ? size : min(size, queue.threshold ?? size),
      maxTransfer: queue.maxTransferSize ?? 2 << 20, maxBatch: queue.maxBatchSize ?? 1)
  }
}

/// Engines of DSA to choose from.
public enum PortalOffers {
  /// Channels and engines of `dsa:software` unless it names others.
  public static let channels = 8
  /// Most engines: those of a device.
  public static let mostEngines = 16

  /// A software device with so many queues, emptied by so many threads.
  ///
  /// - Parameters:
  ///   - channels: 1...8.
  ///   - engines: 1...16.
  ///   - name: as it was asked for.
  public static func software(channels: Int, engines: Int, cpus: [Int], name: String? = nil) -> EngineOffer {
    let name = name ?? "dsa:software:\(channels)x\(engines)"
    let words = "software DSA, \(channels) channels, \(engines) engine\(engines == 1 ? "" : "s")"
    let remark =
      "\(name): \(engines) engines and the thread that submits take turns on \(cpus.count) CPU\(cpus.count == 1 ? "" : "s")"
    return EngineOffer(
      name: name, words: words, threads: engines, remarks: engines + 1 > cpus.count ? [remark] : [],
      takesTurns: engines + 1 > cpus.count
    ) {
      // The first CPU is the caller's.
      let device = try SoftwareDevice(
        .software(channels: channels, engines: engines), cpus: cpus.count > engines ? Array(cpus[1...]) : cpus)
      return PortalEngine(try HostChannels(device.portals, knobs: .host(channels: channels)))
    }
  }

  /// The queues that this machine has for processes, or those of another root.
  public static func hardware(of root: HostRoot = .machine) -> EngineOffer {
    hardware(IdxdDevices(root).workQueues.compactMap { HardwareQueueDescription($0) })
  }

  /// Real queues, one a channel; and why there are none. Each is opened and closed, to find out whether it can be.
  ///
  /// - Parameter queues: those that are enabled for user space, in the order of channels; the first eight that can be opened are used.
  public static func hardware(
    _ queues: [HardwareQueueDescription],
    open: (HardwareQueueDescription) throws(HardwareQueueError) -> HardwareQueue = {
      (queue) throws(HardwareQueueError) in try HardwareQueue.open(queue)
    }
  ) -> EngineOffer {
    var used: [HardwareQueueDescription] = []
    var refusals: [HardwareQueueError] = []
    for queue in queues where used.count < CopyLimits.channels {
      do throws(HardwareQueueError) {
        _ = try open(queue)
        used.append(queue)
      } catch { refusals.append(error) }
    }
    var obstacle: KernelObstacle?
    if queues.isEmpty {
      obstacle = KernelObstacle(
        "there is no enabled user work queue under /dev/dsa",
        remedy: "a processor with DSA, the idxd driver and a queue of type user (accel-config enable-wq)")
    } else if used.isEmpty, let first = refusals.first {
      obstacle = KernelObstacle(
        queues.count == 1
          ? "the work queue cannot be opened: \(first)"
          : "none of \(queues.count) work queues can be opened, the first: \(first)",
        remedy: "a queue that opens; pageferry host says of each what helps")
    }
    let opened = used
    return EngineOffer(
      name: "dsa:hardware", words: "DSA, \(used.count) queue\(used.count == 1 ? "" : "s")", threads: 0,
      obstacle: obstacle, remarks: used.isEmpty ? [] : refusals.map { "dsa:hardware goes without a queue: \($0)" }
    ) {
      var portals: [HardwareQueue] = []
      for queue in opened { portals.append(try HardwareQueue.open(queue)) }
      return PortalEngine(try HostChannels(portals, knobs: .host(channels: portals.count)))
    }
  }

  /// `dsa:software` with its channels and engines: `dsa:software:8x2`. Nil for any other name.
  static func software(named name: String, cpus: [Int]) -> EngineOffer? {
    let words = name.split(separator: ":", omittingEmptySubsequences: false)
    guard words.count == 3, words[0] == "dsa", words[1] == "software" else { return nil }
    let numbers = words[2].split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 2, let channels = numbers[0], let engines = numbers[1],
      (1...CopyLimits.channels).contains(channels), (1...mostEngines).contains(engines)
    else { return nil }
    return software(channels: channels, engines: engines, cpus: cpus, name: name)
  }
}
