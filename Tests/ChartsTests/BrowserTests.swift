// The page in a real browser, without a window: no errors, marks in every chart, nothing cut off.

import Foundation
import Plot
import Report
import Testing

@testable import Charts

/// Chromium, where it is installed.
private let chromium: String? = {
  let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
  let found = folders.flatMap { folder in ["chromium", "chromium-browser", "google-chrome"].map { "\(folder)/\($0)" } }
    .first { FileManager.default.isExecutableFile(atPath: $0) }
  if found == nil { print("*** SKIPPED: no Chromium here (apt-get install chromium). No page was looked at. ***") }
  return found
}()

@Suite(.enabled(if: gnuplot != nil && chromium != nil, "gnuplot or Chromium is not installed"), .serialized)
struct BrowserTests {
  /// What the measuring script says of a page.
  struct Measures: Decodable {
    struct Figure: Decodable {
      var id: String
      /// Lines, areas, boxes and pictures of data in the figure that is shown.
      var marks: Int
      /// Texts and marks that stand out of the figure, in pixels beyond its edge.
      var clipped: [String]
      var fontPixels: Double
    }

    var width: Int
    var scrollWidth: Int
    var figures: [Figure]
  }

  /// Measures what is drawn, and leaves it as the text of the page.
  static let script = """
    <script>addEventListener('load', () => {
      const figures = [...document.querySelectorAll('figure')].map(figure => {
        const svg = [...figure.querySelectorAll('svg')].find(s => s.getBoundingClientRect().width > 0);
        const box = svg.getBoundingClientRect();
        const plots = [...svg.querySelectorAll('g[id*="gnuplot_plot_"]')];
        const shapes = plots.flatMap(p => [...p.querySelectorAll('path, polygon, image, circle, use, rect')]);
        const clipped = [...svg.querySelectorAll('text'), ...shapes].filter(e => {
          const r = e.getBoundingClientRect();
          return r.left < box.left - 1 || r.right > box.right + 1 || r.top < box.top - 1 || r.bottom > box.bottom + 1;
        }).map(e => e.tagName + ' ' + e.textContent.trim());
        const text = svg.querySelector('text');
        return { id: figure.id, marks: shapes.filter(e => { const r = e.getBoundingClientRect(); return r.width + r.height > 0 })
          .length, clipped, fontPixels: text.getBoundingClientRect().height };
      });
      parent.postMessage({ width: innerWidth, scrollWidth: document.documentElement.scrollWidth, figures }, '*');
    });</script></body>
    """

  /// Widths that are looked at, in CSS pixels. A window cannot be as narrow as the second one; a frame can.
  static let widths = [1280, 390]

  /// The page in a frame of each width; what the frames measure is the text of the outer page, in the order of the widths.
  static let frames =
    """
    <body><script>
      const measures = [];
      addEventListener('message', message => {
        measures.push(message.data);
        if (measures.length < \(widths.count)) return;
        measures.sort((a, b) => b.width - a.width);
        document.body.textContent = 'MEASURES' + JSON.stringify(measures) + 'END';
      });
    </script>
    """
    + widths.map { "<iframe src=\"measured.html\" style=\"border:0;width:\($0)px;height:9000px\"></iframe>\n" }.joined()
    + "</body>"

  /// Runs Chromium; its standard output and error.
  static func open(_ page: String, scratch: String) throws -> (out: String, error: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(chromium))
    process.arguments =
      [
        "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=\(scratch)/profile",
        "--enable-logging=stderr", "--virtual-time-budget=3000", "--window-size=1280,2000", "--dump-dom",
        "file://\(page)",
      ]
    for name in ["out", "error"] { _ = FileManager.default.createFile(atPath: "\(scratch)/\(name)", contents: nil) }
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch + "/out"))
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch + "/error"))
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return (
      try String(contentsOfFile: scratch + "/out", encoding: .utf8),
      try String(contentsOfFile: scratch + "/error", encoding: .utf8)
    )
  }

  @Test func `no console errors, marks in every chart, nothing clipped at 1280 and 390 pixels`() throws {
    try TinyRun.withFolder { folder in
      let paths = [try TinyRun.write("a-run-with-a-long-name", in: folder), try TinyRun.write("b", in: folder, "")]
      for names in [Array(paths.prefix(1)), paths] {
        let charts = try ReportCharts(try RunRecord.read(names))
        let page = try ReportPage(charts, version: "test").html(try #require(gnuplot))
        try page.write(toFile: folder + "/page.html", atomically: true, encoding: .utf8)
        // Scripts are forbidden in the page itself.
        let measured = page.replacing(#/<meta http-equiv="Content-Security-Policy"[^>]*>/#, with: "")
          .replacing("</body>", with: BrowserTests.script)
        try measured.write(toFile: folder + "/measured.html", atomically: true, encoding: .utf8)
        try BrowserTests.frames.write(toFile: folder + "/frames.html", atomically: true, encoding: .utf8)

        let plain = try BrowserTests.open(folder + "/page.html", scratch: folder)
        #expect(!plain.error.contains("CONSOLE"), "\(plain.error)")
        #expect(plain.out.contains("</footer>"))
        let dom = try BrowserTests.open(folder + "/frames.html", scratch: folder).out
        let json = try #require(dom.firstMatch(of: #/MEASURES(.*)END/#)).output.1
          .replacing("&lt;", with: "<").replacing("&gt;", with: ">").replacing("&amp;", with: "&")
        let all = try JSONDecoder().decode([Measures].self, from: Data(json.utf8))
        #expect(all.map(\.width) == BrowserTests.widths)
        for measures in all {
          #expect(measures.scrollWidth <= measures.width)
          #expect(measures.figures.map(\.id) == charts.charts.map(\.id))
          for figure in measures.figures {
            #expect(figure.marks > 0, "\(figure.id) at \(measures.width)")
            #expect(figure.clipped == [], "\(figure.id) at \(measures.width)")
            #expect(figure.fontPixels > 9, "\(figure.id) at \(measures.width)")
          }
        }
      }
    }
  }
}
