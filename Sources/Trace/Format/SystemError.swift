// What the operating system said, as a TraceError.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

extension TraceError {
  /// A refusal by the system call `call`, from `errno`.
  static func system(_ call: String, _ file: String, fix: String = "check the path and its permissions") -> TraceError {
    TraceError(.system, file: file, problem: "\(call): \(String(cString: strerror(errno)))", fix: fix)
  }
}

/// read(2), under a name that no method hides.
func readDescriptor(_ descriptor: Int32, _ target: UnsafeMutableRawPointer, _ count: Int) -> Int {
  read(descriptor, target, count)
}
