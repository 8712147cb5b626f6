// A terabyte of modelled memory in less than 10 GiB of real memory.

import MemoryModel
import Simulation
import Workload

enum Terabyte {
  /// Builds a machine of `gibibytes`, a quarter of it fast, first-touches all but a 64th of it, then makes skewed accesses.
  static func run(gibibytes: Int, accesses: Int) throws -> String {
    let total = gibibytes << 18
    let footprint = total - total / 64
    let spec = try Scenario.zipf(pages: footprint, accesses: accesses)
    let before = processBytes("VmRSS")
    let wall = wallNanoseconds()
    let simulation = try Simulation(
      spec,
      tree: Scenario.tieredTree(["hw.node0.size=\(total / 4)p", "hw.node1.size=\(total - total / 4)p"]))
    final class Book {
      var fillEnd = 0
      var fillRSS = 0
    }
    let book = Book()
    simulation.onProgress = { _, done, _ in
      if book.fillEnd == 0 && done >= footprint {
        book.fillEnd = cpuNanoseconds()
        book.fillRSS = processBytes("VmRSS")
      }
    }
    let start = cpuNanoseconds()
    let result = try simulation.run()
    let end = cpuNanoseconds()
    let peak = processBytes("VmHWM")
    let bytes = Double(peak - before)
    let fill = book.fillEnd - start
    func gib(_ n: Int) -> String { (Double(n) / Double(1 << 30)).text(0) }
    return """
      machine            \(gibibytes) GiB in two tiers, \(total) pages; footprint \(footprint) pages
      pages mapped       \(result.footprintPages)
      peak resident      \(gib(peak)) GiB (VmHWM); \(gib(book.fillRSS)) GiB after the first touches
      bytes a page       \((bytes / Double(total)).text(0)) of the machine, \((bytes / Double(footprint)).text(0)) of the footprint
      first touches      \((Double(fill) / Double(footprint)).text(0)) ns a page, \((Double(fill) / 1e9).text(0)) s in all
      accesses           \(accesses), \((Double(end - book.fillEnd) / Double(accesses)).text(0)) ns each
      wall time          \((Double(wallNanoseconds() - wall) / 1e9).text(0)) s
      """
  }
}
