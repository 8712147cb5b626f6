#include "CPlatform.h"

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
