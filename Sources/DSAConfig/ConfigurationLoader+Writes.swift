// Writes of devices, groups and engines, as the driver's sysfs files answer them.
//
// Source: Linux drivers/dma/idxd/sysfs.c, the store functions named at each; what accel-config keeps from them, intel/idxd-config
// accfg/config.c and accfg/lib/libaccfg.c.

import Yams

extension ConfigurationLoader {
  /// Takes what a device's object says of the device itself: `list` and `save-config` write it, and accel-config never reads it
  /// back.
  mutating func describe(_ index: Int, _ mapping: Node.Mapping) {
    var limits = devices[index].result.limits
    let name = devices[index].result.name
    for pair in mapping {
      guard let key = pair.key.scalar?.string, let value = ConfigurationValue(pair.value) else { continue }
      let place = Place(line: value.line, column: value.column)
      func number(_ range: ClosedRange<Int>) -> Int? {
        guard let number = value.integer(limit: Int.max - 1)?.value, range.contains(number) else {
          warn(
            name, key, place, "is \(value.shown), which no device has: that of Sapphire Rapids is taken",
            "write \(range.lowerBound) to \(range.upperBound), or leave it out", "")
          return nil
        }
        return number
      }
      func powerOfTwo(_ range: ClosedRange<Int>) -> Int? {
        guard let size = number(range) else { return nil }
        guard size.nonzeroBitCount == 1 else {
          warn(
            name, key, place, "is \(size), no power of two, which no device has: that of Sapphire Rapids is taken",
            "write a power of two, or leave it out", "")
          return nil
        }
        return size
      }
      switch key {
      case "max_groups": limits.groups = number(1...64) ?? limits.groups
      case "max_work_queues": limits.workQueues = number(1...256) ?? limits.workQueues
      case "max_engines": limits.engines = number(1...64) ?? limits.engines
      case "work_queue_size": limits.entries = number(1...65535) ?? limits.entries
      case "max_read_buffers", "max_tokens": limits.readBuffers = number(1...255) ?? limits.readBuffers
      case "max_batch_size": limits.batchSize = powerOfTwo(1...(1 << 15)) ?? limits.batchSize
      case "max_transfer_size": limits.transferSize = powerOfTwo(1...(1 << 31)) ?? limits.transferSize
      case "pasid_enabled": limits.hasPASID = (number(0...1) ?? 1) == 1
      case "configurable": devices[index].isConfigurable = (number(0...1) ?? 1) == 1
      case "version": limits.version = hexadecimal(value).flatMap { Int(exactly: $0) } ?? limits.version
      case "gen_cap": limits.hasBlockOnFault = hexadecimal(value).map { $0 & 1 == 1 } ?? true
      case "op_cap": limits.operations = Self.operations(value.text) ?? []
      default: break
      }
    }
    devices[index].result.limits = limits
    devices[index].makeGroups()
  }

  private func hexadecimal(_ value: ConfigurationValue) -> UInt64? {
    value.text.hasPrefix("0x") ? UInt64(value.text.dropFirst(2), radix: 16) : UInt64(value.text)
  }

  /// Up to eight hexadecimal words with commas, the highest first, as bitmap_parse takes them; nil for anything else.
  static func operations(_ text: String) -> [UInt32]? {
    let words = text.split(separator: ",", omittingEmptySubsequences: false).map { UInt32($0, radix: 16) }
    guard (1...IDXDDefaults.operationWords).contains(words.count), !words.contains(nil) else { return nil }
    return Array(repeating: 0, count: IDXDDefaults.operationWords - words.count) + words.compactMap { $0 }
  }

  /// A value that is a number to json-c; nil once its refusal is told. Says so where the number is not what stands there.
  mutating func integer(_ key: String, _ value: ConfigurationValue, _ object: String, limit: Int = Int(Int32.max))
    -> Int?
  {
    let place = Place(line: value.line, column: value.column)
    guard let (number, isOdd) = value.integer(limit: limit) else {
      refuse(
        object, key, place, .accelConfig, "-EINVAL", "is \(value.shown), which is no number", "write a whole number",
        "accfg/config.c *_json_set_val, json-c json_object_get_int")
      return nil
    }
    if isOdd {
      warn(
        object, key, place, "is \(value.shown), of which accel-config makes \(number)", "write \(number)",
        "json-c json_object_get_int")
    }
    return number
  }

