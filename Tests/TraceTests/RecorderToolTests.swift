// Our tool in valgrind and lackey on the same programs: access by access the same traces.
import Foundation
import Testing

@testable import Trace

/// What is missing for our tool; says so when tests are passed over.
private let isMissing: Bool = {
  var missing: [String] = []
  if ProgramSearch.find("cc") == .missing { missing.append("cc") }
  if case .found(let path) = ProgramSearch.find("valgrind") {
    if (try? ToolParts.find(for: path, "amd64-linux")) == nil { missing.append("valgrind's static libraries") }
  } else {
    missing.append("valgrind")
  }
  #if !arch(x86_64)
    missing.append("x86-64")
  #endif
  if !missing.isEmpty {
    print("no \(missing.joined(separator: ", no ")): recording with our valgrind tool is not tested")
  }
  return !missing.isEmpty
}()

@Suite(.enabled(if: !isMissing), .serialized) struct RecorderToolTests {
  /// Beside the test bundle: the tool is built once for all tests.
  private static let tools: String = {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    let folder = (own as NSString).deletingLastPathComponent + "/valgrind-tools"
    try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return folder
  }()

  private struct Recording {
    var result: RecordResult
    var records: [TraceRecord]
    var provenance: TraceProvenance
    var notices: [String]
  }

  private func record(
    _ tool: RecorderTool, _ command: [String], _ scratch: Scratch, _ change: (inout ImportOptions) -> Void = { _ in }
  ) throws -> Recording {
    var recorder = TraceRecorder(command, tool: tool)
    recorder.options.coalesce = false
    recorder.options.level = 0
    change(&recorder.options)
    recorder.toolFolder = Self.tools
    var notices: [String] = []
    let path = scratch.path("t.pft")
    let result = try recorder.run(output: path, commandText: "program", notice: { notices.append($0) })
    return Recording(
      result: result, records: try readAll(path), provenance: try TraceReader(path: path).header.provenance,
      notices: notices)
  }

  private func build(_ source: String, _ scratch: Scratch, flags: [String] = ["-static"]) throws -> String {
    let text = try scratch.write(source, "program.c")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["cc", "-O1", "-std=gnu11", "-w", text, "-o", scratch.path("program")] + flags
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "cc fails")
    return scratch.path("program")
  }

  /// Both recordings of `command`, which must be the same but for `moved` addresses within a page: the C library's loader looks
  /// at random bytes that the kernel gives each process.
  private func compare(
    _ command: [String], _ scratch: Scratch, moved: Int = 0, _ change: (inout ImportOptions) -> Void = { _ in }
  ) throws -> (own: Recording, lackey: Recording) {
    let own = try record(.own, command, scratch, change)
    let lackey = try record(.lackey, command, scratch, change)
    try #require(own.records.count == lackey.records.count)
    #expect(own.result.accesses == lackey.result.accesses && own.result.end == lackey.result.end)
    #expect(!own.result.isCut && own.notices == [])
    var differences = 0
    for (i, (a, b)) in zip(own.records, lackey.records).enumerated() where a != b {
      differences += 1
      var b = b
      try #require(a.address >> 12 == b.address >> 12, "record \(i)")
      b.address = a.address
      try #require(a == b, "record \(i)")
    }
    #expect(differences <= moved)
    return (own, lackey)
  }

  /// Source of a program with accesses of all kinds that instructions of x86-64 have.
  private static let kinds = """
    #include <immintrin.h>
    #include <setjmp.h>
    #include <signal.h>
    #include <string.h>
    #include <sys/mman.h>
    static volatile int counters[64];
    static volatile long wide[8];
    static char from[8192] __attribute__((aligned(64))), to[8192] __attribute__((aligned(64)));
    static sigjmp_buf back;
    static void fault(int s) { siglongjmp(back, 1); }
    __attribute__((target("avx2"))) static void masked(void) {
      float *f = (float *)from;
      for (int i = 0; i < 16; i++) {
        __m256i m = _mm256_insert_epi32(_mm256_set1_epi32(0), -1, 3);
        if (i & 1) m = _mm256_insert_epi32(m, -1, 5);
        __m256 v = _mm256_maskload_ps(f + i, m);
        _mm256_maskstore_ps((float *)to + i, m, v);
        __m256i at = _mm256_set_epi32(1, 5, 9, 13, 17, 21, 25, i);
        _mm256_storeu_ps((float *)to + 64 + i, _mm256_mask_i32gather_ps(v, f, at, _mm256_castsi256_ps(m), 4));
      }
    }
    static void strings(void) {
      void *d = to, *s = from;
      long n = 100;
      __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n)::"memory");
      d = to, n = 33;
      __asm__ volatile("rep stosq" : "+D"(d), "+c"(n) : "a"(0L) : "memory");
      d = to, s = from, n = 77;
      __asm__ volatile("repe cmpsb" : "+D"(d), "+S"(s), "+c"(n)::"memory", "cc");
      d = to, n = 4000;
      __asm__ volatile("repne scasb" : "+D"(d), "+c"(n) : "a"(1) : "memory", "cc");
      s = from, n = 5;
      __asm__ volatile("rep lodsl" : "+S"(s), "+c"(n)::"rax", "memory");
    }
    static void atomics(void) {
      for (int i = 0; i < 100; i++) {
        __atomic_fetch_add(&wide[i & 7], i, __ATOMIC_SEQ_CST);
        long old = i;
        __atomic_compare_exchange_n(&wide[1], &old, 7, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        (void)__atomic_exchange_n(&wide[2], 9, __ATOMIC_SEQ_CST);
        __asm__ volatile("lock; xorl %1, %0; notw %0; incb %0" : "+m"(counters[3]) : "r"(i) : "cc");
      }
      __asm__ volatile("lock; cmpxchg16b (%0)" ::"r"(to + 64), "a"(0L), "d"(0L), "b"(1L), "c"(2L) : "memory", "cc");
      __asm__ volatile("lock; cmpxchg8b (%0)" ::"r"(to + 64), "a"(0L), "d"(0L), "b"(1L), "c"(2L) : "memory", "cc");
    }
    static void faults(void) {
      struct sigaction a = {.sa_handler = fault};
      sigaction(SIGSEGV, &a, 0);
      char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      mprotect(page + 4096, 4096, PROT_NONE);
      for (int i = 0; i < 9; i++)
        if (!sigsetjmp(back, 1)) {
          volatile char *p = page + 4096 - i;
          for (int k = 0; k < 10; k++) p[0] += 1, p[1] ^= 3, p[2] = p[0], p[3] += p[1], p += 4;
        }
    }
    int main(void) {
      for (int i = 0; i < 1000; i++) counters[i & 63] += i;
      atomics();
      strings();
      memset(from, 3, sizeof from);
      memcpy(to, from, sizeof to);
      memmove(to + 8, to, 4000);
      counters[0] = memcmp(to, from, 1000);
      if (__builtin_cpu_supports("avx2")) masked();
      __asm__ volatile("fxsave (%0); fxrstor (%0)" ::"r"(to) : "memory");
      volatile long double *x = (volatile long double *)(to + 512);
      for (int i = 0; i < 20; i++) *x = *x * 1.5L;
      __m128i v = _mm_set1_epi8(5);
      _mm_stream_si128((__m128i *)to, v);
      _mm_maskmoveu_si128(v, _mm_set1_epi8((char)0x80), to + 100);
      faults();
      return 3;
    }
    """

  @Test(arguments: [false, true]) func `every kind of access is lackey's`(_ instructions: Bool) throws {
    let scratch = try Scratch()
    let both = try compare([build(Self.kinds, scratch)], scratch) { $0.instructions = instructions }
    #expect(both.own.result.end == .status(3) && both.own.result.accesses > 10_000)
    #expect(both.own.provenance.tool.hasSuffix("with pageferry's tool"))
    #expect(both.lackey.provenance.tool.hasSuffix("--tool=lackey --trace-mem=yes"))
    if instructions { return }
    // What the filter makes of them too.
    _ = try compare([scratch.path("program")], scratch) {
      $0.cache = try? CacheSpecification("1KiB:2")
      $0.skipAccesses = 100
    }
  }

  @Test func `a program with loader and libraries is lackey's`() throws {
    let scratch = try Scratch()
    _ = try compare(["sort", "--parallel=1", "/etc/passwd", "-o", scratch.path("sorted")], scratch, moved: 16)
  }

  @Test func `threads that come one after another are lackey's`() throws {
    let scratch = try Scratch()
    let program = try build(
      """
      #include <pthread.h>
      static volatile int sums[3];
      static void *add(void *sum) { for (int i = 0; i < 3000; i++) *(volatile int *)sum += i; return 0; }
      int main(void) {
        for (int i = 0; i < 3; i++) {
          pthread_t thread;
          pthread_create(&thread, 0, add, (void *)&sums[i]);
          pthread_join(thread, 0);
        }
      }
      """, scratch, flags: ["-static", "-pthread"])
    let own = try record(.own, [program], scratch)
    let lackey = try record(.lackey, [program], scratch)
    // Which of the two threads goes on after the other was started is the kernel's to say; what each does is not.
    func counts(_ recording: Recording) -> [UInt64: Int] {
      var counts: [UInt64: Int] = [:]
      for record in recording.records where record.isWrite { counts[record.address, default: 0] += 1 }
      return counts.filter { $0.value >= 3000 }
    }
    #expect(counts(own) == counts(lackey) && counts(own).values.filter { $0 == 3000 }.count == 3)
  }

  @Test func `what a fork or another program does is not recorded`() throws {
    let scratch = try Scratch()
    let program = try build(
      """
      #include <sys/wait.h>
      #include <unistd.h>
      static volatile int mark;
      int main(int count, char **arguments) {
        for (int fd = 3; count > 1 && fd < 1000; fd++) close(fd);
        for (int i = 0; i < 10; i++) mark++;
        if (fork() == 0) { for (int i = 0; i < 100000; i++) mark++; _exit(0); }
        wait(0);
        for (int i = 0; i < 10; i++) mark++;
        execl("/none", "none", (char *)0);
        for (int i = 0; i < 10; i++) mark++;
        execl("/bin/false", "false", (char *)0);
      }
      """, scratch)
    for own in [
      try compare([program], scratch).own,
      // What it closes is nothing that the tool writes to. lackey leaves its descriptor where the program finds it.
      try record(.own, [program, "close"], scratch),
    ] {
      #expect(own.result.end == .status(1) && !own.result.isCut)
      let counts = Dictionary(grouping: own.records.filter(\.isWrite), by: \.address).mapValues(\.count)
      #expect(counts.values.contains(30) && own.records.count < 100_000)
    }
  }

  @Test func `signals that kill leave what came before, and a trace that may lack the last says so`() throws {
    let scratch = try Scratch()
    let program = try build(
      """
      #include <signal.h>
      #include <stdlib.h>
      #include <unistd.h>
      static volatile int mark;
      int main(int count, char **arguments) {
        for (int i = 0; i < 1000; i++) mark++;
        if (count == 1) *(volatile int *)8 = 1;
        int signal = atoi(arguments[1]);
        if (signal == 9 && fork() == 0) kill(getppid(), 9), _exit(0);
        if (signal == 9) for (;;) mark++;
        kill(getpid(), signal);
      }
      """, scratch)
    let fault = try compare([program], scratch)
    #expect(fault.own.result.end == .signal(11))
    let terminated = try compare([program, "15"], scratch)
    #expect(terminated.own.result.end == .signal(15))
    let killed = try record(.own, [program, "9"], scratch)
    #expect(killed.result.end == .signal(9) && killed.result.isCut)
    #expect(killed.provenance.filters.contains("valgrind was killed: up to 16392 accesses before that are missing"))
    #expect(killed.records.filter(\.isWrite).count >= 1000)
  }

  @Test(arguments: [false, true]) func `an instruction that valgrind does not know is the program's`(
    _ instructions: Bool
  ) throws {
    let scratch = try Scratch()
    let program = try build(
      """
      #include <signal.h>
      #include <unistd.h>
      static void handle(int number) { _exit(7); }
      int main(int count, char **arguments) {
        if (count > 1) signal(SIGILL, handle);
        // vaddps of AVX-512.
        __asm__ volatile(".byte 0x62, 0xf1, 0x7c, 0x48, 0x58, 0xc1");
        return 0;
      }
      """, scratch)
    for (command, end) in [([program], ProcessEnd.signal(4)), ([program, "handle"], .status(7))] {
      let own = try record(.own, command, scratch) { $0.instructions = instructions }
      // A later valgrind may know it.
      #expect((own.result.end == end || own.result.end == .status(0)) && !own.result.isCut)
    }
  }

  @Test func `a trace that is full ends the program`() throws {
    let scratch = try Scratch()
    let program = try build("static volatile int mark; int main(void) { for (;;) mark++; }", scratch)
    let full = try record(.own, [program], scratch) { $0.maxRecords = 50_000 }
    #expect(full.result.wasStopped && !full.result.isCut && full.records.count == 50_000)
  }

  @Test func `a cache folder that cannot be had is an error, or a notice and lackey`() throws {
    let scratch = try Scratch()
    var recorder = TraceRecorder(["/bin/true"], tool: .own)
    recorder.toolFolder = scratch.path("none")
    let output = scratch.path("t.pft")
    let error = #expect(throws: TraceError.self) { try recorder.run(output: output, commandText: "") }
    #expect(error?.problem.hasPrefix("mkdir: ") == true && error?.fix == CacheFolder.fix)
    #expect(scratch.names == [])
    recorder.tool = .auto
    var notices: [String] = []
    let result = try recorder.run(output: output, commandText: "", notice: { notices.append($0) })
    #expect(result.accesses > 0 && notices.count == 1 && notices[0].contains("(\(CacheFolder.fix))"))
  }

  @Test func `the tool is built once`() throws {
    let scratch = try Scratch()
    var recorder = TraceRecorder(["/bin/true"], tool: .own)
    let output = scratch.path("t.pft")
    try FileManager.default.createDirectory(atPath: scratch.path("tools"), withIntermediateDirectories: true)
    recorder.toolFolder = scratch.path("tools")
    var found: [[String: UInt64]] = []
    for _ in 0..<2 {
      _ = try recorder.run(output: output, commandText: "")
      found.append([:])
      for name in try FileManager.default.contentsOfDirectory(atPath: scratch.path("tools")) {
        let facts = try FileManager.default.attributesOfItem(atPath: scratch.path("tools/" + name))
        found[found.count - 1][name] = (facts[.systemFileNumber] as? NSNumber)?.uint64Value
      }
    }
    #expect(found[0] == found[1] && found[0].count == 1 && found[0].keys.first?.hasSuffix("-amd64-linux") == true)
  }
}
