// Recording programs that are built for it, from the runtime to the trace, as a user does.

import Foundation
import Testing

/// Whether clang is there; says so when tests are passed over.
private let hasClang: Bool = {
  let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
  let isThere = folders.contains { FileManager.default.isExecutableFile(atPath: "\($0)/clang") }
  if !isThere { print("clang is not installed: recording of instrumented programs is not tested") }
  return isThere
}()

@Suite struct TraceInstrumentTests {
  private func shell(_ text: String, in folder: String) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", text]
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }

  @Test func `the runtime is the one in the source tree`() throws {
    try Command.withFolder { folder in
      let printed = try Command.run("trace", "record", "--print-runtime", "it's/", in: folder)
      #expect(printed.status == 0)
      #expect(printed.out.contains("@'it'\\''s/pageferry_instrument.flags' solver.c 'it'\\''s/pageferry_instrument.c'"))
      let written = try Data(contentsOf: URL(fileURLWithPath: folder + "/it's/pageferry_instrument.c"))
      let source = Command.package + "/Sources/Trace/Record/Runtime/pageferry_instrument.c"
      #expect(try written == Data(contentsOf: URL(fileURLWithPath: source)))
    }
  }

  @Test(.enabled(if: hasClang)) func `a program is built as printed and recorded`() throws {
    try Command.withFolder { folder in
      try Command.write(
        """
        #include <stdio.h>
        #include <vector>
        int main(int count, char **arguments) {
          std::vector<long> values(1000, count);
          long sum = 0;
          try {
            for (long &value : values) sum += value++;
            values.at(1000 * count) = 1;
          } catch (...) { printf("%ld %d\\n", sum, getchar()); }
          return count - 2;
        }
        """, folder + "/solver.cpp")
      let printed = try Command.run("trace", "record", "--print-runtime", "pf", in: folder)
      // The three lines for C++.
      let lines = printed.out.split(separator: "\n").filter { $0.hasPrefix("  clang") }.dropFirst()
      #expect(try lines.count == 3 && shell(lines.joined(separator: "\n"), in: folder) == 0, "\(printed.out)")
      let made = try Command.run(
        "trace", "record", "--instrument", "--cache", "32KiB:8", "--", "./solver", "x", in: folder, input: "A")
      #expect(made.status == 0 && made.out == "2000 65\n", "\(made.error)")
      #expect(made.error.hasPrefix("solver.pft: ") && made.error.split(separator: "\n").count == 1)
      let info = try Command.run("trace", "info", "solver.pft", in: folder).out
      #expect(
        info.contains(
          "program       solver\ncommand       ./solver x\ntool          pageferry trace record --instrument"))
      #expect(info.contains("notes         gaps count loads and stores, no other instructions\n"))
      #expect(try Command.run("trace", "verify", "solver.pft", in: folder).status == 0)

      let failed = try Command.run("trace", "record", "-q", "--instrument", "--", "./solver", in: folder)
      #expect(failed.status == 1)
      #expect(
        failed.error == "pageferry: solver ended with status 255; solver.pft is kept: all up to there is in it\n")
      // A shell is not built for it, but may run a program that is.
      let script = try Command.run(
        "trace", "record", "--instrument", "-o", "s.pft", "--", "sh", "-c", "./solver x; exit 0", in: folder)
      #expect(script.status == 0 && script.error.hasPrefix("s.pft: "))
    }
  }

  @Test func `a program that is not built for it is said to be so`() throws {
    try Command.withFolder { folder in
      let outcome = try Command.run("trace", "record", "--instrument", "--", "/bin/true", in: folder)
      #expect(outcome.status == 1)
      #expect(
        outcome.error
          == "pageferry: /bin/true: ended with status 0 and made no access known: it is not built to be recorded "
          + "(build it as `pageferry trace record --print-runtime DIR` says, or record it without --instrument)\n")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
    }
  }

  @Test(.enabled(if: hasClang), arguments: [(SIGINT, 130), (SIGKILL, 9)] as [(Int32, Int32)])
  func `a program does not outlive an interrupt, nor wait for a recorder that is gone`(
    _ signal: Int32, _ status: Int32
  ) throws {
    try Command.withFolder { folder in
      // It says which process it is, writes more than any ring holds, and then that it was there.
      try Command.write(
        """
        #include <stdio.h>
        #include <unistd.h>
        static volatile char x[1 << 22];
        int main(void) {
          alarm(20);
          FILE *f = fopen("number.new", "w");
          fprintf(f, "%d\\n", getpid());
          fclose(f);
          rename("number.new", "number");
          while (access("go", F_OK) != 0) for (int i = 0; i < 1 << 22; i++) x[i] = 1;
          fclose(fopen("done", "w"));
          return 0;
        }
        """, folder + "/solver.c")
      _ = try Command.run("trace", "record", "--print-runtime", ".", in: folder)
      #expect(
        try shell("clang @pageferry_instrument.flags solver.c pageferry_instrument.c -o solver -lpthread", in: folder)
          == 0)
      let (process, error) = (Process(), Pipe())
      process.executableURL = URL(fileURLWithPath: Command.path)
      process.arguments = ["trace", "record", "-o", "t.pft", "--instrument", "--", "./solver"]
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
      if signal == SIGINT { process.waitUntilExit() }
      if signal == SIGINT { #expect(kill(program, 0) != 0, "the program still runs") }
      try Command.write("", folder + "/go")
      // Left to itself it goes on, and ends; its recorder is not waited for before that.
      for _ in 0..<1000 where signal == SIGKILL && !FileManager.default.fileExists(atPath: folder + "/done") {
        usleep(10_000)
      }
      process.waitUntilExit()
      #expect(process.terminationStatus == status)
      let names = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(names.contains("done") == (signal == SIGKILL) && !names.contains("t.pft"))
    }
  }
}
