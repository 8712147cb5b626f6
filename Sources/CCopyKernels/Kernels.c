// The copy loops. Each is compiled for its own instructions; the caller asks pf_processor_features before it picks one.
#include "CCopyKernels.h"

#include <string.h>

/// Rows that go side by side, and their bytes. A row never leaves a 4 KiB page, so hardware prefetch has nothing to guess beyond it;
/// lines of the next rows are asked for by hand instead.
enum { PF_ROWS = 4, PF_ROW = 4096, PF_LINE = 64 };
/// Pieces from here on go one after the other: within them hardware prefetch does better (measured on Zen 5, docs/performance.md).
enum { PF_LONG = 8 * PF_ROW };

static void copy_memcpy(const struct pf_copy_piece *pieces, size_t count) {
  for (size_t i = 0; i < count; i++) memcpy(pieces[i].to, pieces[i].from, pieces[i].bytes);
}

#if defined(__x86_64__)
#include <immintrin.h>

static void copy_rep_movsb(const struct pf_copy_piece *pieces, size_t count) {
  for (size_t i = 0; i < count; i++) {
    void *to = pieces[i].to;
    const void *from = pieces[i].from;
    size_t bytes = pieces[i].bytes;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
  }
}

/// Rows of a list, taken one after the other.
struct rows {
  const struct pf_copy_piece *piece, *end;
  size_t offset;
};

struct row {
  char *to;
  const char *from;
};

/// The part of a piece before its destination is at a line's begin.
static inline size_t ragged_head(const char *to, size_t bytes) {
  size_t head = -(uintptr_t)to & (PF_LINE - 1);
  return head < bytes ? head : bytes;
}

#define TARGET(name) __attribute__((target(name)))

// Moves whole lines to aligned destinations by LINE; what is ragged goes by memcpy.
#define PIECE(NAME, INSTRUCTIONS, LINE)                                                                            \
  TARGET(INSTRUCTIONS) static inline void NAME##_piece(char *to, const char *from, size_t bytes) {                 \
    size_t head = ragged_head(to, bytes);                                                                          \
    if (head > 0) memcpy(to, from, head);                                                                          \
    to += head, from += head, bytes -= head;                                                                       \
    size_t i = 0;                                                                                                  \
    for (; i + 4 * PF_LINE <= bytes; i += 4 * PF_LINE) {                                                           \
      LINE(to + i, from + i);                                                                                      \
      LINE(to + i + PF_LINE, from + i + PF_LINE);                                                                  \
      LINE(to + i + 2 * PF_LINE, from + i + 2 * PF_LINE);                                                          \
      LINE(to + i + 3 * PF_LINE, from + i + 3 * PF_LINE);                                                          \
    }                                                                                                              \
    for (; i + PF_LINE <= bytes; i += PF_LINE) LINE(to + i, from + i);                                             \
    if (i < bytes) memcpy(to + i, from + i, bytes - i);                                                            \
  }

// Piece after piece.
#define KERNEL(NAME, INSTRUCTIONS, FENCE)                                                                            \
  TARGET(INSTRUCTIONS) static void NAME(const struct pf_copy_piece *pieces, size_t count) {                        \
    for (size_t i = 0; i < count; i++) NAME##_piece(pieces[i].to, pieces[i].from, pieces[i].bytes);                \
    FENCE;                                                                                                         \
  }

// Four rows side by side; LONG copies what is long.
#define KERNEL_BY4(NAME, INSTRUCTIONS, LINE, LONG, FENCE)                                                                  \
  /* Fills `group` with whole rows; copies on the way what is no whole row. */                                     \
  TARGET(INSTRUCTIONS) static inline int NAME##_take(struct rows *rows, struct row *group) {                       \
    int taken = 0;                                                                                                 \
    while (taken < PF_ROWS && rows->piece < rows->end) {                                                           \
      const struct pf_copy_piece *piece = rows->piece;                                                             \
      char *to = (char *)piece->to + rows->offset;                                                                 \
      const char *from = (const char *)piece->from + rows->offset;                                                 \
      size_t left = piece->bytes - rows->offset;                                                                   \
      if (piece->bytes >= PF_LONG) {                                                                               \
        LONG(to, from, left);                                                                                      \
      } else if (left >= PF_ROW && ((uintptr_t)to & (PF_LINE - 1)) == 0) {                                         \
        group[taken++] = (struct row){to, from};                                                                   \
        rows->offset += PF_ROW;                                                                                    \
        if (left > PF_ROW) continue;                                                                               \
      } else {                                                                                                     \
        NAME##_piece(to, from, left);                                                                              \
      }                                                                                                            \
      rows->piece++;                                                                                               \
      rows->offset = 0;                                                                                            \
    }                                                                                                              \
    return taken;                                                                                                  \
  }                                                                                                                \
  TARGET(INSTRUCTIONS) static void NAME##_by4(const struct pf_copy_piece *pieces, size_t count) {                  \
    struct rows rows = {pieces, pieces + count, 0};                                                                \
    struct row group[PF_ROWS], next[PF_ROWS];                                                                      \
    int taken = NAME##_take(&rows, group);                                                                         \
    while (taken == PF_ROWS) {                                                                                     \
      memcpy(next, group, sizeof next);                                                                            \
      taken = NAME##_take(&rows, next);                                                                            \
      for (size_t i = 0; i < PF_ROW; i += PF_LINE) {                                                               \
        _Pragma("clang loop unroll(full)") for (int row = 0; row < PF_ROWS; row++) {                               \
          _mm_prefetch(next[row].from + i, _MM_HINT_T0);                                                           \
          LINE(group[row].to + i, group[row].from + i);                                                            \
        }                                                                                                          \
      }                                                                                                            \
      memcpy(group, next, sizeof group);                                                                           \
    }                                                                                                              \
    for (int row = 0; row < taken; row++) NAME##_piece(group[row].to, group[row].from, PF_ROW);                    \
    FENCE;                                                                                                         \
  }

