// Loops over a few thousand records of a trace's block, for vectors as wide as the CPU has.
//
// Each loop is written once and compiled once for each kind of vector, so that all kinds give the same values.
#ifndef PAGEFERRY_COLUMNS_H
#define PAGEFERRY_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

/// The vectors that a loop may use. A loop compiled for what the CPU does not have must not be called.
enum pf_vectors {
  /// What the compiler may assume of every CPU of this architecture: SSE2 on x86-64.
  PF_VECTORS_BASE = 0,
  /// AVX2, 32 bytes wide.
  PF_VECTORS_AVX2 = 1,
};

/// The widest vectors of this CPU.
enum pf_vectors pf_widest_vectors(void);

/// Writes `base` plus each of `count` little-endian numbers of `width` bytes (1 or 2), modulo 2^16; the highest number.
uint16_t pf_widen16(
    enum pf_vectors vectors, const void *numbers, int width, uint16_t base, size_t count, uint16_t *values);

/// What the numbers of a column come to: the highest of them, and their sum.
struct pf_numbers {
  uint32_t highest;
  uint64_t sum;
};

/// Writes `base` plus each of `count` little-endian numbers of `width` bytes (1, 2 or 4), modulo 2^32. At most 2^16 numbers.
struct pf_numbers pf_widen32(
    enum pf_vectors vectors, const void *numbers, int width, uint32_t base, size_t count, uint32_t *values);

/// What the places and sizes of records come to. A place is an offset in bits 0 to 11, a write in bit 12, a touch in bit 13.
struct pf_places {
  /// Bits set in any place.
  uint16_t any;
  /// Places with bit 12.
  uint16_t writes;
  /// Places with bit 13.
  uint16_t touches;
  /// The highest sum of an offset and its size, modulo 2^16 each.
  uint16_t end;
  /// The smallest size.
  uint16_t smallest;
};

/// Looks at `count` records, 1 to 2^16 - 1.
struct pf_places pf_look_at_places(
    enum pf_vectors vectors, const uint16_t *place, const uint16_t *size, size_t count);

/// What the repeats of records come to.
struct pf_repeats {
  /// Repeats of touches.
  uint64_t of_touches;
  /// Not 0 when a record has more writes among its repeats than repeats.
  uint32_t is_over;
};

/// Looks at `count` records, at most 2^16.
struct pf_repeats pf_look_at_repeats(
    enum pf_vectors vectors, const uint16_t *place, const uint32_t *repeats, const uint32_t *writes, size_t count);

/// Sets the byte of `marks` to 255 that each index names.
void pf_mark(uint8_t *marks, const uint16_t *index, size_t count);

/// Whether `count` bytes are all 255.
int pf_all_marked(enum pf_vectors vectors, const uint8_t *marks, size_t count);

#endif
