// Programs that clang builds for recording: what they do is what the trace says.
import Foundation
import Testing

@testable import Trace

/// Whether clang is there; says so when tests are passed over.
private let hasClang: Bool = {
  let isThere = ProgramSearch.find("clang") != .missing
  if !isThere { print("clang is not installed: recording of instrumented programs is not tested") }
  return isThere
}()

@Suite(.enabled(if: hasClang)) struct InstrumentTests {
  /// A trace as text, and what the program wrote into the file that is its first argument: addresses, in hexadecimal.
  private struct Recording {
    var result: RecordResult
    var records: [TraceRecord]
    var said: [UInt64]

    /// `R+8 4`: accesses to the `bytes` bytes from `base`, without the thread.
    func accesses(_ base: UInt64, _ bytes: UInt64, thread: UInt16? = nil) -> [String] {
      records.filter { $0.address >= base && $0.address - base < bytes && (thread ?? $0.thread) == $0.thread }
        .map { "\($0.isWrite ? "W" : "R")+\($0.address - base) \($0.size)" }
    }
  }

  private static let head = """
    #include <pthread.h>
    #include <signal.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/wait.h>
    #include <unistd.h>
    __attribute__((unused)) static void say(const char *file, unsigned long *values, int count) {
      FILE *f = fopen(file, "w");
      for (int i = 0; i < count; i++) fprintf(f, "%lx\\n", values[i]);
      fclose(f);
    }

    """

  /// Builds `source` as the command says, or with other flags; the program's path.
  private func build(_ source: String, _ scratch: Scratch, flags: [String]? = nil) throws -> String {
    let files = try InstrumentRuntime.write(to: scratch.path("runtime"))
    let text = try scratch.write(Self.head + source, "program.c")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      ["clang", "-O1", "-std=gnu11", "-Wall", "-Wextra", "-Werror"] + (flags ?? ["@" + files.flags])
      + [text, files.source, "-o", scratch.path("program"), "-lpthread"]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "clang fails")
    return scratch.path("program")
  }

  private func record(
    _ source: String, _ scratch: Scratch, flags: [String]? = nil, _ change: (inout ImportOptions) -> Void = { _ in }
  ) throws -> Recording {
    var options = ImportOptions()
    options.coalesce = false
    change(&options)
    let said = scratch.path("said")
    let result = try InstrumentedRecorder([build(source, scratch, flags: flags), said], options: options).run(
      output: scratch.path("t.pft"), commandText: "program")
    let text = (try? String(contentsOfFile: said, encoding: .utf8)) ?? ""
    return Recording(
      result: result, records: try readAll(scratch.path("t.pft")),
      said: text.split(separator: "\n").compactMap { UInt64($0, radix: 16) })
  }

  @Test func `accesses are recorded in their order, with address and size`() throws {
    let recording = try record(
      """
      struct S { char text[40]; };
      static struct { long a[8]; short s; char c; struct S from, to; _Atomic int n; } x;
      int main(int count, char **arguments) {
        unsigned long where[] = {(unsigned long)&x};
        volatile long *a = x.a;
        volatile short *s = &x.s;
        a[0] = count;
        a[3] += 5;
        *s = 1;
        *(volatile char *)&x.c;
        *(volatile int *)&x.a[7];
        x.to = x.from;
        memset(x.to.text, count, count + 9);
        x.n++;
        *(volatile __int128 *)&x.a[2] = 0;
        say(arguments[1], where, 1);
        return 0;
      }
      """, Scratch())
    let base = try #require(recording.said.first)
    // The structure's copy is a piece for each line of its source.
    let from: UInt64 = 8 * 8 + 3
    let first = min(40, 64 - (base + from) & 63)
    var copies = ["R+\(from) \(first)", "W+\(from + 40) \(first)"]
    if first < 40 { copies += ["R+\(from + first) \(40 - first)", "W+\(from + 40 + first) \(40 - first)"] }
    let line = min(11, 64 - (base + from + 40) & 63)
    let sets = ["W+\(from + 40) \(line)"] + (line < 11 ? ["W+\(from + 40 + line) \(11 - line)"] : [])
    #expect(
      recording.accesses(base, 1000) == ["W+0 8", "R+24 8", "W+24 8", "W+64 2", "R+66 1", "R+56 4"] + copies + sets
        + ["W+148 4", "W+16 16"])
    #expect(recording.result.end == .status(0) && recording.result.lostAccesses == 0)
    #expect(recording.result.header.layout.gapUnit == .instructions)
    // Each access is the only work that is known.
    #expect(recording.result.header.totalGap == recording.result.accesses)
  }

  @Test func `coverage callbacks do too, for what they see`() throws {
    let recording = try record(
      """
      static long x[4];
      int main(int count, char **arguments) {
        unsigned long where[] = {(unsigned long)x};
        volatile long *a = x;
        a[1] = count;
        a[2] += a[1];
        *(volatile char *)&x[3];
        say(arguments[1], where, 1);
        return 0;
      }
      """, Scratch(), flags: ["-fsanitize-coverage=func,trace-pc-guard,trace-loads,trace-stores"])
    let base = try #require(recording.said.first)
    #expect(recording.accesses(base, 32) == ["W+8 8", "R+8 8", "R+16 8", "W+16 8", "R+24 1"])
  }

  @Test func `threads are told apart, and all that they did is there`() throws {
    let recording = try record(
      """
      enum { threads = 3, count = 200000, words = 1000 };
      static volatile long x[threads + 1][words] __attribute__((aligned(64)));
      static void *run(void *number) {
        volatile long *mine = x[(long)number];
        for (int i = 0; i < count; i++) mine[i % words] = i;
        return NULL;
      }
      int main(int argc, char **arguments) {
        unsigned long where[] = {(unsigned long)x};
        pthread_t all[threads];
        x[0][0] = argc;
        for (long i = 0; i < threads; i++) pthread_create(&all[i], NULL, run, (void *)(i + 1));
        for (int i = 0; i < threads; i++) pthread_join(all[i], NULL);
        x[0][1] = argc;
        say(arguments[1], where, 1);
        return 0;
      }
      """, Scratch()
    ) { $0.cache = try? CacheSpecification("64B:1") }
    let base = try #require(recording.said.first)
    let header = recording.result.header
    #expect(header.threads == 4)
    // What starts the threads comes first, so the main thread is 0.
    #expect(recording.records.first { $0.address == base }?.thread == 0)
    // Each thread wrote its own words, in order, more often than its ring has room for.
    var owners: [UInt64: Set<UInt16>] = [:]
    var counts: [UInt64: Int] = [:]
    for record in recording.records where record.address >= base && record.address < base + 4 * 8000 {
      owners[(record.address - base) / 8000, default: []].insert(record.thread)
      counts[(record.address - base) / 8000, default: 0] += 1
    }
    #expect(owners[0] == [0] && Set(owners.values).count == 4 && owners.values.allSatisfy { $0.count == 1 })
    // Words in a line follow each other; a line is missed again after other threads' pieces, or the stack.
    for row in 1...3 as ClosedRange<UInt64> { #expect(counts[row, default: 0] >= 200_000 / 8) }
    #expect(recording.result.accesses >= 600_002 && recording.result.accesses < 601_000)
  }

  @Test func `threads that come and go share the memory`() throws {
    let recording = try record(
      """
      static volatile long x[1500];
      static void *run(void *number) {
        x[(long)number] = 1;
        return NULL;
      }
      int main(int argc, char **arguments) {
        unsigned long where[] = {(unsigned long)x};
        x[0] = argc;
        for (long i = 1; i < 1500; i++) {
          pthread_t one;
          pthread_create(&one, NULL, run, (void *)i);
          pthread_join(one, NULL);
        }
        say(arguments[1], where, 1);
        return 0;
      }
      """, Scratch())
    let base = try #require(recording.said.first)
    let stores = recording.records.filter { $0.address >= base && $0.address < base + 12_000 }
    #expect(stores.count == 1500)
    let misplaced = stores.enumerated().filter { $1.address != base + 8 * UInt64($0) || Int($1.thread) != $0 }
    #expect(misplaced.isEmpty, "first \(misplaced.first.map { $0.offset } ?? 0)")
  }

  @Test func `more threads at once than there are rings is an error`() throws {
    let scratch = try Scratch()
    let program = try build(
      """
      enum { count = 1030 };
      static pthread_barrier_t all;
      static volatile long x[count];
      static void *run(void *number) {
        x[(long)number] = 1;
        pthread_barrier_wait(&all);
        return NULL;
      }
      int main(void) {
        static pthread_t threads[count];
        pthread_attr_t small;
        pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, 65536);
        pthread_barrier_init(&all, NULL, count);
        for (long i = 0; i < count; i++) if (pthread_create(&threads[i], &small, run, (void *)i)) abort();
        for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
        return 0;
      }
      """, scratch)
    let error = #expect(throws: TraceError.self) {
      _ = try InstrumentedRecorder([program]).run(output: scratch.path("t.pft"), commandText: "")
    }
    #expect(error?.kind == .limit && error?.problem == "more than 1024 threads at once")
    #expect(!scratch.names.contains("t.pft"))
  }

  @Test func `more accesses than the ring holds come whole and in order`() throws {
    let recording = try record(
      """
      enum { count = 150001 };
      static volatile char x[count];
      int main(int argc, char **arguments) {
        unsigned long where[] = {(unsigned long)x};
        (void)argc;
        for (int i = 0; i < count; i++) x[i] = 1;
        say(arguments[1], where, 1);
        return 0;
      }
      """, Scratch())
    let base = try #require(recording.said.first)
    let offsets = recording.records.filter { $0.address >= base && $0.address < base + 150_001 }.map {
      $0.address - base
    }
    #expect(offsets.count > SharedRings.chunks * SharedRings.chunkEntries)
    #expect(offsets == Array(0..<150_001))
  }

  @Test func `a program that a signal kills leaves what it did`() throws {
    let recording = try record(
      """
      static volatile long x[5];
      int main(int argc, char **arguments) {
        unsigned long where[] = {(unsigned long)x};
        say(arguments[1], where, 1);
        for (int i = 0; i < 5; i++) x[i] = argc;
        raise(SIGKILL);
        x[0] = 1;
        return 0;
      }
      """, Scratch())
    #expect(recording.result.end == .signal(SIGKILL) && recording.result.hasFailed)
    #expect(recording.accesses(try #require(recording.said.first), 40) == (0..<5).map { "W+\($0 * 8) 8" })
  }

  @Test func `a copy that the program forks is not recorded, nor is what it executes`() throws {
    let recording = try record(
      """
      static volatile long x[10000];
      int main(int count, char **arguments) {
        unsigned long where[] = {(unsigned long)x};
        if (count == 1) return 0;
        x[0] = count;
        pid_t child = fork();
        if (child == 0) {
          for (int i = 1; i < 10000; i++) x[i] = count;
          execl(arguments[0], arguments[0], NULL);
        }
        int status = 1;
        waitpid(child, &status, 0);
        x[2] = count;
        say(arguments[1], where, 1);
        return status == 0 && getenv("PAGEFERRY_TRACE_FD") == NULL ? 0 : 1;
      }
      """, Scratch())
    #expect(recording.result.end == .status(0))
    #expect(recording.accesses(try #require(recording.said.first), 80_000) == ["W+0 8", "W+16 8"])
    #expect(recording.result.accesses < 20)
  }

  @Test func `a full trace ends the program`() throws {
    let recording = try record(
      """
      static volatile long x[512 * 1024];
      int main(int argc, char **arguments) {
        (void)arguments;
        while (1) for (int i = 0; i < 512 * 1024; i += 512) x[i] = argc;
      }
      """, Scratch()
    ) { $0.maxRecords = 1000 }
    #expect(recording.result.wasStopped && recording.result.end == .signal(SIGTERM))
    #expect(recording.result.header.records == 1000)
  }

  @Test func `a program that is not built for it is told so`() throws {
    let scratch = try Scratch()
    let cases = [
      ("int main(void) { return 3; }", "ended with status 3 and made no access in code that is built to be recorded"),
      ("", "ended with status 0 and made no access known: it is not built to be recorded"),
    ]
    for (source, problem) in cases {
      let program = source.isEmpty ? "/bin/true" : try build(source, scratch, flags: ["-Wno-unused-function"])
      let error = #expect(throws: TraceError.self) {
        try InstrumentedRecorder([program]).run(output: scratch.path("t.pft"), commandText: "")
      }
      #expect(error?.kind == .empty && error?.problem == problem)
    }
    #expect(!scratch.names.contains("t.pft"))
  }

  @Test func `a program runs on when nobody records it`() throws {
    let scratch = try Scratch()
    let program = try build("int main(int count, char **a) { return a[count - 1][0] == '7' ? 0 : 1; }", scratch)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = ["7"]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  @Test func `memory that the program wrote over is not believed`() throws {
    let scratch = try Scratch()
    // The program finds the mapping by its name and spoils its ring.
    let program = try build(
      """
      static volatile long x[9000];
      int main(int count, char **arguments) {
        char line[256];
        unsigned long start = 0;
        (void)arguments;
        x[0] = count;
        FILE *maps = fopen("/proc/self/maps", "r");
        while (fgets(line, sizeof line, maps)) if (strstr(line, "pageferry-trace")) start = strtoul(line, NULL, 16);
        *(unsigned long *)(start + 2 * 4096) = 0x7;
        for (int i = 0; i < 9000; i++) x[i] = count;
        return 0;
      }
      """, scratch)
    let error = #expect(throws: TraceError.self) {
      _ = try InstrumentedRecorder([program]).run(output: scratch.path("t.pft"), commandText: "")
    }
    #expect(error?.kind == .damaged)
    #expect(!scratch.names.contains("t.pft"))
  }
}
