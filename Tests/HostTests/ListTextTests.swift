// Texts of sysfs and proc.

import Testing

@testable import Host

struct ListTextTests {
  @Test(arguments: [
    ("0-3,8", [0, 1, 2, 3, 8] as [Int]?), ("", []), ("5", [5]), ("3-1", nil), ("0-99999999999", nil), ("a", nil),
    ("-1", nil),
  ])
  func `lists of numbers`(text: String, numbers: [Int]?) {
    #expect(ListText.numbers(text) == numbers)
    if let numbers { #expect(ListText.text(numbers) == text) }
  }

  @Test func `sizes of meminfo, the machine's and a node's`() {
    #expect(ListText.sizes("A: 9223372036854775807 kB\nB: 9223372036854775807\nC: 70368744177664") == [:])
    #expect(
      ListText.sizes("MemTotal:  16 kB\nHugePages_Total:    3\nNode 1 MemFree:  2 kB\nbad\nX: -1 kB")
        == ["MemTotal": 16384, "HugePages_Total": 3, "MemFree": 2048])
  }
}
