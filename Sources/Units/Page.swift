// Page geometry of the modelled x86-64 machine.

/// Sizes of pages and folios. Source: x86-64 with 4 KiB base pages and 2 MiB PMD mappings.
public enum Page {
  /// Bytes in a base page.
  public static let size = 4096
  /// log2 of `size`.
  public static let shift = 12
  /// The order of a 2 MiB folio (HPAGE_PMD_ORDER).
  public static let hugeOrder = 9
  /// Base pages in a 2 MiB folio (HPAGE_PMD_NR).
  public static let perHuge = 512
}
