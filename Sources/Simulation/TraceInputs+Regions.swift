// What the slots of a run are: the regions of the workload file, and the ranges of addresses that traces touch.

import Units
import Workload

extension TraceInputs {
  /// All regions, ascending.
  func regions(of spec: WorkloadSpec) -> [HeatMap.Region] {
    func name(_ text: String, _ process: Int) -> String {
      spec.processes.count > 1 ? "\(spec.processes[process].name):\(text)" : text
    }
    var regions = spec.regions.map { region in
      HeatMap.Region(
        name: name(region.name, region.process), firstPage: slots[region.process].lowerBound + region.baseSlot,
        pages: region.pages, address: nil)
    }
    for (index, task) in spec.tasks.enumerated() {
      // A second task over the same slots adds nothing.
      guard case .trace(let trace) = task.work, let own = sources[index]?.slots, !own.isEmpty,
        let map = maps[TraceUse(trace)]
      else { continue }
      regions += map.ranges(most: TraceInputs.mostRanges).map { range in
        HeatMap.Region(
          name: name("\(TraceInputs.stem(trace.path))@0x\(String(range.address, radix: 16))", task.process),
          firstPage: own.lowerBound + range.slots.lowerBound, pages: range.slots.count, address: range.address)
      }
    }
    return regions.sorted { ($0.firstPage, $0.name) < ($1.firstPage, $1.name) }
  }

  /// Ranges of one trace: more could not be told apart on a map of 128 blocks.
  private static let mostRanges = 64

  /// `graph` of `traces/graph.pft`, in letters that need no quotes in a table.
  private static func stem(_ path: String) -> String {
    let file = path.split(separator: "/").last ?? ""
    let stem = file.lastIndex(of: ".").map { file[..<$0] } ?? file
    return String(stem.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "_" })
  }
}
