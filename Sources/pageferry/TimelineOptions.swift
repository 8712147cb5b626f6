// Options of a run that leaves a timeline.

import ArgumentParser
import Simulation
import Timeline
import Units

/// A window as an argument: `1.2s:1.25s`, or what stands for it.
struct TimelineArgument: ExpressibleByArgument, CustomStringConvertible {
  var text: String

  init(argument: String) { text = argument }

  static let standard = TimelineArgument(argument: "10 ms behind the first migration")

  var description: String { text }
}

struct TimelineOptions: ParsableArguments {
  @Option(
    name: .customLong("timeline"), defaultAsFlag: TimelineArgument.standard, parsing: .next,
    help: ArgumentHelp(
      "Add timeline.json, which Perfetto opens: CPUs, kernel threads, migrations and copies in a window of modelled time.",
      discussion: "In front of the workload file write --timeline=1.2s:1.25s, or put the option behind it.",
      valueName: "from:to"))
  var window: TimelineArgument?

  @Option(
    name: .customLong("timeline-events"),
    help: ArgumentHelp("Room for so many records; when they are there, the window ends.", valueName: "n"))
  var events: Int?

  func validate() throws {
    _ = try parsed()
    if let events {
      guard window != nil else { throw ValidationError("--timeline-events: there is no timeline; add --timeline") }
      guard Timeline.limits.contains(events) else {
        throw ValidationError("--timeline-events: \(events) is not 1 to 10000000; each record takes 80 bytes")
      }
    }
  }

  private func parsed() throws -> TimelineWindow {
    guard let window, window.text != TimelineArgument.standard.text else { return .standard }
    do throws(QuantityFault) {
      return try TimelineWindow.parse(window.text)
    } catch {
      let hint = window.text.contains(":") ? "" : "; without a window, put --timeline behind the workload file"
      throw ValidationError("--timeline: '\(window.text)': \(error)\(hint)")
    }
  }

  /// What the run is to fill; nil when no timeline is wanted.
  func timeline() throws -> Timeline? {
    guard window != nil else { return nil }
    return Timeline(try parsed(), limit: events ?? Timeline.standardLimit)
  }
}
