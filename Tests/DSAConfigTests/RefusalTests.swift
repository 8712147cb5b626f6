// Each rule of accel-config, the driver and the device, by a small file that breaks it alone.

import DSAConfig
import Foundation
import Testing

private struct Case: CustomTestStringConvertible {
  var name: String
  var changes: [(String, String)]
  var findings: [String]
  var kernel = KernelVersion.oldest
  var testDescription: String { name }

  init(_ name: String, _ changes: [(String, String)], _ findings: [String], kernel: KernelVersion = .oldest) {
    self.name = name
    self.changes = changes
    self.findings = findings
    self.kernel = kernel
  }
}

private let limit = "\"read_buffer_limit\": 0,"
private let engine = "{\"dev\": \"engine0.0\", \"group_id\": 0}"
private let dedicated = [("\"shared\"", "\"dedicated\""), ("\"threshold\": 15", "\"threshold\": 0")]
private let second = """
  {"dev": "wq0.1", "mode": "dedicated", "size": 112, "group_id": 0, "priority": 1, "type": "user", \
  "driver_name": "user", "name": "b"},
  {"dev": "wq0.0",
  """
private func device(_ keys: String) -> (String, String) { (limit, keys + ", " + limit) }

@Suite struct RefusalTests {
  private static let writes: [Case] = [
    Case("as it is", [], []),
    Case("size beyond the device", [("\"size\": 16", "\"size\": 129")], ["10 wq0.0 size idxd -EINVAL"]),
    Case("sizes together beyond it", [("{\"dev\": \"wq0.0\",", second), ("16", "17")], ["11 wq0.0 size idxd -EINVAL"]),
    Case("sizes together within it", [("{\"dev\": \"wq0.0\",", second)], []),
    Case("size negative", [("\"size\": 16", "\"size\": -1")], ["10 wq0.0 size idxd -EINVAL"]),
    Case("size no number", [("\"size\": 16", "\"size\": \"many\"")], ["10 wq0.0 size accel-config -EINVAL"]),
    Case("size as text", [("\"size\": 16", "\"size\": \"16\"")], ["10 wq0.0 size warning"]),
    Case("size a fraction", [("\"size\": 16", "\"size\": 16.9")], ["10 wq0.0 size warning"]),
    Case(
      "size null", [("\"size\": 16", "\"size\": null"), ("15}", "15}")],
      ["10 wq0.0 size warning", "19 wq0.0 threshold idxd -EINVAL", "8 wq0.0 size warning"]),
    Case("size beyond 64 bits", [("\"size\": 16", "\"size\": 99999999999999999999")], ["10 wq0.0 size idxd -EINVAL"]),
    Case("priority 16", [("\"priority\": 10", "\"priority\": 16")], ["12 wq0.0 priority idxd -EINVAL"]),
    Case("priority 0", [("\"priority\": 10", "\"priority\": 0")], ["12 wq0.0 priority device 0x23"]),
    Case("priority missing", [("\"priority\": 10,", "")], ["8 wq0.0 priority device 0x23"]),
    Case(
      "group beyond the device", [("\"group_id\": 0,", "\"group_id\": 4,")],
      ["11 wq0.0 group_id idxd -EINVAL", "2 dsa0  idxd 0x800d0000"]),
    Case("threshold above size", [("\"threshold\": 15", "\"threshold\": 17")], ["19 wq0.0 threshold idxd -EINVAL"]),
    Case("threshold as size", [("\"threshold\": 15", "\"threshold\": 16")], []),
    Case("threshold 0", [("\"threshold\": 15", "\"threshold\": 0")], ["19 wq0.0 threshold idxd -EINVAL"]),
    Case(
      "threshold before size", [("\"size\": 16", "\"threshold\": 8"), ("\"threshold\": 15", "\"size\": 16")],
      ["10 wq0.0 threshold idxd -EINVAL"]),
    Case(
      "threshold missing", [("\"name\": \"sim\",", "\"name\": \"sim\""), ("\"threshold\": 15", "")],
      ["8 wq0.0 threshold idxd 0x80060000"]),
    Case("threshold of a dedicated queue", [("\"shared\"", "\"dedicated\"")], ["19 wq0.0 threshold warning"]),
    Case("dedicated", dedicated, []),
    Case("mode", [("\"shared\"", "\"sahred\"")], ["9 wq0.0 mode idxd -EINVAL"]),
    Case("type", [("\"type\": \"user\"", "\"type\": \"mdev\"")], ["16 wq0.0 type idxd -EINVAL"]),
    Case(
      "type behind name",
      [
        ("\"name\": \"sim\"", "\"type\": \"user\""),
        ("\"type\": \"user\",\n       \"driver", "\"name\": \"sim\",\n       \"driver"),
      ],
      ["18 wq0.0 type warning", "16 wq0.0 name idxd 0x80040000"]),
    Case("name missing", [("\"name\": \"sim\",", "")], ["8 wq0.0 name idxd 0x80040000"]),
    Case("name empty", [("\"sim\"", "\"\"")], ["18 wq0.0 name idxd -EINVAL"]),
    Case("name long", [("sim", String(repeating: "n", count: 1025))], ["18 wq0.0 name idxd -EINVAL"]),
    Case(
      "driver name long", [("\"driver_name\": \"user\"", "\"driver_name\": \"\(String(repeating: "d", count: 129))\"")],
      ["17 wq0.0 driver_name idxd -EINVAL"]),
    Case(
      "driver name unknown", [("\"driver_name\": \"user\"", "\"driver_name\": \"vfio\"")],
      ["17 wq0.0 driver_name accel-config -ENOENT"]),
    Case(
      "driver of another type", [("\"driver_name\": \"user\"", "\"driver_name\": \"dmaengine\"")],
      ["17 wq0.0 driver_name warning"]),
    Case("driver name missing", [("\"driver_name\": \"user\",", "")], ["16 wq0.0 driver_name warning"]),
    Case(
      "driver name missing from 6.7", [("\"driver_name\": \"user\",", "")],
      ["16 wq0.0 driver_name idxd 0x80200000"], kernel: KernelVersion(6, 7)),
    Case(
      "no type", [("\"type\": \"user\",", ""), ("\"driver_name\": \"user\",", "")],
      ["8 dsa0  idxd 0x800c0000", "8 wq0.0 type accel-config -ENOENT"]),
    Case("batch 0", [("\"max_batch_size\": 32", "\"max_batch_size\": 0")], ["14 wq0.0 max_batch_size idxd -EINVAL"]),
    Case(
      "batch beyond the device", [("\"max_batch_size\": 32", "\"max_batch_size\": 1025")],
      ["14 wq0.0 max_batch_size idxd -EINVAL"]),
    Case("batch rounded", [("\"max_batch_size\": 32", "\"max_batch_size\": 33")], ["14 wq0.0 max_batch_size warning"]),
    Case("transfer beyond the device", [("2097152", "2147483649")], ["15 wq0.0 max_transfer_size idxd -EINVAL"]),
    Case("transfer beyond 64 bits", [("2097152", "99999999999999999999")], ["15 wq0.0 max_transfer_size idxd -EINVAL"]),
    Case("transfer of the device", [("2097152", "2147483648")], []),
    Case(
      "block on fault 2", [("\"block_on_fault\": 0", "\"block_on_fault\": 2")],
      ["13 wq0.0 block_on_fault idxd -EINVAL"]),
    Case(
      "block on fault without it", [device("\"gen_cap\": \"0x40915f0106\"")],
      ["13 wq0.0 block_on_fault idxd -EOPNOTSUPP"]),
    Case(
      "op_config of version 1", [("\"name\": \"sim\"", "\"op_config\": \"0\", \"name\": \"sim\"")],
      ["18 wq0.0 op_config accel-config -EIO"]),
    Case(
      "op_config beyond op_cap",
      [
        device("\"version\": \"0x300\", \"op_cap\": \"0,0,0,0,0,0,1,003f03ff\""),
        ("\"name\": \"sim\"", "\"op_config\": \"1,00400000\", \"name\": \"sim\""),
      ],
      ["18 wq0.0 op_config idxd -EINVAL"]),
    Case(
      "op_config no bitmap",
      [device("\"version\": \"0x300\""), ("\"name\": \"sim\"", "\"op_config\": \"all\", \"name\": \"sim\"")],
      ["18 wq0.0 op_config idxd -EINVAL"]),
    Case("ats_disable as it is saved", [("\"name\": \"sim\"", "\"ats_disable\": -2, \"name\": \"sim\"")], []),
    Case(
      "ats_disable of version 1", [("\"name\": \"sim\"", "\"ats_disable\": 1, \"name\": \"sim\"")],
      ["18 wq0.0 ats_disable warning"]),
    Case(
      "prs_disable and block on fault",
      [device("\"version\": \"0x300\""), ("\"block_on_fault\": 0", "\"prs_disable\": 1, \"block_on_fault\": 1")],
      ["13 wq0.0 block_on_fault idxd -EOPNOTSUPP"]),
    Case("not configurable", [device("\"configurable\": 0")], ["3 dsa0 read_buffer_limit idxd -EPERM"]),
  ]

