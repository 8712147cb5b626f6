#include "LimitLoops.h"

#include <string.h>

static unsigned hex_digit(unsigned char c) {
  unsigned digit = c - '0';
  if (digit < 10) return digit;
  unsigned letter = (c | 0x20u) - 'a';
  return letter < 6 ? letter + 10 : 255;
}

LackeyCounts limit_lackey(const char *text, size_t length) {
  LackeyCounts counts = {0};
  const unsigned char *p = (const unsigned char *)text, *end = p + length;
  while (p < end) {
    unsigned char kind = p[0] == ' ' ? p[1] : p[0];
    uint64_t address = 0, size = 0;
    unsigned digit;
    p += 3;
    while ((digit = hex_digit(*p)) < 16) {
      address = address << 4 | digit;
      p++;
    }
    if (*p++ != ',') {
      counts.bad++;
      while (p[-1] != '\n') p++;
      continue;
    }
    while ((digit = *p - '0') < 10) {
      size = size * 10 + digit;
      p++;
    }
    p++;
    counts.sum += address + size;
    if (kind == 'I') {
      counts.instructions++;
    } else if (kind == 'M') {
      counts.accesses += 2;
      counts.writes++;
    } else {
      counts.accesses++;
      counts.writes += kind == 'S';
    }
  }
  return counts;
}

/// As `__builtin_prefetch` for writing, which only reads where the compiler may not assume PREFETCHW.
static inline void fetch_for_writing(const char *line) {
#if defined(__x86_64__)
  __asm__ volatile("prefetchw %0" : : "m"(*line));
#else
  __builtin_prefetch(line, 1, 3);
#endif
}

void limit_copy(const LimitPiece *pieces, size_t count, size_t ahead) {
  for (size_t i = 0; i < count; i++) {
    for (size_t line = 0; i + 1 < count && line < ahead; line++) {
      __builtin_prefetch((const char *)pieces[i + 1].from + 64 * line, 0, 3);
      fetch_for_writing((const char *)pieces[i + 1].to + 64 * line);
    }
    memcpy(pieces[i].to, pieces[i].from, pieces[i].bytes);
  }
}
