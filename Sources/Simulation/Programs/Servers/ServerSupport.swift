import Runtime
import Seams

/// What the simulated servers share.
enum ServerSupport {
  /// The value of an environment variable.
  static func environment(_ name: String, _ process: any SimProcess) -> String? {
    let prefix = name + "="
    return process.environment.last { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
  }

  /// Accepts connections for ever; each is served in a thread of its own.
  static func accept(
    _ listener: any SimListener, _ process: any SimProcess,
    _ serve: @escaping @Sendable (Duplex, _ peer: String) async throws -> Void
  ) {
    process.thread {
      while true {
        let (connection, peer) = try await listener.accept()
        process.thread {
          defer {
            connection.output.closeWriting()
            connection.input.closeReading()
          }
          try await serve(connection, peer)
        }
      }
    }
  }

  /// Answers the HTTP requests of a connection. `answer` gives the whole response.
  static func serveHTTP(
    _ connection: Duplex, _ answer: (HTTPRequest) async throws -> [UInt8]
  ) async throws {
    var pending: [UInt8] = []
    while let request = await HTTPRequest.read(from: connection, pending: &pending) {
      let bytes = try await answer(request)
      guard await connection.output.write(bytes) else { return }
      if !request.keepsAlive { return }
    }
  }

  /// The address part of `172.17.0.3:41234`.
  static func host(_ peer: String) -> String { String(peer.prefix { $0 != ":" }) }

  /// `01/Jan/2026:00:00:12 +0000`, as access logs have it.
  static func logTime(_ process: any SimProcess) -> String {
    let time = CivilTime(Int64(process.unixTime / Duration64.second))
    return "\(padded(time.day))/\(time.monthName)/\(time.year):\(time.clock) +0000"
  }

  /// A response with the given headers, in order.
  static func response(
    _ status: Int, reason: String? = nil, _ headers: [(String, String)], _ body: [UInt8], isHead: Bool = false
  ) -> [UInt8] {
    var text = "HTTP/1.1 \(status) \(reason ?? HTTPResponse.reason(status))\r\n"
    for (name, value) in headers { text += "\(name): \(value)\r\n" }
    return Array((text + "\r\n").utf8) + (isHead ? [] : body)
  }

  /// The path of a request without its query, with `%xx` decoded and `..` resolved; nil when it leaves the root.
  static func path(_ target: String) -> String? {
    var bytes: [UInt8] = []
    let raw = Array(target.prefix { $0 != "?" && $0 != "#" }.utf8)
    var index = 0
    while index < raw.count {
      if raw[index] == UInt8(ascii: "%"), index + 2 < raw.count, let high = Escapes.hexDigit(raw[index + 1]),
        let low = Escapes.hexDigit(raw[index + 2])
      {
        bytes.append(UInt8(high * 16 + low))
        index += 3
      } else {
        bytes.append(raw[index])
        index += 1
      }
    }
    guard !bytes.contains(0) else { return nil }
    var parts: [Substring] = []
    let text = String(decoding: bytes, as: UTF8.self)
    for part in text.split(separator: "/") {
      if part == ".." {
        guard parts.popLast() != nil else { return nil }
      } else if part != "." {
        parts.append(part)
      }
    }
    return "/" + parts.joined(separator: "/") + (text.hasSuffix("/") && !parts.isEmpty ? "/" : "")
  }

  /// The media type of a file by its name.
  static func mediaType(_ path: String, _ fallback: String) -> String {
    switch basename(path).split(separator: ".").dropFirst().last {
    case "html", "htm", "shtml": "text/html"
    case "css": "text/css"
    case "js": "application/javascript"
    case "json": "application/json"
    case "txt": "text/plain"
    case "xml": "text/xml"
    case "png": "image/png"
    case "jpg", "jpeg": "image/jpeg"
    case "gif": "image/gif"
    case "svg": "image/svg+xml"
    case "ico": "image/x-icon"
    default: fallback
    }
  }
}
