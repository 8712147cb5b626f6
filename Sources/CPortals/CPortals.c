#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "CPortals.h"
#include "Processor.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PF_PLAIN_STORES 1
#endif
#endif

// <linux/mman.h>, since Linux 5.14.
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

uint32_t pf_portal_instructions(void) {
  uint32_t found = pf_processor_features();
#if defined(PF_PLAIN_STORES)
  found &= ~(uint32_t)PF_PROCESSOR_MOVDIR64B;
#endif
  return found;
}

void pf_store_fence(void) {
#if defined(__x86_64__)
  _mm_sfence();
#endif
  __atomic_thread_fence(__ATOMIC_RELEASE);
}

void pf_full_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

static void plain_store(void *portal, const void *descriptor) {
  uint64_t words[8];
  memcpy(words, descriptor, 64);
  uint64_t *target = portal;
  for (int word = 1; word < 8; word++) __atomic_store_n(target + word, words[word], __ATOMIC_RELAXED);
  __atomic_store_n(target, words[0], __ATOMIC_RELEASE);
}

#if defined(__x86_64__)
__attribute__((target("movdir64b"))) static void direct_store(void *portal, const void *descriptor) {
  // Direct stores pass earlier ones: records and lists have to be there first. Source: Intel SDM, MOVDIR64B.
  _mm_sfence();
  _movdir64b(portal, descriptor);
  // What is written next, a sequence word say, must not be seen before.
  _mm_sfence();
}

__attribute__((target("enqcmd"))) static int enqueue(void *portal, const void *descriptor) {
  _mm_sfence();
  return _enqcmd(portal, descriptor);
}

__attribute__((target("waitpkg"))) static void monitor_wait(
    const volatile uint8_t *byte, uint8_t value, uint64_t cycles) {
  _umonitor((void *)(uintptr_t)byte);
  // Control 1: C0.1, which wakes faster than C0.2. Source: Intel SDM, UMWAIT.
  if (__atomic_load_n(byte, __ATOMIC_ACQUIRE) == value) _umwait(1, __rdtsc() + cycles);
}

__attribute__((target("waitpkg"))) static void timed_pause(uint64_t cycles) { _tpause(1, __rdtsc() + cycles); }
#endif

void pf_store64_bytes(void *portal, const void *descriptor, int direct) {
#if defined(__x86_64__)
  if (direct && (pf_portal_instructions() & PF_PROCESSOR_MOVDIR64B)) {
    direct_store(portal, descriptor);
    return;
  }
#endif
  (void)direct;
  plain_store(portal, descriptor);
}

int pf_enqcmd(void *portal, const void *descriptor) {
#if defined(__x86_64__)
  if (pf_portal_instructions() & PF_PROCESSOR_ENQCMD) return enqueue(portal, descriptor) ? 1 : 0;
#endif
  (void)portal;
  (void)descriptor;
  return 2;
}

int pf_take64_bytes(void *portal, void *descriptor) {
  uint64_t words[8];
  uint64_t *source = portal;
  words[0] = __atomic_load_n(source, __ATOMIC_ACQUIRE);
  if (words[0] == 0) return 0;
  for (int word = 1; word < 8; word++) words[word] = __atomic_load_n(source + word, __ATOMIC_RELAXED);
  memcpy(descriptor, words, 64);
  return 1;
}

void pf_pause(void) {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

void pf_monitor_wait(const volatile uint8_t *byte, uint8_t value, uint64_t cycles) {
#if defined(__x86_64__)
  if (pf_portal_instructions() & PF_PROCESSOR_WAITPKG) {
    monitor_wait(byte, value, cycles);
    return;
  }
#endif
  (void)byte;
  (void)value;
  (void)cycles;
  pf_pause();
}

void pf_timed_pause(uint64_t cycles) {
#if defined(__x86_64__)
  if (pf_portal_instructions() & PF_PROCESSOR_WAITPKG) {
    timed_pause(cycles);
    return;
  }
#endif
  (void)cycles;
  pf_pause();
}

int pf_resident(uintptr_t address, size_t length, unsigned char *resident) {
  return mincore((void *)address, length, resident) == 0 ? 0 : errno;
}

int pf_populate(uintptr_t address, size_t length, int for_writing) {
  int advice = for_writing ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;
  return madvise((void *)address, length, advice) == 0 ? 0 : errno;
}

void pf_touch_range(uintptr_t address, size_t length, int for_writing) {
  if (length == 0) return;
  uintptr_t end = address + length - 1;
  for (uintptr_t at = address; at <= end; at = (at | 4095) + 1) {
    uint8_t *byte = (uint8_t *)at;
    if (for_writing) {
      __atomic_fetch_or(byte, 0, __ATOMIC_RELAXED);
    } else {
      (void)__atomic_load_n(byte, __ATOMIC_RELAXED);
    }
  }
}
