// nr_hugepages of a node: read and written.

import Foundation
import Host

/// The size of a pool on a node, or of the whole machine where the kernel has no nodes.
struct PoolSize {
  let root: HostRoot
  /// Without the root.
  let folder: String

  init(_ root: HostRoot, pageSize: Int, node: Int) {
    self.root = root
    let own = HugePagePool.folder(pageSize: pageSize, node: node)
    folder = root.exists(own) ? own : HugePagePool.folder(pageSize: pageSize)
  }

  var file: String { root.path(folder + "/nr_hugepages") }

  /// Pages that are in the pool for good.
  func persistent() throws(Unreadable) -> Int {
    let total = try root.integer(folder + "/nr_hugepages")
    return max(0, total - ((try? root.integer(folder + "/surplus_hugepages")) ?? 0))
  }

  /// Asks for so many; the system's words where it refuses. The kernel may give fewer, or keep those in use as surplus.
  func set(_ pages: Int) -> String? {
    let descriptor = open(file, O_WRONLY | O_TRUNC | O_CLOEXEC)
    guard descriptor >= 0 else { return "\(file): \(String(cString: strerror(errno)))" }
    defer { close(descriptor) }
    let bytes = Array("\(pages)\n".utf8)
    guard write(descriptor, bytes, bytes.count) == bytes.count else {
      return "\(file): \(String(cString: strerror(errno)))"
    }
    return nil
  }
}
