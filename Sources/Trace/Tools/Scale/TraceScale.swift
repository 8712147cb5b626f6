// Traces side by side as one: more threads or more processes than were recorded, and fewer pages.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Scales traces.
public struct TraceScaler: Sendable {
  public var options: ScaleOptions

  public init(_ options: ScaleOptions) { self.options = options }

  /// Writes the copies of `inputs`, side by side, to the trace `output`, which appears only when all went well.
  ///
  /// The next record is that of the copy whose own next one has the smallest clock; of equal ones, of the copy with the smallest
  /// number. A copy's records stay in their order. The clock is the work of the record's thread up to it; its records where there
  /// is no work; the time stamp where all inputs have them. Memory is what a reader and one block take for each copy (some MiB),
  /// and what the writer takes. `progress` gets the records read and how many there are. Throws `.empty` when no page is kept.
  public func run(
    inputs: [String], output: String, guarding: TemporaryGuard? = nil,
    progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(TraceError) -> TraceHeader {
    try options.check(inputs: inputs.count)
    let names = inputs.count == 1 ? [String](repeating: inputs[0], count: options.copies) : inputs
    var sources: [ScaleSource] = []
    // What cannot be done is said before thousands of files are open.
    let first = try inputs.map { path throws(TraceError) in try ScaleSource(path: path) }
    let headers = inputs.count == 1 ? names.map { _ in first[0].header } : first.map(\.header)
    let plan = try ScalePlan(headers, names: names, options)
    try Self.refuse(output, among: first.map(\.identity))
    var writer = try TraceWriter(
      path: output, layout: plan.layout, provenance: provenance(first, inputs, plan), reading: first[0].identity,
      guarding: guarding)
    for (k, name) in names.enumerated() {
      sources.append(k < first.count ? first[k] : try ScaleSource(path: name))
      sources[k].begin(plan, copy: k, thin: options.thin)
    }
    let total = headers.reduce(0) { $0 + $1.records }
    var done = 0
    var queue = CopyQueue()
    for (k, source) in sources.enumerated() where try source.advance() { queue.add(k, source.clock) }
    while let k = queue.first {
      let source = sources[k]
      try writer.append(source.head)
      let before = source.done
      if try source.advance() { queue.replaceFirst(source.clock) } else { queue.removeFirst() }
      done += source.done - before
      if writer.records & 0xFFFF == 0 { progress(done, total) }
    }
    guard writer.records > 0 else {
      throw TraceError(
        .empty, file: output, problem: "none of the pages is kept", fix: "keep more of them with a larger --thin")
    }
    // How many accesses a filter left out is known of whole traces only, and if all state it.
    let isKnown = options.thin == nil && headers.allSatisfy { $0.cachedAccesses > 0 }
    return try writer.finish(cachedAccesses: isKnown ? headers.reduce(0) { $0 + $1.cachedAccesses } : 0)
  }

  /// The writer itself knows of one input.
  private static func refuse(_ output: String, among inputs: [FileIdentity]) throws(TraceError) {
    var status = stat()
    guard stat(output, &status) == 0, inputs.contains(FileIdentity(status)) else { return }
    throw TraceError(
      .usage, file: output, problem: "is one of the inputs too", fix: "write the trace to another file")
  }

  private func provenance(_ sources: [ScaleSource], _ inputs: [String], _ plan: ScalePlan) -> TraceProvenance {
    var provenance = TraceProvenance(joining: sources.map(\.header.provenance))
    let names = zip(inputs, sources).map { "\(TraceProvenance.fileName($0)) (\($1.header.records) records)" }
    let done = options.description
    provenance.note(
      "scale of " + names.joined(separator: ", ") + (done.isEmpty ? "" : ": \(done)")
        + (plan.dropsTimes ? "; time stamps left out, not all inputs have them" : ""))
    return provenance
  }
}

/// Copies by the clock of their next record, and of equal clocks by number: a binary heap.
struct CopyQueue {
  private var heap: [(clock: UInt64, copy: Int)] = []

  /// The copy that comes next.
  var first: Int? { heap.first?.copy }

  mutating func add(_ copy: Int, _ clock: UInt64) {
    heap.append((clock, copy))
    var i = heap.count - 1
    while i > 0, heap[i] < heap[(i - 1) / 2] {
      heap.swapAt(i, (i - 1) / 2)
      i = (i - 1) / 2
    }
  }

  /// Gives the first copy another clock.
  mutating func replaceFirst(_ clock: UInt64) {
    heap[0].clock = clock
    var i = 0
    while true {
      var least = i
      for child in 2 * i + 1..<2 * i + 3 where child < heap.count && heap[child] < heap[least] { least = child }
      if least == i { return }
      heap.swapAt(i, least)
      i = least
    }
  }

  mutating func removeFirst() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    if !heap.isEmpty { replaceFirst(heap[0].clock) }
  }
}
