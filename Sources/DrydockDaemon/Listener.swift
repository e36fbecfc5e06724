import Seams

/// Where an engine listens: `unix:///run/drydock/drydock.sock`, `tcp://127.0.0.1:2375`.
public enum Listener: Sendable, Hashable, CustomStringConvertible {
  case unix(String)
  case tcp(host: String, port: Int)

  /// Reads a value of `-H`. Throws `EngineError`.
  public init(_ text: String) throws {
    if let path = Listener.rest(text, "unix://") {
      self = .unix(path.isEmpty ? "/var/run/docker.sock" : path)
      return
    }
    guard let authority = Listener.rest(text, "tcp://") else {
      throw EngineError(.invalidArgument, "invalid bind address (\(text)): give unix://PATH or tcp://ADDRESS:PORT")
    }
    let place = authority.hasSuffix("/") ? String(authority.dropLast()) : authority
    guard let colon = place.lastIndex(of: ":"), let port = Int(place[place.index(after: colon)...]),
      (0...65535).contains(port)
    else { throw EngineError(.invalidArgument, "invalid bind address (\(text)): tcp needs ADDRESS:PORT") }
    var host = String(place[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    guard !host.contains("/") else { throw EngineError(.invalidArgument, "invalid bind address (\(text))") }
    self = .tcp(host: host.isEmpty ? "127.0.0.1" : host, port: port)
  }

  private static func rest(_ text: String, _ prefix: String) -> String? {
    text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
  }

  public var description: String {
    switch self {
    case .unix(let path): "unix://\(path)"
    case .tcp(let host, let port): "tcp://\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }
  }

  /// Only programs of this machine reach it.
  public var isLocal: Bool {
    switch self {
    case .unix: true
    case .tcp(let host, _): host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }
  }
}
