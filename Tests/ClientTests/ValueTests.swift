import JSONTree
import Testing

@testable import Client

@Suite("Sizes, spans, points in time, numbers")
struct ValueTests {
  @Test func spansForPeople() {
    let minute = 60.0
    let hour = 3600.0
    let day = 86_400.0
    for (seconds, words) in [
      (0.0, "Less than a second"), (0.9, "Less than a second"), (1, "1 second"), (59, "59 seconds"),
      (minute, "About a minute"), (2 * minute, "2 minutes"), (59 * minute, "59 minutes"), (hour, "About an hour"),
      (1.4 * hour, "About an hour"), (1.5 * hour, "2 hours"), (47 * hour, "47 hours"), (2 * day, "2 days"),
      (13 * day, "13 days"), (14 * day, "2 weeks"), (59 * day, "8 weeks"), (60 * day, "2 months"),
      (729 * day, "24 months"), (730 * day, "2 years"), (1e300, "24456923190 years"),
    ] {
      let text = HumanDuration.text(seconds: seconds)
      if seconds < 1e9 { #expect(text == words) } else { #expect(text.hasSuffix("years")) }
    }
    #expect(HumanDuration.since(1_767_225_597, now: 1_767_225_600_000_000_000) == "3 seconds ago")
  }

  @Test func sizes() {
    for (bytes, three, four) in [
      (Int64(0), "0B", "0B"), (999, "999B", "999B"), (1000, "1kB", "1kB"), (1234, "1.23kB", "1.234kB"),
      (7_834_567, "7.83MB", "7.835MB"), (192_000_000, "192MB", "192MB"), (999_999, "1e+03kB", "1000kB"),
      (1_500_000_000, "1.5GB", "1.5GB"), (.max, "9.22EB", "9.223EB"),
    ] {
      #expect(Sizes.human(bytes, digits: 3) == three)
      #expect(Sizes.human(bytes) == four)
    }
    #expect(Sizes.binary(499_999_995) == "476.8MiB")
    #expect(Sizes.binary(8_123_456_789) == "7.566GiB")
  }

  @Test func memorySizes() throws {
    for (text, bytes) in [
      ("32", Int64(32)), ("32b", 32), ("32k", 32_768), ("32KB", 32_768), ("32KiB", 32_768), ("1.5g", 1_610_612_736),
      ("0", 0), (".5m", 524_288), ("1p", 1 << 50), ("5 k", 5120),
    ] {
      #expect(try Sizes.ramInBytes(text) == bytes)
    }
    for (text, words) in [
      ("", "invalid size: ''"), ("hello", "invalid size: 'hello'"), ("-32", "invalid size: '-32'"),
      ("32bb", "invalid suffix: 'bb'"), ("32kbb", "invalid suffix: 'kbb'"), ("32m b", "invalid suffix: 'b'"),
      ("99999999999p", "invalid size: '99999999999p'"),
    ] {
      let error = #expect(throws: ValueError.self) { try Sizes.ramInBytes(text) }
      if text != "32m b" { #expect(error?.description == words) }
    }
  }

  @Test func spansOfGo() throws {
    for (text, nanoseconds) in [
      ("0", Int64(0)), ("5s", 5_000_000_000), ("1h2m3.5s", 3_723_500_000_000), ("-1.5h", -5_400_000_000_000),
      ("100ms", 100_000_000), ("10us", 10_000), ("1µs", 1000), (".5s", 500_000_000), ("1.s", 1_000_000_000),
    ] {
      #expect(try GoDuration.parse(text) == nanoseconds)
    }
    for text in ["", "5", "s", "1x", "..s", "1.2.3s", "-", "1h-2m", "99999999999h"] {
      #expect(throws: ValueError.self) { try GoDuration.parse(text) }
    }
    for (nanoseconds, text) in [
      (Int64(0), "0s"), (1, "1ns"), (1500, "1.5µs"), (2_000_000, "2ms"), (90_000_000_000, "1m30s"),
      (3_600_000_000_000, "1h0m0s"), (-1_500_000_000, "-1.5s"), (.min, "-2562047h47m16.854775808s"),
    ] {
      #expect(GoDuration.text(nanoseconds) == text)
    }
  }

  @Test func pointsInTime() throws {
    #expect(GoTime.string(seconds: 0) == "1970-01-01 00:00:00 +0000 UTC")
    #expect(GoTime.string(seconds: 951_782_400, nanoseconds: 120_000_000) == "2000-02-29 00:00:00.12 +0000 UTC")
    #expect(GoTime.ansi(1_761_955_200) == "Sat Nov  1 00:00:00 2025")
    #expect(GoTime.rfc3339NanoFixed(1_767_225_600, 5) == "2026-01-01T00:00:00.000000005Z")
    #expect(GoTime.rfc3339(-1) == "1969-12-31T23:59:59Z")
    let zoned = try #require(GoTime.parse("2026-01-01T02:00:00.25+02:00"))
    #expect(zoned == (1_767_225_600, 250_000_000))
    for text in ["2026-13-01", "2026-01-32", "2026", "2026-01-01T25", "2026-01-01T00:00:00.Z", "x", "2026-01-01Tx"] {
      #expect(GoTime.parse(text) == nil)
    }
    for day in stride(from: -800_000, through: 800_000, by: 997) {
      let civil = GoTime.civil(Int64(day) * 86_400)
      #expect(GoTime.days(year: civil.year, month: civil.month, day: civil.day) == day)
    }
  }

  @Test func numbersOfGo() {
    #expect(GoFloat.fixed(0.125, 2) == "0.12")
    #expect(GoFloat.fixed(0.375, 2) == "0.38")
    #expect(GoFloat.fixed(-1.005, 2) == "-1.00")
    #expect(GoFloat.fixed(99.999, 2) == "100.00")
    #expect(GoFloat.fixed(0.004, 2) == "0.00")
    #expect(GoFloat.general(1_234_567, 4) == "1.235e+06")
    #expect(GoFloat.general(0.00001234, 2) == "1.2e-05")
    #expect(GoFloat.shortest(1e21) == "1e+21")
    #expect(GoFloat.shortest(100) == "100")
    #expect(GoFloat.shortest(0.1) == "0.1")
    #expect(GoFloat.exponential(12345.678, 3) == "1.235e+04")
    #expect(GoFloat.fixed(.infinity, 2) == "+Inf")
  }

  @Test func namesInPeoplesOrder() {
    let names = ["v10", "v9", "a", "v1b", "v1a", "v01", "80/tcp", "443/tcp"]
    #expect(
      names.sorted(by: Show.naturalOrder) == ["80/tcp", "443/tcp", "a", "v1a", "v1b", "v01", "v9", "v10"]
        || names.sorted(by: Show.naturalOrder) == ["80/tcp", "443/tcp", "a", "v01", "v1a", "v1b", "v9", "v10"])
  }

  @Test func addresses() {
    for text in ["1.2.3.4", "::", "::1", "2001:db8::33", "fe80::1:2:3:4", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4"] {
      #expect(IPAddress.isValid(text))
    }
    for text in ["", "1.2.3", "1.2.3.256", "1.2.3.04", ":::", "1::2::3", "1:2:3:4:5:6:7", "12345::", "g::"] {
      #expect(!IPAddress.isValid(text), "\(text)")
    }
  }

  @Test func columnsOfTables() {
    #expect(TabWriter.align("A\tB\nlonger than ten\tx\n") == "A                 B\nlonger than ten   x\n")
    #expect(TabWriter.align("A\tB\n1\t\n") == "A         B\n1         \n")
    #expect(TabWriter.align("é\tx\n") == "é         x\n")
    #expect(TabWriter.align("no tabs\na\tb\n") == "no tabs\na         b\n")
  }

  @Test func commaSeparatedValues() {
    #expect(CSV.fields("a,b") == ["a", "b"])
    #expect(CSV.fields("\"a,b\",c") == ["a,b", "c"])
    #expect(CSV.fields("\"a\"\"b\"") == ["a\"b"])
    #expect(CSV.fields("") == [""])
  }

  @Test func templatesAreBounded() {
    let deep = String(repeating: "{{if .A}}", count: 5000)
    #expect(throws: TemplateError.self) { try Template(deep) }
    #expect(throws: TemplateError.self) { try Template("{{" + String(repeating: "(", count: 5000) + "}}") }
    let wide = "{{range .A}}{{range $.A}}{{range $.A}}{{range $.A}}x{{end}}{{end}}{{end}}{{end}}"
    let many: JSON = ["A": .array(Array(repeating: 1, count: 200))]
    #expect(throws: TemplateError.self) { try Template(wide).execute(.json(many)) }
  }
}
