// pageferry copy-plan.

import ArgumentParser
import PageCopy
import Report
import Units

extension ListCut: ExpressibleByArgument {}

/// Shows how a list of pages is spread over the channels of a copy engine.
struct CopyPlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "copy-plan",
    abstract: "Show how a list of pages is spread over DSA channels: rounds, slices, batches.",
    discussion: """
      Huge pages are cut into a slice for each channel. Base pages go one by one while a channel has fewer than two of \
      them, else as one batch a channel. A round is submitted and waited for as a whole; it ends where the next page would \
      not fit 25 descriptors and 128 batch members a channel ('slots'), or behind 24 huge or 1024 base pages, as in the \
      kernel that this comes from ('c2'), of which the overflows are told then.

      Examples:
        pageferry copy-plan --list 24h,12b
        pageferry copy-plan --list B --channels 4 --cut c2

      Exit status: 0, also when the original would overflow.
      """)

  @Option(
    help: ArgumentHelp(
      "Pages in order, as 24h,12b: h huge, b base; or a list of the original's tests: A (1023b, 1h) or B (1000b, 24h).",
      valueName: "list"))
  var list: String

  @Option(help: ArgumentHelp("Channels, 1 to 8.", valueName: "n"))
  var channels = CopyLimits.channels

  @Option(help: ArgumentHelp("Where long lists are cut: slots or c2.", valueName: "cut"))
  var cut = ListCut.slots

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    guard let pages = PageList(text: list) else {
      throw ValidationError(
        "--list: '\(list)' is no list; write A, B, or runs as 24h,12b, of \(PageList.maxTextCount) pages at most")
    }
    let plan: CopyPlan
    do {
      plan = try CopyPlan(pages, channels: channels, cut: cut)
    } catch {
      throw ValidationError("--channels: \(error)")
    }
    try Console.out(json ? value(plan).text : plan.description)
  }

  private func value(_ plan: CopyPlan) -> JSONValue {
    .object([
      ("huge_pages", .integer(plan.list.hugeCount)), ("base_pages", .integer(plan.list.baseCount)),
      ("size_bytes", .integer(plan.list.bytes)), ("channels", .integer(plan.channels)),
      ("cut", .string(plan.cut.rawValue)),
      ("rounds", .list(plan.rounds.indices.map { round($0, plan) })),
      ("faults_of_original", .list(plan.faultsOfOriginal.map { .string("\($0)") })),
    ])
  }

  private func round(_ index: Int, _ plan: CopyPlan) -> JSONValue {
    let round = plan.rounds[index]
    let isBatched = round.isBatched(channels: plan.channels)
    let rows = (0..<plan.channels).map { channel in
      let base = round.basePages(channel: channel, of: plan.channels)
      return JSONValue.object([
        ("descriptors", .integer(round.descriptors(channel: channel, of: plan.channels))),
        ("huge_slices", .integer(round.huge.count)), ("slice_bytes", .integer(plan.sliceBytes(channel: channel))),
        ("singles", .integer(isBatched ? 0 : base)), ("batch_members", .integer(isBatched ? base : 0)),
        ("size_bytes", .integer(plan.bytes(round: index, channel: channel))),
      ])
    }
    return .object([
      ("first_item", .integer(round.items.lowerBound)), ("items", .integer(round.items.count)),
      ("huge_pages", .integer(round.huge.count)), ("base_pages", .integer(round.base.count)), ("channels", .list(rows)),
    ])
  }
}
