/// Huge pages that a process adds to the pool for its own time.
public final class HugePageReservation {
  /// Pages to add on a node of this machine.
  public struct Want: Sendable, Equatable {
    public var node: Int
    public var pages: Int

    public init(node: Int, pages: Int) {
      self.node = node
      self.pages = pages
    }
  }
}
