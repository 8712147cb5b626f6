// Suites that use this machine's memory and its pool of huge pages: one after the other.

import Testing

@Suite(.serialized) enum RealMemory {}
