#if canImport(Glibc)
  import Glibc
#endif

/// Which proxy stands between here and a host: `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY` of the environment, in either
/// case, as Go's net/http reads them.
public struct Proxies: Sendable, Hashable {
  /// A proxy's address and, if its URL has them, the user's name and password.
  public struct Server: Sendable, Hashable {
    public var host: String
    public var port: Int
    public var user: String?
    public var password: String?
  }

  public var http: Server?
  public var https: Server?
  /// Hosts, domains (with or without a leading dot) and `HOST:PORT` that are reached directly; `*` is all.
  public var direct: [String]

  /// Without any proxy.
  public init() { (http, https, direct) = (nil, nil, []) }

  public init(environment: [String: String]) {
    func value(_ name: String) -> String { environment[name] ?? environment[name.lowercased()] ?? "" }
    http = Server(value("HTTP_PROXY"))
    https = Server(value("HTTPS_PROXY"))
    direct = value("NO_PROXY").split { $0 == "," || $0 == " " }.map { $0.lowercased() }
  }

  /// The proxy for a host with or without a port; nil for the direct way. Loopback never goes through a proxy.
  public func server(for scheme: String, _ host: String) -> Server? {
    guard let server = scheme == "https" ? https : http else { return nil }
    let whole = host.lowercased()
    let (name, _) = Proxies.split(whole)
    if name == "localhost" || name.hasPrefix("127.") || name == "::1" { return nil }
    for rule in direct {
      if rule == "*" || rule == whole || rule == name { return nil }
      let domain = rule.hasPrefix("*.") ? rule.dropFirst(1) : rule.hasPrefix(".") ? Substring(rule) : "." + rule
      if name.hasSuffix(domain) { return nil }
    }
    return server
  }

  /// A host and its port; an IPv6 address loses its brackets.
  static func split(_ host: String) -> (name: String, port: Int?) {
    if host.hasPrefix("["), let end = host.firstIndex(of: "]") {
      let rest = host[host.index(after: end)...]
      return (String(host[host.index(after: host.startIndex)..<end]), rest.first == ":" ? Int(rest.dropFirst()) : nil)
    }
    let parts = host.split(separator: ":", omittingEmptySubsequences: false)
    return parts.count == 2 ? (String(parts[0]), Int(parts[1])) : (host, nil)
  }
}

extension Proxies.Server {
  /// From a URL (`http://user:password@host:3128`) or `host:port`; nil when it is empty or no address.
  public init?(_ text: String) {
    var rest = Substring(text)
    var standard = 80
    if let mark = rest.firstRange(of: "://") {
      // The proxy itself is spoken to in the clear; a TLS proxy cannot be had.
      guard rest[..<mark.lowerBound].lowercased() == "http" else { return nil }
      rest = rest[mark.upperBound...]
    } else {
      standard = 1080
    }
    rest = rest.prefix { $0 != "/" }
    var (user, password): (String?, String?)
    if let at = rest.lastIndex(of: "@") {
      let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      user = parts.first.map(String.init)
      password = parts.count == 2 ? String(parts[1]) : nil
      rest = rest[rest.index(after: at)...]
    }
    let (name, port) = Proxies.split(String(rest))
    guard !name.isEmpty else { return nil }
    self.init(host: name, port: port ?? standard, user: user, password: password)
  }
}

extension Proxies {
  /// Those of this process's environment.
  public static var ofProcess: Proxies {
    var environment: [String: String] = [:]
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"] {
      if let value = getenv(name) { environment[name] = String(cString: value) }
    }
    return Proxies(environment: environment)
  }
}

extension Proxies {
  /// What `docker info` shows: addresses, with `xxxxx:xxxxx` in the place of a user and a password.
  public var shown: (http: String, https: String, no: String) {
    func text(_ server: Server?) -> String {
      server.map { "http://\($0.user == nil ? "" : "xxxxx:xxxxx@")\($0.host):\($0.port)" } ?? ""
    }
    return (text(http), text(https), direct.joined(separator: ","))
  }
}
