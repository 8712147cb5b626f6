// Files in sysctl.conf(5) syntax.
import Foundation
import Sysctl
import Testing

/// A directory that is removed when it is no longer used.
final class ScratchFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "pageferry-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = "\(path)/\(name)"
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }
}

@Suite struct LoadTests {
  @Test func commentsBlankLinesSpacesAndOtherLineEndsAreUnderstood() throws {
    let folder = try ScratchFolder()
    let file = try folder.write(
      "a.conf",
      "\u{FEFF}# comment\r\n; another = 1\r\n\r\n   \t\r\n  vm.limit_chans=4\r\n/proc/sys/vm/dsa_state = 1\r\n"
        + "\thw.dsa.config =  a = b # c \r\n  # vm.limit_chans = 7\r\nvm/dsa_copy_threshold\t=\t20")
    var tree = sampleTree()
    #expect(try tree.load(path: file).isEmpty)
    #expect(
      tree.history == [
        KnobWrite(name: "vm.limit_chans", value: "4", origin: .file(path: file, line: 5)),
        KnobWrite(name: "vm.dsa_state", value: "1", origin: .file(path: file, line: 6)),
        KnobWrite(name: "hw.dsa.config", value: "a = b # c", origin: .file(path: file, line: 7)),
        KnobWrite(name: "vm.dsa_copy_threshold", value: "20", origin: .file(path: file, line: 9)),
      ])
  }

  @Test func aLeadingMinusTurnsARefusalIntoAWarning() throws {
    var tree = sampleTree()
    let warnings = try tree.load(
      text: "-vm.nothing_like_it = 1\n- vm.limit_chans = 9\n-vm.use_dsa_copy_pages=1\n-vm.dsa_state = 1\n", name: "t")
    #expect(
      warnings.map(\.description) == [
        "ignored: unknown knob 'vm.nothing_like_it' (t:1)",
        "ignored: vm.limit_chans=9 (t:2): out of range 1...8 (channels)",
        "ignored: vm.use_dsa_copy_pages=1 (t:3) refused: vm.dsa_state is 0; write vm.dsa_state=1 first",
      ])
    #expect(tree.changedFromDefault.map(\.name) == ["vm.dsa_state"])
  }

  @Test(arguments: [
    (
      "vm.limit_chans = 4\nvm.limit_chans\n",
      "t:2: 'vm.limit_chans' is no assignment; write key = value, or # before a comment"
    ),
    ("vm.limit_chans = 4\n= 5\n", "t:2: '= 5' is no assignment; write key = value, or # before a comment"),
    ("vm.limit_chans = 4\n-\n", "t:2: '-' is no assignment; write key = value, or # before a comment"),
    ("vm.limit_chans = 4\nvm.limit_chans = 9\n", "vm.limit_chans=9 (t:2): out of range 1...8 (channels)"),
    ("vm.limit_chans = 4\nvm.limit_chan = 9\n", "unknown knob 'vm.limit_chan' (t:2); did you mean vm.limit_chans?"),
    (
      "vm.limit_chans = 4\nhw.dsa.config = a\0b\n",
      "hw.dsa.config=a\\u{0}b (t:2): it has the control character U+0000; write it without"
    ),
    (
      "vm.dsa_state = 1\nvm.use_dsa_copy_pages = 1\nvm.limit_chans = 4 # four\n",
      "vm.limit_chans=4 # four (t:3): not an integer"
    ),
  ])
  func anErrorLeavesTheTreeUnchanged(text: String, words: String) {
    var tree = sampleTree()
    #expect(message { try tree.load(text: text, name: "t") } == words)
    #expect(tree.changedFromDefault.isEmpty)
    #expect(tree.history.isEmpty)
  }

  @Test func aFolderIsItsConfFilesInTheOrderOfTheirNames() throws {
    let folder = try ScratchFolder()
    _ = try folder.write("20-b.conf", "vm.limit_chans = 2\n")
    _ = try folder.write("10-a.conf", "vm.limit_chans = 1\n")
    _ = try folder.write("9.conf", "vm.limit_chans = 3\n")
    _ = try folder.write("Z.conf", "vm.limit_chans = 4\n")
    _ = try folder.write("a.conf", "vm.limit_chans = 5\n")
    _ = try folder.write(".hidden.conf", "nonsense\n")
    _ = try folder.write("read.me", "nonsense\n")
    var tree = sampleTree()
    try tree.load(path: folder.path + "/")
    #expect(tree.history.map(\.value) == ["1", "2", "3", "4", "5"])
    #expect(tree.history[0].origin == .file(path: folder.path + "/10-a.conf", line: 1))
  }

  @Test func severalFilesApplyInOrderAndAllOrNothing() throws {
    let folder = try ScratchFolder()
    let first = try folder.write("first", "vm.limit_chans = 2\nvm.dsa_state = 1\n")
    let second = try folder.write("second", "vm.limit_chans = 3\n")
    let broken = try folder.write("broken", "vm.limit_chans = x\n")
    var tree = sampleTree()
    #expect(message { try tree.load(paths: [first, broken]) } == "vm.limit_chans=x (\(broken):1): not an integer")
    #expect(tree.history.isEmpty)
    try tree.load(paths: [second, first])
    #expect(tree[CopyKnobs.self].channels == 2)
  }

  @Test func whatCannotBeReadIsNamed() throws {
    let folder = try ScratchFolder()
    var tree = sampleTree()
    let missing = folder.path + "/missing.conf"
    #expect(message { try tree.load(path: missing) } == "\(missing): cannot be opened: No such file or directory")
    #expect(
      message { try tree.load(path: folder.path) }
        == "\(folder.path): the directory has no *.conf file; name a file, or put one there")
    try FileManager.default.createDirectory(atPath: folder.path + "/d.conf", withIntermediateDirectories: true)
    #expect(
      message { try tree.load(path: folder.path) } == "\(folder.path)/d.conf: cannot be read: Is a directory")
    #expect(message { try tree.load(path: "a\0b") } == "a\\u{0}b: has a NUL in its name")
    #expect(message { try tree.load(path: "") } == ": cannot be opened: No such file or directory")
  }

  @Test func bytesThatAreNoTextAreRefusedWithTheirLine() throws {
    let folder = try ScratchFolder()
    let file = try folder.write("bad.conf", Array("# fine\nvm.x = ".utf8) + [0xFF, 0xFE, 0x0A])
    var tree = sampleTree()
    #expect(message { try tree.load(path: file) } == "\(file):2: the line is not UTF-8 text")
  }

  @Test func longLinesAndFilesAreRefused() throws {
    let folder = try ScratchFolder()
    var tree = sampleTree()
    let fits = try folder.write("fits", [UInt8](repeating: UInt8(ascii: "#"), count: 64 << 10) + Array("\n#\n".utf8))
    #expect(try tree.load(path: fits).isEmpty)
    for length in [(64 << 10) + 1, 1 << 19] {
      let long = try folder.write("long", Array("#\n".utf8) + [UInt8](repeating: UInt8(ascii: "#"), count: length))
      #expect(
        message { try tree.load(path: long) }
          == "\(long):2: the line is longer than 64 KiB; this is no file of knobs")
    }
    #expect(
      message { try tree.load(path: "/dev/zero") }
        == "/dev/zero:1: the line is longer than 64 KiB; this is no file of knobs")
    let large = try folder.write("large", [UInt8](repeating: UInt8(ascii: "\n"), count: (1 << 20) + 1))
    #expect(message { try tree.load(path: large) } == "\(large): is larger than 1 MiB; this is no file of knobs")
  }

  @Test func anyBytesAreLoadedOrRefusedWithoutATrap() throws {
    let folder = try ScratchFolder()
    let alphabet: [UInt8] =
      Array("vm.limit_chans hw.node0.size = - # ; / 0 1 9 % G ns \n\r\t".utf8) + [0, 0x7F, 0xC3, 0xFF]
    var random = TestRandom(seed: 7)
    for _ in 0..<300 {
      let bytes = (0..<Int(random.next() % 200)).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] }
      let file = try folder.write("fuzz", bytes)
      var tree = sampleTree()
      let before = tree.sysctlText()
      if message({ try tree.load(path: file) }) != nil { #expect(tree.sysctlText() == before) }
    }
  }
}
