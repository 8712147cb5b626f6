// The driver of gnuplot: a script with its data goes in, a figure comes out. What is drawn is the caller's.

import Foundation

/// Formats of a figure.
public enum PlotFormat: String, CaseIterable, Sendable {
  case svg, pdf, png
}

/// Size of a figure in CSS pixels, 96 to an inch.
public struct PlotSize: Equatable, Sendable {
  public var width: Int
  public var height: Int

  public init(width: Int, height: Int) {
    self.width = width
    self.height = height
  }
}

/// Runs gnuplot without the user's settings. Each figure is a process of its own.
public struct Gnuplot: Sendable {
  /// The Debian package that has it.
  public static let package = "gnuplot-nox"
  /// The program.
  public let executable: String

  /// Finds `gnuplot` in the folders of `PATH`.
  public init(path: String? = ProcessInfo.processInfo.environment["PATH"]) throws(PlotError) {
    let folders = (path ?? "").split(separator: ":")
    let found = folders.map { "\($0)/gnuplot" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    guard let found else {
      throw PlotError("gnuplot, which draws the figures, is not installed", fix: "apt-get install \(Gnuplot.package)")
    }
    executable = found
  }

  /// Draws one figure.
  ///
  /// - Parameters:
  ///   - script: gnuplot commands without terminal and output; text in it quoted by `quoted`, data as a block by `data`.
  ///   - format: terminal svg (text as text, no ground), pdfcairo, or pngcairo at two pixels for one of CSS.
  /// - Returns: the bytes of the file.
  /// - Throws: what gnuplot said, when it refused the script or drew nothing.
  public func render(_ script: String, as format: PlotFormat, size: PlotSize) throws(PlotError) -> Data {
    let text = Gnuplot.terminal(format, size) + Gnuplot.style + script + "\n"
    // Files without a name: no pipe that could fill up, and nothing is left behind.
    let input = try Gnuplot.scratch()
    let output = try Gnuplot.scratch()
    let complaints = try Gnuplot.scratch()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = ["-d", "-"]
    process.standardInput = input
    process.standardOutput = output
    process.standardError = complaints
    process.environment = ["LC_ALL": "C.UTF-8", "PATH": ProcessInfo.processInfo.environment["PATH"] ?? ""]
    var complaint = ""
    var figure = Data()
    do {
      try input.write(contentsOf: Data(text.utf8))
      try input.seek(toOffset: 0)
      try process.run()
      process.waitUntilExit()
      try output.seek(toOffset: 0)
      try complaints.seek(toOffset: 0)
      figure = try output.readToEnd() ?? Data()
      complaint = String(decoding: try complaints.readToEnd() ?? Data(), as: UTF8.self)
    } catch {
      throw PlotError("\(executable) cannot be run: \(error.localizedDescription)", fix: "reinstall \(Gnuplot.package)")
    }
    // A warning is a fault of the figure: a range that is empty, a point that is no number.
    guard process.terminationReason == .exit, process.terminationStatus == 0, complaint.isEmpty, !figure.isEmpty else {
      let said = complaint.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
        .filter { !$0.isEmpty && $0 != "^" }.joined(separator: " | ")
      throw PlotError(
        "gnuplot drew no \(format.rawValue): \(said.isEmpty ? "status \(process.terminationStatus)" : said)",
        fix: "gnuplot 5.4 with cairo is needed (\(Gnuplot.package)); with it, please report the fault")
    }
    return figure
  }

  /// A file that is open and has no name.
  private static func scratch() throws(PlotError) -> FileHandle {
    var template = Array((NSTemporaryDirectory() + "/pageferry-plot-XXXXXX").utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else {
      throw PlotError(
        "no temporary file in \(NSTemporaryDirectory()): \(String(cString: strerror(errno)))",
        fix: "free some space there, or set TMPDIR")
    }
    unlink(template)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  // MARK: Scripts

  private static func terminal(_ format: PlotFormat, _ size: PlotSize) -> String {
    switch format {
    case .svg: "set terminal svg size \(size.width),\(size.height) dynamic noenhanced font 'sans-serif,12'\n"
    case .pdf:
      "set terminal pdfcairo size \(inches(size.width))in,\(inches(size.height))in noenhanced font 'sans-serif,9'\n"
    case .png:
      "set terminal pngcairo size \(size.width * 2),\(size.height * 2) noenhanced font 'sans-serif,9' fontscale 2 linewidth 2\n"
    }
  }

  private static func inches(_ pixels: Int) -> String { String(format: "%.3f", Double(pixels) / 96) }

  /// What all figures share: two axes, a quiet grid, the key above the data.
  private static let style = """
    set encoding utf8
    set border 3
    set tics nomirror out scale 0.5
    set grid lc rgb '\(PlotColor.grid.hexadecimal)' lt 1 lw 1
    set key above left horizontal Left reverse samplen 1.5
    set style fill solid 1.0 noborder
    set datafile separator ' '
    set datafile missing '?'

    """

  /// A text as a string of a script. Line breaks become spaces.
  public static func quoted(_ text: String) -> String {
    "'" + text.split(whereSeparator: \.isNewline).joined(separator: " ").replacing("'", with: "''") + "'"
  }

  /// Rows as the data block `$name`, which `plot` takes by that name. Values are separated by spaces; `?` is a gap, an empty row
  /// breaks a line. Texts among them are in double quotes (`word`).
  public static func data(_ name: String, _ rows: some Sequence<String>) -> String {
    var text = "$\(name) << EOD\n"
    for row in rows {
      text += row
      text += "\n"
    }
    return text + "EOD\n"
  }

  /// A text as one value of a row.
  public static func word(_ text: String) -> String {
    let plain = text.map { $0.isNewline ? " " : $0 == "\"" ? "'" : $0 == "\\" ? "/" : $0 }
    return "\"\(String(plain))\""
  }
}
