// Reading of the tree as accel-config reads it: object by object in the order of the file, each told by its `dev`.
//
// Source: intel/idxd-config accfg/config.c: json_parse, json_parse_array and configure_json_value. The names of lists mean
// nothing to it; `dev` says what an object is, and `group_id` which group a queue or engine joins.

import Yams

struct ConfigurationLoader {
  /// What a `dev` names. Numbers index `devices` and its parts.
  enum Target: Equatable {
    case device(Int)
    case group(Int, Int)
    case workQueue(Int, Int)
    case engine(Int, Int)
    /// In a device that is passed over.
    case skipped
  }

  /// Where an object began, for findings about the whole of it.
  struct Place: Equatable {
    var line: Int
    var column: Int
  }

  let path: String
  let kernel: KernelVersion
  var findings: [ConfigurationFinding] = []
  var devices: [DeviceState] = []
  /// The object whose `dev` was read last: scalars go to it, wherever they stand.
  private var current: Target?
  /// Its device, or nil.
  private var parent: Int?
  /// Number of the group in whose list the objects are that are being read.
  private(set) var enclosingGroup: Int?

  init(path: String, kernel: KernelVersion) {
    self.path = path
    self.kernel = kernel
  }

  mutating func load(_ root: Node) throws(ConfigurationError) {
    guard case .sequence(let list) = root else {
      throw shape(root, "the file is no list", "begin with `[` and one object for each device")
    }
    guard !list.isEmpty else {
      throw shape(root, "the list of devices is empty; accel-config fails on it", "describe a device")
    }
    for element in list { try object(element, isDevice: true) }
  }

  func shape(_ node: Node, _ problem: String, _ fix: String) -> ConfigurationError {
    ConfigurationError(
      .shape, path: path, line: node.mark?.line ?? 0, column: node.mark?.column ?? 0, problem: problem, fix: fix)
  }

  private mutating func object(_ node: Node, isDevice: Bool = false) throws(ConfigurationError) {
    guard case .mapping(let mapping) = node else {
      throw shape(node, "not an object", "write `{\"dev\": \"...\", ...}`")
    }
    guard let first = mapping.first, first.key.scalar?.string == "dev" else {
      throw shape(
        mapping.first?.key ?? node, "`dev` is not the first key of the object",
        "begin with it: accel-config writes what stands before it to the object named last")
    }
    try name(first.value, isDevice: isDevice)
    let owner = current
    if case .device(let index) = owner { describe(index, mapping) }
    for pair in mapping.dropFirst() {
      let key = pair.key.scalar?.string ?? ""
      switch pair.value {
      case .scalar:
        if owner != .skipped { scalar(key, pair.value, at: pair.key, of: owner) }
      case .sequence(let list):
        guard !list.isEmpty else {
          refuse(
            owner, key, pair.key, .accelConfig, "",
            "the list is empty; accel-config ends the reading there with an error",
            "leave the key out", "accfg/config.c json_parse_array")
          continue
        }
        unknownList(key, pair.key, of: owner)
        if case .group(_, let group) = owner { enclosingGroup = group }
        for element in list { try object(element) }
        enclosingGroup = nil
      case .mapping, .alias:
        throw shape(pair.value, "`\(key.inOneLine)` is an object", "write a list of objects, or leave it out")
      }
    }
  }

