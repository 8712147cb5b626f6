// pageferry validate: parts of its page, and errors. The comparisons themselves are tested in CalibrationTests and FidelityTests.

import Foundation
import Testing

@Suite struct ValidateCommandTests {
  private static let tables = Command.package + "/../shared/calibration"
  private static let hasTables: Bool = {
    if FileManager.default.fileExists(atPath: tables + "/dsa-faults.csv") { return true }
    print("SKIPPED: no tables of measurements at \(tables); validate --calibration was NOT tried")
    return false
  }()

  @Test func withoutAnythingToCompareWithItSaysWhatToGive() throws {
    let outcome = try Command.run("validate")
    #expect(outcome.status == 2 && outcome.out.isEmpty)
    #expect(outcome.error.contains("give --reference, --reference-tpp, --calibration or several of them"))
  }

  @Test func aFolderWithoutTablesIsAnErrorOfOneLine() throws {
    let outcome = try Command.run("validate", "--calibration", "/nonexistent")
    #expect(outcome.status == 2)
    #expect(
      outcome.error
        == "pageferry: /nonexistent/dsa-sync-latency.csv: cannot be read; give the folder that holds all tables of "
        + "measurements\n")
  }

  @Test(.enabled(if: hasTables)) func aFileKeepsThePartsThatAreNotMade() throws {
    try Command.withFolder { folder in
      let page = folder + "/page.md"
      try Command.write(try String(contentsOfFile: Command.package + "/docs/fidelity.md", encoding: .utf8), page)
      let before = try String(contentsOfFile: page, encoding: .utf8)
      let outcome = try Command.run("validate", "--calibration", Self.tables, "-o", page)
      #expect(outcome.status == 0, "\(outcome.error)")
      #expect(
        outcome.out.contains("kept as it was: Linux 6.12.117 (--reference), Linux 5.13-rc6 with TPP (--reference-tpp)"))
      #expect(try String(contentsOfFile: page, encoding: .utf8) == before)
      // One kernel of two would drop the other.
      let one = try Command.run("validate", "--reference", "/nonexistent", "-o", page)
      #expect(one.status == 2 && one.error.contains("also holds Linux 5.13-rc6 with TPP (--reference-tpp)"))
      #expect(try String(contentsOfFile: page, encoding: .utf8) == before)
    }
  }

  @Test(.enabled(if: hasTables)) func anotherFileSaysWhatItDoesNotHoldAndJSONHasEveryPoint() throws {
    let json = try Command.withFolder { folder in
      let outcome = try Command.run("validate", "--calibration", Self.tables, "--json", "-o", folder + "/page.md")
      let page = try String(contentsOfFile: folder + "/page.md", encoding: .utf8)
      #expect(page.contains("* Linux 6.12.117 (`--reference`): **not in this file**"))
      #expect(page.contains("\n## Modelled DSA devices beside published measurements\n"))
      return outcome
    }
    struct Parts: Decodable {
      struct Devices: Decodable {
        struct Entry: Decodable { var errorPercent: Double }
        var isWithinBars: Bool
        var points: [Entry]
      }
      var calibration: Devices
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let parts = try decoder.decode(Parts.self, from: Data(json.out.utf8))
    #expect(parts.calibration.isWithinBars && parts.calibration.points.count == 120)
  }
}
