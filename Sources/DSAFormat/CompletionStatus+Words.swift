// What a status means, and what helps, in words.

extension CompletionStatus {
  /// A sentence for a user: what the device says, and what to do about it where something can be done.
  ///
  /// Source: Intel DSA Architecture Specification 341204, completion status codes.
  public var words: String {
    switch code {
    case .none: "not completed"
    case .success: "success"
    case .falsePredicate: "done, and the result is not the expected one"
    case .pageFault:
      isWriteFault
        ? "stopped at a page that is not there for writing; touch it and submit the rest"
        : "stopped at a page that is not there; touch it and submit the rest"
    case .pageRequestFailed: "the kernel could not bring a page in; is the address mapped, with the right permissions?"
    case .batchFailed: "at least one member of the batch failed; look at the members' records"
    case .batchListFault: "the list of the batch lies on a page that is not there; touch it and submit again"
    case .invalidOpcode: "the device or this queue does not know the operation"
    case .invalidFlags: "a flag is not valid here; block-on-fault needs a queue that allows it"
    case .reservedField: "a reserved field is not zero"
    case .transferSize: "the size is zero or beyond the queue's max_transfer_size"
    case .descriptorCount: "the batch has fewer than two members or more than the queue's max_batch_size"
    case .fieldValue: "a field has a value that is not valid"
    case .overlap: "source and destination overlap, and the device does not copy those"
    case .dualcastAlignment: "the destinations of a dualcast differ in their lowest 12 bits"
    case .listAlignment: "the list of the batch is not aligned to 64 bytes"
    case .interruptHandle: "the interrupt handle is not one of this process"
    case .recordFault: "the completion record lies on a page that is not there"
    case .recordAlignment: "the completion record is not aligned to 32 bytes"
    case .addressAlignment: "an address is not aligned as the operation needs it"
    case .privilege: "the descriptor asks for supervisor access, which this queue does not give"
    case .trafficClass: "the traffic class is not valid"
    case .readbackFault: "a readback of a drain met a page that is not there"
    case .hardwareError: "the device reports a hardware error; reset it (accel-config disable-device, enable-device)"
    case .dedicatedQueueFull: "a dedicated queue was full and dropped a descriptor; fewer may be in flight"
    default: "unknown status 0x" + String(rawValue, radix: 16)
    }
  }
}
