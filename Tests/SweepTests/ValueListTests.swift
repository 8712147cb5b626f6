// How values are written, and what is refused.

import Events
import Simulation
import Sysctl
import Testing

@testable import Sweep

struct ValueListTests {
  @Test(arguments: [
    ("vm.limit_chans=1,2,4,8", ["1", "2", "4", "8"]),
    ("vm.dsa_copy_threshold=1,2,4:64:*2", ["1", "2", "4", "8", "16", "32", "64"]),
    ("vm.dsa_copy_threshold=4:64:+20", ["4", "24", "44", "64"]),
    ("vm.dsa_copy_threshold=4:63:*2", ["4", "8", "16", "32"]),
    ("vm.dsa_copy_threshold=-4:4:+4", ["-4", "0", "4"]),
    ("vm.dsa_copy_threshold=8,4:16:*2,0x8", ["8", "4", "16"]),
    ("vm/dsa_copy_threshold = 7:7:+1", ["7"]),
    ("hw.node0.size=8M:32M:*2", ["8MiB", "16MiB", "32MiB"]),
    ("hw.node0.size=1M:2M:+512K", ["1MiB", "1536KiB", "2MiB"]),
    ("hw.node0.size=10%:30%:+10%,1G", ["10%", "20%", "30%", "1GiB"]),
    ("sim.start_delay=0ps:2ms:+1ms", ["0s", "1ms", "2ms"]),
    ("hw.node1.read_bandwidth=1GB/s:4GB/s:*2", ["1GB/s", "2GB/s", "4GB/s"]),
    ("mm.transparent_hugepage.enabled=always,never", ["always", "never"]),
    ("mm.numa.demotion_enabled=0,1", ["false", "true"]),
    ("vm.dsa_copy_threshold=2147483646:2147483647:+1", ["2147483646", "2147483647"]),
  ])
  func `values and ranges become what the knob prints`(assignment: String, values: [String]) throws {
    let axis = try SweepAxis(assignment, tree: .product)
    #expect(axis.values == values)
    #expect(axis.name == assignment.split(separator: "=")[0].replacing("/", with: ".").replacing(" ", with: ""))
  }

  @Test(arguments: [
    ("vm.limit_chan=1", "--vary: unknown knob 'vm.limit_chan'; did you mean vm.limit_chans?"),
    ("vm.limit_chans=1,9", "vm.limit_chans=9 (--vary): out of range 1...8 (channels)"),
    ("vm.limit_chans=1:16:*2", "vm.limit_chans=16 (--vary): out of range 1...8 (channels)"),
    ("vm.limit_chans", "--vary vm.limit_chans: there is no '='; write KNOB=VALUES, as vm.limit_chans=1,2,4,8"),
    (
      "vm.limit_chans=1,,2", "--vary vm.limit_chans: an empty value in '1,,2'; write values with commas, as 1,2,4:64:*2"
    ),
    (
      "vm.limit_chans=1:8",
      "--vary vm.limit_chans: '1:8' is no range; write FIRST:LAST:*FACTOR or FIRST:LAST:+STEP, as 4:64:*2"
    ),
    (
      "vm.limit_chans=1:8:2",
      "--vary vm.limit_chans: '1:8:2' is no range; write FIRST:LAST:*FACTOR or FIRST:LAST:+STEP, as 4:64:*2"
    ),
    (
      "vm.limit_chans=1:8:*1",
      "--vary vm.limit_chans: '1:8:*1': the factor '1' is no whole number of 2 or more; write it as *2"
    ),
    (
      "vm.limit_chans=8:1:+1", "--vary vm.limit_chans: '8:1:+1' ends below its beginning; write the smaller value first"
    ),
    ("vm.limit_chans=0:8:*2", "--vary vm.limit_chans: '0:8:*2' never ends; begin above 0, with a step above 0"),
    ("vm.limit_chans=1:8:+0", "--vary vm.limit_chans: '1:8:+0' never ends; begin above 0, with a step above 0"),
    ("vm.limit_chans=a:8:+1", "--vary vm.limit_chans: 'a' in 'a:8:+1': not an integer"),
    (
      "hw.node0.size=1M:50%:*2",
      "--vary hw.node0.size: '1M:50%:*2' mixes sizes and shares; write all of them in bytes or all in %"
    ),
    (
      "vm.dsa_copy_threshold=1:2147483647:+1",
      "--vary vm.dsa_copy_threshold: '1:2147483647:+1' makes more than 10000 values; take a larger step"
    ),
    (
      "mm.transparent_hugepage.enabled=alway",
      "mm.transparent_hugepage.enabled=alway (--vary): not one of the choices; write always, madvise or never"
    ),
  ])
  func `what is wrong is said before anything runs`(assignment: String, message: String) {
    let error = #expect(throws: SweepError.self) { try SweepAxis(assignment, tree: .product) }
    #expect(error?.description == message)
  }

  @Test func `a knob is varied once`() {
    let error = #expect(throws: SweepError.self) {
      try SweepAxis.list(["vm.limit_chans=1", "/proc/sys/vm/limit_chans=2"], tree: .product)
    }
    #expect(error?.description == "--vary vm.limit_chans is there twice; write all its values in one list")
  }

  @Test func `any text ends with values in range or an error`() {
    var random = SplitMix64(seed: 11)
    let tree = KnobTree.product
    let letters = Array("0129:,*+-%MGx ms=")
    for _ in 0..<2_000 {
      let text = String((0..<random.below(14)).map { _ in letters[random.below(letters.count)] })
      for knob in ["vm.limit_chans", "hw.node0.size", "sim.start_delay"] {
        guard let axis = try? SweepAxis("\(knob)=\(text)", tree: tree) else { continue }
        for value in axis.values {
          #expect((try? tree.canonical(name: knob, value: value)) == value, "\(knob)=\(text)")
        }
      }
    }
  }
}
