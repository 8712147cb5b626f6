// Spellings of a name: dotted, with slashes, or as a path below /proc/sys, /sys or debugfs.

/// Rules for names; names themselves are strings.
enum KnobName {
  /// Paths that stand for a prefix of dotted names; the first match wins.
  private static let roots: [(path: [Substring], prefix: [Substring])] = [
    (["proc", "sys"], []),
    (["sys", "kernel", "debug"], ["debug"]),
    (["sys", "kernel", "mm"], ["mm"]),
  ]

  /// The dotted name for any spelling: `/proc/sys/vm/limit_chans` and `vm/limit_chans` give `vm.limit_chans`,
  /// `/sys/kernel/mm/numa/demotion_enabled` gives `mm.numa.demotion_enabled`.
  ///
  /// A path below no known root keeps all of its components; no knob has such a name.
  static func dotted(_ spelling: String) -> String {
    guard spelling.utf8.contains(UInt8(ascii: "/")) else { return spelling }
    var components = spelling.split(separator: "/")
    if spelling.utf8.first == UInt8(ascii: "/") {
      if let root = roots.first(where: { components.starts(with: $0.path) }) {
        components.replaceSubrange(0..<root.path.count, with: root.prefix)
      }
    }
    return components.joined(separator: ".")
  }

  /// Whether a declared name is dotted components of ASCII letters, digits, `_` and `-`, none empty.
  static func isWellFormed(_ name: String) -> Bool {
    let components = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return components.allSatisfy { !$0.isEmpty && $0.allSatisfy(isNameByte) }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): return true
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"): return true
    default: return false
    }
  }

  /// What precedes the first dot: `vm`.
  static func firstComponent(_ name: String) -> Substring { name.split(separator: ".").first ?? Substring(name) }

  /// What follows the last dot: `limit_chans`.
  static func lastComponent(_ name: String) -> Substring { name.split(separator: ".").last ?? Substring(name) }
}
