import CopyKernels
import Testing
import Units

@Suite struct CopyKernelTests {
  @Test(arguments: CopyKernel.available())
  func everyKernelCopiesWholePagesInAnyOrder(_ kernel: CopyKernel) throws {
    // Groups of four, and what is left of them.
    for count in [0, 1, 3, 4, 5, 8, 11] {
      let memory = TestMemory(bytes: 12 * Page.size)
      let pieces = (0..<count).map {
        memory.piece(to: ($0 * 5 % 12) * Page.size, from: ($0 * 7 % 12) * Page.size, bytes: Page.size)
      }
      try kernel.copy(pieces)
      #expect(memory.isAsExpected, "\(count) pages")
    }
  }

  @Test(arguments: CopyKernel.available())
  func everyKernelCopiesAnyAlignmentAndSize(_ kernel: CopyKernel) throws {
    let memory = TestMemory(bytes: 64 * Page.size)
    var pieces: [CopyPiece] = []
    var at = 3
    for (index, bytes) in [0, 1, 31, 63, 64, 65, 127, 255, 256, 257, 4095, 4096, 4097, 8192, 12_289, 64_000]
      .enumerated()
    {
      pieces.append(memory.piece(to: at, from: at &* 3 % 5 + at, bytes: bytes))
      at += bytes + index % 7
    }
    // Aligned destinations of unaligned sources, and folios' parts beside pages.
    at = (at + 63) & ~63
    for bytes in [4096, 6 * 4096 + 64, 4096, 320, 4096, 4096, 4096 + 1] {
      pieces.append(memory.piece(to: at, from: at + 9, bytes: bytes))
      at += (bytes + 63) & ~63
    }
    try kernel.copy(pieces)
    #expect(memory.isAsExpected)
  }

  @Test func namesAreUniqueAndRead() {
    #expect(Set(CopyKernel.all.map(\.name)).count == CopyKernel.all.count)
    for kernel in CopyKernel.all { #expect(CopyKernel(name: kernel.name) == kernel) }
    #expect(CopyKernel(name: "memmove") == nil)
  }

  /// A machine in CPU features, and the kernels to take there.
  static let machines: [(features: CPUFeatures, cold: CopyKernel, next: CopyKernel)] = [
    ([], .memcpy, .memcpy),
    ([.x86], .memcpy, .memcpy),
    ([.x86, .avx2], .memcpy, .memcpy),
    ([.x86, .avx2, .keepsYMM], .avx2NTBy4, .avx2By4),
    ([.x86, .avx2, .keepsYMM, .avx512], .avx2NTBy4, .avx2By4),
    ([.x86, .avx2, .keepsYMM, .avx512, .keepsZMM], .avx512NTBy4, .avx512By4),
    ([.x86, .movdir64b], .movdir64bBy4, .memcpy),
  ]

  @Test(arguments: machines.indices)
  func theBestIsAvailableAndFitsTheUse(_ index: Int) {
    let machine = Self.machines[index]
    #expect(CopyKernel.best(destinationUsedNext: false, on: machine.features) == machine.cold)
    #expect(CopyKernel.best(destinationUsedNext: true, on: machine.features) == machine.next)
    #expect(machine.next.fillsCaches)
    #expect(machine.cold.obstacle(on: machine.features) == nil)
  }

  @Test func anObstacleSaysWhatIsMissingAndWhatHelps() throws {
    #expect(CopyKernel.memcpy.obstacle(on: []) == nil)
    #expect(CopyKernel.repMovsb.obstacle(on: [])?.why == "the processor is no x86-64")
    let cpu = try #require(CopyKernel.avx512NT.obstacle(on: [.x86, .keepsZMM]))
    #expect(cpu.why == "the CPU does not offer AVX-512F (cpuid 7.0 EBX bit 16)")
    #expect(cpu.remedy.contains("-cpu host"))
    let system = try #require(CopyKernel.avx512NT.obstacle(on: [.x86, .avx512]))
    #expect(system.why == "the operating system does not keep ZMM registers (XCR0 bits 5 to 7)")
    #expect(CopyKernel.movdir64b.obstacle(on: [.x86])?.why.contains("ECX bit 28") == true)
  }

  @Test func aKernelThatIsNotThereCopiesNothing() throws {
    guard let missing = CopyKernel.all.first(where: { $0.obstacle() != nil }) else { return }
    let memory = TestMemory(bytes: Page.size)
    let piece = CopyPiece(
      to: memory.to.baseAddress, from: UnsafeRawPointer(memory.from.baseAddress), bytes: Page.size)
    #expect(throws: CopyKernelError.self) { try missing.copy([piece]) }
    #expect(memory.isAsExpected)
  }
}
