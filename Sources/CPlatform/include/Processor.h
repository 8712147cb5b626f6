// What the CPU says of itself, and the operating system of its registers: the one place that asks cpuid and XCR0 for the rooms above.
#ifndef PAGEFERRY_PROCESSOR_H
#define PAGEFERRY_PROCESSOR_H

#include <stdint.h>

/// What an x86-64 CPU has, and what the system on it does. An instruction that uses YMM or ZMM registers takes both: the bit of the
/// instruction and that of its registers.
///
/// Source: Intel SDM volume 2A, CPUID, leaves 0 and 7; volume 1, 13.3 and 14.3 (what the system must have enabled).
enum pf_processor_feature {
  /// The processor is an x86-64.
  PF_PROCESSOR_X86_64 = 1 << 0,
  /// The vendor is Intel.
  PF_PROCESSOR_INTEL = 1 << 1,
  /// Fast `rep movsb` (leaf 7 EBX bit 9), and fast short ones (EDX bit 4).
  PF_PROCESSOR_ERMS = 1 << 2,
  PF_PROCESSOR_FSRM = 1 << 3,
  /// EBX bits 23 and 24.
  PF_PROCESSOR_CLFLUSHOPT = 1 << 4,
  PF_PROCESSOR_CLWB = 1 << 5,
  /// EBX bits 5 and 16.
  PF_PROCESSOR_AVX2 = 1 << 6,
  PF_PROCESSOR_AVX512F = 1 << 7,
  /// ECX bits 5, 27, 28 and 29.
  PF_PROCESSOR_WAITPKG = 1 << 8,
  PF_PROCESSOR_MOVDIRI = 1 << 9,
  PF_PROCESSOR_MOVDIR64B = 1 << 10,
  PF_PROCESSOR_ENQCMD = 1 << 11,
  /// The system keeps YMM registers at a switch of tasks (XCR0 bits 1 and 2).
  PF_PROCESSOR_KEEPS_YMM = 1 << 12,
  /// The system keeps ZMM and mask registers too (XCR0 bits 5 to 7).
  PF_PROCESSOR_KEEPS_ZMM = 1 << 13,
};

/// Bits of `pf_processor_feature`, of the CPU that asked first; 0 on other processors than x86-64.
uint32_t pf_processor_features(void);

#endif
