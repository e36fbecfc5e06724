import JSONTree
import Seams

extension NetworkService {
  /// One published port as asked for.
  struct WantedPort: Sendable, Hashable {
    var proto: String
    var containerPort: Int
    var hostIP: String
    /// Empty range (0…0): any port.
    var first: Int
    var last: Int
  }

  /// Publishes a sandbox's ports at the endpoint that its default route goes through. What has been published when one
  /// fails is in `record.published`, for whoever undoes it.
  ///
  /// - Parameter old: where they were before: what was given any port keeps it.
  func publishPorts(_ record: inout SandboxRecord, keeping old: [PortBinding] = []) async throws {
    guard let endpoint = record.endpoints.first(where: \.isGateway) else { return }
    var old = old
    for var port in try Self.wantedPorts(record) {
      let known = old.firstIndex { binding in
        binding.proto == port.proto && binding.containerPort == port.containerPort && binding.hostIP == port.hostIP
          && (port.first == 0 || (port.first...port.last).contains(binding.hostPort))
      }
      if let known {
        let binding = old.remove(at: known)
        (port.first, port.last) = (binding.hostPort, binding.hostPort)
      }
      record.published.append(try await publish(port, endpoint, record))
    }
    // As `docker port` lists them.
    record.published.sort {
      ($0.containerPort, $0.proto, $0.hostIP, $0.hostPort) < ($1.containerPort, $1.proto, $1.hostIP, $1.hostPort)
    }
  }

  private func publish(_ port: WantedPort, _ endpoint: EndpointState, _ record: SandboxRecord) async throws
    -> PortBinding
  {
    var candidate = port.first
    while true {
      let binding = PortBinding(
        proto: port.proto, hostIP: port.hostIP, hostPort: candidate, containerIP: endpoint.address,
        containerPort: port.containerPort)
      do { return try await daemon.network.publish(binding) } catch {
        candidate += 1
        if candidate <= port.last { continue }
        let reason = (error as? EngineError) ?? EngineError(.unknown, "\(error)")
        throw EngineError(
          reason.code == .permissionDenied ? .permissionDenied : .unknown,
          "driver failed programming external connectivity on endpoint \(record.name) (\(endpoint.id)): "
            + reason.message)
      }
    }
  }

  /// The ports that `PortBindings` and `PublishAllPorts` ask for: those on a certain port of the host before those on
  /// any, so that these do not take what was asked for by number.
  static func wantedPorts(_ record: SandboxRecord) throws -> [WantedPort] {
    var wanted: [WantedPort] = []
    let bindings = record.portBindings.object ?? [:]
    for member in bindings.members {
      let (proto, port) = try parse(port: member.key)
      for binding in member.value.array ?? [] {
        let (first, last) = try parse(hostPort: binding["HostPort"]?.string ?? "")
        let hostIP = binding["HostIp"]?.string ?? ""
        if !hostIP.isEmpty, hostIP != "::", IPv4Address(hostIP) == nil {
          throw EngineError(.invalidArgument, "invalid IP address: \(hostIP)")
        }
        wanted.append(
          WantedPort(
            proto: proto, containerPort: port, hostIP: hostIP.isEmpty ? "0.0.0.0" : hostIP, first: first, last: last))
      }
    }
    if record.publishAll {
      let keys = Set(record.exposedPorts).union(bindings.keys)
      for key in keys where (bindings[key]?.array ?? []).isEmpty {
        let (proto, port) = try parse(port: key)
        wanted.append(WantedPort(proto: proto, containerPort: port, hostIP: "0.0.0.0", first: 0, last: 0))
      }
    }
    return wanted.sorted { a, b in
      let (x, y) = (a.first == 0 ? 1 : 0, b.first == 0 ? 1 : 0)
      return (x, a.containerPort, a.proto, a.hostIP, a.first) < (y, b.containerPort, b.proto, b.hostIP, b.first)
    }
  }

  /// `80/tcp`, `53/udp`, `80`.
  static func parse(port text: String) throws -> (proto: String, port: Int) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let proto = parts.count == 2 ? parts[1].lowercased() : "tcp"
    guard let port = parts.first.flatMap({ Int($0) }), (1...65535).contains(port), parts.count <= 2,
      ["tcp", "udp", "sctp"].contains(proto)
    else { throw EngineError(.invalidArgument, "invalid port specification: \"\(text)\"") }
    return (proto, port)
  }

  /// `8080`, `8000-8010`, or nothing for any port.
  static func parse(hostPort text: String) throws -> (first: Int, last: Int) {
    if text.isEmpty { return (0, 0) }
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard let first = parts.first.flatMap({ Int($0) }), let last = parts.count == 2 ? Int(parts[1]) : first,
      parts.count <= 2, (0...65535).contains(first), (first...65535).contains(last)
    else {
      throw EngineError(.invalidArgument, "error parsing HostPort value(\(text)):invalid port range")
    }
    return (first, last)
  }
}
