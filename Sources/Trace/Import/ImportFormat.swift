// The formats of other tools, and what is known of each before its first access.

/// Formats that can be imported. docs/cli.md says what becomes of their fields.
public enum ImportFormat: String, Sendable, CaseIterable {
  /// `valgrind --tool=lackey --trace-mem=yes`.
  case lackey
  /// Dinero: `0|1|2 ADDRESS`, or `l|s ADDRESS GAP`; addresses in hexadecimal.
  case din
  /// CPU traces of Ramulator 1: `INSTRUCTIONS READ [WRITEBACK]`.
  case ramulator
  /// DRAMsim3, and the k6 and mase traces of DRAMSim2: `0xADDRESS READ|WRITE CYCLE`.
  case dramsim
  /// Comma-separated columns under a line that names them.
  case csv
  /// libCacheSim's binary records of 24 bytes: time, object, size, next access.
  case oraclegeneral
  /// DAMON's access counts by region: damo's JSON, or `perf script` of `damon:damon_aggregated`.
  case damon
  /// `perf script` of memory samples, as `perf mem record` takes them.
  case perfscript
  /// DynamoRIO's drmemtrace: binary records of 12 bytes: type, size, address.
  case drmemtrace

  /// What is counted in `ImportProgress.lines`.
  public var unitName: String {
    switch self {
    case .oraclegeneral, .drmemtrace: "records"
    case .damon: "regions"
    default: "lines"
    }
  }

  /// What an input is made of.
  var inputName: String { self == .damon ? "lines or regions" : unitName }

  /// What the addresses are.
  var addressKind: AddressKind {
    switch self {
    case .lackey, .din, .ramulator, .csv, .damon, .perfscript, .drmemtrace: .virtual
    case .dramsim: .physical
    case .oraclegeneral: .pageNumber
    }
  }

  /// Whether the reader states when each access was, in nanoseconds.
  var hasTimes: Bool {
    switch self {
    case .damon, .perfscript, .drmemtrace, .oraclegeneral: true
    default: false
    }
  }

  /// Whether accesses are samples, each with its time. They are not coalesced: a record has one time.
  var isSampled: Bool { self == .damon || self == .perfscript }

  /// Bytes of a record; nil for text.
  var recordBytes: Int? {
    switch self {
    case .oraclegeneral: OracleRecord.bytes
    case .drmemtrace: DrMemtraceEntry.bytes
    default: nil
    }
  }

  /// What to do about an input without an access.
  var emptyFix: String {
    switch self {
    case .lackey: "run valgrind with --tool=lackey --trace-mem=yes and send its log here: --log-fd=9 9>&1"
    case .din: "check that the file has `0|1|2 ADDRESS` or `l|s ADDRESS GAP` lines"
    case .ramulator: "check that the file has `INSTRUCTIONS READ [WRITEBACK]` lines"
    case .dramsim: "check that the file has `0xADDRESS READ|WRITE CYCLE` lines"
    case .csv: "check that the file has lines under the one that names the columns"
    case .oraclegeneral: "check that the file has records, and objects of more than 0 bytes"
    case .damon: "record for longer: no region was found accessed"
    case .perfscript: "record with `perf mem record`, and print addresses: perf script -F +addr,+data_src"
    case .drmemtrace: "check that the trace was recorded with data references, not -instr_only_trace"
    }
  }
}

/// Files that hold traces but are no stream of bytes that is read here.
struct ForeignContainer {
  var name: String
  var signature: [UInt8]
  /// How to get at the bytes.
  var command: String

  static let all = [
    ForeignContainer(name: "a zip archive", signature: [0x50, 0x4B, 0x03, 0x04], command: "unzip -p"),
    ForeignContainer(name: "an lz4 file", signature: [0x04, 0x22, 0x4D, 0x18], command: "lz4 -dc"),
    ForeignContainer(name: "an xz file", signature: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], command: "xz -dc"),
  ]

  /// Bytes to look at.
  static let headBytes = 8

  /// Throws `.format` when `head` begins one of them.
  static func refuse(_ head: [UInt8], of file: String) throws(TraceError) {
    for container in all where head.starts(with: container.signature) {
      throw TraceError(
        .format, file: file, byte: 0, problem: "is \(container.name)",
        fix: "unpack it on the way: \(container.command) FILE | pageferry trace import - -o OUT.pft")
    }
  }
}
