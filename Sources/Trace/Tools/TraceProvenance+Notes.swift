// What a tool adds to the provenance of the traces it reads.

extension TraceProvenance {
  /// Appends to the notes, and shortens what a writer would refuse.
  mutating func note(_ text: String) {
    notes += (notes.isEmpty ? "" : "; ") + text
    shorten(to: TraceFormat.maxProvenanceBytes - TraceFormat.maxFilterNoteBytes)
  }

  /// The provenance of several traces: each field has their different texts.
  init(joining all: [TraceProvenance]) {
    self.init()
    let fields: [WritableKeyPath<TraceProvenance, String>] = [
      \.program, \.command, \.tool, \.options, \.date, \.filters, \.notes,
    ]
    for field in fields {
      var texts: [String] = []
      for text in all.map({ $0[keyPath: field] }) where !text.isEmpty && !texts.contains(text) { texts.append(text) }
      self[keyPath: field] = texts.joined(separator: " | ")
    }
  }

  /// The last part of a path.
  static func fileName(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
}
