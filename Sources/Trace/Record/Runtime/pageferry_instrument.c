// The part of `pageferry trace record --instrument` that is linked into the recorded program: it hands each load and store to
// the recorder through shared memory. One file, for clang on Linux; `pageferry trace record --print-runtime DIR` says how to build.
//
// A program that nobody records runs as ever: each access then costs a call that returns at once.
#if !defined(__clang__)
#error "build with clang: gcc leaves accesses out that it takes for repeated"
#endif
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// This file may be compiled with the program's own flags; none of its own accesses is recorded.
#pragma clang attribute push(__attribute__((no_sanitize("kernel-address", "coverage"))), apply_to = function)

// ---- What both sides know. Sources/Trace/Record/SharedRings.swift has the same.
//
// A page that says what follows, then `lanes` lanes, one for each thread that runs now. A lane is a page that says how far its
// ring is, and the ring: `chunks` times `chunk_entries` entries of 8 bytes.
//
// An entry: bits 0-47 address, 48-60 bytes (1 to 4096), 62 set for a store, 63 always set. An entry that is all zero is not
// written yet: so the recorder finds what a program left that was killed. The recorder zeroes what it has read.

#define PF_MAGIC UINT64_C(0x31736e6946504750)
#define PF_VARIABLE "PAGEFERRY_TRACE_FD"

struct pf_head {
  uint64_t magic;
  uint32_t lanes, chunks, chunk_entries;
  int32_t recorder;    // its process number
  uint32_t owner;      // process number of the program, once it has found this
  uint32_t stop;       // set by the recorder: nothing more is wanted
  uint32_t threads;    // threads so far
  uint32_t lanes_used; // lanes that were ever in use
  uint32_t crowded;    // set when a thread found no lane
  uint32_t sleeping;   // the recorder waits on `signal`
  uint32_t signal;
  uint32_t gone;       // set when the program took the recorder for dead
  uint64_t tickets;    // chunks filled so far by all threads
  uint64_t lost;       // accesses of signal handlers that came while their thread waited
};

enum { PF_FREE = 0, PF_USED = 1, PF_LEFT = 2 };

struct pf_lane {
  uint32_t state;                // PF_LEFT: its thread has ended, the recorder frees it
  uint32_t thread;               // number of the thread, in the order of their first accesses
  uint32_t full;                 // chunks filled, modulo 2^32
  uint32_t unused0[13];
  uint32_t read;                 // chunks read, modulo 2^32; the program waits on it
  uint32_t waiting;              // the program does wait
  uint32_t unused1[14];
  uint64_t ticket[128];          // by chunk in the ring: which of all chunks it is
};

_Static_assert(sizeof(struct pf_head) <= 4096 && sizeof(struct pf_lane) <= 4096, "each has a page");
_Static_assert(offsetof(struct pf_lane, read) == 64 && offsetof(struct pf_lane, ticket) == 128, "known to the recorder");
_Static_assert(offsetof(struct pf_head, tickets) == 56, "known to the recorder");

// ---- This process

enum { PF_UNKNOWN, PF_STARTING, PF_ON, PF_OFF };
static uint32_t pf_state = PF_UNKNOWN;
static struct pf_head *pf_head;
static pthread_key_t pf_key;

// ---- This thread

// Where its next entry goes; both null before its first access, and when nothing is recorded.
static __thread uint64_t *pf_next, *pf_end;
static __thread struct pf_lane *pf_lane;
// 1 + its number; 0 before its first access.
static __thread uint32_t pf_number;
// Within the runtime: 1, and 2 while it waits. An access made then is the runtime's own or a signal handler's.
static __thread uint32_t pf_busy;

static long pf_futex(uint32_t *word, int operation, uint32_t value, long milliseconds) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  return syscall(SYS_futex, word, operation, value, operation == FUTEX_WAIT ? &time : NULL, NULL, 0);
}

static int pf_wants(void) {
  return __atomic_load_n(&pf_state, __ATOMIC_ACQUIRE) == PF_ON && !__atomic_load_n(&pf_head->stop, __ATOMIC_ACQUIRE);
}

