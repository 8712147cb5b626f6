// The parameters as text, and why points miss.

import DSAModel
import Units

extension Calibration {
  /// Name and value of each parameter of the device, in the order in which they are declared.
  public static var deviceParameters: [(name: String, value: String)] {
    Mirror(reflecting: DeviceTiming()).children.compactMap { child in
      guard let name = child.label, let value = child.value as? Int else { return nil }
      if name.hasSuffix("Bandwidth") { return (name, Bandwidth.text(value)) }
      if name.hasSuffix("Bytes") { return (name, "\(value)") }
      let isCount = ["spreadLines", "exposedCrossings", "workInProgress", "batchesInProgress"].contains(name)
      return (name, isCount ? "\(value)" : TimeSpan.text(value))
    }
  }

  /// What each source's loop adds.
  static var harnesses: String {
    let (s1, s2, s2Shared, s3) = (
      LightDSA.timing, AccelDatapath.timing(isShared: false), AccelDatapath.timing(isShared: true), DSA2LM.timing
    )
    return """

      ### Parameters of the loops

      At most three are chosen for a source; facts are read from its code or given by it.

      | source | chosen | facts |
      |---|---|---|
      | S1 | ENQCMD \(TimeSpan.text(s1.issue)) back to back; \(TimeSpan.text(s1.work)) of CPU time a batch member | pages that the \
      device does not remember (cold); a CPU's touch of a page \(TimeSpan.text(LightDSA.touch)); memory at \
      \(TimeSpan.text(s1.distance)) as in S3 |
      | S2 | MOVDIR64B \(TimeSpan.text(s2.issue)), ENQCMD \(TimeSpan.text(s2Shared.issue)), each with the loop around it | slots \
      polled in turn, each with buffers of its own (warm) 16 bytes behind a line, written to the cache; records two to a line: \
      \(TimeSpan.text(s2.firstLook)) for the first look at a line, \(TimeSpan.text(s2.nextLook)) for the next; all members of a \
      batch copy one page |
      | S3 | \(TimeSpan.text(s3.issue)) a submission; memory at \(TimeSpan.text(s3.distance)) | 16 pages in flight, each split \
      evenly |

      """
  }

  /// Why a point misses, as far as it is known.
  static func reason(for point: CalibrationPoint) -> String {
    if point.mark == .notMonotone {
      return
        "256 and 1,024 B take 40 ns an operation, 512 B 28 ns; the model gives 42 to 43 ns for all up to 1 KiB"
    }
    switch point.table {
    case "dsa-depth-sweep.csv" where point.name.contains(" 64 B, "):
      return
        "on the device 64 B take some 220 ns longer from 4 in flight on than with 2, on both kinds of queue, and 4 KiB do "
        + "not; the model knows no reason"
    case "dsa-batch-latency.csv" where point.name.hasPrefix("shared"):
      return
        "a batch does not know what queue it came through; S2's runs with a shared queue take up to 1.5 us longer at 8 to 32 "
        + "pages, nothing at 64, where 16 to 64 pages rise by 115 ns a page, faster than the device's bandwidth allows"
    case "dsa-multi-device.csv" where point.name.hasPrefix("4 KiB"):
      return "pieces of 512 B: each submission of the model costs the same, the source's get cheaper with many devices"
    case "dsa-multi-device.csv":
      return "the platform's limit is one number here; the source reaches less of it with smaller pieces"
    default: return "not known"
    }
  }
}
