import CNetwork
import Glibc
import Synchronization
import Threads

/// Real traffic: small servers and clients in network namespaces. A server answers with the address that it sees its
/// client at.
enum Traffic {
  /// Performs `body` on a thread of its own inside a namespace; nil is the tool's own, the "host".
  static func inside<R: Sendable>(_ namespace: Namespace?, _ body: @escaping @Sendable () throws -> R) async throws -> R
  {
    let pid = namespace?.pid
    return try await DetachedThread.run { () throws -> R in
      if let pid { try enter(pid) }
      return try body()
    }
  }

  private static func enter(_ pid: Int) throws {
    let namespace = cnetwork_open("/proc/\(pid)/ns/net", O_RDONLY)
    guard namespace >= 0 else { throw ToolError("cannot open the namespace of \(pid)") }
    defer { close(Int32(namespace)) }
    guard cnetwork_setns(Int32(namespace)) == 0 else { throw ToolError("cannot enter the namespace of \(pid)") }
  }

  static func address(_ host: String, _ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    inet_pton(AF_INET, host, &address.sin_addr)
    return address
  }

  static func with<R>(_ address: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> R) -> R {
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
  }

  static func text(_ address: sockaddr_in) -> String {
    let value = UInt32(bigEndian: address.sin_addr.s_addr)
    return "\(value >> 24).\(value >> 16 & 255).\(value >> 8 & 255).\(value & 255)"
  }

  /// A bound socket; the errno when there is none.
  static func bound(_ type: Int32, _ host: String, _ port: Int) throws -> Int32 {
    let socket = Int32(clamping: cnetwork_socket(AF_INET, type, 0))
    var on: Int32 = 1
    if type == stream { setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, 4) }
    var address = address(host, port)
    guard with(&address, { bind(socket, $0, $1) }) == 0, type != stream || listen(socket, 64) == 0 else {
      defer { close(socket) }
      throw ToolError(String(cString: strerror(errno)))
    }
    return socket
  }
  static let (stream, datagram) = (Int32(SOCK_STREAM.rawValue), Int32(SOCK_DGRAM.rawValue))

  /// Serves TCP and UDP at a port of a namespace until the tool ends, or `stop`.
  final class Server: Sendable {
    private let sockets: [Int32]
    init(_ namespace: Namespace?, _ port: Int, host: String = "0.0.0.0") async throws {
      let sockets = try await Traffic.inside(namespace) {
        [try bound(stream, host, port), try bound(datagram, host, port)]
      }
      self.sockets = sockets
      try DetachedThread.start {
        while true {
          var peer = Traffic.address("0.0.0.0", 0)
          var size = socklen_t(MemoryLayout<sockaddr_in>.size)
          let client = with(&peer) { address, _ in accept(sockets[0], address, &size) }
          guard client >= 0 else { return }
          let bytes = Array(Traffic.text(peer).utf8)
          _ = send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL))
          close(client)
        }
      }
      try DetachedThread.start {
        var buffer = [UInt8](repeating: 0, count: 2048)
        while true {
          var peer = Traffic.address("0.0.0.0", 0)
          var size = socklen_t(MemoryLayout<sockaddr_in>.size)
          let count = with(&peer) { address, _ in recvfrom(sockets[1], &buffer, buffer.count, 0, address, &size) }
          guard count >= 0 else { return }
          // An empty datagram ends it.
          if count == 0 { return }
          let bytes = Array(Traffic.text(peer).utf8)
          _ = with(&peer) { sendto(sockets[1], bytes, bytes.count, 0, $0, $1) }
        }
      }
    }
    func stop() { for socket in sockets { shutdown(socket, Int32(SHUT_RDWR)) } }
  }

  /// How long a client waits: long where an answer must come, short where none may.
  static func patience(_ socket: Int32, _ seconds: Double) {
    var time = timeval(tv_sec: Int(seconds), tv_usec: Int(seconds * 1e6) % 1_000_000)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
  }

  /// What the server at this address sees its client as; nil when nothing comes.
  static func ask(
    _ host: String, _ port: Int, _ proto: String = "tcp", from namespace: Namespace?, seconds: Double = 60
  ) async throws -> String? {
    try await inside(namespace) {
      let socket = Int32(clamping: cnetwork_socket(AF_INET, proto == "tcp" ? stream : datagram, 0))
      defer { close(socket) }
      patience(socket, seconds)
      var address = address(host, port)
      guard with(&address, { connect(socket, $0, $1) }) == 0 else { return nil }
      if proto == "udp" { _ = send(socket, [1], 1, 0) }
      var buffer = [UInt8](repeating: 0, count: 64)
      let count = recv(socket, &buffer, buffer.count, 0)
      return count > 0 ? String(decoding: buffer[0..<count], as: UTF8.self) : nil
    }
  }

  /// Whether nothing comes back within a moment.
  static func isSilent(_ host: String, _ port: Int, _ proto: String = "tcp", from namespace: Namespace?) async throws
    -> Bool
  {
    try await ask(host, port, proto, from: namespace, seconds: 0.4) == nil
  }
}
