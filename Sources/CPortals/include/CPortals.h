// The instructions of portals and of waiting, and the probes of pages that Swift cannot say.
//
// Each function may be called on any processor: what the processor does not have is done with plain stores, or not at all.
#ifndef PAGEFERRY_CPORTALS_H
#define PAGEFERRY_CPORTALS_H

#include <stddef.h>
#include <stdint.h>

/// What this processor has, as bits of `pf_processor_feature`. A build under ThreadSanitizer has no MOVDIR64B: the sanitizer does not
/// see its stores.
uint32_t pf_portal_instructions(void);

/// Writes 64 bytes to an address that is a multiple of 64, after everything written before: one MOVDIR64B when `direct` is not
/// zero and the processor has it. Otherwise eight stores, the first 8 bytes last: who finds them not zero finds the rest.
void pf_store64_bytes(void *portal, const void *descriptor, int direct);

/// Writes 64 bytes to the portal of a shared queue with ENQCMD, after everything written before.
/// Returns 0 when the queue took them, 1 for Retry (ZF); 2 when the processor has no such instruction.
int pf_enqcmd(void *portal, const void *descriptor);

/// Reads 64 bytes of a portal's page as 8 words; the first 8 bytes with acquire. Returns 0 if those are zero.
int pf_take64_bytes(void *portal, void *descriptor);

/// Asks for the line at an address to be brought in as this CPU's own. Not `__builtin_prefetch`, which only reads where the compiler may
/// not assume PREFETCHW; processors without it take it for a no-op. A line that is not there is no fault.
static inline void pf_fetch_for_writing(const void *address) {
#if defined(__x86_64__)
  __asm__ volatile("prefetchw %0" : : "m"(*(const char *)address));
#else
  __builtin_prefetch(address, 1, 3);
#endif
}

/// Tells the processor that this is a loop that waits (PAUSE, YIELD).
void pf_pause(void);

/// Sleeps lightly until the line of `byte` is written or `cycles` of the time stamp counter are over, if `*byte` is `value`.
/// Without WAITPKG one PAUSE.
void pf_monitor_wait(const volatile uint8_t *byte, uint8_t value, uint64_t cycles);

/// Sleeps lightly for `cycles` of the time stamp counter. Without WAITPKG one PAUSE.
void pf_timed_pause(uint64_t cycles);

/// Everything written before is visible before anything written after.
void pf_store_fence(void);

/// A full barrier between earlier stores and later loads.
void pf_full_fence(void);

/// mincore(2) over whole pages: 0, or errno. `resident` gets a byte a page.
int pf_resident(uintptr_t address, size_t length, unsigned char *resident);

/// Has the kernel bring whole pages in for reading, or for writing (MADV_POPULATE_*): 0, or errno, and nothing else happens.
int pf_populate(uintptr_t address, size_t length, int for_writing);

/// Touches each 4 KiB page of a range: reads a byte, or writes one back as it is. A page that is not mapped is a fault.
void pf_touch_range(uintptr_t address, size_t length, int for_writing);

#endif
