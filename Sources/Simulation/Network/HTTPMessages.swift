import Seams

/// An HTTP/1.x request (RFC 9112), as the simulated servers read it.
struct HTTPRequest: Sendable {
  var method: String
  /// The request target, with its query.
  var path: String
  /// `HTTP/1.1`.
  var version: String
  /// Names in lower case.
  var headers: [(name: String, value: String)]
  var body: [UInt8]

  func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
  var keepsAlive: Bool {
    let connection = header("connection")?.lowercased()
    return version == "HTTP/1.1" ? connection != "close" : connection == "keep-alive"
  }

  /// The next request of a connection; nil at its end or when what comes is no HTTP. `pending` keeps what was read
  /// beyond it.
  static func read(from connection: Duplex, pending: inout [UInt8]) async -> HTTPRequest? {
    while true {
      if let end = headEnd(pending) {
        guard var request = parse(Array(pending[..<end])) else {
          pending = []
          return nil
        }
        pending.removeFirst(end)
        let length = min(max(request.header("content-length").flatMap { Int($0) } ?? 0, 0), 1 << 24)
        while pending.count < length {
          guard let more = await connection.input.read(65_536) else { return nil }
          pending += more
        }
        request.body = Array(pending.prefix(length))
        pending.removeFirst(length)
        return request
      }
      guard pending.count < 65_536, let more = await connection.input.read(65_536) else { return nil }
      pending += more
    }
  }

  /// The index behind the empty line that ends the head.
  static func headEnd(_ bytes: [UInt8]) -> Int? {
    var index = 0
    while index < bytes.count {
      if bytes[index] == 10 {
        if index + 1 < bytes.count, bytes[index + 1] == 10 { return index + 2 }
        if index + 2 < bytes.count, bytes[index + 1] == 13, bytes[index + 2] == 10 { return index + 3 }
      }
      index += 1
    }
    return nil
  }

  private static func parse(_ head: [UInt8]) -> HTTPRequest? {
    let lines = String(decoding: head, as: UTF8.self).split(omittingEmptySubsequences: true) { $0.isNewline }
    guard let first = lines.first else { return nil }
    let words = first.split(separator: " ")
    guard words.count == 3, words[2].hasPrefix("HTTP/1.") else { return nil }
    return HTTPRequest(
      method: String(words[0]), path: String(words[1]), version: String(words[2]), headers: fields(lines.dropFirst()),
      body: [])
  }

  static func fields(_ lines: ArraySlice<Substring>) -> [(name: String, value: String)] {
    lines.compactMap { line in
      guard let colon = line.firstIndex(of: ":") else { return nil }
      return (line[..<colon].lowercased(), trimmed(line[line.index(after: colon)...]))
    }
  }
}

/// An HTTP/1.1 response, as the simulated servers write it.
struct HTTPResponse: Sendable {
  var status: Int
  var headers: [(name: String, value: String)]
  var body: [UInt8]

  init(_ status: Int, _ headers: [(String, String)], _ body: String) { self.init(status, headers, Array(body.utf8)) }
  init(_ status: Int, _ headers: [(String, String)], _ body: [UInt8]) {
    self.status = status
    self.headers = headers.map { (name: $0.0, value: $0.1) }
    self.body = body
  }

  static let notFound = HTTPResponse(404, [("Content-Type", "text/plain")], "404 page not found\n")

  var reason: String { HTTPResponse.reason(status) }
  static func reason(_ status: Int) -> String {
    switch status {
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 304: "Not Modified"
    case 307: "Temporary Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Not Allowed"
    case 409: "Conflict"
    case 412: "Precondition Failed"
    case 429: "Too Many Requests"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    default: "Status"
    }
  }

  /// The bytes on the wire, with Date and Content-Length; without the body for HEAD.
  func encoded(version: String = "HTTP/1.1", date: String, isHead: Bool) -> [UInt8] {
    var text = "\(version) \(status) \(reason)\r\nDate: \(date)\r\n"
    for (name, value) in headers { text += "\(name): \(value)\r\n" }
    text += "Content-Length: \(body.count)\r\n\r\n"
    return Array(text.utf8) + (isHead ? [] : body)
  }
}

/// Without spaces and tabs at both ends.
func trimmed(_ text: some StringProtocol) -> String {
  var slice = Substring(text)
  while let first = slice.first, first == " " || first == "\t" || first.isNewline { slice.removeFirst() }
  while let last = slice.last, last == " " || last == "\t" || last.isNewline { slice.removeLast() }
  return String(slice)
}
