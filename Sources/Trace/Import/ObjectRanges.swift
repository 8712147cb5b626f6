// Addresses for objects that have none.

/// Gives each object a range of whole pages of its own, one behind the other in order of first appearance.
///
/// Open addressing with linear probing, at most half full. 28 bytes an object and at most `maxObjects` of them.
struct ObjectRanges {
  /// Most objects: 450 MiB of tables.
  static let maxObjects = 1 << 24

  private var objects: [UInt64] = []
  private var firstPages: [UInt64] = []
  private var pageCounts: [UInt32] = []
  private var table = [UInt32](repeating: .max, count: 1 << 10)
  private var shift: UInt64 = 64 - 10
  private var nextPage: UInt64 = 0

  /// The address of an object of `bytes` bytes; nil when there are too many objects.
  ///
  /// An object that has outgrown its range moves to a new one, and the old one is not used again.
  mutating func address(of object: UInt64, bytes: UInt32) -> UInt64? {
    let pages = UInt32((UInt64(bytes) + 4095) >> 12)
    var i = home(object)
    while table[i] != .max {
      let slot = Int(table[i])
      if objects[slot] == object {
        if pages > pageCounts[slot] {
          pageCounts[slot] = pages
          firstPages[slot] = claim(pages)
        }
        return firstPages[slot] << 12
      }
      i = (i + 1) & (table.count - 1)
    }
    guard objects.count < Self.maxObjects else { return nil }
    table[i] = UInt32(objects.count)
    objects.append(object)
    pageCounts.append(pages)
    let first = claim(pages)
    firstPages.append(first)
    if objects.count * 2 > table.count { grow() }
    return first << 12
  }

  /// The first of `pages` pages that nobody has. Each is read at once, so that their number stays far below 2^52.
  private mutating func claim(_ pages: UInt32) -> UInt64 {
    defer { nextPage += UInt64(pages) }
    return nextPage
  }

  private func home(_ object: UInt64) -> Int { Int((object &* 0x9E37_79B9_7F4A_7C15) >> shift) }

  private mutating func grow() {
    shift -= 1
    table = [UInt32](repeating: .max, count: table.count * 2)
    for (slot, object) in objects.enumerated() {
      var i = home(object)
      while table[i] != .max { i = (i + 1) & (table.count - 1) }
      table[i] = UInt32(slot)
    }
  }
}
