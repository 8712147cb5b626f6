// Each thing that can stand in the way, and that it alone is named.

import Testing

@testable import Host

struct ObstacleTests {
  let good = IdxdWorkQueue(
    name: "wq0.0", device: "dsa0", mode: .dedicated, state: "enabled", type: "user", group: 0, size: 16, threshold: 0,
    clients: 0,
    node: IdxdNode(
      path: "/dev/dsa/wq0.0", openPath: "/dev/dsa/wq0.0", owner: 0, group: 0, ownerName: "root", groupName: "root",
      permissions: 0o660, isCharacterDevice: true, isOpenable: true))
  let cpu = HostCPU(model: nil, cpus: 1, caches: [], features: CPUFeature.allCases)

  func machine(
    _ queue: IdxdWorkQueue, state: String = "enabled", engineGroup: Int = 0, pasid: Bool = true, status: Int = 0,
    iommu: Bool = true, rawIO: Bool? = true
  ) -> HostInventory.Accelerators {
    let device = IdxdDevice(
      name: "dsa0", kind: .dsa, state: state, pasidEnabled: pasid, commandStatus: status,
      engines: [IdxdEngine(name: "engine0.0", group: engineGroup)], workQueues: [queue])
    return .init(
      pciDSA: ["0000:6a:01.0"], hasIOMMU: iommu, hasRawIO: rawIO, idxd: IdxdDevices(devices: [device], hasDriver: true))
  }

  @Test func `a good queue has none`() { #expect(machine(good).obstacles(cpu: cpu).isEmpty) }

  @Test func `each is named by itself, with what helps`() {
    func queue(_ change: (inout IdxdWorkQueue) -> Void) -> IdxdWorkQueue {
      var queue = good
      change(&queue)
      return queue
    }
    let cases: [(HostObstacle.Kind, String, HostInventory.Accelerators)] = [
      (.queueNotConfigured, "accel-config config-wq dsa0/wq0.0", machine(queue { $0.type = "none" })),
      (.queueNotConfigured, "load-config", machine(queue { $0.size = 0 })),
      (.queueDisabled, "accel-config enable-wq dsa0/wq0.0", machine(queue { $0.state = "disabled" })),
      (.queueForKernel, "--type=user", machine(queue { $0.type = "kernel" })),
      (.noEngine, "config-engine dsa0/engine0.0 --group-id=0", machine(good, engineGroup: -1)),
      (.noThreshold, "--threshold=15", machine(queue { $0.mode = .shared })),
      (.noNode, "udev", machine(queue { $0.node = nil })),
      (
        .noNode, "'dmaengine'",
        machine(
          queue {
            $0.node = nil
            $0.boundDriver = "dmaengine"
          })
      ),
      (.nodeNotOpenable, "chmod g+rw /dev/dsa/wq0.0", machine(queue { $0.node?.isOpenable = false })),
      (.queueTaken, "end that program", machine(queue { $0.clients = 1 })),
      (.noRawIO, "cap_sys_rawio", machine(good, rawIO: false)),
      (.noIOMMU, "intel_iommu=on,sm_on", machine(good, iommu: false)),
      (.noPASID, "intel_iommu=on,sm_on", machine(good, pasid: false)),
      (.deviceDisabled, "accel-config enable-device dsa0", machine(good, state: "disabled")),
      (.commandFailed, "dsa check", machine(good, status: 0x8006_0000)),
    ]
    for (kind, help, machine) in cases {
      let obstacles = machine.obstacles(cpu: cpu)
      #expect(obstacles.map(\.kind) == [kind], "\(kind)")
      #expect(obstacles.first?.fix.contains(help) == true, "\(kind): \(obstacles)")
    }
  }

  /// An engine of another group is not taken from it: that group's queues would lose theirs.
  @Test func `an engine comes from no other group`() {
    func fix(_ group: Int, engines: [Int]) -> String {
      var queue = good
      queue.group = group
      var machine = machine(queue)
      machine.idxd.devices[0].engines = engines.enumerated().map { IdxdEngine(name: "engine0.\($0)", group: $1) }
      return machine.obstacles(cpu: cpu).first?.fix ?? ""
    }
    #expect(fix(1, engines: [0, -1]).hasSuffix("config-engine dsa0/engine0.1 --group-id=1"))
    #expect(
      fix(1, engines: [2, 0]).hasSuffix(
        "config-wq dsa0/wq0.0 --group-id=0, since other groups have all engines"))
    #expect(fix(0, engines: []) == "dsa0 shows no engine at all; see why: dmesg | grep idxd")
    #expect(fix(-1, engines: [-1, 3]).contains("config-wq dsa0/wq0.0 --group-id=3"))
  }

  @Test func `why there is no device at all`() {
    func kinds(pci: [String], driver: Bool) -> [HostObstacle.Kind] {
      HostInventory.Accelerators(
        pciDSA: pci, hasIOMMU: false, hasRawIO: nil, idxd: IdxdDevices(devices: [], hasDriver: driver)
      ).obstacles(cpu: cpu).map(\.kind)
    }
    #expect(kinds(pci: [], driver: false) == [.noDevice])
    #expect(kinds(pci: ["0000:6a:01.0"], driver: false) == [.noDriver])
    #expect(kinds(pci: ["0000:6a:01.0"], driver: true) == [.notBound])
  }

  @Test func `nodes that may not be used, and kernels without policies`() throws {
    var host = try FakeRoot.server { HostInventory($0) }
    func kinds() -> [HostObstacle.Kind] { host.obstacles.filter { $0.subject == "memory" }.map(\.kind) }
    #expect(kinds().isEmpty)
    host.policies = NodePolicies(allowed: [0, 2])
    #expect(kinds() == [.nodeNotAllowed])
    #expect(host.obstacles.first?.problem.contains("node 1") == true)
    host.policies = NodePolicies(allowed: nil)
    host.pools = []
    host.transparent.enabled = "never"
    #expect(kinds() == [.noPolicies, .noHugePages, .noTransparentHugePages])
  }

  @Test func `instructions that are missing, or hidden by the kernel`() {
    var old = cpu
    old.features = [.avx2]
    #expect(machine(good).obstacles(cpu: old).map(\.kind) == [.noMOVDIR64B, .noENQCMD, .noWAITPKG])
    var hidden = cpu
    hidden.hiddenByKernel = [.enqcmd]
    #expect(machine(good).obstacles(cpu: hidden).first?.fix.contains("boot Linux") == true)
  }

  @Test(arguments: [(0x8005_0000, "no SVA, but a queue needs it (0x80050000)"), (0x14, "0x14, the device's")])
  func `results of commands in words`(status: Int, words: String) {
    #expect(IdxdCommandStatus.words(status) == words)
  }

  @Test func `disagreements of libaccel-config`() {
    let own = machine(good).idxd.devices
    var theirs = own
    theirs[0].workQueues[0].size = 8
    theirs[0].workQueues[0].threshold = nil
    theirs[0].numaNode = 5
    theirs.append(IdxdDevice(name: "dsa9", kind: .dsa))
    #expect(
      IdxdLibrary(devices: theirs).disagreements(with: own) == [
        "dsa9: seen by libaccel-config, but not in sysfs",
        "wq0.0: size is 16 in sysfs, and 8 for libaccel-config",
      ])
    #expect(IdxdLibrary(devices: nil, problem: "x").disagreements(with: own).isEmpty)
  }
}
