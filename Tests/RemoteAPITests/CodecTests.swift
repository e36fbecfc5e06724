import HTTPCodec
import Testing

/// HTTP/1.1 as bytes: heads, framing, chunks; what can be read in two ways is refused.
@Suite struct CodecTests {
  private func head(_ text: String) throws -> HTTPRequestHead {
    var buffer = HTTPBuffer()
    buffer.append(Array(text.utf8))
    return try HTTPRequestHead(try #require(try buffer.takeHead(limit: 1 << 16)))
  }

  @Test("a head comes in pieces of any size, and what follows it stays")
  func pieces() throws {
    let text = "\r\nGET /v1.50/info HTTP/1.1\r\nHost: d\r\nX-A:  b c \r\n\r\nrest"
    var buffer = HTTPBuffer()
    var found: ArraySlice<UInt8>?
    for byte in text.utf8 {
      buffer.append([byte])
      if found == nil { found = try buffer.takeHead(limit: 1000) }
    }
    let head = try HTTPRequestHead(try #require(found))
    #expect(head.method == "GET" && head.target == "/v1.50/info" && head.minorVersion == 1)
    #expect(head.headers.first("x-a") == "b c")
    #expect(buffer.take() == Array("rest".utf8))
  }

  @Test(
    "malformed heads are refused",
    arguments: [
      ("GET /\r\n\r\n", 400), ("G T / HTTP/1.1 x\r\n\r\n", 400), ("GET / HTTP/2.0\r\n\r\n", 505),
      ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400), ("GET / HTTP/1.1\r\na b: c\r\n\r\n", 400),
      ("GET / HTTP/1.1\r\n: c\r\n\r\n", 400), ("GET / HTTP/1.1\r\nA: b\u{0}c\r\n\r\n", 400),
      ("GET /a\u{7f}b HTTP/1.1\r\n\r\n", 400),
    ])
  func malformed(_ text: String, _ status: Int) throws {
    #expect { try head(text) } throws: { ($0 as? HTTPError)?.status == status }
  }

  @Test("a head without end is refused at the limit")
  func endless() throws {
    var buffer = HTTPBuffer()
    buffer.append([UInt8](repeating: 65, count: 2000))
    #expect { _ = try buffer.takeHead(limit: 1000) } throws: { ($0 as? HTTPError)?.status == 431 }
  }

  @Test(
    "a body has one length or is refused",
    arguments: [
      ("Content-Length: 5\r\nTransfer-Encoding: chunked", 400), ("Content-Length: 5\r\nContent-Length: 6", 400),
      ("Content-Length: -1", 400), ("Content-Length: +5", 400), ("Content-Length: 0x5", 400), ("Content-Length:", 400),
      ("Content-Length: 99999999999999999999", 400), ("Transfer-Encoding: gzip, chunked", 501),
      ("Transfer-Encoding: identity", 501),
    ])
  func ambiguous(_ fields: String, _ status: Int) throws {
    let head = try head("POST / HTTP/1.1\r\n\(fields)\r\n\r\n")
    #expect { _ = try head.framing() } throws: { ($0 as? HTTPError)?.status == status }
  }

  @Test("two equal lengths are one")
  func equalLengths() throws {
    #expect(try head("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n").framing() == .length(5))
    #expect(try head("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n").framing() == .none)
  }

  private func decode(_ text: String, by size: Int) throws -> (body: String, rest: String)? {
    var buffer = HTTPBuffer()
    var decoder = HTTPBodyDecoder(.chunked)
    var body: [UInt8] = []
    var bytes = Array(text.utf8)[...]
    while true {
      switch try decoder.next(from: &buffer) {
      case .bytes(let more): body += more
      case .end:
        return (String(decoding: body, as: UTF8.self), String(decoding: buffer.take() + bytes, as: UTF8.self))
      case nil:
        guard !bytes.isEmpty else { return nil }
        buffer.append(bytes.prefix(size))
        bytes = bytes.dropFirst(size)
      }
    }
  }

  @Test("chunks in pieces of any size, with extensions and trailers", arguments: 1...12)
  func chunks(_ size: Int) throws {
    let text = "5;x=y\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nNEXT"
    let (body, rest) = try #require(try decode(text, by: size))
    #expect(body == "hello 0123456789" && rest == "NEXT")
  }

  @Test(
    "broken chunks are refused",
    arguments: [
      "x\r\nhello\r\n", "-5\r\nhello\r\n", "+5\r\nhello\r\n0\r\n\r\n", "\r\nhello", "fffffffffffffffff\r\n",
      "3\r\nhello\r\n0\r\n\r\n", "5 5\r\nhello\r\n",
    ])
  func brokenChunks(_ text: String) throws {
    #expect(throws: HTTPError.self) { _ = try decode(text, by: 64) }
  }

  @Test("what was encoded is read again, and a value cannot begin a line of its own")
  func roundTrip() throws {
    let headers: HTTPHeaders = ["Host": "d", "X-Bad": "a\r\nInjected: yes"]
    let bytes = HTTPRequestHead(method: "POST", target: "/a?b=c", headers: headers).encoded()
    var buffer = HTTPBuffer()
    buffer.append(bytes)
    let head = try HTTPRequestHead(try #require(try buffer.takeHead(limit: 1000)))
    #expect(head.headers.first("Injected") == nil && head.headers.first("X-Bad") == "aInjected: yes")
    #expect(
      try decode(String(decoding: httpChunk(Array("ab".utf8)) + httpLastChunk, as: UTF8.self), by: 3)?.body == "ab")
  }

  @Test("5,000 damaged requests never crash the reader", arguments: [1, 2, 3] as [UInt64])
  func damaged(_ seed: UInt64) throws {
    var state = seed
    func random(_ limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % limit
    }
    let good = Array(
      "POST /v1.50/x HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".utf8)
    var accepted = 0
    for _ in 0..<5_000 {
      var bytes = good
      for _ in 0...random(4) {
        switch random(3) {
        case 0: bytes[random(bytes.count)] = UInt8(random(256))
        case 1: bytes.remove(at: random(bytes.count))
        default: bytes.insert(UInt8(random(256)), at: random(bytes.count))
        }
      }
      var buffer = HTTPBuffer()
      buffer.append(bytes)
      guard let lines = try? buffer.takeHead(limit: 1000), let head = try? HTTPRequestHead(lines),
        let framing = try? head.framing()
      else { continue }
      var decoder = HTTPBodyDecoder(framing)
      var total = 0
      while let part = try? decoder.next(from: &buffer), case .bytes(let more) = part { total += more.count }
      #expect(total <= bytes.count)
      accepted += 1
    }
    #expect(accepted > 0)
  }
}
