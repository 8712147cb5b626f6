// CRC-32C (Castagnoli), reflected polynomial 0x82F63B78, in three ways.
#include "CPlatform.h"

#include <immintrin.h>

#define SSE42 __attribute__((target("sse4.2")))
#define FOLDING __attribute__((target("sse4.2,pclmul,avx512f,vpclmulqdq")))

enum { POLYNOMIAL = 0x82F63B78u };

// Numbers stand for polynomials modulo the CRC's, the highest bit for x^0. A sum over bytes moves on by some bits when it is
// multiplied by x to the power of their number.

/// The instruction takes three cycles and can be begun in each: three lanes of a buffer are summed side by side, and their sums
/// joined. A sum moves over a lane of zeros as a linear map of its 32 bits, looked up byte by byte.
enum { LANE = 1024 };
static uint32_t over_lane[4][256];

/// Bytes that are folded at a time: four vectors.
enum { STRIDE = 256 };
/// What moves the first and the second eight bytes of a product on by a stride, and by 16 bytes.
static uint64_t over_stride[2], over_block[2];

static enum pf_crc fastest = PF_CRC_BITWISE;

/// x to the power of `n`.
static uint32_t power(int n) {
  uint32_t value = 0x80000000u;
  while (n--) value = (value >> 1) ^ (POLYNOMIAL & (0u - (value & 1)));
  return value;
}

/// A carry-less product of two reflected 64-bit numbers comes out as one of 128 bits times x, and a 32-bit factor counts as one
/// of 64 bits times x^32: the factor is for 33 bits less than the way. The first eight bytes have 64 bits more to go.
static void make_factors(uint64_t factors[2], int bits) {
  factors[0] = power(bits + 64 - 33);
  factors[1] = power(bits - 33);
}

SSE42 static void make_over_lane(void) {
  uint32_t images[32];
  for (int bit = 0; bit < 32; bit++) {
    uint64_t c = (uint64_t)1 << bit;
    for (int i = 0; i < LANE; i += 8) c = _mm_crc32_u64(c, 0);
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

__attribute__((constructor)) static void make_tables(void) {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("sse4.2")) return;
  make_over_lane();
  make_factors(over_stride, 8 * STRIDE);
  make_factors(over_block, 128);
  fastest = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("vpclmulqdq")
                ? PF_CRC_FOLDED
                : PF_CRC_INSTRUCTION;
}

static uint32_t by_bits(uint32_t crc, const uint8_t *p, size_t n) {
  while (n--) {
    crc ^= *p++;
    for (int k = 0; k < 8; k++) crc = (crc >> 1) ^ (POLYNOMIAL & (0u - (crc & 1)));
  }
  return crc;
}

static uint32_t moved_over_lane(uint32_t c) {
  return over_lane[0][c & 255] ^ over_lane[1][c >> 8 & 255] ^ over_lane[2][c >> 16 & 255] ^ over_lane[3][c >> 24];
}

SSE42 static uint32_t by_instruction(uint32_t crc, const uint8_t *p, size_t n) {
  uint64_t c = crc;
  while (n >= 3 * LANE) {
    uint64_t c1 = 0, c2 = 0;
    for (int i = 0; i < LANE; i += 8) {
      uint64_t words[3];
      __builtin_memcpy(&words[0], p + i, 8);
      __builtin_memcpy(&words[1], p + LANE + i, 8);
      __builtin_memcpy(&words[2], p + 2 * LANE + i, 8);
      c = _mm_crc32_u64(c, words[0]);
      c1 = _mm_crc32_u64(c1, words[1]);
      c2 = _mm_crc32_u64(c2, words[2]);
    }
    c = moved_over_lane(moved_over_lane((uint32_t)c) ^ (uint32_t)c1) ^ (uint32_t)c2;
    p += 3 * LANE;
    n -= 3 * LANE;
  }
  while (n >= 8) {
    uint64_t word;
    __builtin_memcpy(&word, p, 8);
    c = _mm_crc32_u64(c, word);
    p += 8;
    n -= 8;
  }
  uint32_t r = (uint32_t)c;
  while (n--) r = _mm_crc32_u8(r, *p++);
  return r;
}

FOLDING static inline __m512i folded(__m512i sum, __m512i factors, __m512i next) {
  __m512i first = _mm512_clmulepi64_epi128(sum, factors, 0x00), second = _mm512_clmulepi64_epi128(sum, factors, 0x11);
  return _mm512_ternarylogic_epi64(first, second, next, 0x96);
}

/// Four vectors move over the buffer. What they hold at its end has the same sum as all that they moved over.
FOLDING static uint32_t by_folding(uint32_t crc, const uint8_t *p, size_t n) {
  if (n >= 2 * STRIDE) {
    __m512i sums[4];
    for (int i = 0; i < 4; i++) sums[i] = _mm512_loadu_si512(p + 64 * i);
    sums[0] = _mm512_xor_si512(sums[0], _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)crc)));
    __m512i factors = _mm512_broadcast_i32x4(_mm_set_epi64x((int64_t)over_stride[1], (int64_t)over_stride[0]));
    for (p += STRIDE, n -= STRIDE; n >= STRIDE; p += STRIDE, n -= STRIDE) {
      for (int i = 0; i < 4; i++) sums[i] = folded(sums[i], factors, _mm512_loadu_si512(p + 64 * i));
    }
    // The sixteen quarters become one.
    __m128i blocks[16];
    for (int i = 0; i < 4; i++) _mm512_storeu_si512(&blocks[4 * i], sums[i]);
    __m128i step = _mm_set_epi64x((int64_t)over_block[1], (int64_t)over_block[0]), all = blocks[0];
    for (int i = 1; i < 16; i++) {
      __m128i first = _mm_clmulepi64_si128(all, step, 0x00), second = _mm_clmulepi64_si128(all, step, 0x11);
      all = _mm_xor_si128(_mm_xor_si128(first, second), blocks[i]);
    }
    uint64_t c = _mm_crc32_u64(0, (uint64_t)_mm_extract_epi64(all, 0));
    crc = (uint32_t)_mm_crc32_u64(c, (uint64_t)_mm_extract_epi64(all, 1));
  }
  return by_instruction(crc, p, n);
}

enum pf_crc pf_fastest_crc(void) { return fastest; }

uint32_t pf_crc32c_by(enum pf_crc way, uint32_t crc, const void *bytes, size_t length) {
  switch (way) {
  case PF_CRC_FOLDED: return ~by_folding(~crc, bytes, length);
  case PF_CRC_INSTRUCTION: return ~by_instruction(~crc, bytes, length);
  default: return ~by_bits(~crc, bytes, length);
  }
}

uint32_t pf_crc32c(uint32_t crc, const void *bytes, size_t length) { return pf_crc32c_by(fastest, crc, bytes, length); }
