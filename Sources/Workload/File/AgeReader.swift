// `age:` of a workload file: what nodes look like before the tasks begin. docs/workload-files.md describes it.

import Units

extension WorkloadFile {
  static let ageKeys = ["node", "free", "in_blocks", "unmovable", "unmovable_in", "page_cache", "seed"]

  /// Shares are in millionths.
  private static let whole = 1_000_000

  /// One mapping, or a list of them, each for a node of its own.
  static func ages(_ field: Field?, seed: UInt64) throws(WorkloadError) -> [AgeSpec] {
    guard let field else { return [] }
    var items = [field]
    if case .sequence = field.node { items = try field.list("`{node: 0, free: 40%}`") }
    var ages: [AgeSpec] = []
    for item in items {
      let age = try age(item, seed: seed)
      if ages.contains(where: { $0.node == age.node }) {
        throw item.error("node \(age.node) is aged twice", "keep one of them")
      }
      ages.append(age)
    }
    return ages
  }

  private static func age(_ field: Field, seed: UInt64) throws(WorkloadError) -> AgeSpec {
    let record = try field.record(ageKeys, of: "`age`")
    let free = try record.required("free", "write `free: 40%`: the share of the node's free memory that stays free")
    let age = AgeSpec(
      node: try record.count("node", in: 0...15, default: 0), free: try free.share(),
      inBlocks: try record["in_blocks"]?.share() ?? 0, unmovable: try record["unmovable"]?.share() ?? 0,
      unmovableIn: try record["unmovable_in"]?.share() ?? 250_000, pageCache: try record["page_cache"]?.share() ?? 0,
      seed: try record["seed"]?.seed() ?? seed, line: field.line)
    let sum = age.free + age.unmovable + age.pageCache
    guard sum <= whole else {
      throw free.error(
        "`free`, `unmovable` and `page_cache` are \(percent(sum)) together",
        "lower them to 100% or less; what is left are idle pages")
    }
    // What is not in whole blocks lies in blocks with a page in the way, at the least.
    let pieces = whole * whole - age.free * age.inBlocks
    guard (whole - age.free) * whole * Page.perHuge >= pieces else {
      throw (record["in_blocks"] ?? free).error(
        "free memory of \(percent(age.free)) leaves less than a page for each 2 MiB block that is not to be whole",
        "lower `free` or raise `in_blocks`")
    }
    guard age.unmovable * whole <= age.unmovableIn * (pieces / whole) else {
      throw (record["unmovable_in"] ?? record["unmovable"] ?? free).error(
        "unmovable pages of \(percent(age.unmovable)) do not fit into \(percent(age.unmovableIn)) of the blocks",
        "raise `unmovable_in` or lower `unmovable`")
    }
    return age
  }

  /// 12,500 as 1.25%.
  private static func percent(_ millionths: Int) -> String {
    var fraction = String(millionths % 10_000 + 10_000).dropFirst()
    while fraction.last == "0" { fraction.removeLast() }
    return "\(millionths / 10_000)\(fraction.isEmpty ? "" : ".\(fraction)")%"
  }
}
