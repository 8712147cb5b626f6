// A worker of the kernel's high-priority work queue on one CPU: it copies shares of multithreaded copies.
// Source: kernel/workqueue.c, events_highpri (nice -20), which copy_page_lists_mt queues its work on.

import Migration
import Timeline
import Units

/// Runs the shares of one CPU, first come, first served.
final class CopyWorker: ThreadBody {
  private var works: [CopyWork] = []
  /// Since when it copies the first share.
  private var began: Picoseconds?
  private let timeline: Timeline?

  init(timeline: Timeline? = nil) { self.timeline = timeline }

  func enqueue(_ work: CopyWork) { works.append(work) }

  func polled(_ span: Picoseconds) {}
  func tick(_ thread: ModelThread, now: Picoseconds) {}

  func run(_ thread: ModelThread, cpu: Int, now: Picoseconds, limit: Picoseconds) -> Picoseconds {
    var t = now
    while t < limit {
      if thread.debt > 0 {
        t = thread.payDebt(now: t, limit: limit)
        if t >= limit { return t }
      }
      guard let work = works.first else {
        thread.state = .waiting
        return t
      }
      if began == nil { began = t }
      if let time = work.step(now: t) {
        thread.debt += time
      } else {
        works.removeFirst()
        note(work, thread, now: t)
      }
    }
    return t
  }

  /// A share is done.
  private func note(_ work: CopyWork, _ thread: ModelThread, now: Picoseconds) {
    defer { began = nil }
    guard let timeline, timeline.mask.contains(.threads), let began else { return }
    timeline.add(TimelineRecord(.share, began, now, track: thread.id, a: work.list, b: work.bytes))
  }
}
