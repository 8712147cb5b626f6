// Writes of work queues, as the driver's sysfs files answer them.
//
// Source: Linux drivers/dma/idxd/sysfs.c, the store functions named at each; intel/idxd-config accfg/config.c for what is passed
// over.

extension ConfigurationLoader {
  mutating func write(_ key: String, _ value: ConfigurationValue, device: Int, workQueue id: Int) {
    guard isWritable(device, key, text(of: .workQueue(device, id)), value) else { return }
    let place = Place(line: value.line, column: value.column)
    devices[device].workQueues[id]?.places[key] = place
    let before = findings.count
    switch key {
    case "mode", "type", "name", "driver_name", "op_config": writeText(key, value, place, device, id)
    case "max_transfer_size", "max_batch_size": writeSize(key, value, place, device, id)
    default: writeNumber(key, value, place, device, id)
    }
    if findings[before...].contains(where: \.isRefusal) { devices[device].workQueues[id]?.refused.insert(key) }
  }

  private mutating func refuse(
    _ key: String, _ place: Place, _ device: Int, _ id: Int, _ problem: String, _ fix: String, _ source: String,
    code: String = "-EINVAL"
  ) {
    refuse(text(of: .workQueue(device, id)), key, place, .driver, code, problem, fix, source)
  }

  private mutating func warn(
    _ key: String, _ place: Place, _ device: Int, _ id: Int, _ problem: String, _ fix: String, _ source: String
  ) {
    warn(text(of: .workQueue(device, id)), key, place, problem, fix, source)
  }

  // MARK: - Words

  private mutating func writeText(_ key: String, _ value: ConfigurationValue, _ place: Place, _ device: Int, _ id: Int)
  {
    guard var state = devices[device].workQueues[id] else { return }
    let word = value.text
    // Names lose the blanks around them in the driver (strim).
    let tail = word.reversed().prefix { $0.isWhitespace }.count
    let trimmed = String(word.dropLast(tail).drop { $0.isWhitespace })
    switch key {
    case "mode":
      guard let mode = DSAConfiguration.Mode(rawValue: word) else {
        return refuse(
          key, place, device, id, "is \(value.shown)", "write \"dedicated\" or \"shared\"", "sysfs.c wq_mode_store")
      }
      state.queue.mode = mode
      if mode == .dedicated { state.queue.threshold = 0 }
    case "type":
      guard let type = DSAConfiguration.ClientType(rawValue: word) else {
        return refuse(
          key, place, device, id, "is \(value.shown)", "write \"kernel\", \"user\" or \"none\"", "sysfs.c wq_type_store"
        )
      }
      if type != state.queue.type, !state.queue.name.isEmpty {
        warn(
          key, place, device, id, "stands behind `name` and changes the type, upon which the driver forgets the name",
          "write `type` before `name`", "sysfs.c wq_type_store")
        state.queue.name = ""
      }
      state.queue.type = type
    case "name":
      guard (1...IDXDDefaults.nameBytes).contains(word.utf8.count) else {
        return refuse(
          key, place, device, id, "has \(word.utf8.count) bytes", "write 1 to \(IDXDDefaults.nameBytes)",
          "sysfs.c wq_name_store")
      }
      state.queue.name = trimmed
    case "driver_name":
      guard (1...IDXDDefaults.driverNameBytes).contains(word.utf8.count) else {
        return refuse(
          key, place, device, id, "has \(word.utf8.count) bytes", "write \"user\" or \"dmaengine\"",
          "sysfs.c wq_driver_name_store")
      }
      state.queue.driverName = trimmed
    default: return writeOperations(value, place, device, id)
    }
    devices[device].workQueues[id] = state
  }

  private mutating func writeOperations(_ value: ConfigurationValue, _ place: Place, _ device: Int, _ id: Int) {
    let limits = devices[device].result.limits
    guard limits.version >= IDXDDefaults.version2 else {
      return refuse(
        text(of: .workQueue(device, id)), "op_config", place, .accelConfig, "-EIO",
        "is no file of a queue: devices of version 1 cannot restrict operations", "leave it out",
        "sysfs.c idxd_wq_attr_visible, accfg/lib/libaccfg.c accfg_wq_set_op_config_str")
    }
    guard let words = Self.operations(value.text) else {
      return refuse(
        "op_config", place, device, id, "is \(value.shown)",
        "write up to eight hexadecimal words with commas, as op_cap has them",
        "sysfs.c wq_op_config_store")
    }
    if !limits.operations.isEmpty, zip(words, limits.operations).contains(where: { $0 & ~$1 != 0 }) {
      refuse(
        "op_config", place, device, id, "allows operations that the device does not have (op_cap)",
        "write a part of op_cap",
        "sysfs.c idxd_verify_supported_opcap")
    }
  }

  // MARK: - Sizes that become powers of two

  private mutating func writeSize(_ key: String, _ value: ConfigurationValue, _ place: Place, _ device: Int, _ id: Int)
  {
    let isBatch = key == "max_batch_size"
    let object = text(of: .workQueue(device, id))
    guard let size = integer(key, value, object, limit: isBatch ? Int(Int32.max) : Int.max - 1) else { return }
    let limits = devices[device].result.limits
    let most = isBatch ? limits.batchSize : limits.transferSize
    let source = isBatch ? "sysfs.c wq_max_batch_size_store" : "sysfs.c wq_max_transfer_size_store"
    guard size > 0 else {
      return refuse(key, place, device, id, "is \(size)", "write 1 to \(most)", source)
    }
    // The driver rounds first and compares then. What is beyond 2^62 is beyond `most` as it is.
    let rounded = size > 1 << 61 ? size : size.roundedUpToPowerOfTwo
    guard rounded <= most else {
      return refuse(
        key, place, device, id,
        rounded == size
          ? "is \(size), and the device takes \(most)"
          : "is \(size), in the driver \(rounded), and the device takes \(most)",
        "write \(most) or less", source)
    }
    if rounded != size {
      warn(
        key, place, device, id, "is \(size), of which the driver makes \(rounded)", "write a power of two",
        "sysfs.c __get_sysfs_u64")
    }
    if isBatch {
      devices[device].workQueues[id]?.queue.maxBatchSize = rounded
    } else {
      devices[device].workQueues[id]?.queue.maxTransferSize = rounded
    }
  }

