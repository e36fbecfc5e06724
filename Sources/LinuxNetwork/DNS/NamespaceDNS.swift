import CNetwork
import Glibc
import Runtime
import Seams

/// The sockets of the embedded DNS server in one network namespace.
struct DNSSockets: Sendable {
  /// Nonblocking, at 127.0.0.11 and a port of the kernel's choice.
  var udp: Int32
  /// Listening, likewise.
  var tcp: Int32
}

extension Machinery {
  /// Opens sockets at 127.0.0.11 in a process's namespace, and has its port 53 lead to them: the port itself stays free,
  /// for a container that is a name server (it binds all addresses).
  func openDNS(_ pid: Int) throws -> DNSSockets {
    let namespace = try open(pid)
    do {
      return try namespace.enter(from: home) {
        let udp = try Self.bindResolver(Int32(SOCK_DGRAM.rawValue))
        do {
          let tcp = try Self.bindResolver(Int32(SOCK_STREAM.rawValue))
          do {
            guard listen(tcp.socket, 64) == 0 else { throw Errno(number: errno) }
            try Self.direct(options.name, udp.port, tcp.port)
            return DNSSockets(udp: udp.socket, tcp: tcp.socket)
          } catch {
            close(tcp.socket)
            throw error
          }
        } catch {
          close(udp.socket)
          throw error
        }
      }
    } catch { throw EngineError(.unknown, "failed to start the embedded DNS server: \(error)") }
  }

  private static func direct(_ table: String, _ udp: UInt16, _ tcp: UInt16) throws(NFTFailure) {
    let rules = """
      create table ip \(table)
      create chain ip \(table) output { type nat hook output priority -100; policy accept; }
      add rule ip \(table) output ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:\(udp)
      add rule ip \(table) output ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:\(tcp)

      """
    // libnftables' socket belongs to the namespace that it is opened in.
    let nft = try NFTables()
    do throws(NFTFailure) { try nft.run(rules) } catch {
      // An earlier engine's are still there. Only then: after a deletion the kernel keeps nft waiting for 15 ms.
      try nft.run("add table ip \(table)\ndelete table ip \(table)\n" + rules)
    }
  }

  private static func bindResolver(_ type: Int32) throws(Errno) -> (socket: Int32, port: UInt16) {
    let made = cnetwork_socket(AF_INET, type | Int32(SOCK_NONBLOCK.rawValue), 0)
    guard made >= 0 else { throw Errno(number: Int32(-made)) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_000b).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(Int32(made), $0, size) == 0 && getsockname(Int32(made), $0, &size) == 0
      }
    }
    guard isBound else {
      let failure = Errno(number: errno)
      close(Int32(made))
      throw failure
    }
    return (Int32(made), UInt16(bigEndian: address.sin_port))
  }
}

/// The other end of a name service.
enum NamespaceDNS {
  /// Takes the rules away from a namespace that goes on; nothing there is no error. On a thread that is nobody else's.
  static func close(_ pid: Int, table: String) {
    guard let home = try? NetworkNamespace(), let namespace = try? NetworkNamespace(pid: pid),
      namespace.identity != home.identity
    else { return }
    try? namespace.enter(from: home) { _ = try NFTables().run("delete table ip \(table)") }
  }
}
