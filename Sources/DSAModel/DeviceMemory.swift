// What the caller gives a device: memory to act on, and how far it is.

import DSAFormat
import Units

/// Memory as seen from a device: latency, and the link that carries the bytes.
public struct DevicePath: Equatable, Sendable {
  /// Latency of a load from this memory, as a CPU beside the device would see it.
  public var readLatency: Picoseconds
  /// How much longer a write takes until it is visible. S1 (LightDSA): 80 ns for local DRAM, memmove less compare-pattern.
  public var writeLatency: Picoseconds
  /// Index of the link; paths of several devices to one memory share it.
  public var link: Int

  public init(readLatency: Picoseconds, writeLatency: Picoseconds = 80 * .nanosecond, link: Int = 0) {
    self.readLatency = readLatency
    self.writeLatency = writeLatency
    self.link = link
  }
}

/// What all devices together can read from a memory and write to it, bytes a second, 1 GB/s to 10 TB/s.
public struct DeviceLink: Equatable, Sendable {
  public var readBandwidth: Int
  public var writeBandwidth: Int

  public init(readBandwidth: Int, writeBandwidth: Int) {
    self.readBandwidth = readBandwidth
    self.writeBandwidth = writeBandwidth
  }
}

/// The memory that devices read and write, with contents of any kind: bytes, or a tag a page. Called when the modelled access
/// happens. None of the functions may call the model.
public protocol DeviceMemory: AnyObject {
  /// The path from `device` to a range; the range counts as one even if it spans two memories.
  /// - Returns: index into the model's paths.
  func path(of address: UInt64, length: Int, from device: Int) -> Int

  /// How many bytes at the front of a range (or at its end) can be accessed before a page fault.
  /// - Returns: 0...length.
  func accessible(_ address: UInt64, length: Int, isWrite: Bool, fromEnd: Bool) -> Int

  /// Answers a page request.
  /// - Returns: time on top of `DeviceTiming.pageRequestLatency`, say for a page on disk; nil for an error response.
  func bringIn(_ address: UInt64, isWrite: Bool) -> Picoseconds?

  /// Reads a member of a batch list.
  func descriptor(at address: UInt64) -> Descriptor

  /// Writes a completion record.
  func write(_ record: CompletionRecord, at address: UInt64)

  /// Copies as if through a buffer: the ranges may overlap.
  func copy(from source: UInt64, to destination: UInt64, length: Int)

  /// Repeats an 8-byte pattern, its lowest byte first.
  func fill(_ pattern: UInt64, at address: UInt64, length: Int)

  /// Offset of the first byte that differs; `length` when none does.
  func firstDifference(_ a: UInt64, _ b: UInt64, length: Int) -> Int
  func firstDifference(_ address: UInt64, pattern: UInt64, length: Int) -> Int

  /// A completion interrupt reaches its handler.
  func interrupt(device: Int, handle: Int, at time: Picoseconds)
}

extension DeviceMemory {
  public func path(of address: UInt64, length: Int, from device: Int) -> Int { 0 }
  public func accessible(_ address: UInt64, length: Int, isWrite: Bool, fromEnd: Bool) -> Int { length }
  public func bringIn(_ address: UInt64, isWrite: Bool) -> Picoseconds? { 0 }
  public func interrupt(device: Int, handle: Int, at time: Picoseconds) {}
}
