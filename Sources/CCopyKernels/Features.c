// What cpuid and XCR0 say of the kernels.
// Source: Intel SDM volume 2A, CPUID, and volume 1, 13.3 and 14.3 (what the operating system must have enabled).
#include "CCopyKernels.h"

#if defined(__x86_64__)
#include <cpuid.h>

static uint64_t xcr0(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

uint32_t pf_copy_features(void) {
  uint32_t features = PF_COPY_X86_64;
  uint32_t a, b, c, d;
  if (__get_cpuid(0, &a, &b, &c, &d) && b == signature_INTEL_ebx && c == signature_INTEL_ecx) features |= PF_COPY_INTEL;
  // OSXSAVE: without it xgetbv is no instruction.
  if (__get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE)) {
    uint64_t kept = xcr0();
    if ((kept & 0x06) == 0x06) features |= PF_COPY_OS_YMM;
    if ((kept & 0xe6) == 0xe6) features |= PF_COPY_OS_ZMM;
  }
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    if (b & 1u << 5) features |= PF_COPY_AVX2;
    if (b & 1u << 9) features |= PF_COPY_ERMS;
    if (b & 1u << 16) features |= PF_COPY_AVX512F;
    if (c & 1u << 28) features |= PF_COPY_MOVDIR64B;
  }
  return features;
}
#else
uint32_t pf_copy_features(void) { return 0; }
#endif