// The lane is the recorder's once its thread has ended.
static void pf_leave(void *lane) {
  pf_next = pf_end = NULL;
  pf_lane = NULL;
  __atomic_store_n(&((struct pf_lane *)lane)->state, PF_LEFT, __ATOMIC_RELEASE);
}

// The copy of a process that forks is another process, and has but the thread that forked.
static void pf_forked(void) {
  __atomic_store_n(&pf_state, PF_OFF, __ATOMIC_RELEASE);
  pf_next = pf_end = NULL;
  pf_lane = NULL;
  pthread_setspecific(pf_key, NULL);
}

// Finds the recorder's memory under the descriptor that the environment names; whether there is a recorder.
static int pf_attach(void) {
  const char *text = getenv(PF_VARIABLE);
  if (!text) return 0;
  int descriptor = atoi(text);
  // A process that this one starts is another program, which is not recorded.
  unsetenv(PF_VARIABLE);
  struct stat status;
  if (descriptor < 3 || fstat(descriptor, &status) != 0 || status.st_size < 4096) return 0;
  struct pf_head *head = mmap(NULL, status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  close(descriptor);
  if (head == MAP_FAILED) return 0;
  uint32_t nobody = 0;
  if (head->magic != PF_MAGIC
      || !__atomic_compare_exchange_n(&head->owner, &nobody, (uint32_t)getpid(), 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)
      || pthread_key_create(&pf_key, pf_leave) != 0 || pthread_atfork(NULL, NULL, pf_forked) != 0) {
    munmap(head, status.st_size);
    return 0;
  }
  pf_head = head;
  return 1;
}

static void pf_start(void) {
  uint32_t unknown = PF_UNKNOWN;
  if (__atomic_compare_exchange_n(&pf_state, &unknown, PF_STARTING, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    __atomic_store_n(&pf_state, pf_attach() ? PF_ON : PF_OFF, __ATOMIC_RELEASE);
  while (__atomic_load_n(&pf_state, __ATOMIC_ACQUIRE) == PF_STARTING) sched_yield();
}

static uint64_t *pf_ring(struct pf_lane *lane) { return (uint64_t *)((char *)lane + 4096); }

static void pf_wake(void) {
  if (__atomic_load_n(&pf_head->sleeping, __ATOMIC_SEQ_CST) && __atomic_exchange_n(&pf_head->sleeping, 0, __ATOMIC_SEQ_CST)) {
    __atomic_fetch_add(&pf_head->signal, 1, __ATOMIC_SEQ_CST);
    pf_futex(&pf_head->signal, FUTEX_WAKE, 1, 0);
  }
}

// Hands the chunk that is full to the recorder.
static void pf_publish(struct pf_lane *lane) {
  uint32_t full = lane->full;
  lane->ticket[full % pf_head->chunks] = __atomic_fetch_add(&pf_head->tickets, 1, __ATOMIC_RELAXED);
  __atomic_store_n(&lane->full, full + 1, __ATOMIC_SEQ_CST);
  pf_wake();
}

// Whether the recorder runs no more. One that nobody has waited for yet is a zombie, and takes signals as ever.
static int pf_is_gone(int32_t recorder) {
  if (kill(recorder, 0) != 0) return errno == ESRCH;
  char name[32], text[512];
  snprintf(name, sizeof name, "/proc/%d/stat", (int)recorder);
  int descriptor = open(name, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return 0;
  ssize_t count = read(descriptor, text, sizeof text - 1);
  close(descriptor);
  text[count < 0 ? 0 : count] = 0;
  const char *state = strrchr(text, ')');
  return state && (state[2] == 'Z' || state[2] == 'X');
}

// A program whose recorder is gone goes on without.
static void pf_check_recorder(void) {
  if (!pf_is_gone(pf_head->recorder)) return;
  __atomic_store_n(&pf_head->gone, 1, __ATOMIC_RELEASE);
  __atomic_store_n(&pf_state, PF_OFF, __ATOMIC_RELEASE);
}

// Takes the lane if it is free; its state before.
static uint32_t pf_take(struct pf_lane *lane, uint32_t index) {
  uint32_t state = PF_FREE;
  if (!__atomic_compare_exchange_n(&lane->state, &state, PF_USED, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) return state;
  __atomic_store_n(&lane->thread, pf_number - 1, __ATOMIC_RELEASE);
  uint32_t used = __atomic_load_n(&pf_head->lanes_used, __ATOMIC_RELAXED);
  while (used <= index
         && !__atomic_compare_exchange_n(&pf_head->lanes_used, &used, index + 1, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {}
  pf_lane = lane;
  pthread_setspecific(pf_key, lane);
  return PF_FREE;
}

// Takes a lane for this thread; whether there was one. Those of threads that have ended are waited for.
static int pf_enter(void) {
  size_t bytes = 4096 + (size_t)pf_head->chunks * pf_head->chunk_entries * 8;
  if (pf_number == 0) pf_number = 1 + __atomic_fetch_add(&pf_head->threads, 1, __ATOMIC_RELAXED);
  for (unsigned tries = 1; pf_wants(); tries++) {
    int has_left = 0;
    for (uint32_t i = 0; i < pf_head->lanes; i++) {
      uint32_t state = pf_take((struct pf_lane *)((char *)pf_head + 4096 + i * bytes), i);
      if (state == PF_FREE) return 1;
      has_left |= state == PF_LEFT;
    }
    if (!has_left) {
      __atomic_store_n(&pf_head->crowded, 1, __ATOMIC_RELEASE);
      return 0;
    }
    pf_busy = 2;
    pf_wake();
    struct timespec pause = {0, 100000};
    nanosleep(&pause, NULL);
    if (tries % 1024 == 0) pf_check_recorder();
  }
  return 0;
}

// Waits for room in the ring; whether there is some. There is none for a recorder that wants no more or is gone.
static int pf_await(struct pf_lane *lane) {
  int tries = 0;
  pf_busy = 2;
  while (1) {
    uint32_t read = __atomic_load_n(&lane->read, __ATOMIC_SEQ_CST);
    if (!pf_wants()) return 0;
    if (lane->full - read < pf_head->chunks) return 1;
    if (++tries < 32) {
      sched_yield();
      continue;
    }
    __atomic_store_n(&lane->waiting, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&lane->read, __ATOMIC_SEQ_CST) == read) pf_futex(&lane->read, FUTEX_WAIT, read, 100);
    __atomic_store_n(&lane->waiting, 0, __ATOMIC_RELAXED);
    pf_check_recorder();
  }
}

// An access for which there is no room, or no ring: gets one and writes the entry, unless nothing is recorded.
static __attribute__((noinline)) void pf_slow(uint64_t entry) {
  if (__atomic_load_n(&pf_state, __ATOMIC_RELAXED) == PF_OFF) {
    pf_next = pf_end = NULL;
    return;
  }
  if (pf_busy) {
    if (pf_busy == 2) __atomic_fetch_add(&pf_head->lost, 1, __ATOMIC_RELAXED);
    return;
  }
  int error = errno;
  pf_busy = 1;
  int isFirst = pf_lane == NULL;
  if (isFirst) pf_start();
  if (!isFirst) pf_publish(pf_lane);
  pf_next = pf_end = NULL;
  if (pf_wants() && (!isFirst || pf_enter()) && pf_await(pf_lane)) {
    uint64_t *chunk = pf_ring(pf_lane) + (size_t)(pf_lane->full % pf_head->chunks) * pf_head->chunk_entries;
    __atomic_store_n(chunk, entry, __ATOMIC_RELAXED);
    pf_end = chunk + pf_head->chunk_entries;
    pf_next = chunk + 1;
  } else {
    // Others may go on only if all do: a trace has all that a program did, or the recorder says that it has not.
    __atomic_store_n(&pf_state, PF_OFF, __ATOMIC_RELEASE);
  }
  pf_busy = 0;
  errno = error;
}

static inline __attribute__((always_inline)) void pf_access(uintptr_t address, uint64_t bytes, uint64_t is_store) {
  uint64_t entry = (address & ((UINT64_C(1) << 48) - 1)) | bytes << 48 | is_store << 62 | UINT64_C(1) << 63;
  uint64_t *next = pf_next;
  if (__builtin_expect(next == pf_end, 0)) return pf_slow(entry);
  pf_next = next + 1;
  __atomic_store_n(next, entry, __ATOMIC_RELAXED);
}

// Finds the recorder even if the program makes no access.
__attribute__((constructor)) static void pf_load(void) {
  int error = errno;
  pf_busy = 1;
  pf_start();
  pf_busy = 0;
  errno = error;
}

// ---- What clang calls before each access: -fsanitize=kernel-address
// (llvm/lib/Transforms/Instrumentation/AddressSanitizer.cpp, initializeCallbacks).

#define PF_SIZE(bytes) \
  void __asan_load##bytes##_noabort(uintptr_t address) { pf_access(address, bytes, 0); } \
  void __asan_store##bytes##_noabort(uintptr_t address) { pf_access(address, bytes, 1); }
PF_SIZE(1)
PF_SIZE(2)
PF_SIZE(4)
PF_SIZE(8)
PF_SIZE(16)

static void pf_range(uintptr_t address, size_t bytes, uint64_t is_store) {
  for (; bytes > 4096; bytes -= 4096, address += 4096) pf_access(address, 4096, is_store);
  if (bytes > 0) pf_access(address, bytes, is_store);
}

void __asan_loadN_noabort(uintptr_t address, size_t bytes) { pf_range(address, bytes, 0); }
void __asan_storeN_noabort(uintptr_t address, size_t bytes) { pf_range(address, bytes, 1); }

// A copy is one load and one store for each 64-byte line of the source.
static void pf_copy(uintptr_t to, uintptr_t from, size_t bytes) {
  while (bytes > 0) {
    size_t piece = 64 - (from & 63);
    if (piece > bytes) piece = bytes;
    pf_access(from, piece, 0);
    pf_access(to, piece, 1);
    from += piece, to += piece, bytes -= piece;
  }
}

void *__asan_memcpy(void *to, const void *from, size_t bytes) {
  pf_copy((uintptr_t)to, (uintptr_t)from, bytes);
  return memcpy(to, from, bytes);
}

void *__asan_memmove(void *to, const void *from, size_t bytes) {
  pf_copy((uintptr_t)to, (uintptr_t)from, bytes);
  return memmove(to, from, bytes);
}

void *__asan_memset(void *to, int value, size_t bytes) {
  uintptr_t at = (uintptr_t)to;
  for (size_t rest = bytes; rest > 0;) {
    size_t piece = 64 - (at & 63);
    if (piece > rest) piece = rest;
    pf_access(at, piece, 1);
    at += piece, rest -= piece;
  }
  return memset(to, value, bytes);
}

// Called before exit, throw and the like; and by headers that take the flag for AddressSanitizer proper.
#define PF_NOTHING __attribute__((weak))
PF_NOTHING void __asan_handle_no_return(void) {}
PF_NOTHING void __asan_poison_memory_region(const volatile void *start, size_t bytes) { (void)start, (void)bytes; }
PF_NOTHING void __asan_unpoison_memory_region(const volatile void *start, size_t bytes) { (void)start, (void)bytes; }
PF_NOTHING void __sanitizer_annotate_contiguous_container(const void *a, const void *b, const void *c, const void *d) {
  (void)a, (void)b, (void)c, (void)d;
}

// ---- And with -fsanitize-coverage=...,trace-loads,trace-stores (SanitizerCoverage.cpp), which sees less.

#define PF_COVERAGE(bytes) \
  void __sanitizer_cov_load##bytes(void *address) { pf_access((uintptr_t)address, bytes, 0); } \
  void __sanitizer_cov_store##bytes(void *address) { pf_access((uintptr_t)address, bytes, 1); }
PF_COVERAGE(1)
PF_COVERAGE(2)
PF_COVERAGE(4)
PF_COVERAGE(8)
PF_COVERAGE(16)
PF_NOTHING void __sanitizer_cov_trace_pc_guard(uint32_t *guard) { (void)guard; }
PF_NOTHING void __sanitizer_cov_trace_pc_guard_init(uint32_t *start, uint32_t *stop) { (void)start, (void)stop; }

#pragma clang attribute pop
