// A profile: the kernel knobs of one column of a comparison.

import Foundation
import Simulation
import Sysctl

/// What one column of a comparison is: knobs that are written on top of the machine's, and for baselines a changed machine.
public struct Profile: Sendable, Equatable {
  /// Where its knobs come from.
  public enum Source: Sendable, Equatable {
    /// Text in the syntax of sysctl.conf(5), and what errors call it.
    case text(String, file: String)
    /// A file, or a directory's `*.conf`.
    case path(String)
  }

  /// The name of the column.
  public var name: String
  public var source: Source
  /// Knobs written before all others of the profile: the values of a list.
  public var first: [Setting] = []
  /// How the machine differs.
  public var baseline: Baseline?

  /// One write.
  public struct Setting: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  public init(_ name: String, source: Source, baseline: Baseline? = nil) {
    self.name = name
    self.source = source
    self.baseline = baseline
  }

  /// Profiles from a list with commas: names of `builtIn` ones, and paths. A path has a `/` or ends in `.conf`, and its column is
  /// named after the file.
  public static func list(_ text: String) throws(CompareError) -> [Profile] {
    var profiles: [Profile] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let word = part.trimmingCharacters(in: .whitespaces)
      guard !word.isEmpty else {
        throw CompareError(
          "--profiles: an empty name in '\(text)'", fix: "write names or files with commas, as tpp,mine.conf")
      }
      var profile = try Profile.named(word)
      var count = 1
      let name = profile.name
      while profiles.contains(where: { $0.name == profile.name }) {
        guard profiles.allSatisfy({ $0.source != profile.source }) else {
          throw CompareError("--profiles: '\(word)' is there twice", fix: "name each profile once")
        }
        count += 1
        profile.name = "\(name)#\(count)"
      }
      profiles.append(profile)
    }
    return profiles
  }

  private static func named(_ word: String) throws(CompareError) -> Profile {
    if let known = builtIn.first(where: { $0.name == word }) { return known }
    guard word.contains("/") || word.hasSuffix(".conf") else {
      let near = NearMiss.find(word, among: builtIn.map(\.name))
      throw CompareError(
        "--profiles: no profile is called '\(word)'",
        fix: near.isEmpty
          ? "the built-in ones are \(builtIn.map(\.name).joined(separator: ", ")); a file's name ends in .conf"
          : "did you mean \(near.joined(separator: " or "))?")
    }
    let last = word.split(separator: "/").last.map(String.init) ?? word
    return Profile(last.hasSuffix(".conf") ? String(last.dropLast(5)) : last, source: .path(word))
  }

  /// The profiles with each `name` replaced by one for each value of a knob, named `NAME/VALUE`.
  public static func expand(_ profiles: [Profile], named name: String, knob: String, values: [Int]) -> [Profile] {
    profiles.flatMap { profile in
      guard profile.name == name, !values.isEmpty else { return [profile] }
      return values.map { value in
        var one = profile
        one.name = "\(name)/\(value)"
        one.first = [Setting(knob, String(value))]
        return one
      }
    }
  }

  /// The knobs of a run: the machine's, then the profile's, then those of `--set` that the profile has overwritten (but not those
  /// of a list), then the baseline's machine.
  ///
  /// - Parameter base: the product's knobs with the writes of the command line.
  /// - Returns: the tree, and what lines that start with `-` had refused.
  public func tree(_ base: KnobTree, workload: PreparedWorkload) throws(CompareError) -> (
    tree: KnobTree, warnings: [String]
  ) {
    var tree = base
    do throws(KnobError) {
      for setting in first { try tree.write(name: setting.name, value: setting.value, origin: .named(name)) }
      let warnings =
        switch source {
        case .text(let text, let file): try tree.load(text: text, name: file)
        case .path(let path): try tree.load(path: path)
        }
      for write in Profile.commandLine(base.history) where try tree.read(write.name) != write.value {
        if first.contains(where: { $0.name == write.name }) { continue }
        try tree.write(name: write.name, value: write.value, origin: .commandLine)
      }
      try baseline?.apply(to: &tree, workload: workload)
      return (tree, warnings.map(\.description))
    } catch { throw CompareError(profile: name, "\(error)") }
  }

  /// The last write of each knob, where `--set` made it.
  private static func commandLine(_ history: [KnobWrite]) -> [KnobWrite] {
    history.enumerated().filter { index, write in
      write.origin == .commandLine && !history[(index + 1)...].contains { $0.name == write.name }
    }.map(\.element)
  }
}
