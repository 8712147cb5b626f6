// Plain bytes as a device's memory: for tests, examples and calibration.

import DSAFormat
import Units

/// An array of bytes from address 0, in pages that may be absent. Paths change at given addresses.
public final class FlatMemory: DeviceMemory {
  public let size: Int
  public let bytes: UnsafeMutableRawPointer
  private let present: UnsafeMutablePointer<Bool>
  private var absentPages = 0
  /// First addresses of regions in ascending order, and the path of each.
  private let regions: [(start: UInt64, path: Int)]
  /// Whether copies and fills change bytes; off, only records and lists are real and the model's own time can be measured.
  public var movesData = true
  /// What a page that is asked for costs on top; nil refuses.
  public var pageTime: Picoseconds? = 0
  /// Interrupts that arrived: device, handle and time.
  public private(set) var interrupts: [(device: Int, handle: Int, time: Picoseconds)] = []

  /// - Parameters:
  ///   - size: bytes, rounded up to pages; all zero and present.
  ///   - regions: where another path begins, ascending; before the first the path is 0.
  public init(size: Int, regions: [(start: UInt64, path: Int)] = []) {
    self.size = (max(size, 1) + Page.size - 1) / Page.size * Page.size
    bytes = .allocate(byteCount: self.size, alignment: Page.size)
    bytes.initializeMemory(as: UInt8.self, repeating: 0, count: self.size)
    present = .allocate(capacity: self.size >> Page.shift)
    present.initialize(repeating: true, count: self.size >> Page.shift)
    self.regions = regions
  }

  deinit {
    bytes.deallocate()
    present.deallocate()
  }

  /// Takes a page away, or brings it back.
  public func setPresent(_ isPresent: Bool, page: Int) {
    if present[page] != isPresent { absentPages += isPresent ? -1 : 1 }
    present[page] = isPresent
  }

  public func isPresent(page: Int) -> Bool { present[page] }

  public func store(_ descriptor: Descriptor, at address: UInt64) {
    pointer(address, 64).storeBytes(of: descriptor, as: Descriptor.self)
  }

  public func record(at address: UInt64) -> CompletionRecord {
    pointer(address, 32).loadUnaligned(as: CompletionRecord.self)
  }

  private func pointer(_ address: UInt64, _ length: Int) -> UnsafeMutableRawPointer {
    precondition(address <= UInt64(size) && length <= size - Int(address), "outside of the memory")
    return bytes + Int(address)
  }

  // MARK: - DeviceMemory

  public func path(of address: UInt64, length: Int, from device: Int) -> Int {
    var path = 0
    for region in regions where address >= region.start { path = region.path }
    return path
  }

  public func accessible(_ address: UInt64, length: Int, isWrite: Bool, fromEnd: Bool) -> Int {
    if absentPages == 0 || length == 0 { return length }
    let first = Int(address >> 12)
    let last = Int((address + UInt64(length) - 1) >> 12)
    if fromEnd {
      for page in stride(from: last, through: first, by: -1) where !present[page] {
        return max(0, Int(address) + length - (page + 1) * Page.size)
      }
    } else {
      for page in first...last where !present[page] { return max(0, page * Page.size - Int(address)) }
    }
    return length
  }

  public func bringIn(_ address: UInt64, isWrite: Bool) -> Picoseconds? {
    if pageTime != nil { setPresent(true, page: Int(address >> 12)) }
    return pageTime
  }

  public func descriptor(at address: UInt64) -> Descriptor { pointer(address, 64).loadUnaligned(as: Descriptor.self) }

  public func write(_ record: CompletionRecord, at address: UInt64) {
    pointer(address, 32).storeBytes(of: record, as: CompletionRecord.self)
  }

  public func copy(from source: UInt64, to destination: UInt64, length: Int) {
    if movesData { pointer(destination, length).copyMemory(from: pointer(source, length), byteCount: length) }
  }

  public func fill(_ pattern: UInt64, at address: UInt64, length: Int) {
    if !movesData { return }
    let target = pointer(address, length).assumingMemoryBound(to: UInt8.self)
    for index in 0..<length { target[index] = UInt8(truncatingIfNeeded: pattern >> UInt64((index & 7) * 8)) }
  }

  public func firstDifference(_ a: UInt64, _ b: UInt64, length: Int) -> Int {
    let first = pointer(a, length).assumingMemoryBound(to: UInt8.self)
    let second = pointer(b, length).assumingMemoryBound(to: UInt8.self)
    for index in 0..<length where first[index] != second[index] { return index }
    return length
  }

  public func firstDifference(_ address: UInt64, pattern: UInt64, length: Int) -> Int {
    let target = pointer(address, length).assumingMemoryBound(to: UInt8.self)
    for index in 0..<length where target[index] != UInt8(truncatingIfNeeded: pattern >> UInt64((index & 7) * 8)) {
      return index
    }
    return length
  }

  public func interrupt(device: Int, handle: Int, at time: Picoseconds) {
    interrupts.append((device, handle, time))
  }
}
