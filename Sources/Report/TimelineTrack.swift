// The tracks of timeline.json: processes and threads of the trace event format, and what they are called.

import DSAModel
import Simulation

/// Numbers of processes and threads. No two tracks have the same thread number: Perfetto names threads by it alone.
/// Queues are behind threads: of two events of one time the one on the smaller track comes first, and an arrow has to leave before it
/// arrives.
enum TimelineTrack {
  static let cpus = 1
  static let kernelThreads = 2
  static let tasks = 3
  static let nodes = 4

  static func process(device: Int) -> Int { 100 + device }
  static func cpu(_ number: Int) -> Int { 10_000 + number }
  static func thread(_ number: Int) -> Int { 20_000 + number }
  static func queue(_ place: DevicePlace) -> Int { 2_000_000_000 + place.device * 1000 + place.number }
  static func engine(_ place: DevicePlace) -> Int { 2_000_000_500 + place.device * 1000 + place.number }

  /// Names and order of all tracks of a run.
  static func metadata(_ run: TimelineResult) -> [String] {
    var lines: [String] = []
    var rank = 0
    func process(_ number: Int, _ name: String) {
      rank += 1
      lines.append(line("process_name", pid: number, tid: nil, "name", JSONValue.quoted(name)))
      lines.append(line("process_sort_index", pid: number, tid: nil, "sort_index", "\(rank)"))
    }
    func thread(_ number: Int, of process: Int, _ name: String, rank: Int) {
      lines.append(line("thread_name", pid: process, tid: number, "name", JSONValue.quoted(name)))
      lines.append(line("thread_sort_index", pid: process, tid: number, "sort_index", "\(rank)"))
    }
    process(cpus, "CPUs")
    for cpu in 0..<run.cpus { thread(self.cpu(cpu), of: cpus, "CPU \(cpu)", rank: cpu) }
    for isKernel in [true, false] where run.threads.contains(where: { $0.isKernel == isKernel }) {
      let owner = isKernel ? kernelThreads : tasks
      process(owner, isKernel ? "kernel threads" : "threads of the tasks")
      for (number, entry) in run.threads.enumerated() where entry.isKernel == isKernel {
        thread(self.thread(number), of: owner, entry.name, rank: number)
      }
    }
    for device in run.queues.indices {
      let owner = self.process(device: device)
      process(owner, "DSA device \(device)")
      for number in run.queues[device] {
        let place = DevicePlace(device: device, number: number)
        thread(queue(place), of: owner, "device \(device) queue \(number)", rank: number)
      }
      for number in 0..<run.engines[device] {
        let place = DevicePlace(device: device, number: number)
        thread(engine(place), of: owner, "device \(device) engine \(number)", rank: 500 + number)
      }
    }
    process(nodes, "nodes")
    return lines
  }

  private static func line(_ name: String, pid: Int, tid: Int?, _ key: String, _ value: String) -> String {
    let thread = tid.map { ",\"tid\":\($0)" } ?? ""
    return "{\"ph\":\"M\",\"name\":\"\(name)\",\"pid\":\(pid)\(thread),\"args\":{\"\(key)\":\(value)}}"
  }
}
