import Seams

/// Where registries are found: names to hosts, who is spoken to without TLS, mirrors.
public struct RegistryHosts: Sendable {
  /// Hosts, hosts with a port, or networks (`10.0.0.0/8`, `fd00::/8`) to which plain HTTP is spoken (daemon.json
  /// `insecure-registries`). Loopback is always among them.
  public var insecure: [String]
  /// Registries to ask first, by domain: `["docker.io": ["https://mirror.example"]]` (daemon.json `registry-mirrors`).
  public var mirrors: [String: [String]]
  /// Says of a host on the loopback that TLS is spoken to it nevertheless: there are certificates for it.
  public var hasCertificates: @Sendable (String) -> Bool

  public init(
    insecure: [String] = [], mirrors: [String: [String]] = [:],
    hasCertificates: @escaping @Sendable (String) -> Bool = { _ in false }
  ) {
    (self.insecure, self.mirrors, self.hasCertificates) = (insecure, mirrors, hasCertificates)
  }

  /// The host of the distribution API behind the domain of a reference.
  public static func apiHost(_ domain: String) -> String {
    domain == "docker.io" || domain == "index.docker.io" ? "registry-1.docker.io" : domain
  }

  /// `http` or `https`, for a host with or without a port.
  public func scheme(of host: String) -> String {
    let name = withoutPort(host)
    let address = IPAddress(name)
    if name == "localhost" || name.hasSuffix(".localhost") || address?.isLoopback == true {
      return hasCertificates(host) ? "https" : "http"
    }
    let isInsecure = insecure.contains { entry in
      if let network = IPNetwork(entry) { return address.map(network.contains) ?? false }
      return entry == host || entry == name
    }
    return isInsecure ? "http" : "https"
  }

  /// Who answers for a domain, in the order in which they are asked: mirrors, then the registry itself. Mirrors are
  /// never pushed to.
  func endpoints(for domain: String, pushing: Bool) -> [RegistryEndpoint] {
    let host = RegistryHosts.apiHost(domain)
    let own = RegistryEndpoint(scheme: scheme(of: host), host: host, mirrored: nil)
    if pushing { return [own] }
    return (mirrors[domain] ?? []).compactMap { mirror in
      let url = RegistryURL(mirror, relativeTo: "https", "")
      return url.host.isEmpty ? nil : RegistryEndpoint(scheme: url.scheme, host: url.host, mirrored: domain)
    } + [own]
  }
}

/// A host that speaks the distribution API.
struct RegistryEndpoint: Sendable, Hashable {
  var scheme: String
  var host: String
  /// The domain for which this is a mirror.
  var mirrored: String?
}

private func withoutPort(_ host: String) -> String {
  if host.hasPrefix("["), let end = host.firstIndex(of: "]") {
    return String(host[host.index(after: host.startIndex)..<end])
  }
  let parts = host.split(separator: ":", omittingEmptySubsequences: false)
  return parts.count == 2 ? String(parts[0]) : host
}

/// A URL in the few parts that a registry's `Location` and `realm` need (RFC 3986).
struct RegistryURL: Sendable, Hashable {
  var scheme: String
  /// With the port.
  var host: String
  /// With its leading slash.
  var path: String
  var query: [NameValue]

  /// A reference, taken relative to a host where it names none. User information is dropped.
  init(_ text: String, relativeTo scheme: String, _ host: String) {
    var rest = Substring(text)
    (self.scheme, self.host) = (scheme, host)
    if let range = rest.firstRange(of: "://") {
      self.scheme = rest[..<range.lowerBound].lowercased()
      rest = rest[range.upperBound...]
    } else if rest.hasPrefix("//") {
      rest = rest.dropFirst(2)
    } else {
      rest = "/" + (rest.hasPrefix("/") ? rest.dropFirst() : rest)
    }
    if !rest.hasPrefix("/") {
      let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
      self.host = String(rest[..<end].split(separator: "@").last ?? "")
      rest = rest[end...]
    }
    if let fragment = rest.firstIndex(of: "#") { rest = rest[..<fragment] }
    let mark = rest.firstIndex(of: "?") ?? rest.endIndex
    path = rest[..<mark].isEmpty ? "/" : String(rest[..<mark])
    query =
      mark == rest.endIndex
      ? []
      : rest[rest.index(after: mark)...].split(separator: "&").map { pair in
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return NameValue(percentDecoded(parts[0]), parts.count == 2 ? percentDecoded(parts[1]) : "")
      }
  }
}

