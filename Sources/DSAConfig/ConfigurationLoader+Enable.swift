// Enabling: the driver's checks, its defaults, and what the device answers to its commands.
//
// Source: Linux drivers/dma/idxd/device.c idxd_device_drv_probe, idxd_device_config and drv_enable_wq, cdev.c
// idxd_user_drv_probe, dma.c idxd_dmaengine_drv_probe; status codes of include/uapi/linux/idxd.h (driver) and of the Intel DSA
// architecture specification, 341204, command status (device).
//
// What a file cannot bring about through this driver is not looked for: a device that is enabled already (0x10), queues and
// engines in two groups (0x16, 0x17: the driver keeps one group for each), event log, ATS and PASID of the machine (0x19 to
// 0x1B), modes, privileges and interrupts that the driver sets itself (0x24 to 0x26, 0x2A to 0x2E).

extension ConfigurationLoader {
  /// Enables a device and its queues, and makes the result.
  mutating func enable(_ index: Int) {
    applyDefaults(index)
    collect(index)
    guard devices[index].isConfigurable else { return }
    enableDevice(index)
    for id in devices[index].workQueues.keys.sorted() { enableWorkQueue(index, id) }
  }

  /// Source: device.c idxd_wq_config_write (size), idxd_group_flags_setup (read buffers).
  private mutating func applyDefaults(_ index: Int) {
    for id in devices[index].workQueues.keys.sorted() {
      guard let state = devices[index].workQueues[id], state.queue.size == 0, state.queue.type != .none,
        state.queue.group != nil, !state.refused.contains("size")
      else { continue }
      devices[index].workQueues[id]?.queue.size = IDXDDefaults.queueDepth
      warn(
        text(of: .workQueue(index, id)), "size", state.places["size"] ?? state.place,
        "is missing or 0: the driver gives the queue \(IDXDDefaults.queueDepth) entries", "write `size`",
        "device.c idxd_wq_config_write")
    }
    for group in devices[index].result.groups.indices where devices[index].result.groups[group].readBuffersAllowed == 0
    {
      devices[index].result.groups[group].readBuffersAllowed = devices[index].result.limits.readBuffers
    }
  }

  /// Fills in the lists of the result.
  private mutating func collect(_ index: Int) {
    devices[index].result.workQueues = devices[index].workQueues.keys.sorted().compactMap {
      devices[index].workQueues[$0]?.queue
    }
    devices[index].result.engines = devices[index].engines.sorted { $0.key < $1.key }.map {
      DSAConfiguration.Engine(id: $0.key, group: $0.value)
    }
    for group in devices[index].result.groups.indices {
      devices[index].result.groups[group].workQueues = devices[index].workQueueIDs(of: group)
      devices[index].result.groups[group].engines = devices[index].engineIDs(of: group)
    }
  }

  // MARK: - The device

  private mutating func enableDevice(_ index: Int) {
    let state = devices[index]
    let name = state.result.name
    // The driver's own checks; it leaves at the first.
    for queue in state.result.workQueues where queue.group != nil {
      guard let (problem, fix) = sharingFault(queue, of: state) else { continue }
      return refuse(
        name, "", state.workQueues[queue.id]?.place, .driver, "0x800c0000",
        "wq\(state.result.id).\(queue.id) \(problem)", fix,
        "device.c idxd_wqs_setup, idxd.h wq_shared_supported")
    }
    guard state.result.workQueues.contains(where: { $0.group != nil }) else {
      return refuse(
        name, "", state.place, .driver, "0x800d0000", "no work queue is in a group",
        "give a queue `group_id`: the list that it stands in does not count", "device.c idxd_wqs_setup")
    }
    guard !state.result.engines.isEmpty else {
      return refuse(
        name, "", state.place, .driver, "-ENXIO", "no engine is in a group; the driver sets no status for it",
        "give an engine `group_id`", "device.c idxd_engines_setup")
    }
    let used = state.result.usedEntries
    if used > state.result.limits.entries {
      refuse(
        name, "", state.place, .device, "0x14",
        "the work queues have \(used) entries, the device \(state.result.limits.entries)", "write smaller `size`s",
        "specification, enable device: sum of sizes")
    }
    for group in state.result.groups { enable(group, of: index) }
  }

