// Loops over columns: plain C that the compiler turns into vectors, once for each kind. For little-endian CPUs.
#include "Columns.h"

#define LOOP static inline __attribute__((always_inline))
#define AVX2 __attribute__((target("avx2,bmi,bmi2")))

enum pf_vectors pf_widest_vectors(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") ? PF_VECTORS_AVX2 : PF_VECTORS_BASE;
}

/// Two functions of one loop: `name`_base and `name`_avx2.
#define BOTH(result, name, parameters, arguments) \
  static result name##_base parameters { return name arguments; } \
  AVX2 static result name##_avx2 parameters { return name arguments; }

#define CHOSEN(name, arguments) (vectors == PF_VECTORS_AVX2 ? name##_avx2 arguments : name##_base arguments)

/// Numbers of one width to values of another. The sum is taken by halves of 16 bits: of 2^16 numbers neither half overflows.
#define WIDEN(name, number_type, value_type, has_sum) \
  LOOP struct pf_numbers name(const uint8_t *numbers, value_type base, size_t count, value_type *values) { \
    number_type highest = 0; \
    uint32_t low = 0, high = 0; \
    for (size_t i = 0; i < count; i++) { \
      number_type number; \
      __builtin_memcpy(&number, numbers + i * sizeof number, sizeof number); \
      values[i] = (value_type)(base + number); \
      highest = number > highest ? number : highest; \
      if (has_sum) low += number & 0xFFFF; \
      if (has_sum) high += (uint32_t)number >> 16; \
    } \
    return (struct pf_numbers){highest, ((uint64_t)high << 16) + low}; \
  } \
  BOTH(struct pf_numbers, name, (const uint8_t *numbers, value_type base, size_t count, value_type *values), \
       (numbers, base, count, values))

WIDEN(widen_8_to_16, uint8_t, uint16_t, 0)
WIDEN(widen_16_to_16, uint16_t, uint16_t, 0)
WIDEN(widen_8_to_32, uint8_t, uint32_t, 1)
WIDEN(widen_16_to_32, uint16_t, uint32_t, 1)
WIDEN(widen_32_to_32, uint32_t, uint32_t, 1)

uint16_t pf_widen16(
    enum pf_vectors vectors, const void *numbers, int width, uint16_t base, size_t count, uint16_t *values) {
  struct pf_numbers found = width == 1 ? CHOSEN(widen_8_to_16, (numbers, base, count, values))
                                       : CHOSEN(widen_16_to_16, (numbers, base, count, values));
  return (uint16_t)found.highest;
}

struct pf_numbers pf_widen32(
    enum pf_vectors vectors, const void *numbers, int width, uint32_t base, size_t count, uint32_t *values) {
  if (width == 1) return CHOSEN(widen_8_to_32, (numbers, base, count, values));
  if (width == 2) return CHOSEN(widen_16_to_32, (numbers, base, count, values));
  return CHOSEN(widen_32_to_32, (numbers, base, count, values));
}

LOOP struct pf_places look_at_places(const uint16_t *place, const uint16_t *size, size_t count) {
  uint16_t any = 0, writes = 0, touches = 0, end = 0, smallest = UINT16_MAX;
  for (size_t i = 0; i < count; i++) {
    uint16_t last = (uint16_t)((place[i] & 0x0FFF) + size[i]);
    any |= place[i];
    writes += place[i] >> 12 & 1;
    touches += place[i] >> 13 & 1;
    end = last > end ? last : end;
    smallest = size[i] < smallest ? size[i] : smallest;
  }
  return (struct pf_places){any, writes, touches, end, smallest};
}
BOTH(struct pf_places, look_at_places, (const uint16_t *place, const uint16_t *size, size_t count), (place, size, count))

struct pf_places pf_look_at_places(
    enum pf_vectors vectors, const uint16_t *place, const uint16_t *size, size_t count) {
  return CHOSEN(look_at_places, (place, size, count));
}

/// Bit 31 is the borrow of the difference. The repeats of touches are added up by halves of 16 bits.
LOOP struct pf_repeats look_at_repeats(
    const uint16_t *place, const uint32_t *repeats, const uint32_t *writes, size_t count) {
  uint32_t borrows = 0, low = 0, high = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t all = repeats[i], some = writes[i];
    uint32_t of_touch = all & (0u - (uint32_t)(place[i] >> 13 & 1));
    borrows |= (~all & some) | (~(all ^ some) & (all - some));
    low += of_touch & 0xFFFF;
    high += of_touch >> 16;
  }
  return (struct pf_repeats){((uint64_t)high << 16) + low, borrows >> 31};
}
BOTH(struct pf_repeats, look_at_repeats,
     (const uint16_t *place, const uint32_t *repeats, const uint32_t *writes, size_t count),
     (place, repeats, writes, count))

struct pf_repeats pf_look_at_repeats(
    enum pf_vectors vectors, const uint16_t *place, const uint32_t *repeats, const uint32_t *writes, size_t count) {
  return CHOSEN(look_at_repeats, (place, repeats, writes, count));
}

void pf_mark(uint8_t *marks, const uint16_t *index, size_t count) {
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    uint64_t four;
    __builtin_memcpy(&four, index + i, sizeof four);
    marks[four & 0xFFFF] = 255;
    marks[four >> 16 & 0xFFFF] = 255;
    marks[four >> 32 & 0xFFFF] = 255;
    marks[four >> 48] = 255;
  }
  for (; i < count; i++) marks[index[i]] = 255;
}

LOOP int all_marked(const uint8_t *marks, size_t count) {
  uint8_t all = 255;
  for (size_t i = 0; i < count; i++) all &= marks[i];
  return all == 255;
}
BOTH(int, all_marked, (const uint8_t *marks, size_t count), (marks, count))

int pf_all_marked(enum pf_vectors vectors, const uint8_t *marks, size_t count) {
  return CHOSEN(all_marked, (marks, count));
}
