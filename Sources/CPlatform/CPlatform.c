#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "CPlatform.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

__attribute__((target("sse4.2"))) static uint32_t crc32c_instruction(uint32_t crc, const uint8_t *p, size_t n) {
  uint64_t c = crc;
  while (n >= 8) {
    uint64_t word;
    __builtin_memcpy(&word, p, 8);
    c = __builtin_ia32_crc32di(c, word);
    p += 8;
    n -= 8;
  }
  uint32_t r = (uint32_t)c;
  while (n--) r = __builtin_ia32_crc32qi(r, *p++);
  return r;
}

static uint32_t crc32c_bitwise(uint32_t crc, const uint8_t *p, size_t n) {
  while (n--) {
    crc ^= *p++;
    for (int k = 0; k < 8; k++) crc = (crc >> 1) ^ (0x82F63B78u & (0u - (crc & 1)));
  }
  return crc;
}

uint32_t pf_crc32c(uint32_t crc, const void *bytes, size_t length) {
  const uint8_t *p = bytes;
  crc = ~crc;
  crc = __builtin_cpu_supports("sse4.2") ? crc32c_instruction(crc, p, length) : crc32c_bitwise(crc, p, length);
  return ~crc;
}

extern char **environ;

char **pf_environment(void) { return environ; }

void pf_wait32(void *word, uint32_t value, int milliseconds) {
  struct timespec time = {0, milliseconds * 1000000L};
  syscall(SYS_futex, word, FUTEX_WAIT, value, &time, NULL, 0);
}

void pf_wake32(void *word) { syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0); }

int pf_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }
