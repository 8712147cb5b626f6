// Time and memory of this process, as the kernel that runs it counts them.

#if canImport(Glibc)
  import Glibc
#endif

/// CPU time of the calling thread in nanoseconds: what neighbours on a shared machine take is not in it.
func cpuNanoseconds() -> Int {
  var t = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t)
  return t.tv_sec * 1_000_000_000 + t.tv_nsec
}

/// Wall-clock time in nanoseconds.
func wallNanoseconds() -> Int {
  var t = timespec()
  clock_gettime(CLOCK_MONOTONIC, &t)
  return t.tv_sec * 1_000_000_000 + t.tv_nsec
}

/// CPU time of the whole process, all threads together, and wall time that `body` takes, in nanoseconds.
func processTimes(_ body: () throws -> Void) rethrows -> (cpu: Int, wall: Int) {
  func cpu() -> Int {
    var t = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t)
    return t.tv_sec * 1_000_000_000 + t.tv_nsec
  }
  let start = (cpu: cpu(), wall: wallNanoseconds())
  try body()
  return (cpu() - start.cpu, wallNanoseconds() - start.wall)
}

/// A field of /proc/self/status in bytes: `VmHWM` is the peak of resident memory, `VmRSS` what is resident now.
func processBytes(_ field: String) -> Int {
  guard let file = fopen("/proc/self/status", "r") else { return 0 }
  defer { fclose(file) }
  var line = [CChar](repeating: 0, count: 256)
  while fgets(&line, 256, file) != nil {
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard text.hasPrefix(field + ":") else { continue }
    return (Int(text.filter(\.isNumber)) ?? 0) << 10
  }
  return 0
}
