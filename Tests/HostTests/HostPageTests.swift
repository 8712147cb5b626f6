// Whole machines from folders, as pages and as values.

import Foundation
import Testing

@testable import Host

struct HostPageTests {
  @Test func `a server's page`() throws {
    let page = try FakeRoot.server { Golden.withoutUser(HostPage.text(HostInventory($0))) }
    #expect(page == (try Golden.text("server.txt", recording: page)))
  }

  @Test func `a machine of which nothing can be read still has a page`() throws {
    let host = try FakeRoot.with("sys/empty =") { HostInventory($0) }
    let page = HostPage.text(host)
    #expect(page == (try Golden.text("empty.txt", recording: page)))
    #expect(!host.unread.isEmpty)
  }

  /// Sums and differences of what a file says must not overflow.
  @Test func `numbers without sense are not read`() throws {
    let host = try FakeRoot.with(
      """
      proc/self/cgroup = 0::/box
      sys/fs/cgroup/box/memory.max = 1048576
      sys/fs/cgroup/box/memory.current = 1024
      sys/fs/cgroup/box/memory.stat = inactive_file -9223372036854775808
      sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages = -9223372036854775808
      sys/bus/dsa/devices/dsa0/state = enabled
      sys/bus/dsa/devices/dsa0/numa_node = -1
      sys/bus/dsa/devices/engine0.0/group_id = 0
      sys/bus/dsa/devices/wq0.0/mode = shared
      sys/bus/dsa/devices/wq0.0/size = -9223372036854775808
      sys/bus/dsa/devices/wq0.0/threshold = 0
      sys/bus/dsa/devices/wq0.0/group_id = 0
      sys/bus/dsa/devices/wq0.0/max_transfer_size = 9223372036854775807
      """
    ) { HostInventory($0) }
    #expect(HostPage.text(host).contains("wq0.0: state not known, shared"))
    #expect(host.budget.group?.available == 1_047_552)
    #expect(host.accelerators.idxd.devices.first?.numaNode == -1)
    let refused = host.unread.filter { $0.reason.hasSuffix("is out of range") }.map(\.path)
    #expect(
      refused == [
        "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "/sys/bus/dsa/devices/wq0.0/size",
        "/sys/bus/dsa/devices/wq0.0/max_transfer_size",
      ])
  }

  @Test func `this machine can be read`() {
    let host = HostInventory()
    #expect(!host.nodes.isEmpty && host.cpu.cpus > 0 && host.accelerators.library != nil)
    #expect(host.unread.isEmpty, "\(host.unread)")
  }

  @Test func `values of a queue`() throws {
    let (idxd, path) = try FakeRoot.server { (IdxdDevices($0), $0.prefix) }
    #expect(idxd.devices.map(\.name) == ["dsa0", "dsa2", "iax1"])
    let device = try #require(idxd.devices.first)
    #expect(device.version == 0x100 && device.maxTransferSize == 1 << 31 && device.pasidEnabled == true)
    #expect(device.engines.map(\.group) == [0, 0, 0, -1])
    #expect(device.workQueues.map(\.name) == ["wq0.0", "wq0.1", "wq0.2", "wq0.3", "wq0.4", "wq0.5", "wq0.6", "wq0.10"])
    let queue = try #require(device.workQueues.first)
    #expect(queue.mode == .dedicated && queue.isForUsers && queue.size == 32 && queue.boundDriver == "user")
    #expect(queue.maxBatchSize == 32 && queue.maxTransferSize == 2 << 20 && queue.blockOnFault == true)
    let node = try #require(queue.node)
    #expect(node.path == "/dev/dsa/wq0.0" && node.openPath == path + "/dev/dsa/wq0.0")
    #expect(node.permissions == 0o660 && !node.isCharacterDevice && node.isOpenable)
    #expect(device.workQueues.last?.size == nil)
    #expect(idxd.unread.map(\.path) == ["/sys/bus/dsa/devices/wq0.10/size"])
  }

  @Test func `the tightest control group counts, with idle file cache as free`() throws {
    let budget = try FakeRoot.server { MemoryBudget($0) }
    #expect(budget.group?.path == "/sys/fs/cgroup/user.slice/memory.max")
    #expect(budget.group?.available == (64 << 30) - (10 << 30) + (2 << 30))
    let old = try FakeRoot.with(
      """
      proc/self/cgroup = 5:cpu:/\\n4:memory:/box
      sys/fs/cgroup/memory/memory.limit_in_bytes = 9223372036854771712
      sys/fs/cgroup/memory/box/memory.limit_in_bytes = 1048576
      sys/fs/cgroup/memory/box/memory.usage_in_bytes = 1048000
      """
    ) { MemoryBudget($0) }
    #expect(old.group?.available == 576)
  }

  @Test func `huge pages of a node that are promised elsewhere are not counted`() throws {
    let pool = try FakeRoot.server { try HugePagePool($0, pageSize: 2 << 20, nodes: [0, 1, 2]) }
    #expect([0, 1, 2, 3].map { pool.available(on: $0) } == [496, 508, 0, 0])
    #expect(pool.available == 1008)
  }
}
