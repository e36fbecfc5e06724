import JSONTree
import Seams

/// Port specifications: `80/tcp`, and the host's side of them.
enum PortSpec {
  /// Splits `80/tcp`; nil when it is no port. Without a protocol it is tcp.
  static func parse(_ text: String) -> (number: Int, proto: String)? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard (1...2).contains(parts.count), let number = Int(parts[0]), (1...65535).contains(number),
      parts[0].first != "+"
    else { return nil }
    let proto = parts.count == 2 ? parts[1].lowercased() : "tcp"
    guard ["tcp", "udp", "sctp"].contains(proto) else { return nil }
    return (number, proto)
  }

  /// Refuses a member of `PortBindings` that is none: `invalid port specification: "80/http"`.
  static func check(_ binding: JSONObject.Member) throws(EngineError) {
    guard parse(binding.key) != nil else {
      throw EngineError(.invalidArgument, "invalid port specification: \"\(binding.key)\"")
    }
    for host in binding.value.array ?? [] {
      guard let port = host["HostPort"]?.string, !port.isEmpty else { continue }
      let ends = port.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      let isRange =
        (1...2).contains(ends.count)
        && ends.allSatisfy { $0.map { (0...65535).contains($0) } ?? false }
        && (ends.first ?? nil) ?? 0 <= (ends.last ?? nil) ?? 0
      guard isRange else { throw EngineError(.invalidArgument, "invalid port specification: \"\(port)\"") }
    }
  }
}
