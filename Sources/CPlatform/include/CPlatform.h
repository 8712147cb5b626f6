// The few things Swift cannot say: prefetch, the CPU's CRC-32C instruction, the environment.
#ifndef PAGEFERRY_CPLATFORM_H
#define PAGEFERRY_CPLATFORM_H

#include <stddef.h>
#include <stdint.h>

/// Asks for the line at `address` to be brought in for writing. Inlined into Swift loops.
static inline void pf_prefetch_write(const void *address) { __builtin_prefetch(address, 1, 3); }

/// Asks for the line at `address` to be brought in for reading.
static inline void pf_prefetch_read(const void *address) { __builtin_prefetch(address, 0, 3); }

/// CRC-32C (Castagnoli) of `length` bytes, continuing from `crc` (0 to start).
uint32_t pf_crc32c(uint32_t crc, const void *bytes, size_t length);

/// The environment, to be handed on to another program: Swift takes `environ` for a shared variable.
char **pf_environment(void);

#endif
