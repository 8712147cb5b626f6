// A trace read ahead: other threads decode blocks while the caller works on those before them.
import Foundation

/// Decodes a trace on several threads and hands its blocks out in order: the same records as from a `TraceReader`.
///
/// Memory is two blocks a thread, some 4 MB each.
public final class ParallelReader {
  public var header: TraceHeader { file.header }
  public var path: String { file.path }
  public var identity: FileIdentity { file.identity }
  /// By thread, its process.
  public var processes: [UInt16] { file.index.processes }

  private let file: TraceFile
  private let workers: [BlockWorker]
  private var number = 0
  private var sums = TraceSums()
  /// Whether the block handed out last is still the caller's.
  private var holdsBlock = false

  /// Opens `path` and checks its header, length, index and end. `threads` is 1 or more; nil takes one for each CPU, at most 8.
  public convenience init(path: String, threads: Int? = nil) throws(TraceError) {
    self.init(try TraceFile(path: path), threads: threads)
  }

  init(_ file: TraceFile, threads: Int? = nil) {
    self.file = file
    let cpus = min(ProcessInfo.processInfo.activeProcessorCount, 8)
    let count = min(max(threads ?? cpus, 1), file.index.blocks.count)
    workers = (0..<count).map { BlockWorker(file, first: $0, step: count) }
    for worker in workers { worker.start() }
  }

  deinit { for worker in workers { worker.stop() } }

  /// The next block, which stays as it is until the next call; nil after the last, when all totals have been verified.
  ///
  /// After an error the reader is of no more use.
  public func next() throws(TraceError) -> TraceBlock? {
    if holdsBlock { workers[(number - 1) % workers.count].release() }
    holdsBlock = false
    guard number < file.index.blocks.count else {
      try file.check(sums)
      return nil
    }
    let (block, head) = try workers[number % workers.count].take()
    number += 1
    holdsBlock = true
    sums.add(head)
    return block
  }
}

/// A thread that decodes every so many blocks of a trace, two ahead of the reader.
private final class BlockWorker: @unchecked Sendable {
  private let file: TraceFile
  private let first: Int
  private let step: Int
  /// What lies in a slot belongs to the thread before `ready` is signalled and to the reader after it, until `free` is.
  private let slots = [TraceBlock(), TraceBlock()]
  private let results = UnsafeMutablePointer<Result<BlockHead, TraceError>>.allocate(capacity: 2)
  private let free = DispatchSemaphore(value: 2)
  private let ready = DispatchSemaphore(value: 0)
  private let ended = DispatchSemaphore(value: 0)
  /// Written before `free` is signalled for the last time, read after.
  private var mustStop = false
  private var taken = 0

  init(_ file: TraceFile, first: Int, step: Int) {
    self.file = file
    self.first = first
    self.step = step
    results.initialize(repeating: .success(BlockHead()), count: 2)
  }

  deinit {
    results.deinitialize(count: 2)
    results.deallocate()
  }

  func start() {
    let thread = Thread { [self] in
      run()
      ended.signal()
    }
    thread.start()
  }

  private func run() {
    var decoder = BlockDecoder(file.rules)
    var (number, slot) = (first, 0)
    while number < file.index.blocks.count {
      free.wait()
      if mustStop { return }
      do throws(TraceError) {
        results[slot] = .success(try file.decode(number, with: &decoder, into: slots[slot]))
      } catch { results[slot] = .failure(error) }
      ready.signal()
      number += step
      slot = 1 - slot
    }
  }

  /// The thread's next block.
  func take() throws(TraceError) -> (TraceBlock, BlockHead) {
    ready.wait()
    defer { taken += 1 }
    return (slots[taken % 2], try results[taken % 2].get())
  }

  /// The block taken last may be written again.
  func release() { free.signal() }

  /// Ends the thread and waits for its end.
  func stop() {
    mustStop = true
    free.signal()
    ended.wait()
    // A semaphore may not go with a lower value than it came with.
    free.signal()
    free.signal()
  }
}
