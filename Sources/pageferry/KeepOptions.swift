// Options of every command that makes a trace of a program's accesses.

import ArgumentParser
import Trace

/// What is kept of the accesses, and how the trace is packed.
struct KeepOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Leave out hits of modelled caches, nearest first.", valueName: "size:ways,..."))
  var cache: String?

  @Option(
    help: ArgumentHelp(
      "With --cache: keep hits that miss a modelled TLB, as touches that set accessed bits and reach no memory.",
      valueName: "entries:ways,..."))
  var tlb: String?

  @Option(help: ArgumentHelp("zstd's level, 1 to 19; 0 leaves the trace uncompressed.", valueName: "level"))
  var level = TraceWriter.standardLevel

  /// Sets what these options say.
  func apply(to options: inout ImportOptions) throws {
    if let cache { options.cache = try CacheSpecification(cache) }
    if let tlb { options.tlb = try TLBSpecification(tlb) }
    options.level = level
  }
}
