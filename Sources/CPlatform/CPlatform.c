#include "CPlatform.h"

// The instruction takes three cycles and can be begun in each: three lanes of a buffer are summed side by side, and their sums
// joined. A sum moves over a lane of zeros as a linear map of its 32 bits, looked up byte by byte.
enum { LANE = 1024 };
static uint32_t over_lane[4][256];

__attribute__((target("sse4.2"), constructor)) static void make_over_lane(void) {
  if (!__builtin_cpu_supports("sse4.2")) return;
  uint32_t images[32];
  for (int bit = 0; bit < 32; bit++) {
    uint64_t c = (uint64_t)1 << bit;
    for (int i = 0; i < LANE; i += 8) c = __builtin_ia32_crc32di(c, 0);
    images[bit] = (uint32_t)c;
  }
  for (int byte = 0; byte < 4; byte++) {
    for (int value = 0; value < 256; value++) {
      uint32_t sum = 0;
      for (int bit = 0; bit < 8; bit++) sum ^= (value >> bit & 1) ? images[8 * byte + bit] : 0;
      over_lane[byte][value] = sum;
    }
  }
}

static uint32_t moved_over_lane(uint32_t c) {
  return over_lane[0][c & 255] ^ over_lane[1][c >> 8 & 255] ^ over_lane[2][c >> 16 & 255] ^ over_lane[3][c >> 24];
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_instruction(uint32_t crc, const uint8_t *p, size_t n) {
  uint64_t c = crc;
  while (n >= 3 * LANE) {
    uint64_t c1 = 0, c2 = 0;
    for (int i = 0; i < LANE; i += 8) {
      uint64_t words[3];
      __builtin_memcpy(&words[0], p + i, 8);
      __builtin_memcpy(&words[1], p + LANE + i, 8);
      __builtin_memcpy(&words[2], p + 2 * LANE + i, 8);
      c = __builtin_ia32_crc32di(c, words[0]);
      c1 = __builtin_ia32_crc32di(c1, words[1]);
      c2 = __builtin_ia32_crc32di(c2, words[2]);
    }
    c = moved_over_lane(moved_over_lane((uint32_t)c) ^ (uint32_t)c1) ^ (uint32_t)c2;
    p += 3 * LANE;
    n -= 3 * LANE;
  }
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
