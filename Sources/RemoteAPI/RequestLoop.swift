import HTTPCodec
import JSONTree
import NIOCore
import Seams
import Synchronization

/// The life of one connection: requests, one after the other, until a side ends it or it becomes a raw stream.
struct RequestLoop: Sendable {
  /// A head may be so long (bytes), as in Go's net/http.
  static let headLimit = 1 << 20
  /// A JSON body may be so long (bytes), hold so many values, and be nested so deep.
  static let bodyLimit = 16 << 20
  static let valueLimit = 1_000_000
  static let depthLimit = 256
  /// What of a body that nobody wanted is still read for the next request's sake (bytes).
  static let drainLimit = 1 << 20

  let connection: WireConnection
  let server: ServerCore
  let api: any RemoteAPI

  func run() async {
    var buffer = HTTPBuffer()
    do {
      while !server.isStopping, let head = try await readHead(&buffer) {
        guard try await exchange(head, &buffer) else { break }
      }
    } catch let error as HTTPError {
      await refuse(error)
    } catch {
      // The peer has gone.
    }
    await connection.closeGently()
  }

  private struct Gone: Error {}

  private func readHead(_ buffer: inout HTTPBuffer) async throws -> HTTPRequestHead? {
    connection.isIdle = buffer.isEmpty
    defer { connection.isIdle = false }
    while true {
      if let lines = try buffer.takeHead(limit: RequestLoop.headLimit) { return try HTTPRequestHead(lines) }
      guard let more = await connection.read() else { return nil }
      buffer.append(more.readableBytesView)
    }
  }

  /// Answers what cannot be read as a request.
  private func refuse(_ error: HTTPError) async {
    var headers: HTTPHeaders = ["Content-Type": "application/json"]
    let body = messageBody(error.description)
    headers.add("Content-Length", String(body.count))
    headers.add("Connection", "close")
    server.identity.complete(&headers)
    await connection.write(HTTPResponseHead(error.status, headers: headers).encoded() + body)
  }

  private func messageBody(_ message: String) -> [UInt8] {
    var writer = JSONWriter()
    writer.write(["message": .string(message)])
    return writer.bytes + [10]
  }

  // MARK: One request

