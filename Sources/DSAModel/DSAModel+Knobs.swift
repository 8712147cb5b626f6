// Knobs of injected faults (debug.fault.*).

import Events
import Sysctl
import Units

extension FaultPlan.Trigger {
  /// What `init(text:)` reads, in words.
  public static let words = "off | a rate (250ppm, 0.1%) | the n-th event (n=7)"

  /// Reads `off`, a rate in `ppm` or `%` up to 100 %, or `n=7` for the 7th event.
  public init(text: String) throws(KnobRefusal) {
    if text == "off" {
      self = .never
    } else if text.hasPrefix("n=") {
      let digits = text.dropFirst(2)
      guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
        throw KnobRefusal("behind n= stands the number of an event; write n=1 for the first")
      }
      guard let n = Int(digits) else { throw KnobRefusal("no run has so many events; write less than 2^63") }
      guard n >= 1 else { throw KnobRefusal("the first event is n=1; write off for none") }
      self = .nth(n)
    } else {
      let millionths = try Self.millionths(text)
      guard millionths <= 1_000_000 else { throw KnobRefusal("a rate is at most 100% (1000000ppm)") }
      self = .rate(millionths: millionths)
    }
  }

  private static func millionths(_ text: String) throws(KnobRefusal) -> Int {
    if text.hasSuffix("ppm") {
      let number = text.dropLast(3)
      if !number.isEmpty, number.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
        return Int(number) ?? .max
      }
      throw KnobRefusal("a rate in ppm is a whole number; write 250ppm")
    }
    guard text.hasSuffix("%") else { throw KnobRefusal("not a trigger; write off, 250ppm, 0.1% or n=7") }
    do throws(QuantityFault) {
      if case .share(let ppm) = try Capacity.parse(text) { return ppm }
    } catch { throw KnobRefusal(error.reason) }
    throw KnobRefusal("not a rate; write 250ppm or 0.1%")
  }

  /// What `init(text:)` reads back: `off`, `250ppm`, `n=7`.
  public var text: String {
    switch self {
    case .never: "off"
    case .rate(let millionths): "\(millionths)ppm"
    case .nth(let n): "n=\(n)"
    }
  }
}

/// Faults on purpose, of the devices and of migration.
public struct FaultKnobs: KnobSet, Equatable {
  public var page = FaultPlan.Trigger.never
  public var queueFull = FaultPlan.Trigger.never
  public var deviceGone = FaultPlan.Trigger.never
  /// A migration's target page cannot be allocated.
  public var alloc = FaultPlan.Trigger.never
  /// A byte of a folio is wrong when its real copy is over.
  public var corrupt = FaultPlan.Trigger.never
  public var seed = 0

  public init() {}

  /// What the device model takes.
  public var plan: FaultPlan {
    var plan = FaultPlan()
    plan.pageFault = page
    plan.queueFull = queueFull
    plan.deviceGone = deviceGone
    plan.seed = UInt64(clamping: seed)
    return plan
  }

  /// The decisions for target allocations of migrations. Each kind of fault draws from its own generator; the model has the
  /// seeds from `seed` to `seed` + 2.
  public var allocationFailures: FaultSource { FaultSource(alloc, seed: plan.seed &+ 3) }

  /// The decisions for copies of real bytes.
  public var corruptions: FaultSource { FaultSource(corrupt, seed: plan.seed &+ 4) }

  private static func trigger(
    _ name: String, _ path: WritableKeyPath<FaultKnobs, FaultPlan.Trigger> & Sendable, _ doc: String,
    notes: String? = nil
  ) -> Knob<FaultKnobs> {
    .parsed(
      name, path, range: FaultPlan.Trigger.words,
      parse: { text throws(KnobRefusal) in try FaultPlan.Trigger(text: text) }, print: { $0.text },
      when: .beforeRun, evidence: .setting, source: "Pageferry", doc: doc, notes: notes)
  }

  public static let knobs: [Knob<FaultKnobs>] = [
    trigger(
      "debug.fault.page", \.page, "Descriptors about to move data that find one of their pages absent.",
      notes: "A rate hits each event with that chance, n=7 the seventh event of the run alone."),
    trigger(
      "debug.fault.queue_full", \.queueFull,
      "Submissions that find their queue full: a dedicated queue loses the descriptor, a shared one answers Retry."),
    trigger(
      "debug.fault.device_gone", \.deviceGone,
      "Submissions at which a device vanishes: what is in flight on it never completes."),
    trigger("debug.fault.alloc", \.alloc, "Allocations of a migration's target page that fail."),
    trigger(
      "debug.fault.corrupt", \.corrupt,
      "Folios whose copy leaves a wrong byte behind, where memory is real (run --backing real).",
      notes: "Such a run has to fail: it shows that the comparison at the end finds it."),
    .integer(
      "debug.fault.seed", \.seed, in: 0...Int.max, when: .beforeRun, evidence: .setting, source: "Pageferry",
      doc: "Seed of the faults that have a rate; the same seed hits the same events."),
  ]
}
