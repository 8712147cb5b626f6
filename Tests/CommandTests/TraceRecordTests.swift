// Recording programs, where valgrind is installed; and what is said where it is not.

import Foundation
import Testing

/// Whether valgrind is there; says so when tests are passed over.
private let hasValgrind: Bool = {
  let isThere = ["/usr/bin/valgrind", "/usr/local/bin/valgrind"].contains(where: FileManager.default.isExecutableFile)
  if !isThere { print("valgrind is not installed: recording is not tested") }
  return isThere
}()

@Suite struct TraceRecordTests {
  private func names(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  @Test(.enabled(if: hasValgrind)) func `a program is recorded with its own input and output`() throws {
    try Command.withFolder { folder in
      let plain = try Command.run("trace", "record", "--", "/bin/true", in: folder)
      #expect(plain.status == 0 && plain.out == "")
      // A line before it says so where it is lackey that records.
      let lines = plain.error.split(separator: "\n")
      #expect(lines.last?.hasPrefix("true.pft: ") == true && lines.count <= 2, "\(plain.error)")
      let cat = try Command.run(
        "trace", "record", "-q", "-o", "c.pft", "--cache", "32KiB:8", "--", "cat", "-", "it's", in: folder,
        input: "what is read\n")
      // There is no such file: cat fails, and what it did is kept.
      #expect(cat.status == 1 && cat.out == "what is read\n")
      #expect(cat.error.hasSuffix("pageferry: cat ended with status 1; c.pft is kept: all up to there is in it\n"))
      let info = try Command.run("trace", "info", "c.pft", in: folder).out
      #expect(info.contains("program       cat\ncommand       cat - 'it'\\''s'\ntool          valgrind 3."))
      #expect(info.contains("record: coalesced by page, cache 32KiB:8\n") && !info.contains("date "))
      let verified = try Command.run("trace", "verify", "true.pft", "c.pft", in: folder)
      #expect(verified.status == 0 && verified.out.split(separator: "\n").count == 2)
      #expect(try names(folder) == ["c.pft", "true.pft"])
    }
  }

  @Test(.enabled(if: hasValgrind)) func `a trace that is full ends the program`() throws {
    try Command.withFolder { folder in
      let start = ContinuousClock.now
      let full = try Command.run(
        "trace", "record", "--instructions", "--skip-accesses", "50", "--max-records", "1000", "--", "sleep", "600",
        in: folder)
      #expect(full.status == 0, "\(full.error)")
      #expect(full.error.hasPrefix("sleep.pft: 1000 records of ") && full.error.hasSuffix("ended at 1000 records\n"))
      #expect(ContinuousClock.now - start < .seconds(300))
      #expect(try Command.run("trace", "verify", "sleep.pft", in: folder).status == 0)
    }
  }

  @Test(.enabled(if: hasValgrind)) func `a program that a signal kills leaves its trace`() throws {
    try Command.withFolder { folder in
      // Its child lives on, with the pipe open.
      let killed = try Command.run(
        "trace", "record", "-q", "--", "sh", "-c", "sleep 2 & kill -TERM $$", in: folder)
      #expect(killed.status == 1)
      #expect(
        killed.error
          == "pageferry: sh was killed by signal 15 (Terminated); sh.pft is kept: all up to there is in it\n")
      #expect(try names(folder) == ["sh.pft"])
    }
  }

  @Test(.enabled(if: hasValgrind)) func `what cannot be run or written is said before anything is run`() throws {
    try Command.withFolder { folder in
      try Command.write("", folder + "/text")
      let cases = [
        ("no-such-program", "no-such-program: there is no such program (check its name and PATH, or write "),
        ("./none", "./none: there is no such program (check its path)"),
        ("./text", "./text: is no program that may be run (chmod +x, or name another)"),
      ]
      for (name, message) in cases {
        let outcome = try Command.run("trace", "record", "--", name, in: folder)
        #expect(outcome.status == 1 && outcome.error.hasPrefix("pageferry: \(message)"), "\(outcome.error)")
      }
      let place = try Command.run("trace", "record", "-o", "none/a.pft", "--", "touch", "ran", in: folder)
      #expect(place.status == 1)
      #expect(try names(folder) == ["text"])
    }
  }

