// A record where a device writes it while software polls.

import CPlatform

extension UnsafeMutablePointer<CompletionRecord> {
  /// The status byte, and with it all that the device wrote before: data and the rest of the record. `none` until then.
  @inlinable public var writtenStatus: CompletionStatus { CompletionStatus(rawValue: pf_acquire8(self)) }

  /// Writes a record as a device does: its status last, so that who sees it sees all of the record, and the data.
  ///
  /// Source: Intel DSA Architecture Specification 341204, ordering: a descriptor's record follows its data.
  @inlinable public func publish(_ record: CompletionRecord) {
    // Byte 0 stays as it is, `none` if software prepared the record.
    let bytes = UnsafeMutableRawPointer(self)
    withUnsafeBytes(of: record) { source in
      guard let from = source.baseAddress else { return }
      (bytes + 1).copyMemory(from: from + 1, byteCount: CompletionRecord.size - 1)
    }
    pf_release8(bytes, record.status.rawValue)
  }
}
