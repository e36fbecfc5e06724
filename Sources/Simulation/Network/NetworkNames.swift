import Runtime
import Seams

extension SimNetwork {
  /// Serves 127.0.0.11 in a namespace. `resolve` knows the names of the container's networks; nil sends the question on.
  public func serveDNS(in id: Int, resolve: @escaping @Sendable (String) -> [String]?) {
    state.withLock { $0.namespaces[id]?.embeddedDNS = resolve }
  }

  /// Ends the embedded resolver of a namespace.
  public func stopDNS(in id: Int) { state.withLock { $0.namespaces[id]?.embeddedDNS = nil } }

  /// A DNS question for the addresses of `name`, sent from namespace `id` to `server`.
  ///
  /// Empty is NXDOMAIN. ECONNREFUSED when nothing serves there, ENETUNREACH without a way, EAGAIN when the server
  /// fails or no answer comes.
  public func query(from id: Int, server: String, name: String) async throws -> [String] {
    let name = name.hasSuffix(".") ? String(name.dropLast()) : name
    guard let address = IPv4(server) else { throw Errno.ENETUNREACH }
    if address.description == Self.embeddedResolver {
      let (resolver, hasWayOut) = state.withLock { state in
        let namespace = state.namespaces[id]
        return (namespace?.embeddedDNS, namespace?.routes.contains { $0.prefix.length == 0 } == true)
      }
      guard let resolver else { throw Errno.ECONNREFUSED }
      try await world.sleep(2 * NetworkState.loopbackLatency)
      if let addresses = resolver(name) { return addresses }
      // A container of internal networks only: its questions are not sent on, the answer is SERVFAIL.
      guard hasWayOut else { throw Errno.EAGAIN }
      return try await query(from: 0, server: Self.hostResolver, name: name)
    }
    switch state.withLock({ $0.follow(from: id, to: address, port: 53) }) {
    case .refused(let errno): throw errno
    case .noNeighbour, .dropped:
      try await world.sleep(5 * Duration64.second)
      throw Errno.EAGAIN
    case .delivered: throw Errno.ECONNREFUSED
    case .internet(let address, let way):
      guard let host = internet.host(at: address.description), host.isResolver else {
        try await world.sleep(5 * Duration64.second)
        throw Errno.EAGAIN
      }
      state.withLock {
        $0.count(42 + 18 + name.utf8.count, packets: 1, along: way.hops, isAnswer: false)
        $0.count(42 + 34 + name.utf8.count, packets: 1, along: way.hops, isAnswer: true)
      }
      try await world.sleep(2 * (way.latency + host.latency))
      return internet.addresses(of: name)
    }
  }

  /// getaddrinfo(3) in a namespace, with the texts of its /etc/hosts and /etc/resolv.conf: numeric addresses, hosts,
  /// then the name servers in order, with the search list. Empty when nobody knows the name; EAGAIN when no server
  /// answered.
  public func resolve(_ name: String, hosts: String, resolvConf: String, in id: Int) async throws -> [String] {
    guard !name.isEmpty, name.utf8.count <= 253 else { return [] }
    if IPv4(name) != nil || name == "::1" { return [name] }
    let wanted = name.lowercased()
    var found: [String] = []
    for line in hosts.split(separator: "\n") {
      let fields = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" }
      guard let address = fields.first, fields.dropFirst().contains(where: { $0.lowercased() == wanted }) else {
        continue
      }
      if IPv4(address) != nil { found.append(String(address)) }
    }
    if !found.isEmpty { return found }
    if wanted == "localhost" { return ["127.0.0.1"] }
    let settings = ResolverSettings(resolvConf)
    var failure: Errno?
    for candidate in settings.candidates(wanted) {
      for server in settings.servers {
        do {
          let addresses = try await query(from: id, server: server, name: candidate)
          if !addresses.isEmpty { return addresses }
          failure = nil
          break
        } catch let error as Errno {
          failure = error
        }
      }
    }
    if failure != nil { throw Errno.EAGAIN }
    return []
  }
}

/// What resolv.conf(5) says.
struct ResolverSettings: Sendable {
  var servers: [String] = []
  var search: [String] = []
  var dots = 1

  init(_ text: String) {
    for line in text.split(separator: "\n") {
      let fields = line.split { $0 == " " || $0 == "\t" }.map(String.init)
      guard fields.count > 1 else { continue }
      switch fields[0] {
      case "nameserver": if servers.count < 3 { servers.append(fields[1]) }
      case "search": search = Array(fields[1...])
      case "domain": search = [fields[1]]
      case "options":
        for option in fields[1...] where option.hasPrefix("ndots:") {
          dots = min(max(Int(option.dropFirst(6)) ?? 1, 0), 15)
        }
      default: break
      }
    }
    if servers.isEmpty { servers = ["127.0.0.1"] }
  }

  /// The names to ask for, in order.
  func candidates(_ name: String) -> [String] {
    if name.hasSuffix(".") { return [name] }
    let listed = search.filter { $0 != "." }.map { "\(name).\($0)" }
    let hasEnough = name.filter { $0 == "." }.count >= dots
    return hasEnough ? [name] + listed : listed + [name]
  }
}
