// Loops in C that do the least that has to be done: what the program's own are measured against.
#ifndef PAGEFERRY_LIMIT_LOOPS_H
#define PAGEFERRY_LIMIT_LOOPS_H

#include <stddef.h>
#include <stdint.h>

/// What a text of valgrind's lackey adds up to.
typedef struct {
  uint64_t instructions, accesses, writes;
  /// Of all addresses and sizes, so that none can be left unread.
  uint64_t sum;
  /// Lines that are none of lackey's.
  uint64_t bad;
} LackeyCounts;

/// Parses `length` bytes of whole lines, each ended by a line feed.
LackeyCounts limit_lackey(const char *text, size_t length);

/// Bytes to move; source and destination do not overlap.
typedef struct {
  void *to;
  const void *from;
  size_t bytes;
} LimitPiece;

/// Copies pieces one after the other by memcpy. Meanwhile it asks for the first `ahead` lines of the next piece's source and destination.
void limit_copy(const LimitPiece *pieces, size_t count, size_t ahead);

#endif
