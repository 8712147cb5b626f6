import CopyKernels
import PageCopy
import Testing
import Units

/// Counts calls by worker.
private final class Calls: Sendable {
  private let counts = Locked([Int: Int]())
  func add(_ worker: Int) { counts.withLock { $0[worker, default: 0] += 1 } }
  var all: [Int: Int] { counts.withLock { $0 } }
}

@Suite struct WorkerPoolTests {
  @Test(arguments: [1, 2, 3, 7])
  func everyWorkerRunsEveryBodyOnce(_ count: Int) throws {
    let pool = try WorkerPool(count)
    let calls = Calls()
    for _ in 0..<50 { pool.run { calls.add($0) } }
    #expect(calls.all == Dictionary(uniqueKeysWithValues: (0..<count).map { ($0, 50) }))
  }

  @Test func workersWakeAfterALongSleep() throws {
    let pool = try WorkerPool(3)
    let calls = Calls()
    for _ in 0..<3 {
      pool.run { calls.add($0) }
      sleepBriefly()
    }
    #expect(calls.all == [0: 3, 1: 3, 2: 3])
  }

  @Test func threadsAreOnTheirCPUs() throws {
    let allowed = CPUBinding.allowed
    let pool = try WorkerPool(4, cpus: allowed)
    #expect(pool.cpus == (0..<4).map { allowed[$0 % allowed.count] })
    #expect(pool.isOversubscribed == (allowed.count < 4))
    let seen = Locked([Int: [Int]]())
    pool.run { worker in
      let cpus = CPUBinding.allowed
      seen.withLock { $0[worker] = cpus }
    }
    for worker in 1..<4 { #expect(seen.withLock { $0[worker] } == [pool.cpus[worker]]) }
    // The caller's own are left to it.
    #expect(seen.withLock { $0[0] } == allowed)
  }

  @Test func aCPUThatIsNotThereIsRefused() throws {
    #expect(throws: WorkerPoolError.binding(cpus: [1023], errno: 22)) { try WorkerPool(2, cpus: [0, 1023]) }
    #expect(throws: WorkerPoolError.binding(cpus: [-1], errno: 22)) { try WorkerPool(2, cpus: [0, -1]) }
    #expect(throws: WorkerPoolError.binding(cpus: [], errno: 22)) { try WorkerPool(2, cpus: []) }
    #expect(throws: WorkerPoolError.threads(0)) { try WorkerPool(0) }
    #expect(throws: WorkerPoolError.threads(33)) { try WorkerPool(33) }
  }

  @Test func aThreadIsBoundForABodyAlone() throws {
    let before = CPUBinding.allowed
    let cpu = try #require(before.last)
    #expect(try CPUBinding.bound(to: cpu) { CPUBinding.allowed } == [cpu])
    #expect(CPUBinding.allowed == before)
  }

  @Test func callersTakeTurns() throws {
    let pool = try WorkerPool(2)
    let others = try WorkerPool(3)
    let calls = Calls()
    others.run { _ in for _ in 0..<20 { pool.run { calls.add($0) } } }
    #expect(calls.all == [0: 60, 1: 60])
  }

  @Test(arguments: WorkerSplit.allCases, [1, 2, 3, 5])
  func sharesMoveAllBytes(_ split: WorkerSplit, _ workers: Int) throws {
    let pool = try WorkerPool(workers)
    for list in [PageList(base: 1), PageList(base: 9), PageList(huge: 1), PageList(text: "2b,1h,4b")].compactMap({ $0 })
    {
      let memory = TestMemory(bytes: list.bytes)
      var at = list.bytes
      let places = (0..<list.count).map { item in
        at -= list[item].bytes
        return memory.piece(to: at, from: at, bytes: list[item].bytes)
      }
      let shares = try CopyShares(list, places: places, workers: workers, split: split)
      #expect((0..<workers).reduce(0) { $0 + shares.bytes(worker: $1) } == list.bytes)
      try pool.copy(shares, by: .best(destinationUsedNext: false))
      #expect(memory.isAsExpected, "\(list)")
    }
  }

  @Test func aPoolTakesSharesForAnyNumber() throws {
    let list = PageList(base: 8)
    let memory = TestMemory(bytes: list.bytes)
    let places = (0..<8).map { memory.piece(to: $0 * Page.size, from: $0 * Page.size, bytes: Page.size) }
    try WorkerPool(2).copy(CopyShares(list, places: places, workers: 5, split: .bytes), by: .memcpy)
    #expect(memory.isAsExpected)
  }

  @Test func placesThatAreNotTheListsAreRefused() throws {
    let memory = TestMemory(bytes: 2 * Page.size)
    let page = memory.piece(to: 0, from: 0, bytes: Page.size)
    let half = memory.piece(to: 0, from: 0, bytes: 2048)
    func shares(_ places: [CopyPiece], workers: Int = 2) throws {
      _ = try CopyShares(PageList(base: 2), places: places, workers: workers, split: .bytes)
    }
    #expect(throws: WorkerPoolError.places(1, items: 2)) { try shares([page]) }
    #expect(throws: WorkerPoolError.item(1, bytes: 2048, expected: 4096)) { try shares([page, half]) }
    #expect(throws: WorkerPoolError.threads(0)) { try shares([page, page], workers: 0) }
  }

  private func sleepBriefly() {
    let until = ContinuousClock.now + .milliseconds(3)
    while ContinuousClock.now < until {}
  }
}
