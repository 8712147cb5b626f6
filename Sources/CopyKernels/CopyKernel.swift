// The loops that copy, as values: which there are, which of them this machine has, which is the one to take.

import CCopyKernels

/// A part of memory to be copied: `to`, `from` and `bytes`. The two must not overlap.
public typealias CopyPiece = pf_copy_piece

/// A way in which one thread copies a list.
///
/// `nt` kernels store past the caches, as MOVDIR64B does: the old destination is not read, and nothing else is
/// driven out. `by4` kernels copy rows of 4 KiB of four pages side by side and ask for the lines of the next four meanwhile:
/// hardware prefetchers end at a page's end, and with single pages each begins with misses that nothing hides. Pieces from 32 KiB on
/// they copy as the kernel without `by4` does, or as memcpy.
public struct CopyKernel: Sendable, Hashable, CustomStringConvertible {
  /// As `--engines` takes it.
  public let name: String
  /// Whether the destination is in the caches afterwards, as far as it fits.
  public let fillsCaches: Bool
  private let code: UInt32
  private let needs: CPUFeatures

  private init(_ name: String, _ code: pf_copy_kernel, fillsCaches: Bool, needs: CPUFeatures = []) {
    self.name = name
    self.code = code.rawValue
    self.fillsCaches = fillsCaches
    self.needs = needs
  }

  /// The C library's, page by page.
  public static let memcpy = CopyKernel("memcpy", PF_COPY_BY_MEMCPY, fillsCaches: true)
  /// The processor's own string copy.
  public static let repMovsb = CopyKernel("rep-movsb", PF_COPY_BY_REP_MOVSB, fillsCaches: true, needs: .x86)
  public static let avx2By4 = CopyKernel(
    "avx2-by4", PF_COPY_BY_AVX2_BY4, fillsCaches: true, needs: [.avx2, .keepsYMM])
  public static let avx512By4 = CopyKernel(
    "avx512-by4", PF_COPY_BY_AVX512_BY4, fillsCaches: true, needs: [.avx512, .keepsZMM])
  public static let avx2NT = CopyKernel(
    "avx2-nt", PF_COPY_BY_AVX2_NT, fillsCaches: false, needs: [.avx2, .keepsYMM])
  public static let avx2NTBy4 = CopyKernel(
    "avx2-nt-by4", PF_COPY_BY_AVX2_NT_BY4, fillsCaches: false, needs: [.avx2, .keepsYMM])
  public static let avx512NT = CopyKernel(
    "avx512-nt", PF_COPY_BY_AVX512_NT, fillsCaches: false, needs: [.avx512, .keepsZMM])
  public static let avx512NTBy4 = CopyKernel(
    "avx512-nt-by4", PF_COPY_BY_AVX512_NT_BY4, fillsCaches: false, needs: [.avx512, .keepsZMM])
  public static let movdir64b = CopyKernel(
    "movdir64b", PF_COPY_BY_MOVDIR64B, fillsCaches: false, needs: .movdir64b)
  public static let movdir64bBy4 = CopyKernel(
    "movdir64b-by4", PF_COPY_BY_MOVDIR64B_BY4, fillsCaches: false, needs: .movdir64b)

  /// All that there are, on whatever machine.
  public static let all = [
    memcpy, repMovsb, avx2By4, avx512By4, avx2NT, avx2NTBy4, avx512NT, avx512NTBy4, movdir64b, movdir64bBy4,
  ]

  /// Those that a machine has.
  public static func available(on features: CPUFeatures = .host) -> [CopyKernel] {
    all.filter { $0.obstacle(on: features) == nil }
  }

  public init?(name: String) {
    guard let kernel = Self.all.first(where: { $0.name == name }) else { return nil }
    self = kernel
  }

  /// What keeps the kernel from running on a machine; nil when nothing does.
  public func obstacle(on features: CPUFeatures = .host) -> KernelObstacle? {
    if needs.isEmpty { return nil }
    if !features.contains(.x86) { return CPUFeatures.x86.obstacle }
    let order: [CPUFeatures] = [.avx2, .avx512, .movdir64b, .keepsYMM, .keepsZMM]
    return order.first { needs.contains($0) && !features.contains($0) }?.obstacle
  }

  /// The kernel to take for lists of cold pages.
  ///
  /// - Parameter destinationUsedNext: whether what was copied is read or written soon, as after a promotion; a demoted page is not.
  ///   Then it is copied through the caches; else past them, which saves reading the old destination.
  ///
  /// Source of the order: measured on Zen 5 (docs/performance.md), where side by side is the fastest by far, and 256 bits are as fast as
  /// 512 within 3 %. On others it is uncalibrated: `pageferry bench copy` tells.
  public static func best(destinationUsedNext: Bool, on features: CPUFeatures = .host) -> CopyKernel {
    let order = destinationUsedNext ? [avx512By4, avx2By4, memcpy] : [avx512NTBy4, avx2NTBy4, movdir64bBy4, memcpy]
    return order.first { $0.obstacle(on: features) == nil } ?? memcpy
  }

  /// Copies all pieces with the calling thread. Stores have reached memory's order when it returns.
  public func copy(_ pieces: UnsafeBufferPointer<CopyPiece>) throws(CopyKernelError) {
    if let obstacle = obstacle() { throw .unavailable(kernel: name, obstacle) }
    _ = pf_copy_list(pf_copy_kernel(code), pieces.baseAddress, pieces.count)
  }

  public func copy(_ pieces: [CopyPiece]) throws(CopyKernelError) {
    if let obstacle = obstacle() { throw .unavailable(kernel: name, obstacle) }
    pieces.withUnsafeBufferPointer { _ = pf_copy_list(pf_copy_kernel(code), $0.baseAddress, $0.count) }
  }

  public var description: String { name }
}

/// Why a kernel did not copy.
public enum CopyKernelError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The processor would not know the instructions.
  case unavailable(kernel: String, KernelObstacle)

  public var description: String {
    switch self {
    case .unavailable(let kernel, let obstacle): "copy kernel \(kernel): \(obstacle)"
    }
  }
}