#define LINE_AVX2(to, from)                                                      \
  do {                                                                           \
    __m256i low = _mm256_loadu_si256((const __m256i *)(from));                   \
    __m256i high = _mm256_loadu_si256((const __m256i *)((from) + 32));           \
    _mm256_store_si256((__m256i *)(to), low);                                    \
    _mm256_store_si256((__m256i *)((to) + 32), high);                            \
  } while (0)
#define LINE_AVX2_NT(to, from)                                                   \
  do {                                                                           \
    __m256i low = _mm256_loadu_si256((const __m256i *)(from));                   \
    __m256i high = _mm256_loadu_si256((const __m256i *)((from) + 32));           \
    _mm256_stream_si256((__m256i *)(to), low);                                   \
    _mm256_stream_si256((__m256i *)((to) + 32), high);                           \
  } while (0)
#define LINE_AVX512(to, from) _mm512_store_si512((void *)(to), _mm512_loadu_si512(from))
#define LINE_AVX512_NT(to, from) _mm512_stream_si512((void *)(to), _mm512_loadu_si512(from))
#define LINE_MOVDIR64B(to, from) _movdir64b((void *)(to), (const void *)(from))

PIECE(copy_avx2, "avx2", LINE_AVX2)
KERNEL_BY4(copy_avx2, "avx2", LINE_AVX2, memcpy, (void)0)
PIECE(copy_avx2_nt, "avx2", LINE_AVX2_NT)
KERNEL(copy_avx2_nt, "avx2", _mm_sfence())
KERNEL_BY4(copy_avx2_nt, "avx2", LINE_AVX2_NT, copy_avx2_nt_piece, _mm_sfence())
PIECE(copy_avx512, "avx512f", LINE_AVX512)
KERNEL_BY4(copy_avx512, "avx512f", LINE_AVX512, memcpy, (void)0)
PIECE(copy_avx512_nt, "avx512f", LINE_AVX512_NT)
KERNEL(copy_avx512_nt, "avx512f", _mm_sfence())
KERNEL_BY4(copy_avx512_nt, "avx512f", LINE_AVX512_NT, copy_avx512_nt_piece, _mm_sfence())
PIECE(copy_movdir64b, "movdir64b", LINE_MOVDIR64B)
KERNEL(copy_movdir64b, "movdir64b", _mm_sfence())
KERNEL_BY4(copy_movdir64b, "movdir64b", LINE_MOVDIR64B, copy_movdir64b_piece, _mm_sfence())
#endif

int pf_copy_list(enum pf_copy_kernel kernel, const struct pf_copy_piece *pieces, size_t count) {
  switch (kernel) {
  case PF_COPY_BY_MEMCPY: return copy_memcpy(pieces, count), 1;
#if defined(__x86_64__)
  case PF_COPY_BY_REP_MOVSB: return copy_rep_movsb(pieces, count), 1;
  case PF_COPY_BY_AVX2_BY4: return copy_avx2_by4(pieces, count), 1;
  case PF_COPY_BY_AVX512_BY4: return copy_avx512_by4(pieces, count), 1;
  case PF_COPY_BY_AVX2_NT: return copy_avx2_nt(pieces, count), 1;
  case PF_COPY_BY_AVX2_NT_BY4: return copy_avx2_nt_by4(pieces, count), 1;
  case PF_COPY_BY_AVX512_NT: return copy_avx512_nt(pieces, count), 1;
  case PF_COPY_BY_AVX512_NT_BY4: return copy_avx512_nt_by4(pieces, count), 1;
  case PF_COPY_BY_MOVDIR64B: return copy_movdir64b(pieces, count), 1;
  case PF_COPY_BY_MOVDIR64B_BY4: return copy_movdir64b_by4(pieces, count), 1;
#endif
  default: return 0;
  }
}
