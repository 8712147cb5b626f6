// --reserve, for every command that uses real memory.

import ArgumentParser
import HostMemory

/// Huge pages for the time of a command.
struct ReserveOptions: ParsableArguments {
  @Flag(
    help:
      "Add the huge pages that are missing to the pool (nr_hugepages; root) while the command runs. They are taken out again whatever ends it."
  )
  var reserve = false

  /// Says and undoes what a killed run left; then adds what is missing for these requests, if that is wanted. Keep the result as long as
  /// the memory, and `release` it.
  func reservation(for requests: [HostMemory.Request], of memory: HostMemory) throws -> HugePageReservation? {
    for line in HugePageReservation.recover() { Console.error(line) }
    guard reserve else { return nil }
    let missing = memory.missingHugePages(for: requests)
    return missing.isEmpty ? nil : try HugePageReservation(missing)
  }
}
