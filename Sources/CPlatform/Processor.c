#include "Processor.h"

#if defined(__x86_64__)
#include <cpuid.h>

// XCR0: which registers the system saves at a switch of tasks.
static uint64_t saved_registers(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

uint32_t pf_processor_features(void) {
  uint32_t a, b, c, d, features = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
  uint64_t saved = c & (1u << 27) ? saved_registers() : 0;
  int ymm = (saved & 0x06) == 0x06, zmm = (saved & 0xe6) == 0xe6;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
  if (b & 1u << 9) features |= PF_PROCESSOR_ERMS;
  if (d & 1u << 4) features |= PF_PROCESSOR_FSRM;
  if (b & 1u << 23) features |= PF_PROCESSOR_CLFLUSHOPT;
  if (b & 1u << 24) features |= PF_PROCESSOR_CLWB;
  if (b & 1u << 5 && ymm) features |= PF_PROCESSOR_AVX2;
  if (b & 1u << 16 && zmm) features |= PF_PROCESSOR_AVX512F;
  if (c & 1u << 5) features |= PF_PROCESSOR_WAITPKG;
  if (c & 1u << 27) features |= PF_PROCESSOR_MOVDIRI;
  if (c & 1u << 28) features |= PF_PROCESSOR_MOVDIR64B;
  if (c & 1u << 29) features |= PF_PROCESSOR_ENQCMD;
  return features;
}
#else
uint32_t pf_processor_features(void) { return 0; }
#endif