/// `text` with `%XX` and `+` resolved; malformed escapes stay as they are.
func percentDecoded(_ text: Substring) -> String {
  guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else { return String(text) }
  var out: [UInt8] = []
  let bytes = Array(text.utf8)
  var index = 0
  while index < bytes.count {
    if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
      let value = UInt8(String(decoding: bytes[(index + 1)...(index + 2)], as: UTF8.self), radix: 16)
    {
      out.append(value)
      index += 3
    } else {
      out.append(bytes[index] == UInt8(ascii: "+") ? UInt8(ascii: " ") : bytes[index])
      index += 1
    }
  }
  return String(decoding: out, as: UTF8.self)
}

/// `text` for use in `application/x-www-form-urlencoded`.
func formEncoded(_ text: String) -> String {
  var out = ""
  for byte in text.utf8 {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "~"):
      out.unicodeScalars.append(UnicodeScalar(byte))
    case UInt8(ascii: " "): out += "+"
    default:
      let hex = String(byte, radix: 16, uppercase: true)
      out += "%" + (hex.count == 1 ? "0" : "") + hex
    }
  }
  return out
}

/// An IPv4 or IPv6 address.
struct IPAddress: Sendable, Hashable {
  /// 4 or 16, in network order.
  let bytes: [UInt8]

  init?(_ text: some StringProtocol) {
    if text.contains(":") {
      guard let groups = IPAddress.groups(String(text)) else { return nil }
      bytes = groups.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
    } else {
      let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
      guard parts.count == 4 else { return nil }
      let numbers = parts.compactMap { $0 }
      guard numbers.count == 4 else { return nil }
      bytes = numbers
    }
  }

  var isLoopback: Bool {
    bytes.count == 4 ? bytes[0] == 127 : bytes.last == 1 && bytes.dropLast().allSatisfy { $0 == 0 }
  }

  /// The eight groups of an IPv6 address, `::` filled up.
  private static func groups(_ text: String) -> [UInt16]? {
    func parse(_ part: Substring) -> [UInt16]? {
      if part.isEmpty { return [] }
      var groups: [UInt16] = []
      for group in part.split(separator: ":", omittingEmptySubsequences: false) {
        guard group.utf8.count <= 4, let value = UInt16(group, radix: 16) else { return nil }
        groups.append(value)
      }
      return groups
    }
    guard let gap = text.firstRange(of: "::") else {
      return parse(Substring(text)).flatMap { $0.count == 8 ? $0 : nil }
    }
    guard let head = parse(text[..<gap.lowerBound]), let tail = parse(text[gap.upperBound...]),
      head.count + tail.count < 8
    else { return nil }
    return head + [UInt16](repeating: 0, count: 8 - head.count - tail.count) + tail
  }
}

/// An address with a prefix length: `10.0.0.0/8`.
struct IPNetwork: Sendable, Hashable {
  let address: IPAddress
  let prefix: Int

  init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPAddress(parts[0]), let prefix = Int(parts[1]),
      (0...address.bytes.count * 8).contains(prefix)
    else { return nil }
    (self.address, self.prefix) = (address, prefix)
  }

  func contains(_ other: IPAddress) -> Bool {
    guard other.bytes.count == address.bytes.count else { return false }
    for bit in 0..<prefix {
      let mask = UInt8(0x80) >> UInt8(bit % 8)
      if address.bytes[bit / 8] & mask != other.bytes[bit / 8] & mask { return false }
    }
    return true
  }
}