  @Test func `bad arguments end with 2`() throws {
    #expect(try Command.run("trace", "record").status == 2)
    #expect(try Command.run("trace", "record", "true").status == 2)
    #expect(try Command.run("trace", "record", "--max-records", "-1", "--", "true").status == 2)
    #expect(try Command.run("trace", "record", "--cache", "3", "--", "true").status == 2)
    #expect(try Command.run("trace", "record", "--instrument", "--instructions", "--", "true").status == 2)
    #expect(try Command.run("trace", "record", "--instrument", "--tool", "own", "--", "true").status == 2)
    #expect(try Command.run("trace", "record", "--tool", "memcheck", "--", "true").status == 2)
    #expect(try Command.run("trace", "record", "--print-runtime", "").status == 2)
    #expect(try Command.run("trace", "record", "--print-runtime", "none/pf", "--", "true").status == 2)
    #expect(try Command.run("trace", "record", "--print-runtime", "none/pf").status == 1)
    let unnamed = try Command.run("trace", "record", "--instrument")
    #expect(unnamed.status == 2 && unnamed.error.contains("(--print-runtime FOLDER says how to build it)"))
    #expect(try Command.run("trace", "cut", "a.pft", "-o", "b.pft", "--threads", "x").status == 2)
    #expect(try Command.run("trace", "cat", "a.pft", "--last", "1", "--from", "1").status == 2)
  }

