// Where sys, proc and dev are read from: this machine, or a folder that looks like one.

import Foundation

/// A file that could not be read, and why.
public struct Unreadable: Error, Sendable, Equatable, CustomStringConvertible {
  /// Without the root: `/sys/bus/dsa/devices/wq0.0/mode`.
  public var path: String
  /// The system's words, or what is wrong with the text.
  public var reason: String
  /// Nothing has this name, as opposed to something that cannot be read.
  public var isAbsent: Bool

  public init(path: String, reason: String, isAbsent: Bool = false) {
    self.path = path
    self.reason = reason
    self.isAbsent = isAbsent
  }

  public var description: String { "\(path): \(reason)" }
}

/// The folder that has `sys`, `proc` and `dev`. Every path handed to it starts with one of these.
public struct HostRoot: Sendable, Equatable {
  /// Empty for this machine, else without a slash at the end.
  public let prefix: String

  public static let machine = HostRoot("/")

  public init(_ path: String) {
    var path = path
    while path.hasSuffix("/") { path.removeLast() }
    prefix = path
  }

  /// This machine itself, so that libraries and the CPU can be asked too.
  public var isMachine: Bool { prefix.isEmpty }

  /// Where a path of the machine is here.
  public func path(_ path: String) -> String { prefix + path }

  /// The longest file that is read: smaps of a big process is longer, and read elsewhere.
  static let longest = 1 << 20

  /// A file's text without white space at its ends.
  public func text(_ path: String) throws(Unreadable) -> String {
    let descriptor = open(self.path(path), O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw HostRoot.fault(path) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 14)
    while bytes.count < HostRoot.longest {
      let count = read(descriptor, &block, block.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw HostRoot.fault(path) }
      if count == 0 { break }
      bytes += block[..<count]
    }
    return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// A file that is one number, decimal or `0x…`.
  /// - Parameter range: numbers that make sense; sums and differences of them must not overflow.
  public func integer(_ path: String, in range: ClosedRange<Int> = 0...1 << 56) throws(Unreadable) -> Int {
    let text = try text(path)
    let value = text.hasPrefix("0x") ? Int(text.dropFirst(2), radix: 16) : Int(text)
    guard let value else { throw Unreadable(path: path, reason: "'\(text.prefix(40))' is no number") }
    guard range.contains(value) else { throw Unreadable(path: path, reason: "\(value) is out of range") }
    return value
  }

  /// Names in a folder, sorted as numbers sort where they end in one.
  public func names(in folder: String) throws(Unreadable) -> [String] {
    guard let handle = opendir(path(folder)) else { throw HostRoot.fault(folder) }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted { $0.compare($1, options: .numeric) == .orderedAscending }
  }

  public func exists(_ path: String) -> Bool { access(self.path(path), F_OK) == 0 }

  static func fault(_ path: String) -> Unreadable {
    Unreadable(path: path, reason: String(cString: strerror(errno)), isAbsent: errno == ENOENT || errno == ENOTDIR)
  }
}

/// Texts that several files share.
enum ListText {
  /// Most numbers in a list: the kernel's largest NR_CPUS is 8192.
  static let longest = 1 << 16

  /// `0-3,8` as numbers (lib/bitmap-str.c, bitmap_parselist without groups); nil where it is no list.
  static func numbers(_ text: String) -> [Int]? {
    var numbers: [Int] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: true) {
      let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map {
        Int($0.trimmingCharacters(in: .whitespaces))
      }
      guard let first = ends.first ?? nil, let last = ends.last ?? nil, first >= 0, first <= last,
        last - first < longest - numbers.count
      else { return nil }
      numbers += Array(first...last)
    }
    return numbers
  }

  /// Numbers as the kernel writes them: `0-3,8`.
  static func text(_ numbers: [Int]) -> String {
    var parts: [String] = []
    var start = 0
    for (index, number) in numbers.enumerated() {
      let isLast = index + 1 == numbers.count || numbers[index + 1] != number + 1
      guard isLast else { continue }
      parts.append(index == start ? "\(number)" : "\(numbers[start])-\(number)")
      start = index + 1
    }
    return parts.joined(separator: ",")
  }

  /// `Name:   12 kB` lines as bytes; counts without a unit as they are.
  static func sizes(_ text: String) -> [String: Int] {
    var sizes: [String: Int] = [:]
    for line in text.split(separator: "\n") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let words = line[line.index(after: colon)...].split(separator: " ")
      guard let first = words.first, let value = Int(first), value >= 0 else { continue }
      // Larger ones are none, and their sums would overflow. In a node's meminfo lines begin with "Node 0 ".
      let name = line[..<colon].split(separator: " ").last.map(String.init) ?? ""
      if value < 1 << 46 { sizes[name] = words.count > 1 && words[1] == "kB" ? value << 10 : value }
    }
    return sizes
  }
}
