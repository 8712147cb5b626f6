// What the processor and the operating system allow, as far as copying goes.

import CPlatform

/// Instructions that copy loops use. A set that a test makes up stands for another machine.
public struct CPUFeatures: OptionSet, Sendable, Hashable {
  public let rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  private init(_ feature: pf_processor_feature) { rawValue = feature.rawValue }

  /// The processor is an x86-64.
  public static let x86 = CPUFeatures(PF_PROCESSOR_X86_64)
  /// Fast `rep movsb` (ERMS).
  public static let fastStrings = CPUFeatures(PF_PROCESSOR_ERMS)
  public static let avx2 = CPUFeatures(PF_PROCESSOR_AVX2)
  public static let avx512 = CPUFeatures(PF_PROCESSOR_AVX512F)
  public static let movdir64b = CPUFeatures(PF_PROCESSOR_MOVDIR64B)
  /// The operating system keeps YMM registers across switches.
  public static let keepsYMM = CPUFeatures(PF_PROCESSOR_KEEPS_YMM)
  /// The operating system keeps ZMM registers across switches.
  public static let keepsZMM = CPUFeatures(PF_PROCESSOR_KEEPS_ZMM)
  public static let intel = CPUFeatures(PF_PROCESSOR_INTEL)

  /// This machine's.
  public static let host = CPUFeatures(rawValue: pf_processor_features())

  /// A feature of one bit in words: what is missing, how that is known, and what would change it.
  var obstacle: KernelObstacle? {
    switch self {
    case .x86: KernelObstacle("the processor is no x86-64", remedy: "another machine")
    case .avx2: Self.lacking("AVX2", "7.0 EBX bit 5")
    case .avx512: Self.lacking("AVX-512F", "7.0 EBX bit 16")
    case .movdir64b: Self.lacking("MOVDIR64B", "7.0 ECX bit 28")
    case .keepsYMM: Self.unkept("YMM", "1 and 2")
    case .keepsZMM: Self.unkept("ZMM", "5 to 7")
    default: nil
    }
  }

  private static func lacking(_ name: String, _ bit: String) -> KernelObstacle {
    KernelObstacle(
      "the CPU does not offer \(name) (cpuid \(bit))",
      remedy: "a CPU that has it; in a virtual machine, a CPU model that passes it on (QEMU: -cpu host)")
  }

  private static func unkept(_ registers: String, _ bits: String) -> KernelObstacle {
    KernelObstacle(
      "the operating system does not keep \(registers) registers (XCR0 bits \(bits))",
      remedy: "a kernel started without noxsave and without clearcpuid for them")
  }
}

/// Why a kernel cannot be used here, and what would enable it.
public struct KernelObstacle: Sendable, Equatable, CustomStringConvertible {
  public let why: String
  public let remedy: String

  public init(_ why: String, remedy: String) {
    self.why = why
    self.remedy = remedy
  }

  public var description: String { "\(why); it takes \(remedy)" }
}
