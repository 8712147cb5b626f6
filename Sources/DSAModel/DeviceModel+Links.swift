// Links whose bandwidth others use, too: what is left for devices changes while they run.

import Units

extension DeviceModel {
  /// Says what devices can draw from a link from now on.
  ///
  /// - Parameters:
  ///   - link: 0..<links.count of the model.
  ///   - read: bytes a second, clamped to 1 GB/s to 10 TB/s; `write` likewise.
  public func setBandwidth(link: Int, read: Int, write: Int) {
    let resource = firstLink + 2 * link
    let rates = DeviceTiming.rates
    let isNew = flows.setCapacity(resource, min(max(read, rates.lowerBound), rates.upperBound))
    let isNewToo = flows.setCapacity(resource + 1, min(max(write, rates.lowerBound), rates.upperBound))
    if isNew || isNewToo { shareAnew() }
  }
}
