import JSONTree

/// Ports that a container exposes and publishes (docker's go-connections/nat).
enum PortSpec {
  struct Binding: Sendable, Hashable {
    /// `80/tcp`.
    var port: String
    var hostIP: String
    var hostPort: String
  }

  /// `[[ip:]hostPort:]containerPort[/proto]`, ranges, or the long form `target=80,published=8080`.
  static func publish(_ text: String) throws(ValueError) -> [Binding] {
    let spec = text.contains("=") ? longForm(text) : text
    let parts = spec.parts(":")
    var container = parts[parts.count - 1]
    let host = parts.count > 1 ? parts[parts.count - 2] : ""
    var ip = parts.count > 2 ? parts[..<(parts.count - 2)].joined(separator: ":") : ""
    let (port, rawProtocol) = container.cut("/")
    container = port
    let proto = rawProtocol.map { $0.isEmpty ? "tcp" : $0 } ?? "tcp"
    if ip.hasPrefix("[") {
      guard ip.hasSuffix("]") else {
        throw ValueError("invalid IP address \(ip): address \(ip):: missing ']' in address")
      }
      ip = String(ip.dropFirst().dropLast())
    }
    guard ip.isEmpty || IPAddress.isValid(ip) else { throw ValueError("invalid IP address: \(ip)") }
    guard !container.isEmpty else { throw ValueError("no port specified: \(spec)<empty>") }
    guard let range = range(container) else { throw ValueError("invalid containerPort: \(container)") }
    var hostRange: ClosedRange<Int>?
    if !host.isEmpty {
      guard let value = self.range(host) else { throw ValueError("invalid hostPort: \(host)") }
      hostRange = value
      guard value.count == range.count || range.count == 1 else {
        throw ValueError("invalid ranges specified for container and host Ports: \(container) and \(host)")
      }
    }
    guard ["tcp", "udp", "sctp"].contains(proto.lowercased()) else { throw ValueError("invalid proto: \(proto)") }
    return range.enumerated().map { index, port in
      var hostPort = ""
      if let hostRange {
        hostPort = String(hostRange.lowerBound + index)
        if range.count == 1, hostRange.count > 1 { hostPort += "-\(hostRange.upperBound)" }
      }
      return Binding(port: "\(port)/\(proto.lowercased())", hostIP: ip, hostPort: hostPort)
    }
  }

  /// `80`, `80/udp`, `1000-1010`.
  static func expose(_ text: String) throws(ValueError) -> [String] {
    guard !text.contains(":") else { throw ValueError("invalid port format for --expose: \(text)") }
    let (port, proto) = text.cut("/")
    guard !port.isEmpty else {
      throw ValueError("invalid range format for --expose: \(text), error: empty string specified for ports")
    }
    let bounds = port.parts("-")
    for bound in bounds.prefix(2) {
      do {
        _ = try GoNumber.parseUInt(bound, bits: 16, base: 10)
      } catch {
        throw ValueError("invalid range format for --expose: \(text), error: \(error)")
      }
    }
    guard let range = range(port) else {
      throw ValueError("invalid range format for --expose: \(text), error: invalid range specified for port: \(port)")
    }
    return range.map { "\($0)/\(proto.map { $0.isEmpty ? "tcp" : $0.lowercased() } ?? "tcp")" }
  }

  static func range(_ text: String) -> ClosedRange<Int>? {
    let bounds = text.parts("-")
    func number(_ text: String) -> Int? {
      guard !text.isEmpty, text.allSatisfy({ $0.isASCII && $0.isNumber }), let value = UInt16(text) else { return nil }
      return Int(value)
    }
    guard (1...2).contains(bounds.count), let first = number(bounds[0]), let last = number(bounds[bounds.count - 1]),
      first <= last
    else { return nil }
    return first...last
  }

  /// `target=80,published=8080,protocol=udp` in the short form.
  private static func longForm(_ text: String) -> String {
    var (target, published, proto) = ("", "", "tcp")
    for field in CSV.fields(text) {
      let (key, value) = field.cut("=")
      switch key.lowercased() {
      case "protocol": proto = value ?? proto
      case "target": target = value ?? ""
      case "published": published = value ?? ""
      default: continue
      }
    }
    return "\(published):\(target)/\(proto)"
  }
}