  private static let groups: [Case] = [
    Case("read buffer limit", [(limit, "\"read_buffer_limit\": 97,")], ["3 dsa0 read_buffer_limit idxd -EINVAL"]),
    Case(
      "old names", [(limit, "\"token_limit\": 97,"), ("read_buffers_allowed", "tokens_allowed")],
      ["3 dsa0 token_limit idxd -EINVAL"]),
    Case(
      "reserved beyond the device", [("\"read_buffers_allowed\": 96", "\"read_buffers_reserved\": 97")],
      ["6 group0.0 read_buffers_reserved idxd -EINVAL"]),
    Case(
      "allowed beyond the device", [("\"read_buffers_allowed\": 96", "\"read_buffers_allowed\": 97")],
      ["6 group0.0 read_buffers_allowed idxd -EINVAL"]),
    // The engine joins behind it: only the device counts.
    Case(
      "allowed for too few engines", [("\"read_buffers_allowed\": 96", "\"read_buffers_allowed\": 3")],
      ["5 group0.0  device 0x18"]),
    Case(
      "allowed below reserved",
      [("\"read_buffers_allowed\": 96", "\"read_buffers_reserved\": 20, \"read_buffers_allowed\": 10")],
      ["5 group0.0  device 0x18"]),
    Case(
      "others reserve what is allowed",
      [
        ("\"groups\": [", "\"groups\": [{\"dev\": \"group0.1\", \"read_buffers_reserved\": 10},"),
        ("\"read_buffers_allowed\": 96", "\"traffic_class_a\": 1"),
      ],
      ["5 group0.0  device 0x18"]),
    Case(
      "a limit for too few engines",
      [(limit, "\"read_buffer_limit\": 3,"), ("\"read_buffers_allowed\": 96", "\"use_read_buffer_limit\": 1")],
      ["5 group0.0  device 0x18"]),
    Case(
      "a limit of 0", [("\"read_buffers_allowed\": 96", "\"use_read_buffer_limit\": 1")],
      ["6 group0.0 use_read_buffer_limit warning"]),
    Case(
      "negative", [("\"read_buffers_allowed\": 96", "\"traffic_class_a\": -1")],
      ["6 group0.0 traffic_class_a accel-config -EINVAL"]),
    Case(
      "traffic class of version 1", [("\"read_buffers_allowed\": 96", "\"traffic_class_a\": 2")],
      ["6 group0.0 traffic_class_a warning"]),
    Case(
      "traffic class of version 2",
      [device("\"version\": \"0x200\""), ("\"read_buffers_allowed\": 96", "\"traffic_class_a\": 2")],
      ["6 group0.0 traffic_class_a idxd -EPERM"]),
    Case(
      "traffic class of version 3",
      [device("\"version\": \"0x300\""), ("\"read_buffers_allowed\": 96", "\"traffic_class_b\": 8")],
      ["6 group0.0 traffic_class_b idxd -EINVAL"]),
    Case(
      "progress limit of version 1", [("\"read_buffers_allowed\": 96", "\"desc_progress_limit\": 2")],
      ["6 group0.0 desc_progress_limit warning"]),
    Case("event log of version 1", [device("\"event_log_size\": 64")], ["3 dsa0 event_log_size warning"]),
    Case(
      "event log size", [device("\"version\": \"0x200\", \"event_log_size\": 63")],
      ["3 dsa0 event_log_size idxd -EINVAL"]),
    Case(
      "engine's group", [(engine, "{\"dev\": \"engine0.0\", \"group_id\": 9}")],
      ["21 engine0.0 group_id idxd -EINVAL", "2 dsa0  idxd -ENXIO"]),
    Case(
      "engine in another group", [(engine, "{\"dev\": \"engine0.0\", \"group_id\": 1}")],
      ["21 engine0.0 group_id warning", "5 group0.0  device 0x15", "2 group0.1  device 0x15"]),
    Case("engine in no group", [(engine, "{\"dev\": \"engine0.0\"}")], ["2 dsa0  idxd -ENXIO"]),
    Case(
      "engines of an unused group", [(engine, engine + ", {\"dev\": \"engine0.1\", \"group_id\": 1}")],
      ["21 engine0.1 group_id warning", "2 group0.1  device 0x15"]),
    Case(
      "queue in no group", [("\"group_id\": 0,\n", "\n")],
      ["2 dsa0  idxd 0x800d0000", "8 wq0.0 group_id idxd 0x80030000"]),
    Case(
      "queue without entries",
      [("\"size\": 16,", ""), ("\"threshold\": 15", "\"clients\": 0"), ("\"shared\"", "\"dedicated\"")],
      ["8 wq0.0 size warning"]),
    Case(
      "queue of no type without entries",
      [
        ("\"size\": 16,", ""), ("\"threshold\": 15", "\"clients\": 0"), ("\"shared\"", "\"dedicated\""),
        ("\"type\": \"user\",", ""),
      ],
      ["8 wq0.0 size device 0x16"]),
    Case(
      "shared without PASID", [device("\"pasid_enabled\": 0")],
      ["8 dsa0  idxd 0x800c0000", "16 wq0.0 type idxd 0x80110000"]),
    Case(
      "shared queue of the kernel before 6.6",
      [
        ("\"type\": \"user\"", "\"type\": \"kernel\""), ("\"driver_name\": \"user\"", "\"driver_name\": \"dmaengine\""),
      ],
      ["8 dsa0  idxd 0x800c0000"], kernel: KernelVersion(6, 5)),
    Case(
      "shared queue of the kernel from 6.6",
      [
        ("\"type\": \"user\"", "\"type\": \"kernel\""), ("\"driver_name\": \"user\"", "\"driver_name\": \"dmaengine\""),
      ], [],
      kernel: KernelVersion(6, 6)),
    Case("shared queue of no type", [("\"type\": \"user\",", "")], ["8 dsa0  idxd 0x800c0000"]),
    Case("name of blanks", [("\"sim\"", "\" \"")], ["18 wq0.0 name idxd 0x80040000"]),
    Case("user without SVA", [device("\"pasid_enabled\": 0")] + dedicated, ["16 wq0.0 type idxd 0x80110000"]),
    Case(
      "default batch and transfer beyond the device",
      [
        device("\"max_batch_size\": 16, \"max_transfer_size\": 4096"), ("\"max_batch_size\": 32,", ""),
        ("\"max_transfer_size\": 2097152,", ""),
      ], ["8 wq0.0 max_batch_size device 0x27", "8 wq0.0 max_transfer_size device 0x28"]),
    Case(
      "defaults beyond the device",
      [
        device("\"work_queue_size\": 20"),
        ("{\"dev\": \"wq0.0\",", second.replacingOccurrences(of: "\"size\": 112, ", with: "")),
      ],
      ["8 wq0.1 size warning", "2 dsa0  device 0x14"]),
  ]

