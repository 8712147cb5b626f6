// What the kernel's steps cost in CPU time. The knob table that declares them is in Machine+Knobs.swift.

import Units

/// CPU time of kernel steps, in picoseconds unless the name says otherwise.
public struct CostKnobs: Sendable {
  public var cachedAccess = 4 * Picoseconds.nanosecond
  public var instruction = 250
  public var firstTouch = 600 * Picoseconds.nanosecond
  public var firstTouchHuge = 90 * Picoseconds.microsecond
  public var firstTouchUnaccounted = 0
  public var majorFault = 80 * Picoseconds.microsecond
  public var writebackPage = 10 * Picoseconds.microsecond
  public var hintFault = 1 * Picoseconds.microsecond
  public var scanEntry = 15 * Picoseconds.nanosecond
  public var scanBlock = 50 * Picoseconds.nanosecond
  public var reclaimScanPage = 80 * Picoseconds.nanosecond
  public var reclaimRound = 2 * Picoseconds.microsecond
  public var isolate = 60 * Picoseconds.nanosecond
  public var allocate = 120 * Picoseconds.nanosecond
  public var unmap = 250 * Picoseconds.nanosecond
  public var flush = 800 * Picoseconds.nanosecond
  public var flushPerCPU = 200 * Picoseconds.nanosecond
  public var remap = 200 * Picoseconds.nanosecond
  public var putBack = 60 * Picoseconds.nanosecond
  public var splitHuge = 30 * Picoseconds.microsecond
  /// Bytes a second that one CPU copies when memory does not limit it.
  public var copyBandwidth = 10_000_000_000
  public var contextSwitch = 1500 * Picoseconds.nanosecond

  public init() {}
}
