// pageferry trace scale.

import ArgumentParser
import Trace

extension ScaleOptions.Arrangement: ExpressibleByArgument {}

/// Writes traces side by side as one.
struct TraceScaleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scale",
    abstract: "Write traces side by side as one, with more threads or processes, or with a sample of the pages.",
    discussion: """
      Several traces, or copies of one, begin together and are interleaved by work: next comes the record whose \
      thread has worked least. As threads, the copies are one process with addresses of their own each, or the same \
      addresses with --shared; as processes, each has an address space of its own. --thin keeps a share of the pages, \
      chosen by a hash (SHARDS, FAST 2015): the footprint and all reuse distances shrink to about that share.

      Examples:
        pageferry trace scale sort.pft -o sort16.pft --copies 16 --as processes
        pageferry trace scale server.pft -o more.pft --copies 4 --as threads --shared --offset 1000000
        pageferry trace scale sort.pft server.pft -o both.pft --as processes
        pageferry trace scale huge.pft -o sample.pft --thin 1/8
      """)

  @Argument(help: ArgumentHelp("The traces.", valueName: "in"))
  var inputs: [String]

  @Option(name: .shortAndLong, help: ArgumentHelp("The trace to write.", valueName: "file"))
  var output: String

  @Option(help: ArgumentHelp("Copies of the one trace.", valueName: "count"))
  var copies = 1

  @Option(name: .customLong("as"), help: "What copies and inputs become.")
  var arrangement: ScaleOptions.Arrangement?

  @Flag(help: "As threads: leave the addresses, so that all use the same pages.")
  var shared = false

  @Option(help: ArgumentHelp("Let each copy begin so much work after the one before.", valueName: "work"))
  var offset: UInt64 = 0

  @Option(help: ArgumentHelp("Keep this share of the pages, as in 1/8.", valueName: "share"))
  var thin: String?

  @Flag(name: .shortAndLong, help: "Print nothing but errors.")
  var quiet = false

  func run() throws {
    var options = ScaleOptions()
    options.copies = copies
    options.arrangement = arrangement
    options.isShared = shared
    options.offset = offset
    if let thin { options.thin = try PageSampling(thin) }
    let bar = ProgressBar("scale", isQuiet: quiet)
    defer { bar.end() }
    defer { Interrupt.removes(nil) }
    let header = try TraceScaler(options).run(
      inputs: inputs, output: output, guarding: Interrupt.removes(_:madeBy:)
    ) { done, total in bar.show(done, of: total, "\(done) records") }
    bar.end()
    if quiet { return }
    try Console.out(
      "\(output): \(header.records) records of \(header.accesses) accesses, \(header.threads) threads, "
        + "\(header.footprintPages) pages, \(header.fileBytes) bytes\n")
  }
}
