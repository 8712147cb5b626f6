// Loops that copy lists of pages, each for what a CPU has, and what threads that share them wait at.
#ifndef PAGEFERRY_CCOPYKERNELS_H
#define PAGEFERRY_CCOPYKERNELS_H

#include <stddef.h>
#include <stdint.h>

// Swift may hand such values to other threads.
#if __has_attribute(swift_attr)
#define PF_SENDABLE __attribute__((swift_attr("@Sendable")))
#else
#define PF_SENDABLE
#endif

/// Bytes to move: a page, a folio, or a part of one. Source and destination must not overlap.
struct PF_SENDABLE pf_copy_piece {
  void *to;
  const void *from;
  size_t bytes;
};

/// The kernels. `BY4` copies 4 KiB of four pages side by side and asks for the next four meanwhile; `NT` stores past the caches.
enum pf_copy_kernel {
  PF_COPY_BY_MEMCPY = 0,
  PF_COPY_BY_REP_MOVSB = 1,
  PF_COPY_BY_AVX2_BY4 = 2,
  PF_COPY_BY_AVX512_BY4 = 3,
  PF_COPY_BY_AVX2_NT = 4,
  PF_COPY_BY_AVX2_NT_BY4 = 5,
  PF_COPY_BY_AVX512_NT = 6,
  PF_COPY_BY_AVX512_NT_BY4 = 7,
  PF_COPY_BY_MOVDIR64B = 8,
  PF_COPY_BY_MOVDIR64B_BY4 = 9,
};

/// Copies all pieces; stores past the caches are fenced before it returns. Any alignment and any size are right; whole pages
/// are fast. A kernel must be one that the processor's features allow: an unknown one copies nothing and answers 0.
int pf_copy_list(enum pf_copy_kernel kernel, const struct pf_copy_piece *pieces, size_t count);

/// Makes each line of `bytes` point to another, so that all are visited before one is again; in random order by the seed.
void pf_make_chain(void *to, size_t bytes, uint64_t seed);

/// Reads `count` links, each the address of the next; the last one read. Every step waits for the one before.
const void *pf_chase(const void *start, size_t count);

/// Sum of all words of the lines that begin in `bytes`, one after the other, with the widest loads of plain C.
uint64_t pf_read_all(const void *from, size_t bytes);

/// Stores zeros past the caches where the CPU can, into `bytes`, a multiple of 64 at an address that is one too.
void pf_store_all(void *to, size_t bytes);

/// Sends every cache line of `bytes` back to memory and out of the caches: clflushopt, clflush, or nothing. 1 when it did.
int pf_flush_lines(const void *from, size_t bytes);

/// Reads one word of each of `count` pages of 4 KiB; their sum. Other pages leave the TLBs.
uint64_t pf_touch_pages(const void *from, size_t count);

/// Writes words that depend on the seed and on their place. `bytes` is a multiple of 8 in all of these.
void pf_fill_pattern(void *to, size_t bytes, uint64_t seed);

/// Offset of the first byte that `pf_fill_pattern` would write otherwise; `bytes` when there is none.
size_t pf_check_pattern(const void *from, size_t bytes, uint64_t seed);

/// Writes the complement of each word: no byte is right.
void pf_complement(void *to, const void *from, size_t bytes);

/// Offset of the first byte that differs; `bytes` when there is none. All are compared.
size_t pf_first_difference(const void *one, const void *other, size_t bytes);

/// A word that goes up, and those who wait for it.
struct pf_gate {
  uint32_t turn;
  uint32_t sleepers;
};

/// The turn, and all that was written before it came.
uint32_t pf_gate_turn(const struct pf_gate *gate);

/// Waits until the turn is another than `seen`; looks `spins` times before it sleeps. The new turn.
uint32_t pf_gate_wait(struct pf_gate *gate, uint32_t seen, uint32_t spins);

/// The next turn; wakes all that sleep.
void pf_gate_advance(struct pf_gate *gate);

/// Takes 1 from the count; what is left.
uint32_t pf_count_down(uint32_t *count);

/// Sets the count before others are let at it.
void pf_count_set(uint32_t *count, uint32_t value);

#endif