  /// Why a queue cannot be shared, and what to do; nil where it can or is not.
  private func sharingFault(_ queue: DSAConfiguration.WorkQueue, of state: DeviceState) -> (
    problem: String, fix: String
  )? {
    guard queue.mode == .shared, state.workQueues[queue.id]?.refused.contains("type") != true else { return nil }
    guard state.result.limits.hasPASID else {
      return (
        "is shared, which needs PASID (`pasid_enabled` is 0)",
        "turn SVA on (intel_iommu=on,sm_on) or make the queue dedicated"
      )
    }
    switch queue.type {
    case .user: return nil
    case .none: return ("is shared and has no type", "write `type`")
    case .kernel:
      guard kernel < .hasKernelPASID else { return nil }
      return (
        "is shared and the kernel's, for which idxd has no PASID before \(KernelVersion.hasKernelPASID)",
        "make it dedicated, or check with --kernel what runs if that is newer"
      )
    }
  }

  private mutating func enable(_ group: DSAConfiguration.Group, of index: Int) {
    let state = devices[index]
    let name = text(of: .group(index, group.id))
    let place = state.groupPlaces[group.id] ?? state.place
    if group.workQueues.isEmpty != group.engines.isEmpty {
      refuse(
        name, "", place, .device, "0x15",
        group.engines.isEmpty ? "has work queues and no engine" : "has engines and no work queue",
        group.engines.isEmpty
          ? "give an engine `group_id` \(group.id)" : "give a work queue `group_id` \(group.id), or no engine",
        "specification, enable device: group configuration")
      return
    }
    guard !group.workQueues.isEmpty else { return }
    for id in group.workQueues {
      guard let queue = state.workQueues[id], queue.queue.size == 0, !queue.refused.contains("size") else { continue }
      refuse(
        text(of: .workQueue(index, id)), "size", queue.places["size"] ?? queue.place, .device, "0x16",
        "is missing or 0, and the queue is in a group", "write `size`",
        "specification, enable device: work queue configuration")
    }
    guard !state.refusedReadBuffers.contains(group.id) else { return }
    checkReadBuffers(group, name, place, index)
  }

  /// The device's rules for groups in use. The driver has seen to some already, in the order of the file.
  private mutating func checkReadBuffers(
    _ group: DSAConfiguration.Group, _ name: String, _ place: Place, _ index: Int
  ) {
    let device = devices[index].result
    let least = 4 * group.engines.count
    let most = group.readBuffersReserved + devices[index].freeReadBuffers
    func tell(_ problem: String, _ fix: String) {
      refuse(name, "", place, .device, "0x18", problem, fix, "specification, enable device: read buffers")
    }
    if group.readBuffersAllowed < least {
      tell(
        "\(group.readBuffersAllowed) read buffers are allowed, and its \(group.engines.count) engines need \(least)",
        "write read_buffers_allowed of \(least) or more")
    }
    if group.readBuffersAllowed < group.readBuffersReserved {
      tell(
        "\(group.readBuffersAllowed) read buffers are allowed and \(group.readBuffersReserved) reserved",
        "allow as many as are reserved")
    } else if group.readBuffersAllowed > most {
      tell(
        "\(group.readBuffersAllowed) read buffers are allowed; of \(device.limits.readBuffers) other groups' reservations leave \(most)",
        "write read_buffers_allowed of \(most) or less; without it all of the device count as allowed")
    }
    if group.usesReadBufferLimit, device.readBufferLimit < least {
      tell(
        "shares a read_buffer_limit of \(device.readBufferLimit), and its \(group.engines.count) engines need \(least)",
        "write read_buffer_limit of \(least) or more")
    }
  }

  // MARK: - Work queues

