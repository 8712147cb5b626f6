// What became of real memory: a section of the summary, one of host.json, and copies-measured.csv. All of it is this machine's.

import MemoryModel
import Units

/// Renders a `BackingReport`.
struct BackingText {
  let backing: BackingReport

  /// In large letters for every text: two such runs differ.
  static let warning =
    "not reproducible: measured copy times drove the clock (clock.copy = measured); the next run has other numbers"

  // MARK: copies-measured.csv

  /// A line a copy, in their order.
  var csv: String {
    var text = "number,subject,engine,base_pages,huge_pages,modelled_ps,measured_ps\n"
    for (index, copy) in backing.copies.enumerated() {
      let modelled = copy.modelled.map { "\($0)" } ?? ""
      text +=
        "\(index + 1),\(copy.subject.rawValue),\(copy.engine),\(copy.basePages),\(copy.hugePages),\(modelled),\(copy.measured)\n"
    }
    return text
  }

  // MARK: host.json

  var json: JSONValue {
    .object([
      ("clock_copy", .string(backing.drivesClock ? "measured" : "modelled")),
      ("is_reproducible", .bool(!backing.drivesClock)),
      ("arenas", .list(backing.arenas.map { .string($0) })),
      ("engines", .list(backing.engines.map { .string($0) })),
      ("remarks", .list(backing.remarks.map { .string($0) })),
      ("pages_written", .integer(backing.written)), ("pages_compared", .integer(backing.compared)),
      ("pages_wrong", .integer(backing.wrong)),
      ("copies_not_listed", .integer(backing.lostCopies)),
      ("copies", .list(backing.totals.map(total))),
    ])
  }

  private func total(_ total: BackingReport.Total) -> JSONValue {
    .object(
      [
        ("subject", .string(total.copy.subject.rawValue)), ("engine", .string(total.copy.engine)),
        ("calls", .integer(total.calls)), ("base_pages", .integer(total.copy.basePages)),
        ("huge_pages", .integer(total.copy.hugePages)),
      ] + (total.copy.modelled.map { [("modelled_ps", .integer($0))] } ?? []) + [
        ("measured_ps", .integer(total.copy.measured))
      ])
  }

  // MARK: For people

  var text: String {
    var text = "real memory behind every frame\n"
    if backing.drivesClock { text = "\(Self.warning)\n\n" + text }
    for line in backing.arenas + backing.engines { text += "  \(line)\n" }
    for remark in backing.remarks { text += "  note: \(remark)\n" }
    let verdict = backing.wrong == 0 ? "all bytes right" : "\(Decimal.grouped(backing.wrong)) WITH WRONG BYTES"
    text +=
      "  4 KiB pages written \(Decimal.grouped(backing.written)), compared in full \(Decimal.grouped(backing.compared)): "
    text += "\(verdict)\n"
    if backing.totals.isEmpty { return text + "  nothing was copied\n" }
    text += "\n" + "real copies".left(30)
    text += ["calls", "4 KiB", "2 MiB", "modelled", "measured", "GB/s"].map { $0.right(11) }.joined() + "\n"
    for total in backing.totals { text += line(total) }
    return text
  }

  private func line(_ total: BackingReport.Total) -> String {
    let copy = total.copy
    let rate = Decimal.ratio(copy.bytes, copy.measured, times: 1000 * 10)
    let values = [
      Decimal.grouped(total.calls), Decimal.grouped(copy.basePages), Decimal.grouped(copy.hugePages),
      copy.modelled.map { Decimal.span($0) } ?? "-", Decimal.span(copy.measured), Decimal.fixed(rate, places: 1),
    ]
    return "  \(copy.subject.words), \(copy.engine)".left(30) + values.map { $0.right(11) }.joined() + "\n"
  }
}

extension MeasuredCopy.Subject {
  fileprivate var words: String {
    switch self {
    case .pages: "page by page"
    case .list: "lists"
    case .hugePage: "huge pages"
    case .collapse: "collapses"
    }
  }
}
