import Seams

/// Which of the host's ports lead to containers, and which one is next.
struct PortAllocator: Sendable {
  private var bindings: [Key: [PortBinding]] = [:]
  /// The last ephemeral port given out, by protocol and address.
  private var last: [String: Int] = [:]
  /// net.ipv4.ip_local_port_range.
  static let ephemeral = 32_768...60_999

  private struct Key: Hashable {
    var proto: String
    var port: Int
  }

  var all: [PortBinding] {
    bindings.values.flatMap { $0 }.sorted {
      ($0.hostPort, $0.proto, $0.hostIP, $0.containerIP) < ($1.hostPort, $1.proto, $1.hostIP, $1.containerIP)
    }
  }

  /// The binding that a packet to `address` and `port` of the host meets.
  func binding(_ proto: String, _ address: IPv4, _ port: Int) -> PortBinding? {
    let candidates = bindings[Key(proto: proto, port: port)] ?? []
    let text = address.description
    return candidates.first { $0.hostIP == text } ?? candidates.first { $0.hostIP.isEmpty || $0.hostIP == "0.0.0.0" }
  }

  func isTaken(_ proto: String, _ hostIP: String, _ port: Int) -> Bool {
    (bindings[Key(proto: proto, port: port)] ?? []).contains { Self.overlap($0.hostIP, hostIP) }
  }

  /// Whether a socket of the host on this address would meet docker-proxy's.
  func conflicts(_ proto: String, _ address: IPv4, _ port: Int) -> Bool {
    isTaken(proto, address == .any ? "0.0.0.0" : address.description, port)
  }

  /// The same address family, and the same address or one of them all addresses.
  private static func overlap(_ a: String, _ b: String) -> Bool {
    guard a.contains(":") == b.contains(":") else { return false }
    return a == b || a == "0.0.0.0" || b == "0.0.0.0" || a == "::" || b == "::" || a.isEmpty || b.isEmpty
  }

  /// The next free ephemeral port for an address; nil when all are taken.
  mutating func next(_ proto: String, _ hostIP: String, isFree: (Int) -> Bool) -> Int? {
    let key = proto + "/" + hostIP
    var port = last[key] ?? Self.ephemeral.upperBound
    for _ in Self.ephemeral {
      port = port >= Self.ephemeral.upperBound ? Self.ephemeral.lowerBound : port + 1
      if !isTaken(proto, hostIP, port), isFree(port) {
        last[key] = port
        return port
      }
    }
    return nil
  }

  mutating func add(_ binding: PortBinding) {
    bindings[Key(proto: binding.proto, port: binding.hostPort), default: []].append(binding)
  }

  mutating func remove(_ binding: PortBinding) {
    let key = Key(proto: binding.proto, port: binding.hostPort)
    bindings[key]?.removeAll { $0 == binding }
    if bindings[key]?.isEmpty == true { bindings[key] = nil }
  }
}
