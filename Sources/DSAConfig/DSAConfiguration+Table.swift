// A configuration as a table for people.

import Units

extension DSAConfiguration: CustomStringConvertible {
  /// All devices; those that differ from the one before in nothing but their number in one line.
  public var description: String {
    var text = ""
    var previous: Device?
    var alike: [String] = []
    func close() {
      guard !alike.isEmpty else { return }
      text += "\(alike.joined(separator: ", ")): as \(previous?.name ?? "")\n"
      alike = []
    }
    for device in devices {
      if var twin = previous, twin.id != device.id {
        twin.id = device.id
        if twin == device {
          alike.append(device.name)
          continue
        }
      }
      close()
      text += device.description
      previous = device
    }
    close()
    return text
  }
}

extension DSAConfiguration.Device: CustomStringConvertible {
  public var description: String {
    let used = groups.filter { !$0.workQueues.isEmpty || !$0.engines.isEmpty }
    var text =
      "\(name): version 0x\(String(limits.version, radix: 16)); \(usedEntries) of \(limits.entries) entries, "
      + "\(engines.count) of \(limits.engines) engines, \(limits.readBuffers) read buffers"
    if readBufferLimit > 0 { text += ", limit \(readBufferLimit)" }
    text += "; batches up to \(limits.batchSize), transfers up to \(ByteSize.text(limits.transferSize))\n"
    for group in used { text += description(of: group) }
    let rest = workQueues.filter { $0.group == nil }
    if !rest.isEmpty { text += "  in no group\n" + table(rest) }
    return text
  }

  private func description(of group: DSAConfiguration.Group) -> String {
    var text = "  group\(id).\(group.id): "
    text +=
      group.engines.isEmpty ? "no engines" : "engines " + group.engines.map { "\(id).\($0)" }.joined(separator: " ")
    text += "; read buffers \(group.readBuffersAllowed) allowed, \(group.readBuffersReserved) reserved"
    if group.usesReadBufferLimit { text += ", shares the limit" }
    if group.trafficClassA != 1 || group.trafficClassB != 1 {
      text += "; traffic classes \(group.trafficClassA) and \(group.trafficClassB)"
    }
    if group.descProgressLimit > 0 { text += "; 1/\(1 << group.descProgressLimit) of descriptors in progress" }
    if group.batchProgressLimit > 0 { text += "; 1/\(1 << group.batchProgressLimit) of batches in progress" }
    return text + "\n" + table(workQueues.filter { $0.group == group.id })
  }

  private func table(_ queues: [DSAConfiguration.WorkQueue]) -> String {
    guard !queues.isEmpty else { return "" }
    var rows = [
      [
        "queue", "mode", "size", "threshold", "priority", "max batch", "max transfer", "faults", "type", "driver",
        "name",
      ]
    ]
    for queue in queues {
      rows.append([
        "wq\(id).\(queue.id)", queue.mode.rawValue, "\(queue.size)", queue.mode == .shared ? "\(queue.threshold)" : "-",
        "\(queue.priority)", "\(queue.maxBatchSize)", ByteSize.text(queue.maxTransferSize),
        queue.blockOnFault ? "block" : "stop",
        queue.type.rawValue, queue.driverName, queue.name.inOneLine,
      ])
    }
    let isNumber = [false, false, true, true, true, true, true, false, false, false, false]
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = row.indices.map { column in
        let pad = String(repeating: " ", count: widths[column] - row[column].count)
        return isNumber[column] ? pad + row[column] : row[column] + pad
      }
      var line = "    " + cells.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }
}
