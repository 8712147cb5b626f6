// Asking the kernel where pages lie.

import CNuma
import Foundation

extension Placement {
  /// Pages asked about in one call: 64 KiB of arguments.
  private static let pagesACall = 4096

  init(base: UnsafeMutableRawPointer, count: Int, pageSize: Int, stride: Int) {
    self.init(pageSize: pageSize, stride: max(1, stride), asked: 0, shares: [], unplaced: 0, problem: nil)
    let step = pageSize * self.stride
    asked = (count + step - 1) / step
    var counts: [Int: Int] = [:]
    var first = 0
    while first < asked {
      let pages = min(asked - first, Placement.pagesACall)
      var addresses = (0..<pages).map { UnsafeMutableRawPointer?(base + (first + $0) * step) }
      var status = [Int32](repeating: 0, count: pages)
      guard numa_move_pages(0, UInt(pages), &addresses, nil, &status, 0) >= 0 else {
        let reason = String(cString: strerror(errno))
        problem =
          "move_pages(2) does not say where pages lie: \(reason)"
          + (errno == EPERM || errno == ENOSYS ? " (a container's seccomp profile, or a kernel without NUMA)" : "")
        unplaced = asked
        shares = []
        return
      }
      for node in status { if node >= 0 { counts[Int(node), default: 0] += 1 } else { unplaced += 1 } }
      first += pages
    }
    shares = counts.sorted { $0.key < $1.key }.map { Share(node: $0.key, pages: $0.value) }
  }
}

/// What /proc/self/smaps says of a range of addresses.
struct MappedPages {
  /// Bytes on transparent huge pages.
  var transparent = 0
  /// Bytes on pages of a pool.
  var pooled = 0

  /// Adds up the mappings that lie in the range; nil where the file cannot be read.
  init?(base: UnsafeMutableRawPointer, count: Int) {
    guard let file = fopen("/proc/self/smaps", "re") else { return nil }
    defer { fclose(file) }
    let range = UInt(bitPattern: base)..<(UInt(bitPattern: base) + UInt(count))
    var isInside = false
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { free(line) }
    while getline(&line, &capacity, file) > 0, let line {
      let text = Substring(String(cString: line))
      let words = text.split(separator: " ", maxSplits: 2)
      guard let first = words.first else { continue }
      if first.last != ":" {
        let ends = first.split(separator: "-").map { UInt($0, radix: 16) }
        guard ends.count == 2, let start = ends[0], let end = ends[1] else { continue }
        isInside = start >= range.lowerBound && end <= range.upperBound
      } else if isInside, words.count > 1, let size = Int(words[1].trimmingCharacters(in: .whitespaces)) {
        switch first {
        case "AnonHugePages:": transparent += size << 10
        case "Private_Hugetlb:", "Shared_Hugetlb:": pooled += size << 10
        default: break
        }
      }
    }
  }
}
