// A figure as a part of a page: colours by custom properties, names that no other figure has.

import Foundation

/// Makes an SVG of gnuplot fit for being written into HTML.
public enum InlineSVG {
  /// - Parameters:
  ///   - id: of the figure in the page; names within the SVG begin with it.
  ///   - title: what a screen reader says of it.
  /// - Returns: the `svg` element. What was black has the text's colour, colours of `PlotColor` are their custom properties.
  public static func element(_ svg: Data, id: String, title: String) -> String {
    var page = "<svg id=\"\(id)\" role=\"img\" aria-label=\"\(escaped(title))\""
    var isInside = false
    var isTitle = false
    // gnuplot escapes text, so that angle brackets are those of tags.
    for piece in svg.split(separator: UInt8(ascii: "<")) {
      let end = piece.firstIndex(of: UInt8(ascii: ">")) ?? piece.endIndex
      let tag = String(decoding: piece[..<end], as: UTF8.self)
      let text = end < piece.endIndex ? String(decoding: piece[(end + 1)...], as: UTF8.self) : ""
      if tag.hasPrefix("svg") {
        isInside = true
        page += tag.dropFirst(3) + ">" + text
      } else if tag.hasPrefix("title") || tag.hasPrefix("desc") {
        isTitle = true
      } else if isTitle {
        // The end of a title: names of gnuplot's own, which a resting pointer would show.
        isTitle = false
        page += text
      } else if isInside {
        page += "<" + attributes(tag, id: id) + ">" + text
      }
    }
    return page.replacing(#/<g fill="none"[^>]*>\s*<\/g>\s*/#, with: "")
  }

  /// A tag with its names and colours replaced.
  private static func attributes(_ tag: String, id: String) -> String {
    guard !tag.hasPrefix("/"), !tag.hasPrefix("image") else { return tag }
    // Coordinates come last in a path.
    let cut = tag.range(of: " d='")?.lowerBound ?? tag.endIndex
    var head = String(tag[..<cut])
    head = head.replacing(#/ id=(['"])/#) { " id=\($0.output.1)\(id)-" }
    head = head.replacing(#/xlink:href=(['"])#/#) { "xlink:href=\($0.output.1)#\(id)-" }
    head = head.replacing("url(#", with: "url(#\(id)-").replacing(" font-family=\"sans-serif\"", with: "")
    head = head.replacing("'black'", with: "'currentColor'").replacing("fill=\"black\"", with: "fill=\"currentColor\"")
    head = head.replacing(#/ color="[^"]*"/#, with: "")
    head = head.replacing(#/rgb\( *([0-9]+), *([0-9]+), *([0-9]+)\)/#) { match in
      let parts = [match.output.1, match.output.2, match.output.3].map { UInt32($0) ?? 0 }
      let value = parts[0] << 16 | parts[1] << 8 | parts[2]
      if value == 0 { return "currentColor" }
      return PlotColor.all.first { $0.light == value }.map { "var(--plot-\($0.name))" } ?? String(match.output.0)
    }
    return head + tag[cut...]
  }

  /// A text between tags or in an attribute.
  public static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;")
  }

  /// Declarations of the custom properties, `--plot-blue: #0072B2;` and so on.
  public static func properties(isDark: Bool) -> String {
    PlotColor.all.map { "--plot-\($0.name): \(PlotColor.hexadecimal(isDark ? $0.dark : $0.light));" }
      .joined(separator: " ")
  }
}
