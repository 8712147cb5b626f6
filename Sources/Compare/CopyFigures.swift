// What copying pages took in a run.

import Migration
import PageCopy
import Simulation
import Units

/// Copies of migrations, all engines together and each by itself. Times are modelled, in picoseconds.
public struct CopyFigures: Codable, Equatable, Sendable {
  /// Bytes copied, and the time from the beginning of each copy to its end, summed up.
  public var bytes: Int
  public var elapsedPs: Int
  /// CPU time spent moving bytes, preparing, submitting and polling.
  public var cpuPs: Int
  /// Bytes a second while copying; nil when nothing was copied.
  public var bytesPerSecond: Int?
  /// All engines, in the order of `CopyMethod`.
  public var engines: [EngineFigures]
  /// The machine's DSA devices in the order of the configuration; empty without DSA.
  public var devices: [DeviceFigures]
  /// DSA copies of which the CPU had to take over a part (dsa_copy_fail of /proc/timer).
  public var dsaFailures: Int
  /// Whether failures turned vm.use_dsa_copy_pages off.
  public var isDsaTurnedOff: Bool

  /// No copy.
  static let none = CopyFigures(
    bytes: 0, elapsedPs: 0, cpuPs: 0, bytesPerSecond: nil, engines: [], devices: [], dsaFailures: 0,
    isDsaTurnedOff: false)

  static func rate(_ bytes: Int, in span: Picoseconds) -> Int? {
    guard span > 0, bytes > 0 else { return nil }
    return Int(clamping: UInt128(bytes) * UInt128(Picoseconds.second) / UInt128(span))
  }

  /// The devices that had work.
  var devicesInUse: [DeviceFigures] { devices.filter { $0.busyPs > 0 } }
}

/// One copy engine.
public struct EngineFigures: Codable, Equatable, Sendable {
  /// `cpu`, `cpu_multithreaded` or `dsa`.
  public var engine: String
  /// Lists, or single pages.
  public var calls: Int
  /// Pages of 4 KiB and of 2 MiB.
  public var basePages: Int
  public var hugePages: Int
  public var bytes: Int
  public var elapsedPs: Int
  public var cpuPs: Int
  public var bytesPerSecond: Int?
}

/// One DSA device.
public struct DeviceFigures: Codable, Equatable, Sendable {
  /// Time with a descriptor in a queue or in progress.
  public var busyPs: Int
  /// Of the run's time, in millionths.
  public var busyMillionths: Int
  /// Descriptors that entered a queue.
  public var descriptors: Int
  public var bytes: Int
}

extension CopyFigures {
  init(_ result: RunResult, wantsDSA: Bool) {
    let copy = result.copy
    bytes = copy.bytes
    elapsedPs = copy.copyTime
    cpuPs = copy.cpuTime
    bytesPerSecond = CopyFigures.rate(copy.bytes, in: copy.copyTime)
    engines = CopyMethod.allCases.map { method in
      let use = copy.use(of: method)
      return EngineFigures(
        engine: method.name, calls: use.calls, basePages: use.basePages, hugePages: use.hugePages, bytes: use.bytes,
        elapsedPs: use.elapsed, cpuPs: use.cpuTime, bytesPerSecond: CopyFigures.rate(use.bytes, in: use.elapsed))
    }
    devices = copy.devices.map { device in
      DeviceFigures(
        busyPs: device.busyTime,
        busyMillionths: Speedup.millionths(device.busyTime, of: result.elapsed),
        descriptors: device.accepted, bytes: device.bytesCompleted)
    }
    dsaFailures = copy.timer.dsaCopyFail
    isDsaTurnedOff = wantsDSA && !copy.isSwitchedOn
  }

  var figures: [Figure] {
    var all = [
      Figure("copy/bytes", "bytes", bytes), Figure("copy/elapsed", "ps", elapsedPs), Figure("copy/cpu", "ps", cpuPs),
    ]
    if let bytesPerSecond { all.append(Figure("copy/rate", "bytes per second", bytesPerSecond)) }
    all.append(Figure("copy/dsa_failures", "copies", dsaFailures))
    all.append(Figure("copy/is_dsa_turned_off", "0 or 1", isDsaTurnedOff ? 1 : 0))
    for engine in engines {
      let name = "copy/engine/\(engine.engine)"
      all.append(Figure("\(name)/calls", "calls", engine.calls))
      all.append(Figure("\(name)/base_pages", "pages of 4 KiB", engine.basePages))
      all.append(Figure("\(name)/huge_pages", "pages of 2 MiB", engine.hugePages))
      all.append(Figure("\(name)/bytes", "bytes", engine.bytes))
      all.append(Figure("\(name)/elapsed", "ps", engine.elapsedPs))
      all.append(Figure("\(name)/cpu", "ps", engine.cpuPs))
      if let rate = engine.bytesPerSecond { all.append(Figure("\(name)/rate", "bytes per second", rate)) }
    }
    for (index, device) in devices.enumerated() {
      let name = "copy/device/\(index)"
      all.append(Figure("\(name)/busy", "ps", device.busyPs))
      all.append(Figure("\(name)/busy_share", "millionths", device.busyMillionths))
      all.append(Figure("\(name)/descriptors", "descriptors", device.descriptors))
      all.append(Figure("\(name)/bytes", "bytes", device.bytes))
    }
    return all
  }
}