  /// Carries out one request; false when no other can follow on this connection.
  private func exchange(_ head: HTTPRequestHead, _ buffer: inout HTTPBuffer) async throws -> Bool {
    var answer = Answer(head: head, connection: connection, identity: server.identity)
    let framing = try head.framing()
    if head.minorVersion > 0, head.headers.first("Host") == nil {
      throw HTTPError(400, "missing required Host header")
    }
    if let version = APIRequest.version(of: head.target) {
      answer.version = version
      if let refusal = server.identity.refusal(of: version) {
        // The body, if there is one, is not read: the connection ends with the answer.
        answer.keepsAlive = answer.keepsAlive && framing == .none
        return await answer.send(APIResponse(400, .json(["message": .string(refusal)])))
      }
    }
    let target = HTTPTarget.path(head.target)
    var request = APIRequest(head.method, path: target)
    request.registryAuth = APIRequest.registryAuth(head)
    let expects = head.headers.first("Expect")?.lowercased()
    if let expects, expects != "100-continue" { throw HTTPError(417, "unsupported expectation") }
    if expects != nil, framing != .none {
      // The client waits with its body until it is asked for it.
      guard await connection.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) else { throw Gone() }
    }
    if let route = server.route(request) {
      guard try await drain(framing, &buffer) else { return false }
      return await answer.send(await route(request))
    }
    if request.takesUpload { return try await upload(request, head, framing, answer, &buffer) }
    let bytes = try await wholeBody(framing, &buffer)
    if !bytes.isEmpty {
      if let refusal = APIRequest.typeRefusal(head) {
        return await answer.send(APIResponse(400, .json(["message": .string(refusal)])))
      }
      do {
        request.body = try JSON(
          parsing: bytes, maxDepth: RequestLoop.depthLimit, maxValues: RequestLoop.valueLimit)
      } catch {
        return await answer.send(APIResponse(400, .json(["message": .string("\(error)")])))
      }
    }
    request.hijack = request.wantsHijack(head)
    let response = await send(request)
    if case .hijacked(let duplex) = response.body {
      await hijack(duplex, response, answer, &buffer)
      return false
    }
    return await answer.send(response)
  }

  /// Asks the engine. When the client goes while the engine only looks or waits, the request is called off; what changes
  /// something is carried to its end.
  private func send(_ request: APIRequest) async -> APIResponse {
    let api = api
    let work = Task { () -> APIResponse in
      do { return try await api.send(request) } catch let error as EngineError {
        return APIResponse(error: error)
      } catch is CancellationError {
        return APIResponse(error: EngineError(.canceled, "context canceled"))
      } catch { return APIResponse(error: EngineError(.unknown, "\(error)")) }
    }
    let isRead = request.method == "GET" || request.method == "HEAD" || request.template.hasSuffix("/wait")
    if isRead { connection.whenEnded { work.cancel() } }
    defer { connection.whenEnded(nil) }
    return await work.value
  }

  // MARK: Bodies

  private func wholeBody(_ framing: HTTPBodyFraming, _ buffer: inout HTTPBuffer) async throws -> [UInt8] {
    if case .length(let length) = framing, length > UInt64(RequestLoop.bodyLimit) {
      throw HTTPError(413, "http: request body too large")
    }
    var decoder = HTTPBodyDecoder(framing)
    var bytes: [UInt8] = []
    while true {
      switch try decoder.next(from: &buffer) {
      case .bytes(let more):
        guard bytes.count + more.count <= RequestLoop.bodyLimit else {
          throw HTTPError(413, "http: request body too large")
        }
        bytes += more
      case .end: return bytes
      case nil:
        guard let more = await connection.read() else { throw Gone() }
        buffer.append(more.readableBytesView)
      }
    }
  }

  /// Reads over a body that nobody wants; false when it is too long for that.
  private func drain(_ framing: HTTPBodyFraming, _ buffer: inout HTTPBuffer) async throws -> Bool {
    var decoder = HTTPBodyDecoder(framing)
    var count = 0
    while count <= RequestLoop.drainLimit {
      switch try decoder.next(from: &buffer) {
      case .bytes(let more): count += more.count
      case .end: return true
      case nil:
        guard let more = await connection.read() else { throw Gone() }
        buffer.append(more.readableBytesView)
      }
    }
    return false
  }

  /// A request whose body goes to the engine as it comes, while the answer may already be on its way.
  private func upload(
    _ request: APIRequest, _ head: HTTPRequestHead, _ framing: HTTPBodyFraming, _ answer: Answer,
    _ buffer: inout HTTPBuffer
  ) async throws -> Bool {
    var (request, answer) = (request, answer)
    let body = ByteChannel(capacity: 1 << 18)
    request.upload = body
    let feed = UploadFeed(buffer: buffer, framing: framing)
    buffer = HTTPBuffer()
    let connection = connection
    let work = Task { [request, api] () -> APIResponse in
      do { return try await api.send(request) } catch {
        return APIResponse(error: error as? EngineError ?? EngineError(.unknown, "\(error)"))
      }
    }
    let feeding = Task { await feed.run(connection, into: body, onCut: { work.cancel() }) }
    let response = await work.value
    // The answer goes out while the rest of the body still comes; the connection can be used again when it was short.
    answer.defersEnd = true
    let isSent = await answer.send(response)
    body.closeReading()
    guard isSent, await feeding.value else {
      connection.close()
      return false
    }
    buffer = feed.rest
    return true
  }

  // MARK: Raw streams

  /// The connection becomes the container's: bytes in both directions, each of which ends on its own.
  private func hijack(_ duplex: Duplex, _ response: APIResponse, _ answer: Answer, _ buffer: inout HTTPBuffer) async {
    let connection = connection
    guard await connection.write(answer.hijackHead(response)) else {
      duplex.output.closeWriting()
      duplex.input.closeReading()
      return
    }
    connection.whenClosed {
      duplex.output.closeWriting()
      duplex.input.closeReading()
    }
    // What the client sent right behind its request.
    let early = buffer.take()
    let input = Task {
      var isWanted = early.isEmpty ? true : await duplex.output.write(early)
      while let more = await connection.read() {
        // Nobody wants it, yet the end must be seen.
        if isWanted { isWanted = await duplex.output.write(Array(more.readableBytesView)) }
      }
      duplex.output.closeWriting()
    }
    while let bytes = await duplex.input.read() {
      guard await connection.write(bytes) else { break }
    }
    duplex.input.closeReading()
    await connection.closeOutput()
    let timer = connection.channel.eventLoop.scheduleTask(in: .seconds(1)) { connection.close() }
    duplex.output.closeWriting()
    await input.value
    timer.cancel()
    connection.close()
  }
}

/// Feeds a request's body into a channel, as fast as the engine takes it.
private final class UploadFeed: Sendable {
  private let state: Mutex<(buffer: HTTPBuffer, decoder: HTTPBodyDecoder)>

  init(buffer: HTTPBuffer, framing: HTTPBodyFraming) { state = Mutex((buffer, HTTPBodyDecoder(framing))) }

  /// What came behind the body.
  var rest: HTTPBuffer { state.withLock { $0.buffer } }

  /// True when the body was read to its end. `onCut` is told when the client went before it.
  func run(_ connection: WireConnection, into body: ByteChannel, onCut: () -> Void) async -> Bool {
    var unwanted = 0
    var isWanted = true
    while unwanted <= RequestLoop.drainLimit {
      let part: HTTPBodyDecoder.Part?
      do { part = try state.withLock { try $0.decoder.next(from: &$0.buffer) } } catch {
        onCut()
        body.closeWriting()
        return false
      }
      switch part {
      case .bytes(let bytes):
        if isWanted { isWanted = await body.write(bytes) }
        if !isWanted { unwanted += bytes.count }
      case .end:
        body.closeWriting()
        return true
      case nil:
        guard let more = await connection.read() else {
          onCut()
          body.closeWriting()
          return false
        }
        state.withLock { $0.buffer.append(more.readableBytesView) }
      }
    }
    return false
  }
}

/// The target of a request line.
enum HTTPTarget {
  /// The path with its query: of `http://host/path` (RFC 9112, section 3.2.2) only what stands behind the host.
  static func path(_ target: String) -> String {
    guard !target.hasPrefix("/"), let scheme = target.firstRange(of: "://") else { return target }
    let rest = target[scheme.upperBound...]
    return rest.firstIndex(of: "/").map { String(rest[$0...]) } ?? "/"
  }
}
