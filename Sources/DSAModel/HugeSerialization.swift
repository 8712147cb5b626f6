// A hypothesis about huge pages: all devices together copy them at the rate of one.

import Units

/// Whether copies of huge pages by several devices share one resource of a device's bandwidth.
///
/// DSA-2LM's authors saw 2 MiB copied by eight channels in 17 us (123 GB/s) or in 68 us (30.8 GB/s, one device's rate), and could
/// not say why (kernels-with-dsa, README). No source confirms either hypothesis; docs/dsa-model.md has what each predicts for
/// what they saw.
public enum HugeSerialization: Equatable, Sendable {
  /// No such resource.
  case off
  /// Every copy of a huge page passes it.
  case always
  /// A copy passes it whose source or destination lay where one of the last copies of huge pages read or wrote: as if lines that
  /// devices left in the cache had one owner to ask.
  ///
  /// - bytes: how much the devices have moved since, at most; 256 copies are remembered. Uncalibrated; `recent` unless known
  ///   better.
  case reused(bytes: Int)

  /// What devices may leave in the last-level cache. stream-dsa, README: 2 of 15 ways, 14 MB of 105.
  public static let recent = HugeSerialization.reused(bytes: 14_000_000)

  /// Shortest descriptor that counts as a piece of a huge page: 2 MiB over 16 devices. Base pages have 4 KiB a descriptor.
  static let pieceBytes = 128 << 10
}

/// Where copies of huge pages lay lately, in pieces of `pieceBytes`.
struct RecentPieces {
  private struct Piece {
    var place: UInt64
    /// Bytes that all copies had moved when this one was seen.
    var moved: Int
  }

  private let reach: Int
  private var moved = 0
  /// The last pieces, the oldest at `next` once it is full.
  private var pieces: [Piece] = []
  private var next = 0
  private static let most = 512

  init(reach: Int) { self.reach = reach }

  /// Notes a copy, and says whether one of its operands lay where a copy was that is not long ago.
  mutating func sees(source: UInt64, destination: UInt64, bytes: Int) -> Bool {
    let places = (source >> 17, destination >> 17)
    let isReused = pieces.contains {
      ($0.place == places.0 || $0.place == places.1) && moved - $0.moved <= reach
    }
    moved &+= bytes
    note(places.0)
    note(places.1)
    return isReused
  }

  private mutating func note(_ place: UInt64) {
    let piece = Piece(place: place, moved: moved)
    if pieces.count < Self.most {
      pieces.append(piece)
    } else {
      pieces[next] = piece
      next = (next + 1) % Self.most
    }
  }
}

extension DeviceModel {
  /// Whether a copy passes the shared resource.
  func isSerialized(_ operation: Operation, source: UInt64, destination: UInt64, size: Int) -> Bool {
    if size < HugeSerialization.pieceBytes || operation != .memmove { return false }
    switch hugeSerialization {
    case .off: return false
    case .always: return true
    case .reused: return recentPieces.sees(source: source, destination: destination, bytes: size)
    }
  }
}
