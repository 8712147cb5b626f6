#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "CPlatform.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

char **pf_environment(void) { return environ; }

uint8_t pf_acquire8(const void *byte) { return __atomic_load_n((const uint8_t *)byte, __ATOMIC_ACQUIRE); }
uint32_t pf_acquire32(const void *word) { return __atomic_load_n((const uint32_t *)word, __ATOMIC_ACQUIRE); }
uint64_t pf_acquire64(const void *word) { return __atomic_load_n((const uint64_t *)word, __ATOMIC_ACQUIRE); }

void pf_release8(void *byte, uint8_t value) { __atomic_store_n((uint8_t *)byte, value, __ATOMIC_RELEASE); }
void pf_release32(void *word, uint32_t value) { __atomic_store_n((uint32_t *)word, value, __ATOMIC_RELEASE); }
void pf_release64(void *word, uint64_t value) { __atomic_store_n((uint64_t *)word, value, __ATOMIC_RELEASE); }

void pf_write_words(void *shared, const void *words, size_t count) {
  for (size_t i = 0; i < count; i++) {
    __atomic_store_n((uint64_t *)shared + i, ((const uint64_t *)words)[i], __ATOMIC_RELAXED);
  }
}

void pf_read_words(void *words, const void *shared, size_t count) {
  for (size_t i = 0; i < count; i++) {
    ((uint64_t *)words)[i] = __atomic_load_n((const uint64_t *)shared + i, __ATOMIC_RELAXED);
  }
}

void pf_wait32(void *word, uint32_t value, int milliseconds) {
  struct timespec time = {0, milliseconds * 1000000L};
  syscall(SYS_futex, word, FUTEX_WAIT, value, &time, NULL, 0);
}

void pf_wake32(void *word) { syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0); }

int pf_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

int pf_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int16_t pf_spawn_in_own_session(void) { return POSIX_SPAWN_SETSID; }
