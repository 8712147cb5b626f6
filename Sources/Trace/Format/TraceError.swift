// The one error of this room: what is wrong, where, and what to do about it.

/// An error of reading, writing or importing a trace.
public struct TraceError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What sort of thing went wrong.
  public enum Kind: String, Sendable, Codable {
    /// The operating system refused (open, read, write, rename).
    case system
    /// There is no access in the input.
    case empty
    /// The file is no trace, or a trace of another version.
    case format
    /// Bytes are missing at the end.
    case truncated
    /// Bytes do not agree with their checksum or with each other.
    case damaged
    /// A line of text that the importer does not understand.
    case malformed
    /// A number outside a limit of the format.
    case limit
    /// An option that makes no sense.
    case usage
  }

  public var kind: Kind
  /// The file as the caller named it, or `standard input`; empty where no file is at fault.
  public var file: String
  /// Line number from 1, for text input.
  public var line: Int?
  /// Byte offset from 0; in gzip-compressed files, of the uncompressed bytes.
  public var byte: Int?
  /// What is wrong.
  public var problem: String
  /// What to do.
  public var fix: String

  public init(
    _ kind: Kind, file: String, line: Int? = nil, byte: Int? = nil, problem: String, fix: String
  ) {
    self.kind = kind
    self.file = file
    self.line = line
    self.byte = byte
    self.problem = problem
    self.fix = fix
  }

  /// A file without the magic of a trace at its start; `byte` is the first that differs.
  static func noTrace(_ file: String, byte: Int) -> TraceError {
    TraceError(
      .format, file: file, byte: byte, problem: "not a Pageferry trace",
      fix: "make one of another tool's trace with `pageferry trace import INPUT -o FILE.pft`")
  }

  /// `file:line: byte N: problem (fix)`.
  public var description: String {
    var text = file
    if let line { text += ":\(line)" }
    if !text.isEmpty { text += ": " }
    if let byte { text += "byte \(byte): " }
    return text + problem + " (" + fix + ")"
  }
}
