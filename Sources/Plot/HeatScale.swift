// Colours of a quantity, from little to much.

/// A scale of colours that rises in lightness alike for all eyes, in print without colours too.
///
/// Source: viridis of matplotlib (S. van der Walt and N. Smith, CC0), at five points; between them it is near linear.
public enum HeatScale {
  static let points: [UInt32] = [0x440154, 0x3B528B, 0x21918C, 0x5EC962, 0xFDE725]

  /// Shares of the scale above this are light: dark text stands out on them.
  public static let lightAbove = 0.6

  /// The command that makes it the palette of a script.
  public static var script: String {
    let stops = points.enumerated().map { "\($0) '\(PlotColor.hexadecimal($1))'" }.joined(separator: ", ")
    return "set palette defined (\(stops))\n"
  }
}