  /// Whether writes to the device are possible at all; says once that they are not.
  mutating func isWritable(_ device: Int, _ key: String, _ object: String, _ value: ConfigurationValue) -> Bool {
    guard !devices[device].isConfigurable else { return true }
    if !devices[device].hasToldFixed {
      devices[device].hasToldFixed = true
      refuse(
        object, key, Place(line: value.line, column: value.column), .driver, "-EPERM",
        "\(devices[device].result.name) cannot be written to (`configurable` is 0): firmware has set it up",
        "enable it as it is, with accel-config enable-device", "sysfs.c, IDXD_FLAG_CONFIGURABLE")
    }
    return false
  }

  // MARK: - Devices

  mutating func write(_ key: String, _ value: ConfigurationValue, device: Int) {
    let name = devices[device].result.name
    let place = Place(line: value.line, column: value.column)
    guard isWritable(device, key, name, value), let number = integer(key, value, name) else { return }
    let limits = devices[device].result.limits
    switch key {
    case "event_log_size":
      if limits.version < IDXDDefaults.version2 {
        warn(
          name, key, place, "is not applied: devices of version 1 have no event log", "leave it out",
          "accfg/lib/libaccfg.c accfg_device_set_event_log_size")
      } else if !IDXDDefaults.eventLogSizes.contains(number) {
        let range = IDXDDefaults.eventLogSizes
        refuse(
          name, key, place, .driver, "-EINVAL", "is \(number)", "write \(range.lowerBound) to \(range.upperBound)",
          "sysfs.c event_log_size_store")
      }
    default:
      guard (0...limits.readBuffers).contains(number) else {
        refuse(
          name, key, place, .driver, "-EINVAL", "is \(number), and the device has \(limits.readBuffers) read buffers",
          "write 0 to \(limits.readBuffers)", "sysfs.c read_buffer_limit_store")
        return
      }
      devices[device].result.readBufferLimit = number
    }
  }

  // MARK: - Engines

  mutating func write(_ key: String, _ value: ConfigurationValue, device: Int, engine: Int) {
    let name = text(of: .engine(device, engine))
    guard isWritable(device, key, name, value), let id = integer(key, value, name) else { return }
    guard let group = group(id, device, name, value, "sysfs.c engine_group_id_store") else { return }
    devices[device].engines[engine] = group < 0 ? nil : group
  }

  /// A `group_id`: -1 is none. Nil once its refusal is told.
  mutating func group(
    _ id: Int, _ device: Int, _ object: String, _ value: ConfigurationValue, _ source: String
  ) -> Int? {
    let place = Place(line: value.line, column: value.column)
    let last = devices[device].result.limits.groups - 1
    guard (-1...last).contains(id) else {
      refuse(
        object, "group_id", place, .driver, "-EINVAL", "is \(id), and the device has groups 0 to \(last)",
        "write 0 to \(last), or -1 for none", source)
      return nil
    }
    if let list = enclosingGroup, list != id {
      warn(
        object, "group_id", place,
        "is \(id), but the list is group \(list)'s: `group_id` alone decides, and it joins \(id < 0 ? "no group" : "group \(id)")",
        "write it in the list of its group", "accfg/config.c configure_json_value")
    }
    return id
  }

  // MARK: - Groups

