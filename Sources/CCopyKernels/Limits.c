// Loops that measure memory itself: reads, stores, and chains of dependent reads.
#include "CCopyKernels.h"
#include "Processor.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Sattolo's shuffle (Information Processing Letters, 1986) of the lines' numbers in the lines themselves: one cycle.
void pf_make_chain(void *to, size_t bytes, uint64_t seed) {
  size_t lines = bytes / 64;
  uint64_t *words = to;
  for (size_t i = 0; i < lines; i++) words[i * 8] = i;
  uint64_t state = seed;
  for (size_t i = lines; i-- > 1;) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    size_t other = (size_t)((unsigned __int128)state * i >> 64);
    uint64_t word = words[i * 8];
    words[i * 8] = words[other * 8];
    words[other * 8] = word;
  }
  for (size_t i = 0; i < lines; i++) words[i * 8] = (uint64_t)(uintptr_t)(words + words[i * 8] * 8);
}

const void *pf_chase(const void *start, size_t count) {
  const void *volatile const *at = start;
  for (size_t i = 0; i < count; i++) at = (const void *volatile const *)*at;
  return (const void *)at;
}

uint64_t pf_read_all(const void *from, size_t bytes) {
  const uint64_t *word = from;
  uint64_t sums[8] = {0};
  for (size_t line = 0; line < bytes / 64; line++, word += 8)
    for (int i = 0; i < 8; i++) sums[i] += word[i];
  uint64_t sum = 0;
  for (int i = 0; i < 8; i++) sum += sums[i];
  return sum;
}

#if defined(__x86_64__)
void pf_store_all(void *to, size_t bytes) {
  // SSE2, which every x86-64 has.
  const __m128i zero = _mm_setzero_si128();
  for (char *at = to, *end = at + bytes; at < end; at += 64) {
    _mm_stream_si128((__m128i *)at, zero);
    _mm_stream_si128((__m128i *)(at + 16), zero);
    _mm_stream_si128((__m128i *)(at + 32), zero);
    _mm_stream_si128((__m128i *)(at + 48), zero);
  }
  _mm_sfence();
}

__attribute__((target("clflushopt"))) static void flush_weakly(const char *at, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) _mm_clflushopt((void *)(at + i));
}

int pf_flush_lines(const void *from, size_t bytes) {
  if (pf_processor_features() & PF_PROCESSOR_CLFLUSHOPT) {
    flush_weakly(from, bytes);
  } else {
    for (size_t i = 0; i < bytes; i += 64) _mm_clflush((const char *)from + i);
  }
  _mm_mfence();
  return 1;
}
#else
void pf_store_all(void *to, size_t bytes) { memset(to, 0, bytes); }
int pf_flush_lines(const void *from, size_t bytes) { return (void)from, (void)bytes, 0; }
#endif
