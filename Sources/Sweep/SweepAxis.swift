// A knob that a sweep varies, and its values.

import Sysctl

/// One `--vary`: a knob and the values it takes, each once, as the knob prints them.
public struct SweepAxis: Equatable, Sendable {
  /// The full dotted name.
  public let name: String
  public let values: [String]

  /// Reads `KNOB=LIST`. Names, forms and ranges of all values are checked here; what a room refuses because of other knobs is found
  /// when a cell writes it.
  ///
  /// - Parameter tree: says which knobs there are.
  public init(_ assignment: String, tree: KnobTree) throws(SweepError) {
    guard let equal = assignment.firstIndex(of: "=") else {
      throw SweepError("--vary \(assignment): there is no '='", fix: "write KNOB=VALUES, as vm.limit_chans=1,2,4,8")
    }
    let key = ConfText.trimmed(assignment[..<equal])
    let entry: KnobEntry
    do throws(KnobError) { entry = try tree.entry(key) } catch { throw SweepError("--vary: \(error)") }
    guard entry.card.kind != .trigger else {
      throw SweepError("--vary \(key): the knob has no value", fix: "vary another knob; --set writes this one")
    }
    let texts: [String]
    let list = String(assignment[assignment.index(after: equal)...])
    do throws(SweepError) { texts = try ValueList.parse(list, card: entry.card) } catch {
      throw SweepError("--vary \(entry.name): \(error.problem)", fix: error.fix)
    }
    var values: [String] = []
    do throws(KnobError) {
      for text in texts {
        let value = try tree.canonical(name: entry.name, value: text, origin: SweepAxis.origin)
        if !values.contains(value) { values.append(value) }
      }
    } catch { throw SweepError("\(error)") }
    name = entry.name
    self.values = values
  }

  /// Reads all of them.
  public static func list(_ assignments: [String], tree: KnobTree) throws(SweepError) -> [SweepAxis] {
    var axes: [SweepAxis] = []
    for assignment in assignments {
      let axis = try SweepAxis(assignment, tree: tree)
      guard !axes.contains(where: { $0.name == axis.name }) else {
        throw SweepError("--vary \(axis.name) is there twice", fix: "write all its values in one list")
      }
      axes.append(axis)
    }
    return axes
  }

  static let origin = KnobOrigin.named("--vary")
}

/// Text around a `=`.
private enum ConfText {
  /// Without spaces at its ends.
  static func trimmed(_ text: Substring) -> String {
    String(String(text.drop { $0 == " " }).reversed().drop { $0 == " " }.reversed())
  }
}
