// The driver of gnuplot: figures in each format, faults as errors, and what becomes of an SVG in a page.

import Foundation
import Testing

@testable import Plot

/// Whether gnuplot is here; the suites that need it say so when it is not.
let gnuplot: Gnuplot? = {
  do throws(PlotError) { return try Gnuplot() } catch {
    print("*** SKIPPED: \(error). Nothing of the figures was tested. ***")
    return nil
  }
}()

@Suite(.enabled(if: gnuplot != nil, "gnuplot is not installed"))
struct GnuplotTests {
  static let script =
    Gnuplot.data("d", ["0 1", "1 ?", "2 3"])
    + "set title \(Gnuplot.quoted("it's <A> & b_c"))\nplot $d using 1:2 with points pt 7 lc rgb '\(PlotColor.tier(0).hexadecimal)' title 'fast'\n"
  static let size = PlotSize(width: 480, height: 240)

  @Test(arguments: zip(PlotFormat.allCases, ["<?xml", "%PDF-", "\u{FFFD}PNG"]))
  func `a script becomes a file of each format`(format: PlotFormat, start: String) throws {
    let figure = try #require(try gnuplot?.render(GnuplotTests.script, as: format, size: GnuplotTests.size))
    #expect(String(decoding: figure.prefix(start.count), as: UTF8.self).hasPrefix(start))
  }

  @Test func `equal scripts give equal bytes`() throws {
    let a = try gnuplot?.render(GnuplotTests.script, as: .svg, size: GnuplotTests.size)
    #expect(try gnuplot?.render(GnuplotTests.script, as: .svg, size: GnuplotTests.size) == a)
  }

  @Test(arguments: ["plot $nothing", "plot '-'", "no command", "set xrange [1:1]\nplot x", ""])
  func `what gnuplot refuses or warns of is an error with its words`(script: String) throws {
    let error = #expect(throws: PlotError.self) {
      try gnuplot?.render(script, as: .svg, size: GnuplotTests.size)
    }
    #expect(try #require(error).problem.hasPrefix("gnuplot drew no svg: "))
    #expect(!"\(try #require(error))".contains("\n"))
  }

  @Test func `in a page an SVG has its own names, the text's colour and custom properties`() throws {
    let figure = try #require(try gnuplot?.render(GnuplotTests.script, as: .svg, size: GnuplotTests.size))
    let text = InlineSVG.element(figure, id: "hits", title: "a \"b\"")
    #expect(text.hasPrefix("<svg id=\"hits\" role=\"img\" aria-label=\"a &quot;b&quot;\""))
    #expect(text.contains("it's &lt;A> &amp; b_c"))
    #expect(text.contains("var(--plot-blue)"))
    #expect(!text.contains("rgb(  0, 114, 178)"))
    #expect(!text.contains("black"))
    let ids = text.matches(of: #/ id=['"]([^'"]*)['"]/#).map { String($0.output.1) }
    #expect(ids.count > 10 && ids.allSatisfy { $0 == "hits" || $0.hasPrefix("hits-") })
    #expect(Set(ids).count == ids.count)
    let uses = text.matches(of: #/xlink:href=['"]#([^'"]*)['"]/#).map { String($0.output.1) }
    #expect(!uses.isEmpty && uses.allSatisfy(Set(ids).contains))
  }
}

struct PlotTextTests {
  @Test func `without gnuplot the error says what to install`() {
    let error = #expect(throws: PlotError.self) { try Gnuplot(path: "/nowhere") }
    #expect(error?.description.hasSuffix("; apt-get install gnuplot-nox") == true)
  }

  @Test(arguments: [("a'b", "'a''b'"), ("a\nb", "'a b'"), ("", "''"), ("\\n$x`", "'\\n$x`'")])
  func `a text is one string of a script`(text: String, quoted: String) {
    #expect(Gnuplot.quoted(text) == quoted)
  }

  @Test func `colours have a name each and differ in both modes`() {
    #expect(Set(PlotColor.all.map(\.name)).count == PlotColor.all.count)
    #expect(Set(PlotColor.all.map(\.light)).count == PlotColor.all.count)
    #expect(Set(PlotColor.all.map(\.dark)).count == PlotColor.all.count)
    #expect(Set([PlotColor.cpu, .workers, .dsa]).isDisjoint(with: [PlotColor.tier(0), .tier(1)]))
  }
}
