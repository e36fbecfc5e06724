import Runtime
import Seams

/// `http://user@host:port/path`, in parts.
struct HTTPAddress {
  var scheme: String
  var host: String
  var port: Int
  /// With its query; begins with a slash.
  var path: String
  var credentials: String?

  init?(_ text: String, defaultScheme: String = "http") {
    var rest = Substring(text)
    scheme = defaultScheme
    if let mark = rest.range(ofText: "://") {
      scheme = rest[..<mark.lowerBound].lowercased()
      rest = rest[mark.upperBound...]
    }
    guard scheme == "http" || scheme == "https" else { return nil }
    let authorityEnd = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
    var authority = rest[..<authorityEnd]
    path = String(rest[authorityEnd...].prefix { $0 != "#" })
    if !path.hasPrefix("/") { path = "/" + path }
    if let at = authority.lastIndex(of: "@") {
      credentials = String(authority[..<at])
      authority = authority[authority.index(after: at)...]
    }
    port = scheme == "https" ? 443 : 80
    if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
      guard let number = Int(authority[authority.index(after: colon)...]), (1...65_535).contains(number) else {
        return nil
      }
      port = number
      authority = authority[..<colon]
    }
    host = String(authority)
    if host.isEmpty { return nil }
  }

  /// As the Host header has it.
  var authority: String { port == (scheme == "https" ? 443 : 80) ? host : "\(host):\(port)" }
  var text: String { "\(scheme)://\(authority)\(path)" }
}

extension Substring {
  /// Where a text is first found.
  func range(ofText text: String) -> Range<Index>? {
    var index = startIndex
    while index < endIndex {
      if self[index...].hasPrefix(text) { return index..<self.index(index, offsetBy: text.count) }
      index = self.index(after: index)
    }
    return nil
  }
}

/// A response as wget and curl read it.
struct HTTPAnswer {
  /// `HTTP/1.1 200 OK`.
  var statusLine: String
  var status: Int
  /// Names as they came.
  var headers: [(name: String, value: String)]
  var body: [UInt8]
  func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }
}

/// What can go wrong on the way to a web server.
enum HTTPFailure: Error {
  case unknownHost(String)
  case connect(String, Int, Errno)
  case empty
  case malformed
}

/// A client of HTTP/1.1: one request, one connection. https is spoken without TLS: the simulated servers expect that.
struct HTTPClient {
  let context: ProgramContext

  /// The address that a host's name has.
  func resolve(_ host: String) async throws -> String {
    guard let address = try await lookUp(host, context) else { throw HTTPFailure.unknownHost(host) }
    return address
  }

  func send(
    _ method: String, _ address: HTTPAddress, at ip: String, headers: [(String, String)], body: [UInt8] = [],
    isHead: Bool = false, socket: String? = nil
  ) async throws -> HTTPAnswer {
    try await context.flush()
    let connection: Duplex
    do {
      connection =
        if let socket { try await context.process.connect(local: socket) } else {
          try await context.process.connect(ip, address.port)
        }
    } catch let error as Errno {
      throw HTTPFailure.connect(ip, address.port, error)
    }
    defer {
      connection.output.closeWriting()
      connection.input.closeReading()
    }
    var text = "\(method) \(address.path) HTTP/1.1\r\nHost: \(address.authority)\r\n"
    for (name, value) in headers { text += "\(name): \(value)\r\n" }
    if !body.isEmpty || method == "POST" || method == "PUT" { text += "Content-Length: \(body.count)\r\n" }
    await connection.output.write(Array((text + "\r\n").utf8) + body)
    return try await read(connection, isHead: isHead || method == "HEAD")
  }

  private func read(_ connection: Duplex, isHead: Bool) async throws -> HTTPAnswer {
    var pending: [UInt8] = []
    var end: Int?
    while end == nil {
      guard pending.count < 1 << 20, let more = await connection.input.read(65_536) else { break }
      pending += more
      end = HTTPRequest.headEnd(pending)
    }
    guard let end else { throw pending.isEmpty ? HTTPFailure.empty : HTTPFailure.malformed }
    let lines = String(decoding: pending[..<end], as: UTF8.self).split(omittingEmptySubsequences: true) { $0.isNewline }
    guard let first = lines.first, first.hasPrefix("HTTP/"),
      let status = first.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else { throw HTTPFailure.malformed }
    let headers = lines.dropFirst().compactMap { line -> (name: String, value: String)? in
      guard let colon = line.firstIndex(of: ":") else { return nil }
      return (String(line[..<colon]), trimmed(line[line.index(after: colon)...]))
    }
    var answer = HTTPAnswer(statusLine: String(first), status: status, headers: headers, body: [])
    if isHead || status == 204 || status == 304 { return answer }
    var body = Array(pending[end...])
    let length = answer.header("content-length").flatMap { Int($0) }.map { max(0, $0) }
    let isChunked = answer.header("transfer-encoding")?.lowercased() == "chunked"
    while length.map({ body.count < $0 }) ?? true {
      if isChunked, let whole = unchunked(body) {
        body = whole
        break
      }
      guard body.count < 1 << 26, let more = await connection.input.read(65_536) else { break }
      body += more
    }
    answer.body = length.map { Array(body.prefix($0)) } ?? body
    return answer
  }

  /// The content of a chunked body; nil while its end is missing.
  private func unchunked(_ bytes: [UInt8]) -> [UInt8]? {
    var out: [UInt8] = []
    var index = 0
    while let end = bytes[index...].firstIndex(of: 10) {
      let text = trimmed(String(decoding: bytes[index..<end], as: UTF8.self)).prefix { $0 != ";" }
      guard let size = Int(text, radix: 16), size >= 0, size < 1 << 26 else { return out }
      if size == 0 { return out }
      guard end + 1 + size + 2 <= bytes.count else { return nil }
      out += bytes[(end + 1)..<(end + 1 + size)]
      index = end + 1 + size + 2
    }
    return nil
  }

  /// Where a redirection leads.
  static func target(_ location: String, from address: HTTPAddress) -> HTTPAddress? {
    if location.hasPrefix("/") {
      var next = address
      next.path = location
      return next
    }
    return HTTPAddress(location)
  }
}
