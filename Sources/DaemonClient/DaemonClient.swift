#if canImport(Glibc)
  import Glibc
#endif
import Encodings
import HTTPCodec
import JSONTree
import Seams
import Synchronization

/// The wire client of the client → dockerd seam: the Docker Engine API over HTTP/1.1 on a unix socket or plain TCP, to
/// our daemon or the genuine one. A connection a request.
public final class DaemonClient: RemoteAPI {
  public let host: DaemonHost
  private let userAgent: String
  private struct State {
    /// The version that both sides speak; nil before the daemon has been greeted.
    var version: String?
    /// It was chosen by `DOCKER_API_VERSION`.
    var isFixed = false
  }
  private let state: Mutex<State>
  private let newest: String
  /// A head may be so long, and an answer that is wanted whole (bytes).
  private static let (headLimit, wholeLimit) = (1 << 20, 256 << 20)

  /// - Parameters:
  ///   - newest: the newest version of the API that this client speaks.
  ///   - version: the one to speak without asking (`DOCKER_API_VERSION`).
  public init(_ host: DaemonHost, newest: String = "1.50", version: String? = nil, userAgent: String = "Drydock-Client")
  {
    (self.host, self.newest, self.userAgent) = (host, newest, userAgent)
    state = Mutex(State(version: version, isFixed: version != nil))
  }

  /// The version that was agreed on.
  public var version: String? { state.withLock { $0.version } }

  public func send(_ request: APIRequest) async throws -> APIResponse {
    if request.template == "/_ping" {
      let response = try await exchange(request, version: nil)
      negotiate(response)
      return response
    }
    // Endpoints of our own have no versions.
    if request.template.hasPrefix("/drydock/") { return try await exchange(request, version: nil) }
    if version == nil {
      let greeting = try? await exchange(APIRequest("HEAD", "/_ping"), version: nil)
      if let greeting { negotiate(greeting) }
    }
    return try await exchange(request, version: version ?? newest)
  }

  /// A daemon that says nothing of versions is older than 1.25 (docker's client).
  private func negotiate(_ response: APIResponse) {
    let theirs = response.header("Api-Version") ?? "1.24"
    state.withLock { state in
      if !state.isFixed { state.version = DaemonClient.isOlder(theirs, newest) ? theirs : newest }
    }
  }

  static func isOlder(_ a: String, _ b: String) -> Bool {
    let parts = { (text: String) in text.split(separator: ".").map { Int($0) ?? 0 } }
    return parts(a).lexicographicallyPrecedes(parts(b))
  }

  // MARK: One request

  private func exchange(_ request: APIRequest, version: String?) async throws -> APIResponse {
    let target = DaemonClient.target(request, version: version)
    let socket: ClientSocket
    do { socket = try await ClientSocket.connect(to: host) } catch let error as SocketError {
      throw unreachable(error, request, target)
    }
    do {
      return try await withTaskCancellationHandler {
        try await exchange(request, target, on: socket)
      } onCancel: {
        socket.close()
      }
    } catch let error as SocketError {
      socket.close()
      if Task.isCancelled { throw CancellationError() }
      throw EngineError(.unknown, "error during connect: \(url(request, target)): \(error.description)")
    } catch let error as HTTPError {
      socket.close()
      throw EngineError(.unknown, "error during connect: \(url(request, target)): net/http: \(error.description)")
    } catch {
      socket.close()
      throw error
    }
  }

  private func exchange(_ request: APIRequest, _ target: String, on socket: ClientSocket) async throws -> APIResponse {
    var headers: HTTPHeaders = ["Host": host.header, "User-Agent": userAgent]
    var body: [UInt8] = []
    if let json = request.body {
      var writer = JSONWriter()
      writer.write(json)
      body = writer.bytes + [10]
      headers.add("Content-Type", "application/json")
    }
    if let auth = request.registryAuth {
      headers.add("X-Registry-Auth", Base64.encode(auth.text.utf8, isURLSafe: true))
    }
    if request.hijack {
      headers.add("Connection", "Upgrade")
      headers.add("Upgrade", "tcp")
      if request.body == nil { headers.add("Content-Type", "text/plain") }
    }
    if request.upload != nil {
      headers.add("Content-Type", "application/x-tar")
      headers.add("Transfer-Encoding", "chunked")
    } else if request.body != nil || ["POST", "PUT"].contains(request.method) {
      headers.add("Content-Length", String(body.count))
    }
    try await socket.write(
      HTTPRequestHead(method: request.method, target: target, headers: headers).encoded() + body)
    let uploading = request.upload.map { upload in Task { await DaemonClient.send(upload, on: socket) } }
    var buffer = HTTPBuffer()
    let head: HTTPResponseHead
    do { head = try await readHead(&buffer, on: socket, request, target) } catch {
      request.upload?.closeReading()
      uploading?.cancel()
      throw error
    }
    if request.hijack, head.status == 101 || head.status == 200 { return hijacked(socket, head, buffer) }
    return try await answer(head, request, buffer, on: socket, upload: request.upload)
  }

  private func readHead(
    _ buffer: inout HTTPBuffer, on socket: ClientSocket, _ request: APIRequest, _ target: String
  ) async throws -> HTTPResponseHead {
    while true {
      if let lines = try buffer.takeHead(limit: DaemonClient.headLimit) {
        let head = try HTTPResponseHead(lines)
        // `100 Continue` and the like come before the answer itself.
        if head.status < 200, head.status != 101 { continue }
        return head
      }
      guard let more = try await socket.read() else {
        if Task.isCancelled { throw CancellationError() }
        throw EngineError(.unknown, "error during connect: \(url(request, target)): EOF")
      }
      buffer.append(more)
    }
  }