  // MARK: - Numbers

  private mutating func writeNumber(
    _ key: String, _ value: ConfigurationValue, _ place: Place, _ device: Int, _ id: Int
  ) {
    guard let number = integer(key, value, text(of: .workQueue(device, id))) else { return }
    switch key {
    case "size": writeEntries(number, place, device, id)
    case "threshold": writeThreshold(number, place, device, id)
    case "priority":
      guard (0...IDXDDefaults.maxPriority).contains(number) else {
        return refuse(
          key, place, device, id, "is \(number)", "write 1 to \(IDXDDefaults.maxPriority)", "sysfs.c wq_priority_store")
      }
      devices[device].workQueues[id]?.queue.priority = number
    case "group_id":
      guard let group = group(number, device, text(of: .workQueue(device, id)), value, "sysfs.c wq_group_id_store")
      else { return }
      devices[device].workQueues[id]?.queue.group = group < 0 ? nil : group
    case "block_on_fault": writeBlockOnFault(number, place, device, id)
    default: writeSwitch(number, key, place, device, id)
    }
  }

  private mutating func writeEntries(_ number: Int, _ place: Place, _ device: Int, _ id: Int) {
    let state = devices[device]
    let left = state.result.limits.entries - state.claimedEntries + (state.workQueues[id]?.queue.size ?? 0)
    guard (0...left).contains(number) else {
      return refuse(
        "size", place, device, id,
        number < 0
          ? "is \(number)"
          : "is \(number); of the device's \(state.result.limits.entries) entries the queues before it leave \(left)",
        "write 1 to \(max(left, 1))", "sysfs.c wq_size_store")
    }
    devices[device].workQueues[id]?.queue.size = number
  }

  private mutating func writeThreshold(_ number: Int, _ place: Place, _ device: Int, _ id: Int) {
    guard let queue = devices[device].workQueues[id]?.queue else { return }
    if queue.mode == .dedicated {
      guard number != 0 else { return }
      return warn(
        "threshold", place, device, id, "is not applied: dedicated queues have none", "leave it out",
        "accfg/config.c is_wq_threshold_writable")
    }
    if devices[device].workQueues[id]?.refused.contains("size") == true { return }
    guard number > 0, number <= queue.size else {
      let isEarly = number > 0 && devices[device].workQueues[id]?.places["size"] == nil
      return refuse(
        "threshold", place, device, id,
        isEarly
          ? "is \(number), but the queue has no entries yet" : "is \(number), and the queue has \(queue.size) entries",
        isEarly ? "write `size` before it" : queue.size > 0 ? "write 1 to \(queue.size)" : "write `size` first",
        "sysfs.c wq_threshold_store")
    }
    devices[device].workQueues[id]?.queue.threshold = number
  }

  private mutating func writeBlockOnFault(_ number: Int, _ place: Place, _ device: Int, _ id: Int) {
    guard devices[device].result.limits.hasBlockOnFault else {
      return refuse(
        "block_on_fault", place, device, id, "cannot be written: the device cannot block on faults (gen_cap bit 0)",
        "leave it out",
        "sysfs.c wq_block_on_fault_store", code: "-EOPNOTSUPP")
    }
    guard (0...1).contains(number) else {
      return refuse(
        "block_on_fault", place, device, id, "is \(number)", "write 0 or 1", "sysfs.c wq_block_on_fault_store")
    }
    if number == 1, devices[device].workQueues[id]?.isPRSDisabled == true {
      return refuse(
        "block_on_fault", place, device, id, "is 1, but the queue asks for no pages (prs_disable)",
        "leave one of them out",
        "sysfs.c wq_block_on_fault_store", code: "-EOPNOTSUPP")
    }
    devices[device].workQueues[id]?.queue.blockOnFault = number == 1
  }

  /// `ats_disable` and `prs_disable`: accel-config keeps to itself what is neither 0 nor 1, and all where there is no such file.
  private mutating func writeSwitch(_ number: Int, _ key: String, _ place: Place, _ device: Int, _ id: Int) {
    let isOld = devices[device].result.limits.version < IDXDDefaults.version2
    guard (0...1).contains(number), !isOld else {
      // save-config writes the library's error number where there is no such file.
      if number <= 0 { return }
      return warn(
        key, place, device, id,
        isOld ? "is not applied: devices of version 1 have no such setting" : "is \(number) and is not applied",
        isOld ? "leave it out; older accel-config fails on it" : "write 0 or 1", "accfg/config.c is_wq_\(key)_writable")
    }
    guard key == "prs_disable" else { return }
    devices[device].workQueues[id]?.isPRSDisabled = number == 1
    if number == 1, devices[device].workQueues[id]?.queue.blockOnFault == true {
      devices[device].workQueues[id]?.queue.blockOnFault = false
      warn(key, place, device, id, "turns block_on_fault off", "leave one of them out", "sysfs.c wq_prs_disable_store")
    }
  }
}

extension Int {
  /// The least power of two that is no less; for 1 to 2^62.
  fileprivate var roundedUpToPowerOfTwo: Int { self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}
