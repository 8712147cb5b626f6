// Where each copy goes, and what the trace of all of them is.

/// Numbers, addresses and clocks of the copies, and the layout they have in common. Throws when they do not fit together.
struct ScalePlan {
  /// What copies are interleaved by.
  enum Order: Equatable {
    /// Work of the record's thread.
    case work
    /// Records of the record's thread.
    case records
    /// Time stamps.
    case time
  }

  /// Where one copy goes.
  struct Place: Equatable {
    var firstThread = 0
    var firstProcess = 0
    /// Added to addresses, modulo 2^64.
    var shift: UInt64 = 0
    /// The clock it begins at.
    var start: UInt64 = 0
    /// Added to time stamps, modulo 2^64.
    var delay: UInt64 = 0
  }

  let layout: TraceLayout
  let order: Order
  let places: [Place]
  /// Whether time stamps of some inputs are left out, because others have none.
  let dropsTimes: Bool

  /// `copies` are the headers, one for each copy, at least one, and `names` their files.
  init(_ copies: [TraceHeader], names: [String], _ options: ScaleOptions) throws(TraceError) {
    layout = try Self.layout(copies, names)
    order = layout.hasTimes ? .time : layout.gapUnit == .none ? .records : .work
    dropsTimes = !layout.hasTimes && copies.contains { $0.layout.hasTimes }
    var places: [Place] = []
    var (threads, processes) = (0, 0)
    var highest: UInt64 = 0
    for (k, header) in copies.enumerated() {
      var place = Place()
      if options.arrangement != nil { place.firstThread = threads }
      if options.arrangement == .processes { place.firstProcess = processes }
      if options.arrangement == .threads {
        guard header.processes == 1 else {
          throw TraceError(
            .usage, file: names[k], problem: "\(header.processes) processes cannot become threads of one",
            fix: "say --as processes")
        }
        if k > 0 && !options.isShared { place.shift = try Self.shift(header, above: highest, k, names[k]) }
        highest = header.highestAddress &+ place.shift
      }
      place.start = try Self.start(k, options.offset, names[k])
      if layout.hasTimes { place.delay = try Self.delay(header, from: copies[0].firstTime, place.start, names[k]) }
      places.append(place)
      threads += header.threads
      processes += header.processes
    }
    guard threads <= TraceFormat.maxThreads else {
      throw Self.tooMany(threads, "threads", TraceFormat.maxThreads)
    }
    guard processes <= 1 << 16 else { throw Self.tooMany(processes, "processes", 1 << 16) }
    self.places = places
  }

  private static func tooMany(_ count: Int, _ what: String, _ most: Int) -> TraceError {
    TraceError(
      .limit, file: "", problem: "\(count) \(what) in all copies, a trace has at most \(most)", fix: "make fewer copies"
    )
  }

  /// What moves a copy behind address `highest`: 2 MiB blocks stay what they are.
  private static func shift(
    _ header: TraceHeader, above highest: UInt64, _ k: Int, _ name: String
  ) throws(TraceError) -> UInt64 {
    let low = header.lowestAddress >> 21
    let start = highest >> 21 + 1
    guard start + (header.highestAddress >> 21 - low) < 1 << 43 else {
      throw TraceError(
        .limit, file: name, problem: "the addresses of copy \(k) do not fit below 2^64",
        fix: "make fewer copies, or say --as processes")
    }
    return (start &- low) << 21
  }

  /// `k` times `offset`, which leaves room for a trace's work.
  private static func start(_ k: Int, _ offset: UInt64, _ name: String) throws(TraceError) -> UInt64 {
    let (start, isTooLarge) = offset.multipliedReportingOverflow(by: UInt64(k))
    guard !isTooLarge, start < 1 << 56 else {
      throw TraceError(
        .limit, file: name, problem: "copy \(k) begins at 2^56 or more", fix: "choose a smaller --offset")
    }
    return start
  }

  /// What makes the time stamps of a copy begin `start` after `origin`.
  private static func delay(
    _ header: TraceHeader, from origin: UInt64, _ start: UInt64, _ name: String
  ) throws(TraceError) -> UInt64 {
    let (first, isTooLate) = origin.addingReportingOverflow(start)
    guard !isTooLate, header.lastTime - header.firstTime < .max - first else {
      throw TraceError(
        .limit, file: name, problem: "its time stamps, moved to begin at \(origin) + \(start) ns, do not fit 64 bits",
        fix: "choose a smaller --offset")
    }
    return first &- header.firstTime
  }

  private static func layout(_ copies: [TraceHeader], _ names: [String]) throws(TraceError) -> TraceLayout {
    var layout = copies[0].layout
    for (header, name) in zip(copies, names).dropFirst() {
      let other = header.layout
      func differ(_ what: String, _ fix: String) -> TraceError {
        TraceError(.usage, file: name, problem: "\(what), unlike \(names[0])", fix: fix)
      }
      guard other.addressKind == layout.addressKind else {
        throw differ("has \(other.addressKind.rawName) addresses", "scale traces of one kind of addresses")
      }
      guard other.gapUnit == layout.gapUnit else {
        throw differ(
          other.gapUnit == .none ? "has no work" : "counts work in \(other.gapUnit)", "scale traces with one gap unit")
      }
      // What repeats are is another thing in each.
      guard other.isCacheFiltered == layout.isCacheFiltered else {
        throw differ(
          "is \(other.isCacheFiltered ? "" : "not ")filtered by caches", "import both with --cache, or both without")
      }
      layout.granuleShift = min(layout.granuleShift, other.granuleShift)
      layout.isCoalesced = layout.isCoalesced || other.isCoalesced
      layout.hasTouches = layout.hasTouches || other.hasTouches
      layout.hasTimes = layout.hasTimes && other.hasTimes
    }
    return layout
  }
}
