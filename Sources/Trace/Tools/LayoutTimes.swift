// Until the format stores times.
extension TraceLayout { var hasTimes: Bool { false } }