  @Test(arguments: writes + groups)
  private func `what is refused`(_ item: Case) throws {
    let check = try Base.check(Base.with(item.changes), kernel: item.kernel)
    #expect(check.findings.map(\.brief) == item.findings, "\(check.findings)")
    #expect(check.isAccepted == !item.findings.contains { !$0.hasSuffix("warning") })
  }

  @Test func `texts say who answers what, and what to do`() throws {
    let check = try Base.check(Base.with([("\"threshold\": 15", "\"threshold\": 17")]))
    #expect(
      check.findings.map(\.description) == [
        "x.conf:19:21: wq0.0: threshold: is 17, and the queue has 16 entries (idxd answers -EINVAL); write 1 to 16"
      ])
    #expect(check.findings[0].source == "sysfs.c wq_threshold_store")
  }

  @Test func `what is rounded and left to the driver is in the result`() throws {
    let text = Base.with([
      ("\"max_batch_size\": 32", "\"max_batch_size\": 100"), ("2097152", "1000000"),
      ("\"read_buffers_allowed\": 96,", ""),
    ])
    let device = try #require(try Base.check(text).configuration.devices.first)
    #expect(device.workQueues[0].maxBatchSize == 128 && device.workQueues[0].maxTransferSize == 1 << 20)
    #expect(device.groups[0].readBuffersAllowed == 96 && device.groups.count == 4)
    #expect(device.groups[0].workQueues == [0] && device.groups[0].engines == [0])
    #expect(device.engines.map(\.id) == [0] && device.engines[0].group == 0)
  }
}
