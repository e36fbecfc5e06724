import HTTPCodec
import JSONTree
import Seams

/// How an answer of the engine goes out.
struct Answer: Sendable {
  let head: HTTPRequestHead
  let connection: WireConnection
  let identity: ServerIdentity
  /// The API version that the client speaks.
  var version: String
  var keepsAlive: Bool
  /// The request's body may still be on its way: the client's closed direction does not mean that it has gone.
  var defersEnd = false

  init(head: HTTPRequestHead, connection: WireConnection, identity: ServerIdentity) {
    (self.head, self.connection, self.identity) = (head, connection, identity)
    version = identity.api
    keepsAlive = head.keepsAlive
  }

  /// Sends it; false when no other request can follow on the connection.
  func send(_ response: APIResponse) async -> Bool {
    var headers = HTTPHeaders(response.headers.map { .init($0.name, $0.value) })
    identity.complete(&headers)
    let isHead = head.method == "HEAD"
    let hasBody = !isHead && response.status != 204 && response.status != 304
    let bytes: [UInt8]
    switch response.body {
    case .none: bytes = []
    case .json(let json):
      headers.addIfMissing("Content-Type", "application/json")
      var writer = JSONWriter()
      writer.write(json)
      writer.raw("\n")
      bytes = writer.bytes
    case .text(let text):
      headers.addIfMissing("Content-Type", "text/plain; charset=utf-8")
      bytes = Array(text.utf8)
    case .stream(let stream):
      headers.addIfMissing("Content-Type", "application/octet-stream")
      guard hasBody else {
        stream.closeReading()
        return await write(response.status, headers, length: nil, []) && keepsAlive
      }
      return await pass(stream, response.status, headers)
    case .hijacked(let duplex):
      // Only what was asked for as a raw stream can become one.
      duplex.input.closeReading()
      duplex.output.closeWriting()
      return await send(APIResponse(error: EngineError(.unknown, "the connection cannot be upgraded")))
    }
    return await write(response.status, headers, length: bytes.count, hasBody ? bytes : []) && keepsAlive
  }

  private func write(_ status: Int, _ headers: HTTPHeaders, length: Int?, _ body: [UInt8]) async -> Bool {
    var headers = headers
    if let length, status != 204, status != 304 { headers.addIfMissing("Content-Length", String(length)) }
    if !keepsAlive { headers.add("Connection", "close") }
    return await connection.write(HTTPResponseHead(status, headers: headers).encoded() + body)
  }

  /// A body of unknown length: each piece goes out as it comes. A client that goes ends the stream.
  private func pass(_ stream: ByteChannel, _ status: Int, _ headers: HTTPHeaders) async -> Bool {
    // HTTP/1.0 knows no chunks: there the end of the connection is the end of the body.
    let isChunked = head.minorVersion > 0
    var (headers, keepsAlive) = (headers, keepsAlive && isChunked)
    if isChunked { headers.add("Transfer-Encoding", "chunked") }
    if !keepsAlive { headers.add("Connection", "close") }
    let whole: Bool
    if defersEnd {
      connection.whenClosed { stream.closeReading() }
    } else {
      connection.whenEnded { stream.closeReading() }
    }
    whole = await copy(stream, HTTPResponseHead(status, headers: headers).encoded(), isChunked)
    if !defersEnd { connection.whenEnded(nil) }
    if !whole { keepsAlive = false }
    return keepsAlive
  }

  private func copy(_ stream: ByteChannel, _ first: [UInt8], _ isChunked: Bool) async -> Bool {
    var isWritten = await connection.write(first)
    while isWritten, let bytes = await stream.read() {
      isWritten = await connection.write(isChunked ? httpChunk(bytes) : bytes)
    }
    guard isWritten, defersEnd || !connection.hasEnded else {
      stream.closeReading()
      return false
    }
    return isChunked ? await connection.write(httpLastChunk) : true
  }

  /// The head before a raw stream: `101 UPGRADED` for whoever asked so, else the `200 OK` of older clients.
  func hijackHead(_ response: APIResponse) -> [UInt8] {
    var type = response.header("Content-Type") ?? "application/vnd.docker.raw-stream"
    // Clients before 1.42 know the raw type only.
    if ServerIdentity.isOlder(version, "1.42") { type = "application/vnd.docker.raw-stream" }
    var headers: HTTPHeaders = ["Content-Type": type]
    guard head.upgrade == "tcp" else { return HTTPResponseHead(200, headers: headers).encoded() }
    headers.add("Connection", "Upgrade")
    headers.add("Upgrade", "tcp")
    identity.complete(&headers)
    return HTTPResponseHead(101, headers: headers).encoded()
  }
}
