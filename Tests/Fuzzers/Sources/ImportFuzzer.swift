// Readers of other tools' formats, and what unpacks them.
@testable import Trace

/// Accesses after which a reader is stopped: a record of a few bytes may stand for millions.
private let maxAccesses = 4096

/// Reads `bytes` strictly and leniently. What can be read strictly is read the same leniently.
func fuzzImport(_ format: ImportFormat?, _ bytes: UnsafeRawBufferPointer) {
  var importer = TraceImporter(format: format)
  importer.options.instructions = true
  let strict = result(importer, bytes)
  importer.isLenient = true
  let lenient = result(importer, bytes)
  if let strict { precondition(strict == lenient, "lenient reading differs") }
}

private func result(_ importer: TraceImporter, _ bytes: UnsafeRawBufferPointer) -> ImportCheck? {
  do throws(TraceError) {
    return try importer.check(bytes, name: "input", maxAccesses: maxAccesses)
  } catch {
    // The message is made too.
    precondition(!error.description.isEmpty && !error.fix.isEmpty && error.kind != .system)
    return nil
  }
}

/// Unpacks `bytes` in pieces that hang on their number, up to a mebibyte.
func fuzzPacked(_ bytes: UnsafeRawBufferPointer) {
  let room = bytes.count % 7 == 0 ? 1 : 1 << 12
  let target = UnsafeMutableRawPointer.allocate(byteCount: room, alignment: 8)
  defer { target.deallocate() }
  do throws(TraceError) {
    let input = try ByteInput(bytes, name: "input")
    let head = try input.head(16)
    var count = 0
    while count < 1 << 20 {
      let n = try input.readSome(into: target, count: room)
      if n == 0 { break }
      count += n
      precondition(n <= room && input.consumed <= bytes.count)
    }
    precondition(count >= head.count, "the head is read again")
  } catch {
    precondition(!error.description.isEmpty && error.kind != .system)
  }
}
