// One colour for each tier and copy engine, in every figure.

/// A colour that figures use by its meaning. Pages give it the custom property `--plot-NAME`, so that a dark page may have a lighter one.
///
/// Source of the values for tiers and engines: the palette of M. Okabe and K. Ito, "Color Universal Design",
/// jfly.uni-koeln.de/color, which people with any of the common colour-vision deficiencies can tell apart.
public struct PlotColor: Equatable, Hashable, Sendable {
  /// Lower-case letters, digits and hyphens.
  public let name: String
  /// 0xRRGGBB on a light ground and in print.
  public let light: UInt32
  /// 0xRRGGBB on a dark ground.
  public let dark: UInt32

  init(_ name: String, _ light: UInt32, _ dark: UInt32) {
    self.name = name
    self.light = light
    self.dark = dark
  }

  /// `#0072B2`, as scripts and style sheets take it.
  public var hexadecimal: String { PlotColor.hexadecimal(light) }

  public static func hexadecimal(_ value: UInt32) -> String {
    let digits = String(value, radix: 16, uppercase: true)
    return "#" + String(repeating: "0", count: 6 - digits.count) + digits
  }

  // MARK: Meanings

  static let blue = PlotColor("blue", 0x0072B2, 0x4FA8E0)
  static let orange = PlotColor("orange", 0xE69F00, 0xF0B429)
  static let purple = PlotColor("purple", 0xCC79A7, 0xE09CC3)
  static let grey = PlotColor("grey", 0x767676, 0xA6A6A6)
  static let green = PlotColor("green", 0x009E73, 0x2FC79A)
  static let vermilion = PlotColor("vermilion", 0xD55E00, 0xF57F3B)
  static let sky = PlotColor("sky", 0x56B4E9, 0x8FD0F5)
  /// Darker than all tiers and engines, and lighter on a dark ground: told apart by its lightness.
  static let brown = PlotColor("brown", 0x5C3A21, 0xC9A58A)
  /// Lines behind the data.
  public static let grid = PlotColor("grid", 0xDDDDDD, 0x3A3F45)

  /// Source: P. Tol, "Colour Schemes", SRON technical note, scheme "muted". None of them stands for a tier or an engine.
  static let several = [
    PlotColor("indigo", 0x332288, 0x9A8CF0), PlotColor("teal", 0x44AA99, 0x5CC9B6),
    PlotColor("rose", 0xCC6677, 0xE58A99),
    PlotColor("sand", 0xC9B458, 0xE8D98A), PlotColor("forest", 0x117733, 0x4FBF77),
    PlotColor("wine", 0x882255, 0xD4699B),
    PlotColor("cyan", 0x6FB9DE, 0xA6DCF2), PlotColor("olive", 0x808026, 0xC4C44F),
  ]

  /// All, for a style sheet.
  public static let all = [blue, orange, purple, grey, green, vermilion, sky, brown, grid] + several

  /// Of a memory tier: 0, the fast one, is blue; 1 is orange; 2 is purple; all slower ones are grey.
  public static func tier(_ tier: Int) -> PlotColor {
    switch tier {
    case ...0: blue
    case 1: orange
    case 2: purple
    default: grey
    }
  }

  /// The migrating CPU copying page by page.
  public static let cpu = green
  /// Several CPUs copying a list.
  public static let workers = sky
  /// DSA devices.
  public static let dsa = vermilion
  /// Memory compaction.
  public static let compaction = brown

  /// The `index`-th of several alike series (runs, stages, reasons, values of a parameter); the ninth is the first again.
  public static func series(_ index: Int) -> PlotColor { several[abs(index % several.count)] }
}
