/// Where a daemon listens, as `DOCKER_HOST` names it.
public enum DaemonHost: Sendable, Hashable, CustomStringConvertible {
  case unix(String)
  case tcp(host: String, port: Int)

  /// Reads `unix:///var/run/docker.sock`, `tcp://10.0.0.1:2375`; nil for what this client cannot reach (`ssh://`).
  public init?(_ text: String) {
    if text.hasPrefix("unix://") {
      let path = String(text.dropFirst(7))
      self = .unix(path.isEmpty ? "/var/run/docker.sock" : path)
      return
    }
    guard text.hasPrefix("tcp://") || text.hasPrefix("http://") else { return nil }
    let authority = text[(text.firstRange(of: "://")?.upperBound ?? text.startIndex)...].prefix { $0 != "/" }
    var (host, port) = (String(authority), 2375)
    if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
      guard let number = Int(authority[authority.index(after: colon)...]), (1...65535).contains(number) else {
        return nil
      }
      (host, port) = (String(authority[..<colon]), number)
    }
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    guard !host.isEmpty || port != 2375 || authority.isEmpty else { return nil }
    self = .tcp(host: host.isEmpty ? "localhost" : host, port: port)
  }

  public var description: String {
    switch self {
    case .unix(let path): "unix://\(path)"
    case .tcp(let host, let port): "tcp://\(authority(host)):\(port)"
    }
  }

  private func authority(_ host: String) -> String { host.contains(":") ? "[\(host)]" : host }

  /// The `Host` header: a socket has no name, so the docker client invents one.
  var header: String {
    switch self {
    case .unix: "api.moby.localhost"
    case .tcp(let host, let port): "\(authority(host)):\(port)"
    }
  }

  /// The host as Go's client has it in its messages' URLs.
  var inMessages: String {
    switch self {
    case .unix(let path): Escaping.path(path, keeping: "")
    case .tcp: header
    }
  }

  /// `unix /run/docker.sock`, `tcp 127.0.0.1:2375`: as Go's dialler names it.
  var dialled: String {
    switch self {
    case .unix(let path): "unix \(path)"
    case .tcp: "tcp \(header)"
    }
  }
}

/// Percent-encoding (RFC 3986, section 2.1).
enum Escaping {
  private static let digits = Array("0123456789ABCDEF".utf8)

  /// Of a path; what separates its parts stays.
  static func path(_ text: String, keeping kept: String = "/:@$&+,;=") -> String { escaped(text, kept) }
  /// Of a name or value of a query, as Go's url.QueryEscape has it.
  static func query(_ text: String) -> String { escaped(text, "").replacing("%20", with: "+") }

  private static func escaped(_ text: String, _ kept: String) -> String {
    var out: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case 48...57, 65...90, 97...122: out.append(byte)
      case _ where "-._~".utf8.contains(byte) || kept.utf8.contains(byte): out.append(byte)
      default: out += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: out, as: UTF8.self)
  }
}
