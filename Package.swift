// swift-tools-version: 6.2
// Pageferry's rooms, lowest first; docs/architecture.md draws them. Arrows point down only.
import PackageDescription

/// The rooms of the model keep their state in classes, and a run-time check at every use of such a property takes half of an
/// epoch's time and a third of a migration's (docs/performance.md). Debug builds, and with them the tests, keep the checks.
let model: [SwiftSetting] = [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

let package = Package(
  name: "pageferry",
  products: [.executable(name: "pageferry", targets: ["pageferry"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    // The C floor: header-thin.
    .target(name: "CPlatform"),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CNuma", pkgConfig: "numa", providers: [.apt(["libnuma-dev"])]),
    .systemLibrary(name: "CHugetlbfs", providers: [.apt(["libhugetlbfs-dev"])]),

    // Words and mechanisms that know nothing of memory.
    .target(name: "Units"),
    .target(name: "Sysctl", dependencies: ["Units"]),
    .target(name: "Events", dependencies: ["Units"]),
    .target(name: "Timeline", dependencies: ["Units"], swiftSettings: model),

    // The copy engine: what a descriptor is, and a device that takes them in modelled time.
    .target(name: "DSAFormat", dependencies: ["CPlatform"]),
    .target(
      name: "DSAModel", dependencies: ["DSAFormat", "Events", "Sysctl", "Timeline", "Units"], swiftSettings: model),

    .target(name: "Calibration", dependencies: ["DSAModel", "DSAFormat", "Events", "Units"]),

    // The model.
    .target(name: "Machine", dependencies: ["Units", "Sysctl", "Events"], swiftSettings: model),
    .target(name: "MemoryModel", dependencies: ["Units", "Sysctl", "Events", "CPlatform"], swiftSettings: model),
    .target(
      name: "Migration",
      dependencies: ["PageCopy", "DSAModel", "DSAFormat", "Machine", "MemoryModel", "Sysctl", "Timeline", "Units"],
      swiftSettings: model),
    .target(
      name: "Tiering", dependencies: ["Migration", "Machine", "MemoryModel", "Sysctl", "Units", "Events"],
      swiftSettings: model),

    .target(
      name: "Compaction", dependencies: ["Tiering", "Migration", "Machine", "MemoryModel", "Sysctl", "Units"],
      swiftSettings: model),

    .target(
      name: "HugePages", dependencies: ["Compaction", "Tiering", "Migration", "Machine", "MemoryModel", "Units"],
      swiftSettings: model),

    // Copy engines: plans of copies, configurations of devices. Pure values.
    .target(name: "DSAConfig", dependencies: ["Sysctl", "Units", .product(name: "Yams", package: "Yams")]),
    .target(name: "PageCopy", dependencies: ["DSAConfig", "DSAFormat", "Sysctl", "Units"], swiftSettings: model),

    // Copies on real memory: a device of threads, and real queues.
    .target(name: "CPortals", dependencies: ["CPlatform"]),
    .target(
      name: "Portals",
      dependencies: ["CPortals", "CPlatform", "PageCopy", "DSAModel", "DSAFormat", "Sysctl", "Units"],
      swiftSettings: model),
    // Real bytes: loops for what the CPU has, threads that share a list.
    // Optimized in debug builds too: tests copy and compare megabytes.
    .target(name: "CCopyKernels", dependencies: ["CPlatform"], cSettings: [.unsafeFlags(["-O3"])]),
    .target(name: "CopyKernels", dependencies: ["CCopyKernels", "CPlatform", "PageCopy", "Units"]),

    // Input.
    // The C files are for recorded programs and for valgrind: `trace record` hands them out or builds them, and nothing here is linked
    // with them.
    .target(
      name: "Trace", dependencies: ["Units", "CPlatform", "CZlib", "CZstd"],
      resources: [
        .embedInCode("Record/Runtime/pageferry_instrument.c"), .embedInCode("Record/Valgrind/pageferry_valgrind.c"),
      ]),
    .target(
      name: "Workload",
      dependencies: [
        "Trace", "MemoryModel", "Sysctl", "Units", "Events", "CPlatform", .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: model),

    // Figures: gnuplot's driver and the colours. Knows nothing of runs.
    .target(name: "Plot"),

    // The machine that this runs on: what it has, and real memory on its nodes.
    .target(name: "Host", dependencies: ["Units", "CPlatform", "CNuma"]),
    .target(name: "HostMemory", dependencies: ["Host", "Units", "CPlatform", "CNuma", "CHugetlbfs"]),

    .target(
      name: "CopyBench",
      dependencies: ["CCopyKernels", "CopyKernels", "Portals", "HostMemory", "Host", "PageCopy", "Events", "Units"]),

    // Real memory behind the model's frames, and the engines that move it.
    .target(
      name: "Backing",
      dependencies: [
        "CCopyKernels", "CopyKernels", "CopyBench", "Portals", "HostMemory", "Host", "Migration", "PageCopy",
        "MemoryModel", "DSAModel", "Units",
      ]),

    // Runs, and what is made of them.
    .target(
      name: "Simulation",
      dependencies: [
        "Workload", "Trace", "HugePages", "Compaction", "Tiering", "Migration", "PageCopy", "DSAConfig", "DSAModel",
        "Machine",
        "MemoryModel", "Sysctl", "Timeline", "Units", "Events",
        .product(name: "Histogram", package: "hdrhistogram-swift"),
      ],
      swiftSettings: model),
    .target(
      name: "CopyModel",
      dependencies: [
        "Simulation", "Migration", "PageCopy", "DSAConfig", "DSAModel", "DSAFormat", "Machine", "MemoryModel", "Sysctl",
        "Units",
      ], swiftSettings: model),
    .target(
      name: "Report",
      dependencies: [
        "Simulation", "Workload", "Tiering", "Migration", "PageCopy", "DSAModel", "DSAFormat", "Machine", "MemoryModel",
        "Sysctl", "Timeline", "Units",
      ]),
    .target(
      name: "Charts", dependencies: ["Report", "Simulation", "Migration", "PageCopy", "Plot", "Sysctl"]),
    .target(
      name: "Compare",
      dependencies: [
        "Report", "Simulation", "Workload", "Tiering", "Migration", "PageCopy", "Machine", "MemoryModel", "Sysctl",
        "Units",
      ]),
    .target(
      name: "Sweep",
      dependencies: [
        "Compare", "Plot", "Report", "Simulation", "Workload", "Migration", "PageCopy", "MemoryModel", "DSAConfig",
        "Sysctl",
        "Units", .product(name: "GRDB", package: "GRDB.swift"),
      ]),
    .target(
      name: "Validation",
      dependencies: ["Simulation", "Workload", "Migration", "PageCopy", "MemoryModel", "Sysctl", "Units"]),

    .executableTarget(
      name: "pageferry",
      dependencies: [
        "Simulation", "Backing", "CopyModel", "Report", "Charts", "Plot", "Compare", "Sweep", "Validation",
        "Calibration",
        "Workload", "Trace", "Tiering", "Migration", "PageCopy", "CopyBench", "CopyKernels", "DSAConfig", "Host",
        "HostMemory", "Machine", "MemoryModel", "Sysctl", "CPlatform", "Timeline", "Units",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    .executableTarget(
      name: "pageferry-bench",
      dependencies: [
        "Sweep", "Compare", "Report", "Simulation", "Workload", "Trace", "Compaction", "Tiering", "Migration",
        "PageCopy", "Machine", "MemoryModel", "DSAModel", "DSAFormat", "Sysctl", "Events", "Units", "LimitLoops",
        "CopyBench", "CopyKernels", "Portals",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Benchmarks", exclude: ["LimitLoops", "recording.sh"]),
    .target(name: "LimitLoops", path: "Benchmarks/LimitLoops", cSettings: [.unsafeFlags(["-O3"])]),

    .testTarget(
      name: "PortalsTests",
      dependencies: [
        "Portals", "CPortals", "CPlatform", "PageCopy", "DSAModel", "DSAFormat", "Events", "Units",
      ]),
    .testTarget(name: "CopyKernelsTests", dependencies: ["CopyKernels", "PageCopy", "Events", "Units"]),
    .testTarget(
      name: "CopyBenchTests",
      dependencies: ["CCopyKernels", "CopyBench", "CopyKernels", "Portals", "HostMemory", "Host", "PageCopy", "Units"]),
    .testTarget(
      name: "BackingTests",
      dependencies: [
        "Backing", "HostMemory", "Host", "Simulation", "Workload", "Report", "Migration", "PageCopy", "MemoryModel",
        "DSAModel",
        "Sysctl", "Units",
      ]),
    .testTarget(name: "PageCopyTests", dependencies: ["PageCopy", "DSAConfig", "Sysctl", "Events", "Units"]),
    .testTarget(name: "DSAConfigTests", dependencies: ["DSAConfig", "Sysctl"]),
    .testTarget(name: "WorkloadTests", dependencies: ["Workload", "Trace", "MemoryModel", "Events", "Units"]),
    .testTarget(
      name: "ReportTests",
      dependencies: ["Report", "Simulation", "Workload", "Migration", "MemoryModel", "Sysctl", "Timeline", "Units"]),
    .testTarget(
      name: "ChartsTests", dependencies: ["Charts", "Plot", "Report", "Simulation", "Workload", "Sysctl"]),
    .testTarget(
      name: "CompareTests",
      dependencies: ["Compare", "Report", "Simulation", "Workload", "Machine", "MemoryModel", "Sysctl", "Units"]),
    .testTarget(
      name: "SweepTests",
      dependencies: [
        "Sweep", "Plot", "Report", "Simulation", "Workload", "MemoryModel", "Events", "Sysctl", "Units",
        .product(name: "GRDB", package: "GRDB.swift"),
      ]),
    // Runs the built command.
    .testTarget(name: "CommandTests", dependencies: ["pageferry"]),
    .testTarget(name: "FidelityTests", dependencies: ["Validation"]),
    .testTarget(name: "PlotTests", dependencies: ["Plot"]),
    .testTarget(name: "HostTests", dependencies: ["Host"], exclude: ["golden"]),
    // Runs the built command too.
    .testTarget(name: "HostMemoryTests", dependencies: ["HostMemory", "Host", "pageferry"]),
    .testTarget(name: "UnitsTests", dependencies: ["Units"]),
    .testTarget(name: "EventsTests", dependencies: ["Events"]),
    .testTarget(name: "DSAFormatTests", dependencies: ["DSAFormat"]),
    .testTarget(name: "DSAModelTests", dependencies: ["DSAModel", "DSAFormat", "Events", "Sysctl", "Units"]),
    .testTarget(
      name: "CalibrationTests", dependencies: ["Calibration", "Validation", "DSAModel", "DSAFormat", "Units"]),
    .testTarget(name: "SysctlTests", dependencies: ["Sysctl", "Units"]),
    .testTarget(name: "TraceTests", dependencies: ["Trace", "CPlatform", "CZlib", "CZstd"]),
    .testTarget(name: "MemoryModelTests", dependencies: ["MemoryModel", "Events", "Sysctl", "Units"]),
    .testTarget(name: "MachineTests", dependencies: ["Machine", "Units"]),
    .testTarget(
      name: "MigrationTests",
      dependencies: ["Migration", "PageCopy", "DSAModel", "DSAFormat", "Machine", "MemoryModel", "Events", "Units"]),
    .testTarget(
      name: "CompactionTests", dependencies: ["Compaction", "Migration", "Machine", "MemoryModel", "Events", "Units"]),
    .testTarget(name: "CopyModelTests", dependencies: ["CopyModel", "PageCopy", "Simulation", "Sysctl", "Units"]),
    .testTarget(
      name: "TieringTests", dependencies: ["Tiering", "Migration", "Machine", "MemoryModel", "Events", "Units"]),
    .testTarget(
      name: "HugePagesTests",
      dependencies: ["HugePages", "Tiering", "Migration", "Machine", "MemoryModel", "Events", "Units"]),
    .testTarget(
      name: "SimulationTests",
      dependencies: [
        "Simulation", "Workload", "Trace", "Tiering", "Migration", "PageCopy", "DSAConfig", "DSAModel", "MemoryModel",
        "Sysctl", "Events", "Units",
      ]),
    .testTarget(
      name: "FuzzTests",
      dependencies: [
        "Backing", "HostMemory",
        "Simulation", "Workload", "Migration", "Machine", "MemoryModel", "PageCopy", "DSAModel", "Sysctl", "Events",
        "Units",
      ], exclude: ["dsa"]),
  ],
  swiftLanguageModes: [.v6]
)

// libaccel-config is built for Intel's processors alone; elsewhere `canImport(CAccelConfig)` is false.
#if arch(x86_64)
  package.targets.append(
    .systemLibrary(name: "CAccelConfig", pkgConfig: "libaccel-config", providers: [.apt(["libaccel-config-dev"])]))
  for target in package.targets where target.name == "Host" { target.dependencies.append("CAccelConfig") }
#endif

// libFuzzer has to be in everything the fuzzers are linked with: Tests/Fuzzers/fuzz.sh sets the variable and builds in a folder of
// its own.
if Context.environment["PAGEFERRY_FUZZERS"] != nil {
  package.targets.append(
    .executableTarget(name: "pageferry-fuzz", dependencies: ["Trace", "CPlatform"], path: "Tests/Fuzzers/Sources"))
}

// Sanitizers have to be in everything that is built. PAGEFERRY_ONLY="ATests BTests" leaves these targets and what is below them.
// A command that tests only run is left out unless it is named: PAGEFERRY tells them where one is.
if let names = Context.environment["PAGEFERRY_ONLY"] {
  var ahead = names.split(separator: " ").map(String.init)
  let commands = Set(package.targets.lazy.filter { $0.type == .executable }.map(\.name)).subtracting(ahead)
  var wanted = Set<String>()
  while let name = ahead.popLast() {
    guard let target = package.targets.first(where: { $0.name == name }), wanted.insert(name).inserted else { continue }
    target.dependencies.removeAll { dependency in
      switch dependency {
      case .targetItem(let name, _), .byNameItem(let name, _):
        guard !commands.contains(name) else { return true }
        ahead.append(name)
      default: break
      }
      return false
    }
  }
  package.targets.removeAll { !wanted.contains($0.name) }
  package.products = []
}
