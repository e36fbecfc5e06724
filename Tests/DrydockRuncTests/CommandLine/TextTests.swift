import JSONTree
import Runtime
import Testing

@testable import DrydockRunc

/// The small texts of a runtime's command line.
@Suite("drydock-runc: names, sizes, times, signals")
struct TextTests {
  @Test("Times in RFC 3339 are read back as they were written")
  func times() {
    for (nanoseconds, text) in [
      (0, "1970-01-01T00:00:00Z"),
      (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
      (1_795_549_649_709_559_744, "2026-11-24T19:47:29.709559744Z"),
      (1_795_549_649_700_000_000, "2026-11-24T19:47:29.7Z"),
      (4_102_444_799_000_000_001, "2099-12-31T23:59:59.000000001Z"),
    ] as [(UInt64, String)] {
      #expect(RFC3339.text(nanoseconds) == text)
      #expect(RFC3339.nanoseconds(text) == nanoseconds)
    }
    #expect(RFC3339.text(1_500_000_000, fraction: false) == "1970-01-01T00:00:01Z")
    for text in [
      "", "2026-11-24", "2026-11-24T19:47:29", "2026-13-24T19:47:29Z", "2026-11-24T25:47:29Z", "2026-11-24 19:47:29Z",
      "2026-11-24T19:47:29.Z", "2026-11-24T19:47:29.1234567891Z", "9999-11-24T19:47:29Z", "20x6-11-24T19:47:29Z",
    ] { #expect(RFC3339.nanoseconds(text) == nil, "\(text)") }
  }

  @Test("Durations as Go has them")
  func durations() {
    for (text, nanoseconds) in [
      ("5s", 5_000_000_000), ("100ms", 100_000_000), ("1m30s", 90_000_000_000), ("1.5h", 5_400_000_000_000), ("0", 0),
      ("1us", 1000), ("1µs", 1000), (".5s", 500_000_000), ("+2ns", 2),
    ] as [(String, UInt64)] { #expect(GoText.nanoseconds(text) == nanoseconds, "\(text)") }
    for text in ["", "5", "s", "-1s", "5 s", "5x", "1e3s", "99999999999h", "1..5s", "+"] {
      #expect(GoText.nanoseconds(text) == nil, "\(text)")
    }
  }

  @Test("Sizes as docker has them")
  func sizes() {
    for (text, bytes) in [
      ("0", 0), ("1024", 1024), ("64m", 64 << 20), ("64MB", 64 << 20), ("64MiB", 64 << 20), ("1.5g", 3 << 29),
      ("1 k", 1024), ("8p", 8 << 50), ("5b", 5),
    ] as [(String, Int64)] { #expect(GoText.bytes(text) == bytes, "\(text)") }
    for text in ["", "m", "-1", "1x", "1e3", "nan", "0x10", "99999999p", "1.2.3"] {
      #expect(GoText.bytes(text) == nil, "\(text)")
    }
  }

  @Test("Quotes as %q has them")
  func quotes() {
    #expect(GoText.quoted("a\"b\\c\nd\te\u{7f}\u{1}\u{0}é") == #""a\"b\\c\nd\te\x7f\x01\x00é""#)
  }

  @Test("Signals by name and number")
  func signals() {
    for (text, number) in [
      ("9", 9), ("KILL", 9), ("SIGKILL", 9), ("sigterm", 15), ("hup", 1), ("SIGRTMIN+3", 37), ("RTMAX-1", 63),
      ("RTMIN", 34), ("0", 0), ("64", 64), ("SIGSYS", 31),
    ] { #expect(RuntimeSignal.number(text) == number, "\(text)") }
    for text in ["", "SIG", "65", "-9", "KILLALL", "RTMIN+99", "RTMIN-1", "9 "] {
      #expect(RuntimeSignal.number(text) == nil, "\(text)")
    }
  }

  @Test("A container's name leads nowhere")
  func names() {
    for name in ["a", "a.b_c-d+e", "0", "...", String(repeating: "x", count: 1024)] {
      #expect(ContainerID.isValid(name), "\(name)")
    }
    for name in ["", ".", "..", "a/b", "a b", "é", "a\0", "a\n", "~", "a:b", String(repeating: "x", count: 1025)] {
      #expect(!ContainerID.isValid(name), "\(name)")
    }
  }

  @Test("The log's lines are logrus's")
  func logLines() throws {
    let text = Log(path: "/l", isJSON: false, isDebug: false)
    let line = text.line(.error, "container \"x\" does not exist")
    #expect(
      line.hasPrefix("time=\"20") && line.hasSuffix("Z\" level=error msg=\"container \\\"x\\\" does not exist\"\n"))
    #expect(text.line(.warning, "plain-word").hasSuffix(" level=warning msg=plain-word\n"))
    #expect(text.line(.debug, "").hasSuffix(" msg=\"\"\n"))
    let json = try JSON(parsing: Log(path: "/l", isJSON: true, isDebug: false).line(.error, "a\nb"))
    #expect(json.object?.keys == ["level", "msg", "time"])
    #expect(json["level"]?.string == "error" && json["msg"]?.string == "a\nb")
    #expect(RFC3339.nanoseconds(json["time"]?.string ?? "") != nil)
  }

  @Test("Users by /etc/passwd alone")
  func users() {
    let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:5:5::/:\nme:x:1000:1000::/home/me:/bin/sh\n"
    #expect(UserName.name(0, in: passwd) == "root" && UserName.name(1000, in: passwd) == "me")
    #expect(UserName.name(7, in: passwd) == nil)
  }
}
