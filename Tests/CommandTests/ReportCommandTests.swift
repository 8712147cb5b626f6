// pageferry report as a user runs it.

import Foundation
import Testing

/// Whether gnuplot is here.
private let hasGnuplot: Bool = {
  let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
  let found = folders.contains { FileManager.default.isExecutableFile(atPath: "\($0)/gnuplot") }
  if !found { print("*** SKIPPED: gnuplot is not installed (apt-get install gnuplot-nox). No report was written. ***") }
  return found
}()

@Suite struct ReportCommandTests {
  static let workload = """
    name: small
    regions:
      A: {pages: 512}
    tasks:
      - name: main
        phases:
          - access: A
            rounds: 2
    """

  @Test(.enabled(if: hasGnuplot, "gnuplot is not installed"))
  func `a report of one run lies in its directory, with --figures they lie beside it`() throws {
    try Command.withFolder { folder in
      try Command.write(Self.workload, folder + "/small.yaml")
      #expect(try Command.run("run", "small.yaml", "--out", "a", "-q", in: folder).status == 0)
      let report = try Command.run("report", "a/", in: folder)
      #expect(report.status == 0 && report.error == "")
      #expect(report.out.hasPrefix("a/report.html: ") && report.out.hasSuffix(" charts of one run\n"))
      #expect(try String(contentsOfFile: folder + "/a/report.html", encoding: .utf8).hasSuffix("</html>\n"))

      let figures = try Command.run("report", "a", "-o", "b.html", "--figures", "svg", "-q", in: folder)
      #expect(figures.status == 0 && figures.out == "" && figures.error == "")
      let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/figures")
      #expect(names.contains("hits.svg") && names.contains("hits.csv") && names.contains("heat.svg"))
    }
  }

  @Test(.enabled(if: hasGnuplot, "gnuplot is not installed"))
  func `a damaged run is one line that names the file, and no page is written`() throws {
    try Command.withFolder { folder in
      try Command.write(Self.workload, folder + "/small.yaml")
      #expect(try Command.run("run", "small.yaml", "--out", "a", "-q", in: folder).status == 0)
      try FileManager.default.removeItem(atPath: folder + "/a/heat.csv")
      let report = try Command.run("report", "a", in: folder)
      #expect(report.status == 1 && report.out == "")
      #expect(report.error == "pageferry: a/heat.csv: is missing; make the run again with this version\n")
      #expect(!FileManager.default.fileExists(atPath: folder + "/a/report.html"))
      let none = try Command.run("report", "none", in: folder)
      #expect(
        none.error == "pageferry: none: there is no such run directory; make one with pageferry run\n"
          && none.status == 1)
    }
  }

  @Test(arguments: [["report"], ["report", "a", "--figures", "gif"], ["report", "a", "-o", ""]])
  func `bad arguments have status 2`(arguments: [String]) throws {
    try Command.withFolder { folder in
      let outcome = try Command.run(arguments, in: folder)
      #expect(outcome.status == 2 && outcome.error.hasPrefix("pageferry: ") && outcome.out == "")
    }
  }
}
