// Room: Trace.
