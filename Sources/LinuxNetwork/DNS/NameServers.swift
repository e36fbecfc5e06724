import CNetwork
import Glibc

/// The address of a name server, for connect(2).
struct NameServer: Sendable, Hashable {
  /// struct sockaddr_in or struct sockaddr_in6.
  let address: [UInt8]
  let family: Int32

  /// Parses `192.0.2.1`, `2001:db8::1`, `fe80::1%eth0`.
  init?(_ text: String, port: UInt16 = 53) {
    if let address = IPv4(text) {
      var socket = sockaddr_in()
      socket.sin_family = sa_family_t(AF_INET)
      socket.sin_port = port.bigEndian
      socket.sin_addr.s_addr = address.value.bigEndian
      self.address = withUnsafeBytes(of: socket) { Array($0) }
      family = AF_INET
      return
    }
    let parts = text.split(separator: "%", maxSplits: 1)
    var socket = sockaddr_in6()
    guard let first = parts.first, inet_pton(AF_INET6, String(first), &socket.sin6_addr) == 1 else { return nil }
    socket.sin6_family = sa_family_t(AF_INET6)
    socket.sin6_port = port.bigEndian
    if parts.count == 2 { socket.sin6_scope_id = UInt32(parts[1]) ?? if_nametoindex(String(parts[1])) }
    address = withUnsafeBytes(of: socket) { Array($0) }
    family = AF_INET6
  }

  /// A socket on its way to the server, nonblocking; nil when there is no way.
  func connect(stream: Bool) -> Int32? {
    let type = Int32(stream ? SOCK_STREAM.rawValue : SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let made = cnetwork_socket(family, type, 0)
    guard made >= 0 else { return nil }
    let result = address.withUnsafeBytes { bytes in
      bytes.withMemoryRebound(to: sockaddr.self) {
        $0.baseAddress.map { Glibc.connect(Int32(made), $0, socklen_t(address.count)) } ?? -1
      }
    }
    guard result == 0 || errno == EINPROGRESS else {
      close(Int32(made))
      return nil
    }
    return Int32(made)
  }
}

/// The host's name servers (resolv.conf(5)), read again when the file has changed.
struct HostNameServers {
  private let path: String
  private var seen: (seconds: Int, nanoseconds: Int, size: Int)?
  private var servers: [NameServer] = []

  init(_ path: String) { self.path = path }

  /// Three at most, as the file's manual says.
  mutating func current() -> [NameServer] {
    var status = stat()
    guard stat(path, &status) == 0 else { return [] }
    let now = (Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec), Int(status.st_size))
    if let seen, seen == now { return servers }
    seen = now
    servers = []
    guard let file = fopen(path, "re") else { return [] }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 1024)
    while fgets(&line, 1024, file) != nil, servers.count < 3 {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let words = text.split(whereSeparator: \.isWhitespace)
      if words.count > 1, words[0] == "nameserver", let server = NameServer(String(words[1])) { servers.append(server) }
    }
    return servers
  }
}
