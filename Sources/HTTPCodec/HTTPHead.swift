/// Why a message cannot be read, with the status that a server answers.
public struct HTTPError: Error, Sendable, Hashable, CustomStringConvertible {
  public let status: Int
  public let description: String
  public init(_ status: Int, _ description: String) { (self.status, self.description) = (status, description) }
}

/// The request line and the header fields (RFC 9112, section 3).
public struct HTTPRequestHead: Sendable {
  public var method: String
  /// The request target, as it was sent.
  public var target: String
  /// 1 for HTTP/1.1, 0 for HTTP/1.0.
  public var minorVersion: Int
  public var headers: HTTPHeaders

  public init(method: String, target: String, minorVersion: Int = 1, headers: HTTPHeaders) {
    (self.method, self.target, self.minorVersion, self.headers) = (method, target, minorVersion, headers)
  }

  /// Reads a head: the lines before the empty one.
  public init(_ head: ArraySlice<UInt8>) throws(HTTPError) {
    var lines = HeadLines(head)
    let words = (lines.next() ?? []).split(separator: 32, omittingEmptySubsequences: false)
    guard words.count == 3, HeadLines.isToken(words[0]), !words[1].isEmpty,
      words[1].allSatisfy({ $0 > 32 && $0 != 127 })
    else { throw HTTPError(400, "malformed HTTP request") }
    guard let minor = HeadLines.minorVersion(words[2]) else {
      throw HTTPError(505, "HTTP version not supported")
    }
    method = String(decoding: words[0], as: UTF8.self)
    target = String(decoding: words[1], as: UTF8.self)
    minorVersion = minor
    headers = try lines.headers()
  }

  public func encoded() -> [UInt8] {
    var bytes = Array("\(method) \(target) HTTP/1.\(minorVersion)\r\n".utf8)
    headers.write(to: &bytes)
    bytes.append(contentsOf: [13, 10])
    return bytes
  }

  /// How the body ends (RFC 9112, section 6). What could be read in two ways is refused.
  public func framing() throws(HTTPError) -> HTTPBodyFraming {
    let encodings = headers.tokens("Transfer-Encoding")
    let length = try HTTPBodyFraming.contentLength(headers)
    guard !encodings.isEmpty else { return length.map { $0 == 0 ? .none : .length($0) } ?? .none }
    guard encodings == ["chunked"] else { throw HTTPError(501, "unsupported transfer encoding") }
    guard length == nil, minorVersion > 0 else {
      throw HTTPError(400, "a chunked body with a Content-Length, or in HTTP/1.0")
    }
    return .chunked
  }

  /// Whether another request may follow on the connection.
  public var keepsAlive: Bool {
    let options = headers.tokens("Connection")
    if options.contains("close") { return false }
    return minorVersion > 0 || options.contains("keep-alive")
  }

  /// The client wants the connection to become a raw stream (`Upgrade: tcp`).
  public var upgrade: String? {
    guard headers.tokens("Connection").contains("upgrade") else { return nil }
    return headers.tokens("Upgrade").first
  }
}

/// The status line and the header fields (RFC 9112, section 4).
public struct HTTPResponseHead: Sendable {
  public var status: Int
  public var reason: String
  public var minorVersion = 1
  public var headers: HTTPHeaders

  public init(_ status: Int, reason: String? = nil, headers: HTTPHeaders) {
    self.status = status
    self.reason = reason ?? HTTPResponseHead.reason(status)
    self.headers = headers
  }

  /// Reads a head: the lines before the empty one.
  public init(_ head: ArraySlice<UInt8>) throws(HTTPError) {
    var lines = HeadLines(head)
    let words = (lines.next() ?? []).split(separator: 32, maxSplits: 2, omittingEmptySubsequences: false)
    guard words.count >= 2, let minor = HeadLines.minorVersion(words[0]), words[1].count == 3,
      let status = Int(String(decoding: words[1], as: UTF8.self)), (100...599).contains(status)
    else { throw HTTPError(502, "malformed HTTP response") }
    (self.status, minorVersion) = (status, minor)
    reason = words.count > 2 ? String(decoding: words[2], as: UTF8.self) : ""
    headers = try lines.headers()
  }

  public func encoded() -> [UInt8] {
    var bytes = Array("HTTP/1.1 \(status) \(reason)\r\n".utf8)
    headers.write(to: &bytes)
    bytes.append(contentsOf: [13, 10])
    return bytes
  }

  /// How the body of the answer to a `method` request ends.
  public func framing(of method: String) throws(HTTPError) -> HTTPBodyFraming {
    if method == "HEAD" || status < 200 || status == 204 || status == 304 { return .none }
    if headers.tokens("Transfer-Encoding").last == "chunked" { return .chunked }
    guard let length = try HTTPBodyFraming.contentLength(headers) else { return .untilClose }
    return length == 0 ? .none : .length(length)
  }

  /// RFC 9110, section 15.
  public static func reason(_ status: Int) -> String {
    switch status {
    case 100: "Continue"
    case 101: "UPGRADED"
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 304: "Not Modified"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 406: "Not Acceptable"
    case 409: "Conflict"
    case 413: "Request Entity Too Large"
    case 417: "Expectation Failed"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 505: "HTTP Version Not Supported"
    default: "status code \(status)"
    }
  }
}

/// The lines of a head, which end in CR LF or LF.
struct HeadLines {
  private var rest: ArraySlice<UInt8>
  init(_ head: ArraySlice<UInt8>) { rest = head }

  mutating func next() -> ArraySlice<UInt8>? {
    guard !rest.isEmpty else { return nil }
    let end = rest.firstIndex(of: 10) ?? rest.endIndex
    var line = rest[..<end]
    rest = rest[min(end + 1, rest.endIndex)...]
    if line.last == 13 { line.removeLast() }
    return line
  }

  mutating func headers() throws(HTTPError) -> HTTPHeaders {
    var headers = HTTPHeaders()
    while let line = next() {
      if line.isEmpty { break }
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")), HeadLines.isToken(line[..<colon]) else {
        throw HTTPError(400, "malformed header line")
      }
      let value = line[(colon + 1)...]
      guard !value.contains(where: { $0 < 32 && $0 != 9 || $0 == 127 }) else {
        throw HTTPError(400, "invalid header value")
      }
      headers.add(String(decoding: line[..<colon], as: UTF8.self), trimmed(String(decoding: value, as: UTF8.self)))
    }
    return headers
  }

  /// RFC 9110, section 5.6.2.
  static func isToken(_ bytes: ArraySlice<UInt8>) -> Bool {
    !bytes.isEmpty
      && bytes.allSatisfy { byte in
        switch byte {
        case 48...57, 65...90, 97...122: true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
      }
  }

  /// `HTTP/1.x`; nil for another protocol.
  static func minorVersion(_ text: ArraySlice<UInt8>) -> Int? {
    switch String(decoding: text, as: UTF8.self) {
    case "HTTP/1.1": 1
    case "HTTP/1.0": 0
    default: nil
    }
  }
}