  /// Takes a `dev`: makes it the object that scalars go to.
  private mutating func name(_ node: Node, isDevice: Bool) throws(ConfigurationError) {
    let place = Place(line: node.mark?.line ?? 0, column: node.mark?.column ?? 0)
    guard let text = node.scalar?.string, let name = ObjectName(text) else {
      throw shape(
        node, "`dev` names nothing: \(node.scalar.map { "\"\($0.string.inOneLine)\"" } ?? "not a string")",
        "write dsaN for a device, groupN.M, wqN.M or engineN.M for its parts, N being the device's number")
    }
    if isDevice != name.kind.isDevice {
      throw shape(
        node, isDevice ? "\(text) stands where a device has to" : "the device \(text) stands inside of another",
        "list devices in the outermost list and their parts under `groups`")
    }
    if name.kind == .iax {
      current = .skipped
      parent = nil
      warn(
        text, "dev", place, "is an analytics accelerator (IAA), which copies nothing: it is passed over",
        "check it with accel-config", "")
      return
    }
    if name.kind == .dsa {
      if devices.contains(where: { $0.result.id == name.number }) {
        throw shape(node, "\(text) is described twice", "keep one of them")
      }
      devices.append(DeviceState(id: name.number, place: place))
      parent = devices.count - 1
      current = .device(devices.count - 1)
      return
    }
    guard let parent else {
      current = .skipped
      return
    }
    if name.number != devices[parent].result.id {
      warn(
        text, "dev", place,
        "is in \(devices[parent].result.name): accel-config takes the number after the point and that device, whatever the "
          + "number before it", "write \(name.kind.rawValue)\(devices[parent].result.id).\(name.part)",
        "accfg/config.c configure_json_value")
    }
    current = part(name, text, place, of: parent)
  }

  private mutating func part(_ name: ObjectName, _ text: String, _ place: Place, of device: Int) -> Target {
    let limits = devices[device].result.limits
    let (limit, what) =
      switch name.kind {
      case .group: (limits.groups, "groups")
      case .workQueue: (limits.workQueues, "work queues")
      default: (limits.engines, "engines")
      }
    guard name.part < limit else {
      refuse(
        text, "dev", place, .accelConfig, "-ENOENT",
        "\(devices[device].result.name) has \(limit) \(what), 0 to \(limit - 1)", "number them from 0",
        "accfg/config.c configure_json_value")
      return .skipped
    }
    if !devices[device].named.insert("\(name.kind.rawValue)\(name.part)").inserted {
      warn(
        text, "dev", place, "is described a second time; what is written here is added to the first",
        "describe it once",
        "accfg/config.c configure_json_value")
    }
    switch name.kind {
    case .group:
      devices[device].groupPlaces[name.part] = place
      return .group(device, name.part)
    case .workQueue:
      if devices[device].workQueues[name.part] == nil {
        devices[device].workQueues[name.part] = WorkQueueState(id: name.part, place: place)
      }
      return .workQueue(device, name.part)
    default: return .engine(device, name.part)
    }
  }

  /// A scalar of an object: to the driver, or nowhere.
  private mutating func scalar(_ key: String, _ node: Node, at keyNode: Node, of owner: Target?) {
    guard let owner, let value = ConfigurationValue(node) else { return }
    let keys = ConfigurationKeys.of(owner)
    guard keys.written.contains(key) else {
      if !keys.shown.contains(key) {
        warn(
          owner, key, keyNode, "accel-config knows no such key here and passes it over",
          ConfigurationKeys.hint(key, keys.written + keys.shown), "accfg/config.c")
      }
      return
    }
    guard owner == current else {
      warn(
        owner, key, keyNode,
        "stands behind a list and is not applied: accel-config would write it to the list's last object",
        "move it in front of the list", "accfg/config.c configure_json_value")
      return
    }
    if value.kind == .null {
      warn(
        owner, key, keyNode, "is null, which accel-config passes over", "write a value or leave it out",
        "accfg/config.c json_parse")
      return
    }
    switch owner {
    case .device(let device): write(key, value, device: device)
    case .group(let device, let group): write(key, value, device: device, group: group)
    case .workQueue(let device, let queue): write(key, value, device: device, workQueue: queue)
    case .engine(let device, let engine): write(key, value, device: device, engine: engine)
    case .skipped: break
    }
  }

  private mutating func unknownList(_ key: String, _ keyNode: Node, of owner: Target?) {
    guard let owner, owner != .skipped, !ConfigurationKeys.lists.contains(key) else { return }
    warn(
      owner, key, keyNode, "is no list that accel-config writes; it reads the objects in it all the same",
      ConfigurationKeys.hint(key, ConfigurationKeys.lists), "accfg/config.c json_parse_array")
  }

  // MARK: - Findings

  func text(of target: Target) -> String {
    switch target {
    case .device(let d): devices[d].result.name
    case .group(let d, let g): "group\(devices[d].result.id).\(g)"
    case .workQueue(let d, let q): "wq\(devices[d].result.id).\(q)"
    case .engine(let d, let e): "engine\(devices[d].result.id).\(e)"
    case .skipped: ""
    }
  }

  mutating func refuse(
    _ object: String, _ key: String, _ place: Place?, _ judge: ConfigurationFinding.Judge, _ code: String,
    _ problem: String,
    _ fix: String, _ source: String
  ) {
    findings.append(
      ConfigurationFinding(
        isRefusal: true, judge: judge, code: code, path: path, line: place?.line ?? 0, column: place?.column ?? 0,
        object: object, key: key, problem: problem, fix: fix, source: source))
  }

  mutating func warn(
    _ object: String, _ key: String, _ place: Place?, _ problem: String, _ fix: String, _ source: String
  ) {
    findings.append(
      ConfigurationFinding(
        isRefusal: false, judge: .reader, code: "", path: path, line: place?.line ?? 0, column: place?.column ?? 0,
        object: object, key: key, problem: problem, fix: fix, source: source))
  }

  private mutating func refuse(
    _ target: Target?, _ key: String, _ node: Node, _ judge: ConfigurationFinding.Judge, _ code: String,
    _ problem: String,
    _ fix: String, _ source: String
  ) {
    refuse(target.map(text) ?? "", key, node.place, judge, code, problem, fix, source)
  }

  private mutating func warn(
    _ target: Target, _ key: String, _ node: Node, _ problem: String, _ fix: String, _ source: String
  ) {
    warn(text(of: target), key, node.place, problem, fix, source)
  }
}

extension Node {
  fileprivate var place: ConfigurationLoader.Place {
    ConfigurationLoader.Place(line: mark?.line ?? 0, column: mark?.column ?? 0)
  }
}

/// A `dev`: what it is and its numbers.
struct ObjectName: Equatable {
  enum Kind: String, CaseIterable {
    case dsa
    case iax
    case group
    case workQueue = "wq"
    case engine

    var isDevice: Bool { self == .dsa || self == .iax }
  }

  let kind: Kind
  /// The device.
  let number: Int
  /// The part of the device; 0 for a device.
  let part: Int

  init?(_ text: String) {
    guard let kind = Kind.allCases.first(where: { text.hasPrefix($0.rawValue) }) else { return nil }
    let numbers = text.dropFirst(kind.rawValue.count).split(separator: ".", omittingEmptySubsequences: false)
    guard numbers.count == (kind.isDevice ? 1 : 2) else { return nil }
    var values: [Int] = []
    for number in numbers {
      guard !number.isEmpty, number.count <= 6, number.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        let value = Int(number)
      else { return nil }
      values.append(value)
    }
    self.kind = kind
    self.number = values[0]
    part = values.count > 1 ? values[1] : 0
  }
}
