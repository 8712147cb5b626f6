// The loops that make accesses. State is copied to locals before a loop and back after it.
import MemoryModel

extension PatternSource {
  public func fill(_ batch: AccessBatch, limit: Int) {
    let count = max(0, min(limit, batch.capacity, remainingInRound))
    batch.count = count
    batch.isUniform = true
    batch.uniformGap = spec.think
    batch.uniformSizeClass = spec.sizeClass
    draw(into: batch.slots, count: count)
  }

  /// The next accesses as slots and write bits; `count` is within the round.
  func draw(into slots: UnsafeMutablePointer<UInt32>, count: Int) {
    guard count > 0 else { return }
    drawRanks(slots, count)
    makeSlots(slots, count)
    markWrites(slots, count)
    finishRound(count)
  }

  private func finishRound(_ count: Int) {
    remaining -= count
    remainingInRound -= count
    if remainingInRound == 0 {
      roundsDone += 1
      remainingInRound = min(spec.accesses, remaining)
    }
    assert(remaining >= 0 && remainingInRound >= 0)
  }

  private func drawRanks(_ ranks: UnsafeMutablePointer<UInt32>, _ count: Int) {
    switch spec.pattern {
    case .sequential(let stride): drawSequential(ranks, count, stride)
    case .sweep(let bytes, let stride): drawSweep(ranks, count, bytes, stride)
    case .uniform: drawUniform(ranks, count)
    case .uniformBytes(let bytes): drawUniformBytes(ranks, count, bytes)
    case .zipf: drawZipf(ranks, count)
    case .drift(let hot, let hotShare, let step, let period):
      drawDrift(ranks, count, hot, hotShare, step, period)
    case .chase: drawChase(ranks, count)
    }
  }

  private func drawSequential(_ ranks: UnsafeMutablePointer<UInt32>, _ count: Int, _ stride: Int) {
    let pages = spec.pages
    var rank = position
    if stride == 1 {
      var done = 0
      while done < count {
        let run = min(count - done, pages - rank)
        let from = UInt32(rank)
        let part = ranks + done
        for i in 0..<run { part[i] = from &+ UInt32(truncatingIfNeeded: i) }
        done += run
        rank += run
        if rank == pages { rank = 0 }
      }
    } else {
      for i in 0..<count {
        ranks[i] = UInt32(truncatingIfNeeded: rank)
        rank &+= stride
        rank = rank >= pages ? rank &- pages : rank
      }
    }
    position = rank
  }

  private func drawSweep(_ ranks: UnsafeMutablePointer<UInt32>, _ count: Int, _ bytes: Int, _ stride: Int) {
    var offset = position
    for i in 0..<count {
      ranks[i] = UInt32(truncatingIfNeeded: offset >> 12)
      offset &+= stride
      offset = offset >= bytes ? 0 : offset
    }
    position = offset
  }

  private func drawUniformBytes(_ ranks: UnsafeMutablePointer<UInt32>, _ count: Int, _ bytes: Int) {
    var stream = draws
    let bytes = UInt64(bytes)
    for i in 0..<count { ranks[i] = UInt32(truncatingIfNeeded: stream.below(bytes) >> 12) }
    draws = stream
  }

  private func drawUniform(_ ranks: UnsafeMutablePointer<UInt32>, _ count: Int) {
    var stream = draws
    let pages = UInt64(spec.pages)
    for i in 0..<count { ranks[i] = UInt32(truncatingIfNeeded: stream.below(pages)) }
    draws = stream
  }

  private func drawZipf(_ ranks: UnsafeMutablePointer<UInt32>, _ count: Int) {
    guard let zipf else { preconditionFailure("a Zipf pattern has its table") }
    zipf.fill(ranks, count: count, draws: &draws)
  }

  /// Two draws an access: hot or cold, and where. Cold pages are those behind the hot set, around the window.
  private func drawDrift(
    _ ranks: UnsafeMutablePointer<UInt32>, _ count: Int, _ hot: Int, _ hotShare: Int, _ step: Int, _ period: Int
  ) {
    var stream = draws
    let pages = UInt64(spec.pages)
    let hotPages = UInt64(hot)
    let threshold = UInt64(hotShare)
    var done = 0
    while done < count {
      let run = min(count - done, untilMove)
      let from = UInt64(position)
      let part = ranks + done
      for i in 0..<run {
        let isHot = stream.below(1_000_000) < threshold
        let offset = stream.below(isHot ? hotPages : pages &- hotPages) &+ (isHot ? 0 : hotPages)
        let page = from &+ offset
        part[i] = UInt32(truncatingIfNeeded: page >= pages ? page &- pages : page)
      }
      done += run
      untilMove -= run
      if untilMove == 0 {
        untilMove = period
        position = (position + step) % spec.pages
      }
    }
    draws = stream
  }

  private func drawChase(_ ranks: UnsafeMutablePointer<UInt32>, _ count: Int) {
    guard let cycle else { preconditionFailure("a chase has its cycle") }
    var done = 0
    while done < count {
      let run = min(count - done, cycle.pages - position)
      (ranks + done).update(from: cycle.order + position, count: run)
      done += run
      position = position + run == cycle.pages ? 0 : position + run
    }
  }

  /// Ranks become pages of the window, pages enter the hash and become `slot << 1`: one loop, because the hash is a chain of
  /// multiplications that leaves room for the rest beside it.
  private func makeSlots(_ slots: UnsafeMutablePointer<UInt32>, _ count: Int) {
    switch (scatter, isHashing) {
    case (nil, false): makeSlots(slots, count, isHashing: false) { $0 }
    case (nil, true): makeSlots(slots, count, isHashing: true) { $0 }
    case (let scatter?, false): makeSlots(slots, count, isHashing: false) { scatter.page($0) }
    case (let scatter?, true): makeSlots(slots, count, isHashing: true) { scatter.page($0) }
    }
  }

  @inline(__always)
  private func makeSlots(
    _ slots: UnsafeMutablePointer<UInt32>, _ count: Int, isHashing: Bool, page: (UInt32) -> UInt32
  ) {
    let base = UInt32(baseSlot + spec.first)
    let first = UInt64(spec.first)
    var hash = fnv
    for i in 0..<count {
      let page = page(slots[i])
      if isHashing { hash = (hash ^ (first &+ UInt64(page))) &* Self.hashPrime }
      slots[i] = (page &+ base) << 1
    }
    fnv = hash
  }

  /// Sets the write bits.
  private func markWrites(_ slots: UnsafeMutablePointer<UInt32>, _ count: Int) {
    switch spec.writes {
    case .every(0): break
    case .every(let interval):
      var next = interval == 1 ? 0 : untilWrite
      while next < count {
        slots[next] |= 1
        next += interval
      }
      untilWrite = interval == 1 ? 0 : next - count
    case .share(let share):
      var stream = writeDraws
      let threshold = UInt64(share)
      for i in 0..<count { slots[i] |= stream.below(1_000_000) < threshold ? 1 : 0 }
      writeDraws = stream
    }
  }
}