  mutating func write(_ key: String, _ value: ConfigurationValue, device: Int, group: Int) {
    let name = text(of: .group(device, group))
    let place = Place(line: value.line, column: value.column)
    guard isWritable(device, key, name, value), let number = integer(key, value, name) else { return }
    guard number >= 0 else {
      refuse(
        name, key, place, .accelConfig, "-EINVAL", "is \(number); groups take no negative numbers", "leave the key out",
        "accfg/config.c group_json_set_val")
      return
    }
    switch key {
    case "read_buffers_reserved", "tokens_reserved": writeReserved(number, key, place, device, group)
    case "read_buffers_allowed", "tokens_allowed": writeAllowed(number, key, place, device, group)
    case "use_read_buffer_limit", "use_token_limit":
      if devices[device].result.readBufferLimit != 0 {
        devices[device].result.groups[group].usesReadBufferLimit = number != 0
      } else if number != 0 {
        warn(
          name, key, place, "is not applied: the device's read_buffer_limit is 0",
          "write read_buffer_limit before the groups",
          "accfg/config.c is_group_read_buffer_limit_writable")
      }
    case "traffic_class_a", "traffic_class_b": writeTrafficClass(number, key, place, device, group)
    default: writeProgressLimit(number, key, place, device, group)
    }
  }

  private mutating func writeReserved(_ number: Int, _ key: String, _ place: Place, _ device: Int, _ group: Int) {
    let most = devices[device].freeReadBuffers + devices[device].result.groups[group].readBuffersReserved
    guard number <= most else {
      devices[device].refusedReadBuffers.insert(group)
      refuse(
        text(of: .group(device, group)), key, place, .driver, "-EINVAL",
        "is \(number); of the device's \(devices[device].result.limits.readBuffers) read buffers other groups leave \(most)",
        "reserve \(most) or fewer", "sysfs.c group_read_buffers_reserved_store")
      return
    }
    devices[device].result.groups[group].readBuffersReserved = number
  }

  private mutating func writeAllowed(_ number: Int, _ key: String, _ place: Place, _ device: Int, _ group: Int) {
    let state = devices[device]
    // Engines that joined so far: in most files they stand behind this key, and the device is the first to count them.
    let least = 4 * state.engineIDs(of: group).count
    let most = state.result.groups[group].readBuffersReserved + state.freeReadBuffers
    guard number >= least, number <= most else {
      devices[device].refusedReadBuffers.insert(group)
      refuse(
        text(of: .group(device, group)), key, place, .driver, "-EINVAL",
        "is \(number); at least 4 for each engine (\(least)) and at most those reserved and free (\(most)) can be allowed",
        "write \(least) to \(most)", "sysfs.c group_read_buffers_allowed_store")
      return
    }
    devices[device].result.groups[group].readBuffersAllowed = number
  }

  private mutating func writeTrafficClass(_ number: Int, _ key: String, _ place: Place, _ device: Int, _ group: Int) {
    let name = text(of: .group(device, group))
    let version = devices[device].result.limits.version
    if version < IDXDDefaults.version2 {
      guard number != 1 else { return }
      return warn(
        name, key, place, "is not applied: the driver keeps 1 on devices of version 1", "leave it out",
        "accfg/config.c is_group_traffic_class_writable")
    }
    if version == IDXDDefaults.version2 {
      return refuse(
        name, key, place, .driver, "-EPERM", "cannot be written on devices of version 2",
        "leave it out, or load idxd with tc_override=1", "sysfs.c group_traffic_class_a_store")
    }
    guard number <= 7 else {
      return refuse(
        name, key, place, .driver, "-EINVAL", "is \(number)", "write 0 to 7", "sysfs.c group_traffic_class_a_store")
    }
    if key.hasSuffix("a") {
      devices[device].result.groups[group].trafficClassA = number
    } else {
      devices[device].result.groups[group].trafficClassB = number
    }
  }

  private mutating func writeProgressLimit(_ number: Int, _ key: String, _ place: Place, _ device: Int, _ group: Int) {
    let isOld = devices[device].result.limits.version < IDXDDefaults.version2
    guard number <= 3, !isOld else {
      if number == 0 { return }
      return warn(
        text(of: .group(device, group)), key, place,
        isOld ? "is not applied: devices of version 1 have no such limit" : "is \(number) and is not applied",
        isOld ? "leave it out" : "write 0 to 3 (all, 1/2, 1/4, 1/8)",
        "accfg/config.c is_group_desc_progress_limit_writable")
    }
    if key.hasPrefix("desc") {
      devices[device].result.groups[group].descProgressLimit = number
    } else {
      devices[device].result.groups[group].batchProgressLimit = number
    }
  }
}
