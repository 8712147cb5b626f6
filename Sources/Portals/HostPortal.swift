// What a driver on the real clock needs of a portal beside submission.

import DSAFormat

/// A work queue that acts on this process's memory. Descriptors hold virtual addresses. Any thread may submit.
public protocol HostPortal: Portal, Sendable {
  /// What it is, for reports: `software, dedicated, 32 entries`.
  var name: String { get }

  /// What it does without, and why; nil where it is all that it should be. Whoever shows what it copied shows this.
  var retreat: String? { get }

  /// Makes sure that nothing that was submitted here is carried out any more, and returns when that is so. Called when a record
  /// does not come in time; the portal may take nothing afterwards.
  func settle()

  /// Tells a device that memory is there, readable and writable until `unregister`; a device with an MMU of its own ignores it.
  func register(_ memory: UnsafeRawBufferPointer)
  func unregister(_ memory: UnsafeRawBufferPointer)

  /// Whether descriptors may be carried out on the CPU of the thread that waits for them.
  var sharesCPUs: Bool { get }

  /// Submissions that a shared queue answered with Retry.
  var retries: Int { get }
}

extension HostPortal {
  public var sharesCPUs: Bool { false }
  public var retreat: String? { nil }
  public func register(_ memory: UnsafeRawBufferPointer) {}
  public func unregister(_ memory: UnsafeRawBufferPointer) {}
}
