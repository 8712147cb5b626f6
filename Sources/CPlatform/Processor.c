#include "Processor.h"

#if defined(__x86_64__)
#include <cpuid.h>

// XCR0: which registers the system keeps at a switch of tasks.
static uint64_t kept_registers(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

static uint32_t ask(void) {
  uint32_t a, b, c, d, features = PF_PROCESSOR_X86_64;
  if (__get_cpuid(0, &a, &b, &c, &d) && b == signature_INTEL_ebx && c == signature_INTEL_ecx) features |= PF_PROCESSOR_INTEL;
  // Without OSXSAVE xgetbv is no instruction.
  if (__get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE)) {
    uint64_t kept = kept_registers();
    if ((kept & 0x06) == 0x06) features |= PF_PROCESSOR_KEEPS_YMM;
    if ((kept & 0xe6) == 0xe6) features |= PF_PROCESSOR_KEEPS_ZMM;
  }
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return features;
  if (b & 1u << 5) features |= PF_PROCESSOR_AVX2;
  if (b & 1u << 9) features |= PF_PROCESSOR_ERMS;
  if (b & 1u << 16) features |= PF_PROCESSOR_AVX512F;
  if (b & 1u << 23) features |= PF_PROCESSOR_CLFLUSHOPT;
  if (b & 1u << 24) features |= PF_PROCESSOR_CLWB;
  if (c & 1u << 5) features |= PF_PROCESSOR_WAITPKG;
  if (c & 1u << 27) features |= PF_PROCESSOR_MOVDIRI;
  if (c & 1u << 28) features |= PF_PROCESSOR_MOVDIR64B;
  if (c & 1u << 29) features |= PF_PROCESSOR_ENQCMD;
  if (d & 1u << 4) features |= PF_PROCESSOR_FSRM;
  return features;
}

uint32_t pf_processor_features(void) {
  // 0 is no answer of an x86-64. Under a hypervisor cpuid takes microseconds.
  static uint32_t known;
  uint32_t features = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (features == 0) {
    features = ask();
    __atomic_store_n(&known, features, __ATOMIC_RELAXED);
  }
  return features;
}
#else
uint32_t pf_processor_features(void) { return 0; }
#endif
