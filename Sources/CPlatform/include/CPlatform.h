// The few things Swift cannot say: prefetch, CRC-32C, the environment, words shared with another process.
#ifndef PAGEFERRY_CPLATFORM_H
#define PAGEFERRY_CPLATFORM_H

#include "Affinity.h"
#include "Columns.h"
#include "Processor.h"

#include <stddef.h>
#include <stdint.h>

/// Asks for the line at `address` to be brought in for writing. Inlined into Swift loops.
static inline void pf_prefetch_write(const void *address) { __builtin_prefetch(address, 1, 3); }

/// Asks for the line at `address` to be brought in for reading.
static inline void pf_prefetch_read(const void *address) { __builtin_prefetch(address, 0, 3); }

/// CRC-32C (Castagnoli) of `length` bytes, continuing from `crc` (0 to start).
uint32_t pf_crc32c(uint32_t crc, const void *bytes, size_t length);

/// Ways to the same sum, each faster than the one before where the CPU has it.
enum pf_crc {
  /// Bit by bit, on any CPU.
  PF_CRC_BITWISE = 0,
  /// By the instruction of SSE 4.2.
  PF_CRC_INSTRUCTION = 1,
  /// By carry-less products in vectors of 64 bytes: AVX-512 and VPCLMULQDQ.
  PF_CRC_FOLDED = 2,
};

/// The fastest way of this CPU.
enum pf_crc pf_fastest_crc(void);

/// `pf_crc32c` in a given way, which must not be beyond the fastest.
uint32_t pf_crc32c_by(enum pf_crc way, uint32_t crc, const void *bytes, size_t length);

/// The environment, to be handed on to another program: Swift takes `environ` for a shared variable.
char **pf_environment(void);

/// A word that another process writes, and everything that it wrote before.
static inline uint32_t pf_load32(const void *word) { return __atomic_load_n((const uint32_t *)word, __ATOMIC_SEQ_CST); }
static inline uint64_t pf_load64(const void *word) { return __atomic_load_n((const uint64_t *)word, __ATOMIC_ACQUIRE); }

/// Shows another process the word, and everything that was written before.
static inline void pf_store32(void *word, uint32_t value) { __atomic_store_n((uint32_t *)word, value, __ATOMIC_SEQ_CST); }

/// A byte or a word that another thread or a device writes, and everything that it wrote before. Out of line, so that
/// a sanitizer of threads sees them.
uint8_t pf_acquire8(const void *byte);
uint32_t pf_acquire32(const void *word);
uint64_t pf_acquire64(const void *word);

/// Shows other threads the byte or the word, and everything that was written before.
void pf_release8(void *byte, uint8_t value);
void pf_release32(void *word, uint32_t value);
void pf_release64(void *word, uint64_t value);

/// Words that one thread writes and others read, each word whole; what orders them is somewhere else.
void pf_write_words(void *shared, const void *words, size_t count);
void pf_read_words(void *words, const void *shared, size_t count);

/// Sleeps while the shared word is `value`, until it is woken or `milliseconds` (below 1000) are over: futex(2).
void pf_wait32(void *word, uint32_t value, int milliseconds);

/// Wakes all that sleep at the shared word.
void pf_wake32(void *word);

/// Memory of its own under a descriptor that closes on exec, as memfd_create(2); -1 and errno when there is none.
int pf_memory_file(const char *name);

/// A pipe whose ends close on exec, as pipe2(2): ends[0] is read, ends[1] written. -1 and errno when there is none.
int pf_pipe(int ends[2]);

/// The flag of posix_spawnattr_setflags(3) that gives the program a session of its own.
int16_t pf_spawn_in_own_session(void);

#endif
