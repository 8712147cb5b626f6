// The model against the recorded runs of real kernels. Needs the reference folders, which are not part of the project:
// PAGEFERRY_SHARED names the folder that holds them, else `../shared` beside the checkout; absent, the test says so.

import Foundation
import Testing
import Validation

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().path

private let shared: String? = {
  let named = ProcessInfo.processInfo.environment["PAGEFERRY_SHARED"] ?? root + "/../shared"
  guard FileManager.default.fileExists(atPath: named + "/oracle/results/ensemble.json") else {
    print("SKIPPED: no reference runs at \(named); the model was NOT compared with real kernels")
    return nil
  }
  return named
}()

@Suite struct FidelityTests {
  /// docs/fidelity.md is what `pageferry validate` prints today, and no counter that agreed has been lost.
  @Test(.enabled(if: shared != nil)) func thePageIsCurrentAndTheCountersAgree() throws {
    let folder = try #require(shared)
    var fidelity = Fidelity(machines: root + "/sysctl/machines")
    let page = try fidelity.page(upstream: folder + "/oracle", tpp: folder + "/oracle-tpp")
    #expect(fidelity.agreed >= 86 && fidelity.agreedDirections >= 4, "\(fidelity.verdict)")
    let written = try String(contentsOfFile: root + "/docs/fidelity.md", encoding: .utf8)
    #expect(
      FidelityFile(text: written)?.text(of: .reference) == page,
      "docs/fidelity.md is stale: run 'pageferry validate' again")
    #expect(!page.contains("The books do not agree"))
  }

  @Test(.enabled(if: shared != nil)) func anUnknownScenarioIsATypedError() throws {
    let folder = try #require(shared)
    var fidelity = Fidelity(machines: root + "/sysctl/machines")
    fidelity.only = ["nosuch"]
    #expect(throws: ReferenceError.self) { _ = try fidelity.page(upstream: folder + "/oracle", tpp: nil) }
  }

  @Test func aFolderWithoutRunsIsATypedError() {
    var fidelity = Fidelity(machines: root + "/sysctl/machines")
    #expect(throws: ReferenceError.self) { _ = try fidelity.page(upstream: "/nonexistent", tpp: nil) }
  }
}
