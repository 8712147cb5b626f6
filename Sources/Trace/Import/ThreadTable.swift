// Numbers for the threads and processes of an input, and when each thread had its last access.

/// Numbers threads and processes in order of appearance, at most `TraceFormat.maxThreads` of each.
struct ThreadTable {
  /// A thread as the input calls it.
  private struct Name: Hashable {
    var process: UInt64
    var thread: UInt64
  }

  /// Numbers given to a thread and its process.
  struct Numbers {
    var thread: UInt16
    var process: UInt16
  }

  private var threads: [Name: Numbers] = [:]
  private var processes: [UInt64: UInt16] = [:]
  /// When the first access of all was.
  private var start: UInt64?
  /// When each thread had its last access.
  private var times: [UInt64] = []
  private var last: (name: Name, numbers: Numbers)?

  /// The numbers of `thread` of `process`, as the input calls them; nil when there are too many.
  mutating func numbers(of thread: UInt64, in process: UInt64) -> Numbers? {
    let name = Name(process: process, thread: thread)
    if let last, last.name == name { return last.numbers }
    var numbers = threads[name]
    if numbers == nil {
      guard threads.count < TraceFormat.maxThreads else { return nil }
      // There are at most as many processes as threads.
      let process = processes[process] ?? UInt16(processes.count)
      processes[name.process] = process
      numbers = Numbers(thread: UInt16(threads.count), process: process)
      threads[name] = numbers
    }
    if let numbers { last = (name, numbers) }
    return numbers
  }

  /// Time since the thread's last access; for its first, since the first access of the input. `now` is not before either.
  mutating func elapsed(on thread: UInt16, to now: UInt64) -> UInt64 {
    let first = start ?? now
    start = first
    while times.count <= Int(thread) { times.append(first) }
    defer { times[Int(thread)] = now }
    return now - times[Int(thread)]
  }
}
