// What the CPU says of itself.
#ifndef PAGEFERRY_PROCESSOR_H
#define PAGEFERRY_PROCESSOR_H

#include <stdint.h>

/// Instructions of an x86-64 CPU (cpuid leaf 7, Intel SDM volume 2A), those left out whose registers the system does not save.
enum pf_processor_feature {
  PF_PROCESSOR_ERMS = 1 << 0,
  PF_PROCESSOR_FSRM = 1 << 1,
  PF_PROCESSOR_CLFLUSHOPT = 1 << 2,
  PF_PROCESSOR_CLWB = 1 << 3,
  PF_PROCESSOR_AVX2 = 1 << 4,
  PF_PROCESSOR_AVX512F = 1 << 5,
  PF_PROCESSOR_WAITPKG = 1 << 6,
  PF_PROCESSOR_MOVDIRI = 1 << 7,
  PF_PROCESSOR_MOVDIR64B = 1 << 8,
  PF_PROCESSOR_ENQCMD = 1 << 9,
};

/// The features of the CPU that asks; 0 on other processors than x86-64.
uint32_t pf_processor_features(void);

#endif
