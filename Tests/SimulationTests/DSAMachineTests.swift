// From configurations of accel-config to the device model's devices and the kernel's channels.

import DSAConfig
import DSAModel
import Foundation
import Sysctl
import Testing

@testable import Simulation

@Suite struct DSAMachineTests {
  private static let package = String(#filePath.dropLast("/Tests/SimulationTests/DSAMachineTests.swift".count))

  private func machine(file name: String) throws -> DSAMachine {
    try DSAMachine(ConfigurationCheck(path: "\(Self.package)/sysctl/dsa/\(name).conf").configuration)
  }

  private func channels(_ machine: DSAMachine) -> [[Int]] { machine.channels.map { [$0.device, $0.queue] } }

  @Test func `the default is the model's default, eight times`() throws {
    let machine = try DSAMachine(KnobTree.product)
    var device = DeviceConfiguration()
    // The groups that are not in use are there too.
    device.groups += [GroupConfiguration](repeating: GroupConfiguration(engines: 0), count: 3)
    #expect(machine.devices == [DeviceConfiguration](repeating: device, count: 8))
    #expect(channels(machine) == (0..<8).map { [$0, 0] })
    #expect(channels(try self.machine(file: "8-devices")) == (0..<8).map { [$0, 0] })
  }

  @Test func `queues keep what the file says of them`() throws {
    let machine = try machine(file: "2-priorities")
    #expect(machine.devices.count == 1)
    #expect(machine.devices[0].queues.map(\.size) == [64, 64])
    #expect(machine.devices[0].queues.map(\.priority) == [6, 2])
    #expect(machine.devices[0].queues.allSatisfy { $0.mode == .dedicated && $0.isPrivileged && $0.maxBatch == 128 })
    #expect(channels(machine) == [[0, 0], [0, 1]])
    let shared = try self.machine(file: "shared-queue")
    var queue = QueueConfiguration()
    queue.mode = .shared(threshold: 15)
    queue.size = 16
    queue.maxBatch = 32
    queue.blockOnFault = true
    queue.isPrivileged = false
    #expect(shared.devices[0].queues == [queue])
    #expect(shared.devices[0].groups.map(\.engines) == [1, 0, 0, 0])
    #expect(shared.channels.isEmpty)
  }

  /// Two groups with queues of both kinds, numbered with gaps, and reserved read buffers.
  private static let mixed = """
    [{"dev": "dsa4", "groups": [
       {"dev": "group4.1", "read_buffers_reserved": 20, "read_buffers_allowed": 40, "grouped_workqueues": [
          {"dev": "wq4.5", "mode": "dedicated", "size": 32, "group_id": 1, "priority": 3, "type": "kernel",
           "driver_name": "dmaengine", "name": "last"},
          {"dev": "wq4.2", "mode": "shared", "size": 16, "threshold": 8, "group_id": 1, "priority": 4, "type": "user",
           "driver_name": "user", "name": "other"}],
        "grouped_engines": [{"dev": "engine4.0", "group_id": 1}, {"dev": "engine4.3", "group_id": 1}]},
       {"dev": "group4.3", "read_buffers_allowed": 16, "grouped_workqueues": [
          {"dev": "wq4.3", "mode": "dedicated", "size": 8, "group_id": 3, "priority": 9, "max_batch_size": 64,
           "max_transfer_size": 65536, "type": "kernel", "driver_name": "dmaengine", "name": "first"}],
        "grouped_engines": [{"dev": "engine4.1", "group_id": 3}]}]},
     {"dev": "dsa1", "groups": [
       {"dev": "group1.0", "grouped_workqueues": [
          {"dev": "wq1.7", "mode": "dedicated", "size": 128, "group_id": 0, "priority": 10, "type": "kernel",
           "driver_name": "dmaengine", "name": "w"}],
        "grouped_engines": [{"dev": "engine1.2", "group_id": 0}]}]}]
    """

  @Test func `channels are counted device by device, queues by number`() throws {
    let check = try ConfigurationCheck(Data(Self.mixed.utf8), path: "mixed")
    #expect(check.isAccepted, "\(check.refusals)")
    let machine = try DSAMachine(check.configuration)
    #expect(machine.devices[0].queues.map(\.size) == [16, 8, 32])
    #expect(machine.devices[0].queues.map(\.group) == [1, 3, 1])
    #expect(machine.devices[0].queues.map(\.maxTransfer) == [2 << 20, 65536, 2 << 20])
    #expect(machine.devices[0].queues.map(\.maxBatch) == [32, 64, 32])
    #expect(machine.devices[0].groups.map(\.engines) == [0, 2, 0, 1])
    #expect(machine.devices[0].groups.map(\.readBuffersReserved) == [0, 20, 0, 0])
    // What the unused groups were told is cut to what there is.
    #expect(machine.devices[0].groups.map(\.readBuffersAllowed) == [76, 40, 76, 16])
    #expect(channels(machine) == [[0, 1], [0, 2], [1, 0]])
    for (device, queue) in machine.channels {
      #expect(machine.devices[device].queues[queue].mode == .dedicated)
    }
  }
}
