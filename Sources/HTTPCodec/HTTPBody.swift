/// How a message's body ends (RFC 9112, section 6.3).
public enum HTTPBodyFraming: Sendable, Hashable {
  case none
  /// So many bytes.
  case length(UInt64)
  case chunked
  /// With the connection (answers only).
  case untilClose

  /// The Content-Length; nil without one. Two that differ, or one that is no number, are refused.
  static func contentLength(_ headers: HTTPHeaders) throws(HTTPError) -> UInt64? {
    let values = headers.tokens("Content-Length")
    guard let first = values.first else {
      if headers.first("Content-Length") != nil { throw HTTPError(400, "bad Content-Length") }
      return nil
    }
    guard values.allSatisfy({ $0 == first }), first.utf8.allSatisfy({ (48...57).contains($0) }),
      let length = UInt64(first), length <= UInt64(Int64.max)
    else { throw HTTPError(400, "bad Content-Length") }
    return length
  }
}

/// Bytes that came from a connection and have not been used yet.
public struct HTTPBuffer: Sendable {
  private var bytes: [UInt8] = []
  private var start = 0
  /// Where the search for the end of a head goes on.
  private var searched = 0

  public init() {}

  public var count: Int { bytes.count - start }
  public var isEmpty: Bool { count == 0 }

  public mutating func append(_ more: some Collection<UInt8>) {
    if start == bytes.count {
      bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 17)
      (searched, start) = (0, 0)
    } else if start > 1 << 16, start > bytes.count / 2 {
      bytes.removeFirst(start)
      (searched, start) = (max(0, searched - start), 0)
    }
    bytes.append(contentsOf: more)
  }

  /// At most `limit` bytes from the front.
  public mutating func take(_ limit: Int = .max) -> [UInt8] {
    let end = start + min(limit, count)
    defer {
      start = end
      searched = end
    }
    return Array(bytes[start..<end])
  }

  /// The lines of a head with the empty one behind them; nil when it is not whole yet. Empty lines before it are passed
  /// over (RFC 9112, section 2.2). One longer than `limit` is refused.
  public mutating func takeHead(limit: Int) throws(HTTPError) -> ArraySlice<UInt8>? {
    while start < bytes.count, bytes[start] == 10 || bytes[start] == 13 { start += 1 }
    var index = max(start, searched - 3)
    while index < bytes.count {
      if bytes[index] == 10 {
        let isEnd =
          index + 1 < bytes.count && bytes[index + 1] == 10
          ? 2 : index + 2 < bytes.count && bytes[index + 1] == 13 && bytes[index + 2] == 10 ? 3 : 0
        if isEnd > 0 {
          let end = index + isEnd
          guard end - start <= limit else { break }
          defer { (start, searched) = (end, end) }
          return bytes[start..<end]
        }
      }
      index += 1
    }
    searched = bytes.count
    if count > limit { throw HTTPError(431, "request header fields too large") }
    return nil
  }

  /// A line without its end; nil when it is not whole yet. One longer than `limit` is refused.
  mutating func takeLine(limit: Int) throws(HTTPError) -> ArraySlice<UInt8>? {
    guard let end = bytes[start...].firstIndex(of: 10) else {
      if count > limit { throw HTTPError(400, "a line of a chunked body is too long") }
      return nil
    }
    guard end - start <= limit else { throw HTTPError(400, "a line of a chunked body is too long") }
    defer { (start, searched) = (end + 1, end + 1) }
    return end > start && bytes[end - 1] == 13 ? bytes[start..<(end - 1)] : bytes[start..<end]
  }
}

/// Takes a body out of what comes on a connection.
public struct HTTPBodyDecoder: Sendable {
  private enum State { case raw, remaining(UInt64), size, chunk(UInt64), chunkEnd, trailers, end }
  private var state: State
  private var trailerBytes = 0

  public enum Part: Sendable, Hashable {
    case bytes([UInt8])
    case end
  }

  public init(_ framing: HTTPBodyFraming) {
    switch framing {
    case .none: state = .end
    case .length(let length): state = .remaining(length)
    case .chunked: state = .size
    case .untilClose: state = .raw
    }
  }

  public var isAtEnd: Bool { if case .end = state { true } else { false } }
  /// The end of the connection is the end of the body, too.
  public var endsWithConnection: Bool { if case .raw = state { true } else { false } }

  /// The next part (at most `limit` bytes); nil when more must come first.
  public mutating func next(from buffer: inout HTTPBuffer, limit: Int = 1 << 16) throws(HTTPError) -> Part? {
    while true {
      switch state {
      case .end: return .end
      case .raw: return buffer.isEmpty ? nil : .bytes(buffer.take(limit))
      case .remaining(let left):
        guard left > 0 else {
          state = .end
          continue
        }
        guard !buffer.isEmpty else { return nil }
        let bytes = buffer.take(Int(min(left, UInt64(limit))))
        state = .remaining(left - UInt64(bytes.count))
        return .bytes(bytes)
      case .size:
        guard let line = try buffer.takeLine(limit: 4096) else { return nil }
        let digits = trimmed(String(decoding: line.prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self))
        guard !digits.isEmpty, digits.utf8.count <= 15, digits.utf8.first != UInt8(ascii: "+"),
          let size = UInt64(digits, radix: 16)
        else { throw HTTPError(400, "malformed chunked encoding") }
        state = size == 0 ? .trailers : .chunk(size)
      case .chunk(let left):
        guard !buffer.isEmpty else { return nil }
        let bytes = buffer.take(Int(min(left, UInt64(limit))))
        let rest = left - UInt64(bytes.count)
        state = rest == 0 ? .chunkEnd : .chunk(rest)
        return .bytes(bytes)
      case .chunkEnd:
        guard let line = try buffer.takeLine(limit: 2) else { return nil }
        guard line.isEmpty else { throw HTTPError(400, "malformed chunked encoding") }
        state = .size
      case .trailers:
        guard let line = try buffer.takeLine(limit: 1 << 14) else { return nil }
        trailerBytes += line.count
        guard trailerBytes <= 1 << 15 else { throw HTTPError(431, "request header fields too large") }
        if line.isEmpty { state = .end }
      }
    }
  }
}

/// A chunk of a chunked body (RFC 9112, section 7.1); never empty, for that would be the end.
public func httpChunk(_ bytes: [UInt8]) -> [UInt8] {
  guard !bytes.isEmpty else { return [] }
  var chunk = Array(String(bytes.count, radix: 16).utf8)
  chunk.reserveCapacity(bytes.count + chunk.count + 4)
  chunk.append(contentsOf: [13, 10])
  chunk.append(contentsOf: bytes)
  chunk.append(contentsOf: [13, 10])
  return chunk
}

/// The end of a chunked body.
public let httpLastChunk: [UInt8] = Array("0\r\n\r\n".utf8)