  private mutating func enableWorkQueue(_ index: Int, _ id: Int) {
    guard let state = devices[index].workQueues[id] else { return }
    let name = text(of: .workQueue(index, id))
    let queue = state.queue
    func tell(
      _ key: String, _ judge: ConfigurationFinding.Judge, _ code: String, _ problem: String, _ fix: String,
      _ source: String
    ) {
      guard !state.refused.contains(key) else { return }
      refuse(name, key, state.places[key] ?? state.place, judge, code, problem, fix, source)
    }
    bind(index, state, name)
    if queue.group == nil {
      tell(
        "group_id", .driver, "0x80030000", "is missing or -1: the queue is in no group",
        "write it: the list that the queue stands in does not count",
        "device.c drv_enable_wq")
    }
    if queue.name.isEmpty {
      tell("name", .driver, "0x80040000", "is missing", "write it, behind `type`", "device.c drv_enable_wq")
    }
    if queue.group == nil, let (problem, fix) = sharingFault(queue, of: devices[index]) {
      tell("mode", .driver, "0x80050000", problem, fix, "device.c drv_enable_wq, idxd.h wq_shared_supported")
    }
    if queue.mode == .shared, queue.threshold == 0, !state.refused.contains("size") {
      tell(
        "threshold", .driver, "0x80060000", "is missing, and the queue is shared",
        queue.size > 1 ? "write `threshold`, 1 to \(queue.size - 1), behind `size` and `mode`" : "write `threshold`",
        "device.c drv_enable_wq")
    }
    let limits = devices[index].result.limits
    if queue.maxBatchSize > limits.batchSize {
      tell(
        "max_batch_size", .device, "0x27",
        "is missing: the driver's \(queue.maxBatchSize) is beyond the device's \(limits.batchSize)",
        "write \(limits.batchSize) or less", "specification, enable work queue: maximum batch size")
    }
    if queue.maxTransferSize > limits.transferSize {
      tell(
        "max_transfer_size", .device, "0x28",
        "is missing: the driver's \(queue.maxTransferSize) is beyond the device's \(limits.transferSize)",
        "write \(limits.transferSize) or less", "specification, enable work queue: maximum transfer size")
    }
    if queue.priority == 0 {
      tell(
        "priority", .device, "0x23", "is missing or 0", "write `priority`, 1 to \(IDXDDefaults.maxPriority)",
        "specification, enable work queue: priority")
    }
  }

  /// Which driver takes the queue. Source: libaccfg.c accfg_wq_control; idxd_wq_driver_name_match.
  private mutating func bind(_ index: Int, _ state: WorkQueueState, _ name: String) {
    let queue = state.queue
    let place = state.places["driver_name"] ?? state.places["type"] ?? state.place
    guard !state.refused.contains("type"), !state.refused.contains("driver_name") else { return }
    var driver = queue.driverName
    if driver.isEmpty {
      switch queue.type {
      case .kernel: driver = "dmaengine"
      case .user: driver = "user"
      case .none:
        return refuse(
          name, "type", place, .accelConfig, "-ENOENT", "is missing or \"none\", and `driver_name` is missing",
          "write both",
          "accfg/lib/libaccfg.c accfg_wq_control")
      }
      let problem = "is missing, and kernels from \(KernelVersion.needsDriverName) on bind no queue without it"
      let source = "Linux drivers/dma/idxd/idxd.h idxd_wq_driver_name_match"
      if kernel >= .needsDriverName {
        refuse(name, "driver_name", place, .driver, "0x80200000", problem, "write \"\(driver)\"", source)
      } else {
        let fix = "write \"\(driver)\"; older ones pass it over"
        warn(name, "driver_name", place, problem + " (0x80200000)", fix, source)
      }
      for at in devices[index].result.workQueues.indices where devices[index].result.workQueues[at].id == queue.id {
        devices[index].result.workQueues[at].driverName = driver
      }
    } else if driver != "user", driver != "dmaengine" {
      return refuse(
        name, "driver_name", place, .accelConfig, "-ENOENT",
        "is \"\(driver.inOneLine)\"; idxd has no such driver for queues",
        "write \"user\" or \"dmaengine\"", "accfg/lib/libaccfg.c accfg_wq_control")
    } else if queue.type != .none, (driver == "user") != (queue.type == .user) {
      warn(
        name, "driver_name", place,
        "is \"\(driver)\" for a queue of type \(queue.type.rawValue): the driver decides, and sets the type",
        "write \"\(queue.type == .user ? "user" : "dmaengine")\"",
        "dma.c idxd_dmaengine_drv_probe, cdev.c idxd_user_drv_probe")
    }
    if driver == "user", !devices[index].result.limits.hasPASID {
      refuse(
        name, "type", state.places["type"] ?? place, .driver, "0x80110000",
        "is \"user\", which needs SVA (`pasid_enabled` is 0)",
        "boot with intel_iommu=on,sm_on, or make it a kernel queue", "cdev.c idxd_user_drv_probe")
    }
  }
}
