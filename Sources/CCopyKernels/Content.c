// Content that tells pages and words apart, and comparing it.
#include "CCopyKernels.h"

/// Source: SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014), its mixing function.
static inline uint64_t pattern(uint64_t seed, uint64_t place) {
  uint64_t word = seed + (place + 1) * 0x9e3779b97f4a7c15;
  word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
  word = (word ^ word >> 27) * 0x94d049bb133111eb;
  return word ^ word >> 31;
}

/// The first byte, in memory's order, in which two words differ.
static size_t first_byte(uint64_t one, uint64_t other) {
  const unsigned char *a = (const unsigned char *)&one, *b = (const unsigned char *)&other;
  size_t i = 0;
  while (i < 7 && a[i] == b[i]) i++;
  return i;
}

uint64_t pf_touch_pages(const void *from, size_t count) {
  uint64_t sum = 0;
  // A line of its own in each page, so that not all go to one set of a cache.
  for (size_t page = 0; page < count; page++)
    sum += *(const volatile uint64_t *)((const char *)from + page * 4096 + page % 64 * 64);
  return sum;
}

void pf_fill_pattern(void *to, size_t bytes, uint64_t seed) {
  uint64_t *words = to;
  for (size_t i = 0; i < bytes / 8; i++) words[i] = pattern(seed, i);
}

size_t pf_check_pattern(const void *from, size_t bytes, uint64_t seed) {
  const uint64_t *words = from;
  for (size_t i = 0; i < bytes / 8; i++) {
    uint64_t word = pattern(seed, i);
    if (words[i] != word) return i * 8 + first_byte(words[i], word);
  }
  return bytes;
}

void pf_complement(void *to, const void *from, size_t bytes) {
  uint64_t *words = to;
  const uint64_t *others = from;
  for (size_t i = 0; i < bytes / 8; i++) words[i] = ~others[i];
}

size_t pf_first_difference(const void *one, const void *other, size_t bytes) {
  const uint64_t *words = one, *others = other;
  for (size_t i = 0; i < bytes / 8; i += 8) {
    size_t end = i + 8 < bytes / 8 ? i + 8 : bytes / 8;
    uint64_t differing = 0;
    for (size_t j = i; j < end; j++) differing |= words[j] ^ others[j];
    for (size_t j = i; differing != 0 && j < end; j++)
      if (words[j] != others[j]) return j * 8 + first_byte(words[j], others[j]);
  }
  return bytes;
}
