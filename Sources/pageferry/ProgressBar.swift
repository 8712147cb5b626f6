// A progress bar on standard error, on terminals only.

import Foundation

/// Draws at most ten times a second.
final class ProgressBar {
  private let isShown: Bool
  private let label: String
  private var last: ContinuousClock.Instant?
  private let start = ContinuousClock.now
  private let width = 30

  init(_ label: String, isQuiet: Bool) {
    self.label = label
    isShown = !isQuiet && Console.errorIsTerminal
  }

  /// Shows `done` of `total` (0 when it is not known), and a few words.
  func show(_ done: Int, of total: Int, _ words: @autoclosure () -> String) {
    guard isShown else { return }
    let now = ContinuousClock.now
    if let last, now - last < .milliseconds(100) { return }
    last = now
    var line = "\r\(label) "
    if total > 0 {
      let share = min(Double(done) / Double(total), 1)
      let filled = Int(share * Double(width))
      line += "[" + String(repeating: "=", count: filled) + String(repeating: " ", count: width - filled) + "]"
      line +=
        String(repeating: " ", count: share < 0.0995 ? 2 : share < 0.995 ? 1 : 0) + "\(Int((share * 100).rounded()))% "
      let spent = now - start
      if share > 0.02 {
        let left = Int((Double(spent.components.seconds) + 1) * (1 - share) / share)
        line += "about \(left) s left, "
      }
    }
    Console.plain(line + words() + "\u{1B}[K")
  }

  /// Removes the bar.
  func end() {
    if isShown, last != nil { Console.plain("\r\u{1B}[K") }
  }
}
