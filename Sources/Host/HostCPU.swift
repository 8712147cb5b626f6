// The CPU: model, caches, and the instructions that copies and portals care about.

import CPlatform
import Foundation

/// An instruction or a group of them, by the name that /proc/cpuinfo gives it.
public enum CPUFeature: String, Sendable, Equatable, CaseIterable {
  /// Fast `rep movsb`, and fast short ones.
  case erms, fsrm
  case clflushopt, clwb
  case avx2, avx512f
  /// UMONITOR, UMWAIT, TPAUSE: waiting for a completion without spinning.
  case waitpkg
  case movdiri
  /// 64 bytes as one store: submission to dedicated queues.
  case movdir64b
  /// 64 bytes as one store with an answer: submission to shared queues.
  case enqcmd

  /// Bits of `pf_processor_features`: of the instruction, and of the registers that the system has to keep for it.
  fileprivate var bits: UInt32 {
    switch self {
    case .erms: PF_PROCESSOR_ERMS.rawValue
    case .fsrm: PF_PROCESSOR_FSRM.rawValue
    case .clflushopt: PF_PROCESSOR_CLFLUSHOPT.rawValue
    case .clwb: PF_PROCESSOR_CLWB.rawValue
    case .avx2: PF_PROCESSOR_AVX2.rawValue | PF_PROCESSOR_KEEPS_YMM.rawValue
    case .avx512f: PF_PROCESSOR_AVX512F.rawValue | PF_PROCESSOR_KEEPS_ZMM.rawValue
    case .waitpkg: PF_PROCESSOR_WAITPKG.rawValue
    case .movdiri: PF_PROCESSOR_MOVDIRI.rawValue
    case .movdir64b: PF_PROCESSOR_MOVDIR64B.rawValue
    case .enqcmd: PF_PROCESSOR_ENQCMD.rawValue
    }
  }
}

/// The CPUs of the machine, taken for alike.
public struct HostCPU: Sendable, Equatable {
  /// A cache of the first CPU.
  public struct Cache: Sendable, Equatable {
    public var level: Int
    /// `Data`, `Instruction`, `Unified`.
    public var type: String
    /// Bytes.
    public var size: Int
    /// CPUs that share it.
    public var sharedBy: Int

    public init(level: Int, type: String, size: Int, sharedBy: Int) {
      self.level = level
      self.type = type
      self.size = size
      self.sharedBy = sharedBy
    }
  }

  /// `model name` of /proc/cpuinfo; nil where it has none (other processors than x86).
  public var model: String?
  /// CPUs that are online.
  public var cpus: Int
  /// Nearest first.
  public var caches: [Cache]
  /// What may be used: what cpuid says on this machine, the flags of /proc/cpuinfo under another root.
  public var features: [CPUFeature]
  /// Whether anything told them.
  public var areFeaturesKnown = true
  /// Features that cpuid has and /proc/cpuinfo lacks: the kernel switched them off, or does not know them.
  public var hiddenByKernel: [CPUFeature]

  public init(
    model: String?, cpus: Int, caches: [Cache], features: [CPUFeature], hiddenByKernel: [CPUFeature] = []
  ) {
    self.model = model
    self.cpus = cpus
    self.caches = caches
    self.features = features
    self.hiddenByKernel = hiddenByKernel
  }

  /// Whether the kernel lets processes use it. ENQCMD needs a PASID that the kernel gives a process, so that cpuid is not enough.
  public func canUse(_ feature: CPUFeature) -> Bool {
    features.contains(feature) && !(feature == .enqcmd && hiddenByKernel.contains(feature))
  }

  /// Reads them; what cannot be read is appended to `unread`.
  public init(_ root: HostRoot, unread: inout [Unreadable]) {
    self.init(model: nil, cpus: 0, caches: [], features: [])
    var flags: Set<Substring> = []
    do throws(Unreadable) {
      // The lines of the first CPU are enough.
      for line in try root.text("/proc/cpuinfo").prefix(1 << 14).split(separator: "\n") {
        guard let colon = line.firstIndex(of: ":") else { continue }
        let value = line[line.index(after: colon)...].drop { $0 == " " }
        switch line[..<colon].trimmingCharacters(in: .whitespaces) {
        case "model name": model = model ?? String(value)
        case "flags": if flags.isEmpty { flags = Set(value.split(separator: " ")) }
        default: break
        }
      }
    } catch { unread.append(error) }
    do throws(Unreadable) {
      cpus = ListText.numbers(try root.text("/sys/devices/system/cpu/online"))?.count ?? 0
    } catch { unread.append(error) }
    let listed = CPUFeature.allCases.filter { flags.contains(Substring($0.rawValue)) }
    if root.isMachine {
      let found = pf_processor_features()
      features = CPUFeature.allCases.filter { found & $0.bits == $0.bits }
      hiddenByKernel = flags.isEmpty ? [] : features.filter { !listed.contains($0) }
    } else {
      features = listed
      areFeaturesKnown = !flags.isEmpty
    }
    caches = HostCPU.caches(root)
  }

  private static func caches(_ root: HostRoot) -> [Cache] {
    let folder = "/sys/devices/system/cpu/cpu0/cache"
    return ((try? root.names(in: folder)) ?? []).compactMap { name in
      guard name.hasPrefix("index"), let level = try? root.integer("\(folder)/\(name)/level"),
        let type = try? root.text("\(folder)/\(name)/type"), let size = try? root.text("\(folder)/\(name)/size"),
        size.hasSuffix("K"), let kibibytes = Int(size.dropLast()), kibibytes >= 0, kibibytes < 1 << 40
      else { return nil }
      let shared = (try? root.text("\(folder)/\(name)/shared_cpu_list")).flatMap { ListText.numbers($0) }
      return Cache(level: level, type: type, size: kibibytes << 10, sharedBy: shared?.count ?? 1)
    }
  }
}
