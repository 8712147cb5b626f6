// What an engine counts; the books are written before a descriptor's record is.

import CPlatform
import DSAFormat
import DSAModel

struct EngineCounts {
  var bytesRead = 0
  var bytesWritten = 0
  var bytesCompleted = 0
  var readingSource1 = 0
  var readingSource2 = 0
  var writingDestination = 0
  var fromBatch = 0
  var pageFaults = 0
  var pageRequests = 0
  var noOps = 0
  var batches = 0
  var drains = 0
  var memmoves = 0
  var fills = 0
  var compares = 0
  var comparePatterns = 0
  var otherOperations = 0
  var successes = 0
  var partials = 0
  var errors = 0
  var recordWrites = 0
  var interrupts = 0
  var lost = 0
  var abandoned = 0

  mutating func count(_ opcode: Opcode) {
    switch opcode {
    case .noOp: noOps += 1
    case .batch: batches += 1
    case .drain: drains += 1
    case .memmove: memmoves += 1
    case .fill: fills += 1
    case .compare: compares += 1
    case .comparePattern: comparePatterns += 1
    default: otherOperations += 1
    }
  }

  mutating func countEnd(_ record: CompletionRecord, of opcode: Opcode) {
    switch record.status.code {
    case .success, .falsePredicate: successes += 1
    case .pageFault: partials += 1
    default: errors += 1
    }
    if opcode != .batch { bytesCompleted += Int(record.bytesCompleted) }
  }

  /// Memmoves done whole, with a record each.
  mutating func countPlain(_ members: Int, bytes: Int, fromBatch: Int) {
    memmoves += members
    self.fromBatch += fromBatch
    readingSource1 += members
    writingDestination += members
    bytesRead += bytes
    bytesWritten += bytes
    bytesCompleted += bytes
    successes += members
    recordWrites += members
  }

  func add(to sum: inout DeviceCounters) {
    sum.bytesRead += bytesRead
    sum.bytesWritten += bytesWritten
    sum.bytesCompleted += bytesCompleted
    sum.readingSource1 += readingSource1
    sum.readingSource2 += readingSource2
    sum.writingDestination += writingDestination
    sum.fromBatch += fromBatch
    sum.pageFaults += pageFaults
    sum.pageRequests += pageRequests
    sum.noOps += noOps
    sum.batches += batches
    sum.drains += drains
    sum.memmoves += memmoves
    sum.fills += fills
    sum.compares += compares
    sum.comparePatterns += comparePatterns
    sum.otherOperations += otherOperations
    sum.successes += successes
    sum.partials += partials
    sum.errors += errors
    sum.recordWrites += recordWrites
    sum.interrupts += interrupts
    sum.lost += lost
    sum.abandoned += abandoned
  }
}

/// An engine's counts as other threads may read them. One writer and no lock, behind which the stores of a copy would drain: a reader
/// finds each number as it was after some descriptor, and all of those after the last one whose record it has seen.
final class EngineBooks: @unchecked Sendable {
  private static let size = MemoryLayout<EngineCounts>.size / 8
  private let words: UnsafeMutablePointer<UInt64>

  init() {
    // Lines of its own.
    words = UnsafeMutableRawPointer.allocate(byteCount: Self.size * 8 + 128, alignment: 128)
      .bindMemory(to: UInt64.self, capacity: Self.size)
    words.initialize(repeating: 0, count: Self.size)
  }

  deinit { words.deallocate() }

  /// For the engine alone.
  func write(_ counts: EngineCounts) {
    withUnsafeBytes(of: counts) {
      pf_write_words(words, $0.baseAddress, Self.size)
    }
  }

  var counts: EngineCounts {
    var counts = EngineCounts()
    withUnsafeMutableBytes(of: &counts) { pf_read_words($0.baseAddress, words, Self.size) }
    return counts
  }
}