  @Test func `without valgrind it says what to install`() throws {
    try Command.withFolder { folder in
      let (process, error) = (Process(), Pipe())
      process.executableURL = URL(fileURLWithPath: Command.path)
      process.arguments = ["trace", "record", "--", "/bin/true"]
      process.currentDirectoryURL = URL(fileURLWithPath: folder)
      process.environment = ["PATH": folder]
      process.standardError = error
      try process.run()
      let said = try error.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      #expect(process.terminationStatus == 1)
      #expect(
        String(decoding: said, as: UTF8.self)
          == "pageferry: valgrind: is not installed (apt-get install valgrind, or put its folder in PATH)\n")
      #expect(try names(folder) == [])
    }
  }

  @Test(.enabled(if: hasValgrind)) func `without a compiler lackey records, and one line says what to install`() throws
  {
    try Command.withFolder { folder in
      // Whatever valgrind needs, and no compiler.
      try FileManager.default.createDirectory(atPath: folder + "/bin", withIntermediateDirectories: true)
      for name in ["sh", "true", "valgrind", "valgrind.bin"] {
        for place in ["/bin/", "/usr/local/bin/", "/usr/bin/"]
        where FileManager.default.isExecutableFile(atPath: place + name) {
          let link = "\(folder)/bin/\(name)"
          try? FileManager.default.removeItem(atPath: link)
          try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: place + name)
        }
      }
      func record(_ arguments: String...) throws -> (status: Int32, error: String) {
        let (process, error) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: Command.path)
        process.arguments = ["trace", "record"] + arguments + ["--", "true"]
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.environment = ["PATH": folder + "/bin", "XDG_CACHE_HOME": folder + "/cache"]
        process.standardError = error
        try process.run()
        let said = try error.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: said, as: UTF8.self))
      }
      let reason = "cc: no C compiler is in PATH (apt-get install gcc)\n"
      #if arch(x86_64)
        let automatic = try record()
        let lines = automatic.error.split(separator: "\n")
        #expect(automatic.status == 0 && lines.count == 2 && lines[1].hasPrefix("true.pft: "), "\(automatic.error)")
        #expect(lines[0] + "\n" == "pageferry: recording with valgrind's lackey, several times slower: \(reason)")
        let own = try record("--tool", "own", "-o", "own.pft")
        #expect(own.status == 1 && own.error == "pageferry: \(reason)")
      #endif
      let quiet = try record("-q", "-o", "quiet.pft")
      #expect(quiet.status == 0 && quiet.error == "")
      let lackey = try record("--tool", "lackey", "-o", "lackey.pft")
      #expect(lackey.status == 0 && lackey.error.hasPrefix("lackey.pft: "))
      #expect(try names(folder + "/cache/pageferry") == [])
    }
  }

  @Test(.enabled(if: hasValgrind)) func `a build that is interrupted leaves nothing`() throws {
    try Command.withFolder { folder in
      // A compiler that takes its time.
      try FileManager.default.createDirectory(atPath: folder + "/bin", withIntermediateDirectories: true)
      try Command.write("#!/bin/sh\necho $$ > \(folder)/number\nexec sleep 600\n", folder + "/bin/cc")
      chmod(folder + "/bin/cc", 0o755)
      let (process, error) = (Process(), Pipe())
      process.executableURL = URL(fileURLWithPath: Command.path)
      process.arguments = ["trace", "record", "--tool", "own", "--", "true"]
      process.currentDirectoryURL = URL(fileURLWithPath: folder)
      process.environment = ["PATH": folder + "/bin:/usr/local/bin:/usr/bin:/bin", "XDG_CACHE_HOME": folder + "/cache"]
      process.standardError = error
      try process.run()
      var number: Int32?
      for _ in 0..<3000 where number == nil && process.isRunning {
        usleep(10_000)
        let text = try? String(contentsOfFile: folder + "/number", encoding: .utf8)
        number = text.flatMap { Int32($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
      }
      if !process.isRunning {
        // Nothing to build with: the folder of the cache is all there is.
        print("valgrind's static libraries are not installed: an interrupted build is not tested")
        return
      }
      let compiler = try #require(number)
      #expect(try names(folder + "/cache/pageferry").count == 1)
      kill(process.processIdentifier, SIGTERM)
      process.waitUntilExit()
      #expect(process.terminationStatus == 143)
      #expect(try names(folder + "/cache/pageferry") == [] && names(folder) == ["bin", "cache", "number"])
      #expect(kill(compiler, 0) != 0, "the compiler still runs")
    }
  }

  @Test(.enabled(if: hasValgrind), arguments: [(SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
  func `an interrupted recording ends the program and leaves nothing`(_ signal: Int32, _ status: Int32) throws {
    try Command.withFolder { folder in
      let (process, error) = (Process(), Pipe())
      process.executableURL = URL(fileURLWithPath: Command.path)
      // The program says which process it is and then takes its time.
      process.arguments = ["trace", "record", "-o", "t.pft", "--", "sh", "-c", "echo $$ > number; exec sleep 600"]
      process.currentDirectoryURL = URL(fileURLWithPath: folder)
      process.standardError = error
      try process.run()
      var number: Int32?
      for _ in 0..<3000 where number == nil {
        usleep(10_000)
        let text = try? String(contentsOfFile: folder + "/number", encoding: .utf8)
        number = text.flatMap { Int32($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
      }
      let program = try #require(number)
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
      #expect(process.terminationStatus == status)
      #expect(try names(folder) == ["number"])
      #expect(kill(program, 0) != 0, "the program still runs")
      let said = try error.fileHandleForReading.readToEnd() ?? Data()
      #expect(String(decoding: said, as: UTF8.self) == "pageferry: interrupted; nothing was written\n")
    }
  }

  @Test func `a damaged file among whole ones is named`() throws {
    try Command.withFolder { folder in
      let made = try Command.run(
        "trace", "import", "--format", "din", "-", "-o", "a.pft", in: folder,
        input: (0..<100).map { "l \(String($0 << 12, radix: 16)) 10\n" }.joined())
      #expect(made.status == 0)
      var bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/a.pft"))
      bytes[4200] ^= 1
      try bytes.write(to: URL(fileURLWithPath: folder + "/b.pft"))
      let outcome = try Command.run("trace", "verify", "b.pft", "a.pft", in: folder)
      #expect(outcome.status == 1)
      #expect(outcome.out == "a.pft: whole, 100 records, 100 accesses\n")
      #expect(outcome.error.hasPrefix("pageferry: b.pft: byte 4160: checksum of block 0 does not match"))
      let json = try Command.run("trace", "verify", "--json", "b.pft", "a.pft", in: folder)
      #expect(json.status == 1 && json.error == "")
      let entries = try #require(try JSONSerialization.jsonObject(with: Data(json.out.utf8)) as? [[String: Any]])
      #expect(entries.map { $0["is_whole"] as? Bool } == [false, true])
      #expect(entries[0]["byte"] as? Int == 4160 && entries[1]["records"] as? Int == 100)

      let cut = try Command.run(
        "trace", "cut", "a.pft", "-o", "c.pft", "--from", "505", "--to", "531", "--threads", "0", in: folder)
      #expect(cut.status == 0 && cut.out.hasPrefix("c.pft: 3 records of 3 accesses, 3 pages, "))
      let text = try Command.run("trace", "cat", "c.pft", "--last", "3", in: folder).out
      #expect(text.hasSuffix("\n0 R 0x32000 4 5 0 0\n0 R 0x33000 4 10 0 0\n0 R 0x34000 4 10 0 0\n"))
      #expect(try Command.run("trace", "cut", "a.pft", "-o", "a.pft", in: folder).status == 2)
      #expect(try Command.run("trace", "cut", "a.pft", "-o", "d.pft", "--from", "1001", in: folder).status == 1)
      #expect(try names(folder) == ["a.pft", "b.pft", "c.pft"])
    }
  }
}
