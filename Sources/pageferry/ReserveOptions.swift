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
    try reservation(forEach: [requests], of: memory)
  }

  /// The same for requests that are taken and given back one list after the other.
  func reservation(forEach lists: [[HostMemory.Request]], of memory: HostMemory) throws -> HugePageReservation? {
    for line in HugePageReservation.recover() { Console.error(line) }
    guard reserve else { return nil }
    let missing = memory.missingHugePages(forEach: lists)
    return missing.isEmpty ? nil : try HugePageReservation(missing)
  }

  /// Does something while huge pages are reserved for it.
  func withReservation<T>(
    forEach lists: [[HostMemory.Request]], of memory: HostMemory = HostMemory(), _ body: () throws -> T
  ) throws -> T {
    let reservation = try reservation(forEach: lists, of: memory)
    defer { if let left = reservation?.release() { Console.error(left) } }
    return try body()
  }
}
