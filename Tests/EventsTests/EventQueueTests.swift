// The event queue against a sorted list.
import Events
import Testing

@Suite struct EventQueueTests {
  @Test(arguments: [1, 2, 3, 5, 8] as [UInt64])
  func eventsComeByTimeAndThenInTheOrderTheyWereScheduled(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var queue = EventQueue(capacity: 4)
    var reference: [(time: Int, order: Int, payload: Int)] = []
    var order = 0
    var now = 0
    for _ in 0..<4000 {
      if reference.isEmpty || random.below(100) < 52 {
        // Few different times: many ties.
        let event = (time: now + random.below(8), order: order, payload: random.below(1 << 24))
        queue.push(event.payload, at: event.time)
        reference.append(event)
        order += 1
      } else {
        let least = reference.indices.min {
          (reference[$0].time, reference[$0].order) < (reference[$1].time, reference[$1].order)
        }!
        let expected = reference.remove(at: least)
        #expect(queue.nextTime == expected.time)
        let event = queue.pop()
        #expect(event?.time == expected.time && event?.payload == expected.payload)
        now = expected.time
      }
      #expect(queue.count == reference.count)
    }
    while queue.pop() != nil {}
    #expect(queue.count == 0 && queue.nextTime == .max && queue.first == nil)
  }
}
