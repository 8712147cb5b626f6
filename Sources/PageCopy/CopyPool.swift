// The descriptors and records that one CPU has for each channel.

import DSAFormat
import Units

/// Descriptor memory of one CPU: for each channel a page of descriptors, a page of their records, two pages of batch members and
/// two of their records; all of it twice when rounds overlap. One copy at a time uses it.
///
/// Source: kernels-with-dsa, the pools by CPU and channel (`CopyLimits.pools`), without its page of software descriptors.
public final class CopyPool {
  private static let pagesEach = 6

  public let channels: Int
  /// Rounds that can be in flight: 1 or 2.
  public let banks: Int
  /// Where a device sees the memory. A driver of a real device passes the address of the memory itself.
  public let base: UInt64
  private let memory: UnsafeMutableRawPointer

  /// Bytes of the memory.
  public var size: Int { CopyPool.size(channels: channels, banks: banks) }

  /// Bytes that a pool takes.
  public static func size(channels: Int, banks: Int) -> Int { channels * banks * pagesEach * Page.size }

  /// - Parameters:
  ///   - channels: 1...8.
  ///   - banks: 1, or 2 when rounds overlap.
  ///   - base: the device's address of the memory, a multiple of 4096; nil for the memory's own.
  public init(channels: Int, banks: Int, base: UInt64? = nil) {
    self.channels = channels
    self.banks = banks
    let size = CopyPool.size(channels: channels, banks: banks)
    memory = .allocate(byteCount: size, alignment: Page.size)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: size)
    self.base = base ?? UInt64(UInt(bitPattern: memory))
  }

  deinit { memory.deallocate() }

  @inline(__always)
  private func page(_ place: Int, _ channel: Int, _ bank: Int) -> UnsafeMutableRawPointer {
    memory + ((bank * channels + channel) * CopyPool.pagesEach + place) * Page.size
  }

  /// Top-level descriptor; slots 0..<25.
  @inline(__always)
  func descriptor(_ channel: Int, _ bank: Int, _ slot: Int) -> UnsafeMutablePointer<Descriptor> {
    page(0, channel, bank).assumingMemoryBound(to: Descriptor.self) + slot
  }

  @inline(__always)
  func record(_ channel: Int, _ bank: Int, _ slot: Int) -> UnsafeMutablePointer<CompletionRecord> {
    page(1, channel, bank).assumingMemoryBound(to: CompletionRecord.self) + slot
  }

  /// Member of the channel's batch; 0..<128.
  @inline(__always)
  func member(_ channel: Int, _ bank: Int, _ index: Int) -> UnsafeMutablePointer<Descriptor> {
    page(2, channel, bank).assumingMemoryBound(to: Descriptor.self) + index
  }

  @inline(__always)
  func memberRecord(_ channel: Int, _ bank: Int, _ index: Int) -> UnsafeMutablePointer<CompletionRecord> {
    page(4, channel, bank).assumingMemoryBound(to: CompletionRecord.self) + index
  }

  /// The device's address of something in the pool.
  @inline(__always)
  func address(of pointer: UnsafeMutableRawPointer) -> UInt64 { base + UInt64(pointer - memory) }

  /// The memory at a device's address, nil outside of the pool.
  @inline(__always)
  public func pointer(at address: UInt64) -> UnsafeMutableRawPointer? {
    let offset = Int(bitPattern: UInt(address &- base))
    return offset >= 0 && offset < size ? memory + offset : nil
  }
}
