// Quantities as text: vectors of what is read, what is printed, and what is refused with which words.
import Testing
import Units

@Suite struct QuantityTests {
  @Test(arguments: [
    ("0", 0, "0"), ("1048576", 1 << 20, "1MiB"), ("512M", 512 << 20, "512MiB"), ("16G", 16 << 30, "16GiB"),
    ("16 GiB", 16 << 30, "16GiB"), ("1.5K", 1536, "1536"), ("3840p", 3840 * 4096, "15MiB"), ("4k", 4096, "4KiB"),
    ("2T", 2 << 40, "2TiB"), ("1P", 1 << 50, "1PiB"), ("100B", 100, "100"), ("4097", 4097, "4097"),
    ("9223372036854775807", Int.max, "9223372036854775807"),
  ])
  func sizesAreReadAndPrinted(text: String, bytes: Int, printed: String) throws {
    #expect(try ByteSize.parse(text) == bytes)
    #expect(ByteSize.text(bytes) == printed)
    #expect(try ByteSize.parse(printed) == bytes)
  }

  @Test(arguments: [
    ("", "not a size: it does not start with a number"), ("-1", "not a size: it does not start with a number"),
    ("G", "not a size: it does not start with a number"), (".", "not a size: it does not start with a number"),
    ("1.", "no digit behind the point"), ("1.5", "not a whole number of bytes"),
    ("16GB", "GB may mean a power of 10 or of 2; write GiB"),
    ("1x", "unknown unit of size; write B, KiB, MiB, GiB, TiB, K, M, G, T or p (4 KiB pages)"),
    ("9223372036854775808", "too many digits for 64 bits"), ("8192P", "too large for 64 bits"),
    ("9223372036854775807K", "too large for 64 bits"), ("0.0000000000000000001G", "too many digits for 64 bits"),
    ("1.2.3G", "unknown unit of size; write B, KiB, MiB, GiB, TiB, K, M, G, T or p (4 KiB pages)"),
  ])
  func malformedSizesAreRefusedWithAReason(text: String, reason: String) {
    #expect(throws: QuantityFault(reason)) { try ByteSize.parse(text) }
  }

  @Test(arguments: [
    ("25%", Capacity.share(ppm: 250_000), "25%"), ("12.5%", .share(ppm: 125_000), "12.5%"),
    ("0.0001 %", .share(ppm: 1), "0.0001%"), ("150%", .share(ppm: 1_500_000), "150%"),
    ("16G", .bytes(16 << 30), "16GiB"), ("0", .bytes(0), "0"),
  ])
  func capacitiesAreReadAndPrinted(text: String, capacity: Capacity, printed: String) throws {
    #expect(try Capacity.parse(text) == capacity)
    #expect(capacity.description == printed)
    #expect(try Capacity.parse(printed) == capacity)
  }

  @Test(arguments: [
    ("%", "not a share: it does not start with a number"), ("5G%", "not a share; write 25% or 12.5%"),
    ("0.00001%", "not a whole number of millionths; give at most 4 decimals"),
    ("922337203685477580%", "too large for 64 bits"),
  ])
  func malformedSharesAreRefusedWithAReason(text: String, reason: String) {
    #expect(throws: QuantityFault(reason)) { try Capacity.parse(text) }
  }

  @Test(arguments: [
    (Capacity.share(ppm: 250_000), 4096, 1024), (.share(ppm: 1), 999_999, 0), (.share(ppm: 1), 1_000_000, 1),
    (.share(ppm: 1_000_000), Int.max, Int.max), (.share(ppm: 2_000_000), Int.max, Int.max),
    (.share(ppm: Int.max), Int.max, Int.max), (.share(ppm: 500_000), Int.max, Int.max / 2), (.bytes(7), 1000, 7),
  ])
  func sharesResolveAgainstTheFootprintRoundedDown(capacity: Capacity, footprint: Int, bytes: Int) {
    #expect(capacity.resolved(footprintBytes: footprint) == bytes)
  }

  @Test(arguments: [
    ("12ns", 12_000, "12ns"), ("1.5us", 1_500_000, "1500ns"), ("1.5 µs", 1_500_000, "1500ns"),
    ("3ms", 3_000_000_000, "3ms"), ("2s", 2_000_000_000_000, "2s"), ("250ps", 250, "250ps"), ("0s", 0, "0s"),
    ("0.5ns", 500, "500ps"),
  ])
  func durationsAreReadAndPrinted(text: String, picoseconds: Int, printed: String) throws {
    #expect(try TimeSpan.parse(text) == picoseconds)
    #expect(TimeSpan.text(picoseconds) == printed)
    #expect(try TimeSpan.parse(printed) == picoseconds)
  }

  @Test(arguments: [
    ("12", "a duration needs its unit: ps, ns, us, ms or s, e.g. 12ns or 1.5us"),
    ("0", "a duration needs its unit: ps, ns, us, ms or s, e.g. 12ns or 1.5us"),
    ("ns", "not a duration: it does not start with a number"),
    ("5m", "unknown unit of time; write ps, ns, us, ms or s, e.g. 12ns or 1.5us"),
    ("0.5ps", "not a whole number of picoseconds"), ("9223373s", "too large for 64 bits"),
    ("-3ns", "not a duration: it does not start with a number"),
  ])
  func malformedDurationsAreRefusedWithAReason(text: String, reason: String) {
    #expect(throws: QuantityFault(reason)) { try TimeSpan.parse(text) }
  }

  @Test(arguments: [
    ("12.5GB/s", 12_500_000_000, "12.5GB/s"), ("120MB/s", 120_000_000, "120MB/s"), ("1GiB/s", 1 << 30, "1GiB/s"),
    ("64 KB/s", 64_000, "64kB/s"), ("5B/s", 5, "5B/s"), ("1.024kB/s", 1024, "1.024kB/s"),
    ("1234567891B/s", 1_234_567_891, "1234567891B/s"), ("0B/s", 0, "0B/s"), ("2TB/s", 2_000_000_000_000, "2TB/s"),
  ])
  func ratesAreReadAndPrinted(text: String, rate: Int, printed: String) throws {
    #expect(try Bandwidth.parse(text) == rate)
    #expect(Bandwidth.text(rate) == printed)
    #expect(try Bandwidth.parse(printed) == rate)
  }

  @Test(arguments: [
    ("12", "a rate needs its unit, e.g. 12.5GB/s, 120MB/s or 1GiB/s"),
    ("12GB", "unknown unit of rate; write B/s, kB/s, MB/s, GB/s, TB/s, KiB/s, MiB/s, GiB/s or TiB/s"),
    ("0.3B/s", "not a whole number of bytes per second"), ("9223373TB/s", "too large for 64 bits"),
    ("fast", "not a rate: it does not start with a number"),
  ])
  func malformedRatesAreRefusedWithAReason(text: String, reason: String) {
    #expect(throws: QuantityFault(reason)) { try Bandwidth.parse(text) }
  }
}
