// Which pages a trace touches: a hash from 2 MiB blocks to dense numbers, and the set of pages over it.

/// Gives each aligned 2 MiB block of a process's addresses a dense number in order of first use.
///
/// Open addressing with linear probing, at most half full; a lookup of the block used last costs one compare.
public struct PageDirectory: Sendable {
  /// Most blocks: 32 TiB of densely used addresses.
  public static let maxBlocks = 1 << 24

  /// Block by slot, as `block(of:in:)` makes it.
  public private(set) var blocks: [UInt64] = []
  private var table: [UInt32]
  private var shift: UInt64
  private var lastBlock = UInt64.max
  private var lastSlot = 0

  public init() {
    table = [UInt32](repeating: .max, count: 1 << 10)
    shift = 64 - 10
  }

  /// The 2 MiB block of an address in a process, as one number.
  @inlinable public static func block(of address: UInt64, in process: UInt16) -> UInt64 {
    UInt64(process) << 43 | address >> 21
  }

  /// The first address of a block, whatever its process.
  public static func address(of block: UInt64) -> UInt64 { (block & (1 << 43 - 1)) << 21 }

  /// The slot of `block`, which gets one if it has none; nil when `maxBlocks` are in use.
  @inline(__always)
  public mutating func slot(of block: UInt64) -> Int? {
    if block == lastBlock { return lastSlot }
    guard let slot = find(block) else { return nil }
    lastBlock = block
    lastSlot = slot
    return slot
  }

  /// The slot of a block that has one; nil for any other.
  public func knownSlot(of block: UInt64) -> Int? {
    var i = home(block)
    while table[i] != .max {
      if blocks[Int(table[i])] == block { return Int(table[i]) }
      i = (i + 1) & (table.count - 1)
    }
    return nil
  }

  private mutating func find(_ block: UInt64) -> Int? {
    var i = home(block)
    while table[i] != .max {
      if blocks[Int(table[i])] == block { return Int(table[i]) }
      i = (i + 1) & (table.count - 1)
    }
    guard blocks.count < Self.maxBlocks else { return nil }
    table[i] = UInt32(blocks.count)
    blocks.append(block)
    if blocks.count * 2 > table.count { grow() }
    return blocks.count - 1
  }

  /// Numbers the blocks anew, ascending.
  public mutating func sort() {
    blocks.sort()
    lastBlock = .max
    rebuild()
  }

  private func home(_ block: UInt64) -> Int { Int((block &* 0x9E37_79B9_7F4A_7C15) >> shift) }

  private mutating func grow() {
    shift -= 1
    table = [UInt32](repeating: .max, count: table.count * 2)
    rebuild()
  }

  private mutating func rebuild() {
    for i in table.indices { table[i] = .max }
    for (slot, block) in blocks.enumerated() {
      var i = home(block)
      while table[i] != .max { i = (i + 1) & (table.count - 1) }
      table[i] = UInt32(slot)
    }
  }
}

/// A set of 4 KiB pages: 64 bytes per 2 MiB block used.
public struct PageSet {
  private var directory = PageDirectory()
  private var bits: [UInt64] = []

  public init() {}

  /// Pages in the set.
  public private(set) var pages = 0
  /// 2 MiB blocks with a page in the set.
  public var hugeBlocks: Int { directory.blocks.count }

  /// Adds the page of `address`; false when the directory is full.
  @inline(__always)
  public mutating func insert(_ address: UInt64, of process: UInt16) -> Bool {
    guard let slot = directory.slot(of: PageDirectory.block(of: address, in: process)) else { return false }
    if slot * 8 == bits.count { bits.append(contentsOf: repeatElement(0, count: 8)) }
    let page = Int(address >> 12 & 511)
    let mask = UInt64(1) << UInt64(page & 63)
    if bits[slot * 8 + page >> 6] & mask == 0 {
      bits[slot * 8 + page >> 6] |= mask
      pages += 1
    }
    return true
  }
}
