// A DSA of threads: queues, groups, engines and records as a device has them, on real memory and without its speed.

import CPlatform
import CPortals
import DSAFormat
import DSAModel
import Synchronization
import Units

#if canImport(Glibc)
  import Glibc
#endif

/// A device whose engines are threads of this process.
///
/// It takes the configuration of a modelled device and answers as one: what is checked, what a full queue does, what a record says, how a
/// batch ends. Times in the configuration, read buffers and progress limits mean nothing here. A page that is absent, or that may not be
/// written, is a page fault; see `PageProbe` for how that is known.
public final class SoftwareDevice: Sendable {
  public let configuration: DeviceConfiguration
  let core: SoftwareCore
  private let threads: [HostThread]
  private let isStopped = Atomic<Bool>(false)
  /// Starts the engines.
  ///
  /// - Parameters:
  ///   - configuration: queues and groups; an engine is a thread.
  ///   - faults: injected faults, as the model has them. With several engines a seed hits the same events, but which descriptor an event is
  ///     depends on the threads.
  ///   - cpus: CPUs of the engines in their order, by the kernel's numbers, again from the first where there are more engines. Best
  ///     without that of the thread that submits. None: engines go where the kernel puts them, within what this thread may use.
  ///   - copy: moves bytes that do not overlap.
  /// - Throws: `DeviceConfigurationError`, or `SoftwareDeviceError`.
  public init(
    _ configuration: DeviceConfiguration = .software(), faults: FaultPlan = FaultPlan(), cpus: [Int] = [],
    copy: @escaping CopyFunction = { memcpy($0, $1, $2) }
  ) throws {
    try configuration.validate()
    guard PageProbe.isSupported else { throw SoftwareDeviceError.noPageProbe }
    self.configuration = configuration
    let engines = configuration.groups.reduce(0) { $0 + $1.engines }
    let core = try SoftwareCore(
      configuration, faults: faults, isCrowded: Self.isCrowded(engines: engines, cpus: cpus), copy: copy)
    self.core = core
    threads = try Self.start(core, cpus: cpus)
  }

  /// Whether engines and a thread that waits for them have fewer CPUs than they are.
  private static func isCrowded(engines: Int, cpus: [Int]) -> Bool {
    let free = cpus.isEmpty ? max(Int(pf_allowed_cpus(nil, 0)), 1) - 1 : Set(cpus).count
    return engines > free
  }

  /// One thread an engine; all of them or none.
  private static func start(_ core: SoftwareCore, cpus: [Int]) throws(SoftwareDeviceError) -> [HostThread] {
    var threads: [HostThread] = []
    var failure: SoftwareDeviceError?
    for group in core.groups {
      for number in 0..<group.engines where failure == nil {
        let engine = threads.count
        guard let thread = HostThread({ SoftwareEngine(core: core, group: group, number: number).run() }) else {
          failure = .noThread(engine: engine)
          break
        }
        threads.append(thread)
        if cpus.isEmpty { continue }
        let cpu = cpus[engine % cpus.count]
        let error = thread.bind(to: cpu)
        if error != 0 { failure = .binding(engine: engine, cpu: cpu, error: error) }
      }
    }
    guard let failure else { return threads }
    core.isStopping.store(true, ordering: .releasing)
    core.ring()
    for thread in threads { thread.join() }
    throw failure
  }

  deinit { stop() }

  /// Has the engines carry out what is queued, and ends them. Nothing may be submitted any more.
  public func stop() {
    guard !isStopped.exchange(true, ordering: .acquiringAndReleasing) else { return }
    core.isStopping.store(true, ordering: .sequentiallyConsistent)
    core.ring()
    for thread in threads { thread.join() }
  }

  /// The portal of a queue, counted from 0. Portals of one queue may be many.
  public func portal(queue: Int) throws(SoftwareDeviceError) -> SoftwarePortal {
    guard core.queues.indices.contains(queue) else { throw .noQueue(queue, of: core.queues.count) }
    return SoftwarePortal(device: self, queue: core.queues[queue])
  }

  /// Portals of all queues.
  public var portals: [SoftwarePortal] { core.queues.map { SoftwarePortal(device: self, queue: $0) } }

  // MARK: Memory

  /// Vouches for memory: until it is taken back it is mapped, present, readable and writable, and engines do not ask the kernel about
  /// it. A copy from or to memory that is registered and is not there is a segmentation fault.
  public func register(_ memory: UnsafeRawBufferPointer) {
    guard let base = memory.baseAddress, memory.count > 0 else { return }
    core.register(UInt64(UInt(bitPattern: base)), memory.count)
  }

  /// Takes one registration of exactly this memory back; nothing that uses it may be in flight.
  public func unregister(_ memory: UnsafeRawBufferPointer) {
    guard let base = memory.baseAddress, memory.count > 0 else { return }
    core.unregister(UInt64(UInt(bitPattern: base)), memory.count)
  }

  // MARK: State

  /// What it counted. Of a descriptor all is counted before its record is written, of a batch's members before the batch's. Translation is not counted, nor time.
  public var counters: DeviceCounters { core.counters }

  /// SWERROR: the first error that no record could tell.
  public var error: SoftwareError { core.softwareError }

  /// Whether an injected fault took it away: posted writes vanish, others get Retry, and no record is written any more.
  public var isGone: Bool { core.isGone.load(ordering: .acquiring) }
}

extension DeviceConfiguration {
  /// A software device: one group of engines, dedicated queues alike.
  ///
  /// - Parameters:
  ///   - channels: queues, 1...64.
  ///   - engines: threads, 1...16.
  ///   - entries: of each queue; 32 hold what one copy job has in flight on a channel.
  ///   - blockOnFault: whether descriptors may ask to wait for pages.
  public static func software(
    channels: Int = 1, engines: Int = 1, entries: Int = 32, blockOnFault: Bool = false
  ) -> DeviceConfiguration {
    var queue = QueueConfiguration()
    queue.size = entries
    queue.maxBatch = 1024
    queue.blockOnFault = blockOnFault
    queue.isPrivileged = false
    var device = DeviceConfiguration()
    device.queues = Array(repeating: queue, count: max(channels, 0))
    device.maxQueues = 64
    device.entries = 4096
    device.engines = 16
    device.readBuffers = 4096
    var group = GroupConfiguration(engines: engines)
    group.readBuffersAllowed = 4096
    device.groups = [group]
    return device
  }
}
