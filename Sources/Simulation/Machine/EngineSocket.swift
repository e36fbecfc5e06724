import Encodings
import JSONTree
import Seams

/// The sockets on which dockerd listens: the Engine API as bytes of HTTP/1.1, for whoever is no docker client (`curl
/// --unix-socket /var/run/docker.sock http://localhost/containers/json`).
struct EngineSocket: Sendable {
  static let path = "/run/docker.sock"
  /// With TLS, which is not modelled: what comes is what stands inside the TLS session.
  static let securePort = 2376

  let daemon: any RemoteAPI
  let world: any World

  /// Answers the requests of one connection.
  @Sendable func serve(_ connection: Duplex) async {
    var pending: [UInt8] = []
    while let request = await HTTPRequest.read(from: connection, pending: &pending) {
      guard await answer(request, on: connection), request.keepsAlive else { break }
    }
    connection.output.closeWriting()
    connection.input.closeReading()
  }

  /// False when the connection is no use any more.
  private func answer(_ request: HTTPRequest, on connection: Duplex) async -> Bool {
    // A daemon that is down accepts nothing.
    guard let response = await response(to: request) else { return false }
    var headers = [("Api-Version", "1.52"), ("Docker-Experimental", "false"), ("Ostype", "linux")]
    headers += response.headers.map { ($0.name, $0.value) }
    let body: [UInt8]
    switch response.body {
    case .none: body = []
    case .json(let json):
      headers.append(("Content-Type", "application/json"))
      body = Array((json.text + "\n").utf8)
    case .text(let text):
      headers.append(("Content-Type", "text/plain; charset=utf-8"))
      body = Array(text.utf8)
    case .stream(let stream): return await pass(stream, response.status, headers, to: connection)
    case .hijacked(let raw):
      // Without `Upgrade: tcp` the daemon says 200 and goes on with raw bytes until one side ends.
      await connection.output.write(
        Array("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n".utf8))
      raw.output.closeWriting()
      while let bytes = await raw.input.read() { guard await connection.output.write(bytes) else { break } }
      return false
    }
    let head = HTTPResponse(response.status, headers, body)
    return await connection.output.write(
      head.encoded(date: httpDate(world.unixTime / Duration64.second), isHead: request.method == "HEAD"))
  }

  private func response(to request: HTTPRequest) async -> APIResponse? {
    var body: JSON?
    if !request.body.isEmpty, request.header("content-type")?.hasPrefix("application/json") ?? false {
      do { body = try JSON(parsing: request.body) } catch {
        return APIResponse(400, .json(["message": .string("invalid JSON: \(error)")]))
      }
    }
    var call = APIRequest(request.method, path: request.path, body: body)
    if body == nil, !request.body.isEmpty {
      let upload = ByteChannel()
      upload.push(request.body)
      upload.closeWriting()
      call.upload = upload
    }
    if let header = request.header("x-registry-auth") {
      call.registryAuth = Base64.decode(header).flatMap { try? JSON(parsing: $0) }
    }
    call.hijack = call.template == "/exec/{id}/start" || call.template == "/containers/{id}/attach"
    return try? await daemon.send(call)
  }

  /// A body that comes as it is made: in chunks (RFC 9112, section 7.1).
  private func pass(
    _ stream: ByteChannel, _ status: Int, _ headers: [(String, String)], to connection: Duplex
  ) async -> Bool {
    var head = "HTTP/1.1 \(status) \(HTTPResponse.reason(status))\r\n"
    for (name, value) in headers { head += "\(name): \(value)\r\n" }
    head += "Date: \(httpDate(world.unixTime / Duration64.second))\r\nTransfer-Encoding: chunked\r\n\r\n"
    guard await connection.output.write(Array(head.utf8)) else { return false }
    while let bytes = await stream.read() {
      guard !bytes.isEmpty else { continue }
      let size = String(bytes.count, radix: 16)
      guard await connection.output.write(Array((size + "\r\n").utf8) + bytes + [13, 10]) else {
        stream.closeReading()
        return false
      }
    }
    return await connection.output.write(Array("0\r\n\r\n".utf8))
  }
}
