// Slices of one track as begin and end events: nested, in order, whatever the order in which they were recorded.

import Units

/// A span on a track, with what hangs on it.
struct TimelineSlice {
  var process: Int
  var track: Int
  var start: Picoseconds
  var end: Picoseconds
  /// Of two with the same bounds the one with the smaller rank is outside.
  var rank: Int
  var name: String
  var category: String
  /// Members of its object of arguments, as JSON.
  var arguments = ""
  /// Arrows that leave it, with their times, and those that come to it.
  var leaving: [(flow: Int, time: Picoseconds)] = []
  var coming: [Int] = []
}

/// Events in order of time; of one time in the order in which they were made.
struct TimelineEvents {
  /// The events' texts one behind another, and where each is: strings of their own would be most of a timeline's time.
  private var bytes: [UInt8] = []
  private var events: [(time: Picoseconds, text: Range<Int>)] = []

  mutating func add(_ phase: StaticString, at time: Picoseconds, pid: Int, tid: Int, _ rest: String = "") {
    let start = bytes.count
    append("{\"ph\":\"")
    append(phase)
    append("\",\"ts\":")
    append(time / Picoseconds.microsecond)
    append(".")
    // All digits: picoseconds are the sixth decimal of a microsecond.
    append(time % Picoseconds.microsecond, digits: 6)
    append(",\"pid\":")
    append(pid)
    append(",\"tid\":")
    append(tid)
    bytes.append(contentsOf: rest.utf8)
    append("}")
    events.append((time, start..<bytes.count))
  }

  private mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  /// A number that is not negative, with zeros in front up to `digits`.
  private mutating func append(_ value: Int, digits: Int = 1) {
    let start = bytes.count
    var rest = value
    while rest > 0 || bytes.count - start < digits {
      bytes.append(0x30 + UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    }
    bytes[start...].reverse()
  }

  /// Adds the slices of all tracks.
  ///
  /// Begin and end are events of their own, and not one with a duration: a reader that rounds times keeps their order, but not
  /// that of a sum.
  mutating func add(_ slices: [TimelineSlice]) {
    let order = slices.indices.sorted { a, b in
      let (x, y) = (slices[a], slices[b])
      return (x.track, x.start, -x.end, x.rank, a) < (y.track, y.start, -y.end, y.rank, b)
    }
    var open: [TimelineSlice] = []
    func end(_ slice: TimelineSlice, _ events: inout TimelineEvents) {
      events.add("E", at: slice.end, pid: slice.process, tid: slice.track)
    }
    for index in order {
      let slice = slices[index]
      while let last = open.last, last.track != slice.track || last.end <= slice.start {
        end(last, &self)
        open.removeLast()
      }
      begin(slice)
      open.append(slice)
    }
    for slice in open.reversed() { end(slice, &self) }
  }

  private mutating func begin(_ slice: TimelineSlice) {
    let arguments = slice.arguments.isEmpty ? "" : ",\"args\":{\(slice.arguments)}"
    add(
      "B", at: slice.start, pid: slice.process, tid: slice.track,
      ",\"name\":\(JSONValue.quoted(slice.name)),\"cat\":\"\(slice.category)\"\(arguments)")
    // An arrow is bound to the innermost slice that is open when it comes.
    for flow in slice.coming {
      add(
        "f", at: slice.start, pid: slice.process, tid: slice.track,
        ",\"name\":\"descriptor\",\"cat\":\"flow\",\"id\":\(flow),\"bp\":\"e\"")
    }
    for (flow, time) in slice.leaving {
      add(
        "s", at: time, pid: slice.process, tid: slice.track,
        ",\"name\":\"descriptor\",\"cat\":\"flow\",\"id\":\(flow)")
    }
  }

  /// The events' texts in order, with `separator` in front of each.
  func write(to text: inout [UInt8], separator: String) {
    text.reserveCapacity(text.count + bytes.count + events.count * separator.utf8.count)
    for index in events.indices.sorted(by: { (events[$0].time, $0) < (events[$1].time, $1) }) {
      text.append(contentsOf: separator.utf8)
      text.append(contentsOf: bytes[events[index].text])
    }
  }
}