  private func answer(
    _ head: HTTPResponseHead, _ request: APIRequest, _ buffer: HTTPBuffer, on socket: ClientSocket, upload: ByteChannel?
  ) async throws -> APIResponse {
    let headers = head.headers.fields.map { NameValue($0.name, $0.value) }
    let framing = try head.framing(of: request.method)
    let reader = BodyReader(socket: socket, buffer: buffer, framing: framing)
    let type = head.headers.first("Content-Type") ?? ""
    if framing == .none {
      upload?.closeReading()
      return APIResponse(head.status, .none, headers: headers)
    }
    var isWhole = head.status >= 400 || type.hasPrefix("text/plain")
    if case .length = framing, type.hasPrefix("application/json") { isWhole = true }
    guard isWhole else {
      let stream = ByteChannel()
      reader.pass(into: stream)
      return APIResponse(head.status, .stream(stream), headers: headers)
    }
    upload?.closeReading()
    let bytes = try await reader.all(limit: DaemonClient.wholeLimit)
    socket.close()
    if type.hasPrefix("application/json"), let json = try? JSON(parsing: bytes, maxDepth: 512) {
      return APIResponse(head.status, .json(json), headers: headers)
    }
    var text = String(decoding: bytes, as: UTF8.self)
    if head.status >= 400, text.last == "\n" { text.removeLast() }
    return APIResponse(head.status, .text(text), headers: headers)
  }

  /// The rest of the connection is the container's.
  private func hijacked(_ socket: ClientSocket, _ head: HTTPResponseHead, _ buffer: HTTPBuffer) -> APIResponse {
    let (input, output) = (ByteChannel(), ByteChannel())
    BodyReader(socket: socket, buffer: buffer, framing: .untilClose).pass(into: input)
    Task {
      while let bytes = await output.read() {
        do { try await socket.write(bytes) } catch {
          output.closeReading()
          return
        }
      }
      socket.closeWriting()
    }
    return APIResponse(
      101, .hijacked(Duplex(input: input, output: output)),
      headers: head.headers.fields.map { NameValue($0.name, $0.value) })
  }

  /// The body of a request, as it comes.
  private static func send(_ upload: ByteChannel, on socket: ClientSocket) async {
    do {
      while let bytes = await upload.read(1 << 16) { try await socket.write(httpChunk(bytes)) }
      try await socket.write(httpLastChunk)
    } catch {
      // The daemon has answered already, or has gone: its answer tells.
      upload.closeReading()
    }
  }

  // MARK: Words

  private func unreachable(_ error: SocketError, _ request: APIRequest, _ target: String) -> EngineError {
    if error.code == EACCES || error.code == EPERM {
      return EngineError(
        .permissionDenied,
        "permission denied while trying to connect to the Docker daemon socket at \(host): \(url(request, target)): "
          + "dial \(host.dialled): \(error.description)")
    }
    return EngineError(
      .unavailable, "Cannot connect to the Docker daemon at \(host). Is the docker daemon running?")
  }

  /// `Get "http://…/v1.50/info"`, as Go's client puts it.
  private func url(_ request: APIRequest, _ target: String) -> String {
    "\(request.method.prefix(1))\(request.method.dropFirst().lowercased()) \"http://\(host.inMessages)\(target)\""
  }

  /// `/v1.50/containers/web/json?size=1`.
  static func target(_ request: APIRequest, version: String?) -> String {
    var path = version.map { "/v\($0)" } ?? ""
    var rest = request.template[...]
    while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
      path += rest[..<open] + Escaping.path(request.parameters[String(rest[rest.index(after: open)..<close])] ?? "")
      rest = rest[rest.index(after: close)...]
    }
    path += rest
    guard !request.query.isEmpty else { return path }
    return path + "?"
      + request.query.map { "\(Escaping.query($0.name))=\(Escaping.query($0.value))" }.joined(separator: "&")
  }
}

/// Reads the body of an answer. Belongs to one task at a time.
private struct BodyReader: Sendable {
  let socket: ClientSocket
  var buffer: HTTPBuffer
  var decoder: HTTPBodyDecoder

  init(socket: ClientSocket, buffer: HTTPBuffer, framing: HTTPBodyFraming) {
    (self.socket, self.buffer, decoder) = (socket, buffer, HTTPBodyDecoder(framing))
  }

  /// The next bytes; nil at the end. A connection that ends too early is an error.
  mutating func next() async throws -> [UInt8]? {
    while true {
      switch try decoder.next(from: &buffer) {
      case .bytes(let bytes): return bytes
      case .end: return nil
      case nil:
        guard let more = try await socket.read() else {
          if decoder.endsWithConnection { return nil }
          throw EngineError(.unknown, "unexpected EOF")
        }
        buffer.append(more)
      }
    }
  }

  func all(limit: Int) async throws -> [UInt8] {
    var reader = self
    var bytes: [UInt8] = []
    while let more = try await reader.next() {
      bytes += more
      guard bytes.count <= limit else { throw EngineError(.unknown, "the daemon's answer is too long") }
    }
    return bytes
  }

  /// Hands everything on as it comes; the connection ends when nobody wants it any more.
  func pass(into channel: ByteChannel) {
    let socket = socket
    channel.whenUnread { socket.close() }
    Task {
      var reader = self
      while let bytes = try? await reader.next() {
        guard await channel.write(bytes) else { break }
      }
      socket.close()
      channel.closeWriting()
    }
  }
}
