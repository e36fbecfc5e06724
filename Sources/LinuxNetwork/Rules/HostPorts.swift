import CNetwork
import Glibc
import Runtime
import Seams

/// The host's ports that lead to containers. Each is held by a socket that is bound to it (and listens), so that no
/// other process takes it; what would come to the socket rather than to the rules is dropped by a filter.
struct HostPorts: ~Copyable {
  private struct Key: Hashable {
    var proto: String
    var port: Int
  }
  private struct Held {
    var binding: PortBinding
    /// -1 where the kernel has no such protocol, so nobody can take the port.
    var socket: Int32
  }
  private var held: [Key: [Held]] = [:]
  /// The last ephemeral port given out, by protocol and address.
  private var last: [String: Int] = [:]

  init() {}

  deinit { for held in held.values.joined() where held.socket >= 0 { close(held.socket) } }

  var bindings: [PortBinding] { held.values.joined().map(\.binding) }

  /// Takes the port, or some port if none is asked for; the answer says which.
  mutating func take(_ asked: PortBinding) throws -> PortBinding {
    var binding = asked
    if binding.hostPort != 0 {
      guard (1...65535).contains(binding.hostPort) else {
        throw EngineError(.invalidArgument, "invalid port '\(binding.hostPort)'")
      }
      guard !isTaken(binding) else {
        let shown = binding.hostIP.isEmpty ? "0.0.0.0" : binding.hostIP
        throw EngineError(
          .failedPrecondition, "Bind for \(shown):\(binding.hostPort) failed: port is already allocated")
      }
      do throws(Errno) { try hold(binding) } catch { throw Self.refusal(binding, error) }
      return binding
    }
    let range = Self.ephemeralRange()
    let key = binding.proto + "/" + binding.hostIP
    var port = last[key].flatMap { range.contains($0) ? $0 : nil } ?? range.upperBound
    for _ in range {
      port = port >= range.upperBound ? range.lowerBound : port + 1
      binding.hostPort = port
      guard !isTaken(binding) else { continue }
      do throws(Errno) { try hold(binding) } catch {
        if error == .EADDRINUSE { continue }
        throw Self.refusal(binding, error)
      }
      last[key] = port
      return binding
    }
    throw EngineError(.failedPrecondition, "all ports are allocated")
  }

  /// Gives a port back. Nothing there is no error; the answer says whether there was.
  mutating func release(_ binding: PortBinding) -> Bool {
    let key = Key(proto: binding.proto, port: binding.hostPort)
    guard let index = held[key]?.firstIndex(where: { $0.binding == binding }),
      let socket = held[key]?.remove(at: index).socket
    else { return false }
    if socket >= 0 { close(socket) }
    if held[key]?.isEmpty ?? false { held[key] = nil }
    return true
  }

  /// Takes back what this engine had taken in an earlier life: it is ours even if another process has it by now.
  mutating func restore(_ binding: PortBinding) {
    if isTaken(binding) { return }
    do throws(Errno) { try hold(binding) } catch {
      held[Key(proto: binding.proto, port: binding.hostPort), default: []].append(Held(binding: binding, socket: -1))
    }
  }

  private func isTaken(_ binding: PortBinding) -> Bool {
    (held[Key(proto: binding.proto, port: binding.hostPort)] ?? []).contains {
      $0.binding.isOnEveryAddress || binding.isOnEveryAddress || $0.binding.hostIP == binding.hostIP
    }
  }

  private mutating func hold(_ binding: PortBinding) throws(Errno) {
    let socket = try Self.bind(binding)
    held[Key(proto: binding.proto, port: binding.hostPort), default: []].append(Held(binding: binding, socket: socket))
  }

  private static func bind(_ binding: PortBinding) throws(Errno) -> Int32 {
    let isStream = binding.proto != "udp"
    let (type, proto): (Int32, Int32) =
      switch binding.proto {
      case "udp": (Int32(SOCK_DGRAM.rawValue), Int32(IPPROTO_UDP))
      case "sctp": (Int32(SOCK_STREAM.rawValue), Int32(IPPROTO_SCTP))
      default: (Int32(SOCK_STREAM.rawValue), Int32(IPPROTO_TCP))
      }
    let made = cnetwork_socket(AF_INET, type, proto)
    guard made >= 0 else {
      let failure = Errno(number: Int32(-made))
      if binding.proto == "sctp", failure.code == EPROTONOSUPPORT || failure.code == ESOCKTNOSUPPORT { return -1 }
      throw failure
    }
    let socket = Int32(made)
    _ = cnetwork_drop_all(socket)
    var on: Int32 = 1
    // Connections of an earlier holder that linger do not matter.
    if isStream { setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, 4) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(truncatingIfNeeded: binding.hostPort).bigEndian
    address.sin_addr.s_addr = (IPv4(binding.hostIP)?.value ?? 0).bigEndian
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.bind(socket, $0, 16) }
    }
    guard bound == 0, !isStream || listen(socket, 1) == 0 else {
      let failure = Errno(number: errno)
      close(socket)
      throw failure
    }
    return socket
  }

  private static func refusal(_ binding: PortBinding, _ errno: Errno) -> EngineError {
    let shown = binding.hostIP.isEmpty ? "0.0.0.0" : binding.hostIP
    return EngineError(
      .failedPrecondition, "failed to bind host port \(shown):\(binding.hostPort)/\(binding.proto): \(errno.message)")
  }

  /// net.ipv4.ip_local_port_range.
  private static func ephemeralRange() -> ClosedRange<Int> {
    let numbers = SystemSetting.read("net/ipv4/ip_local_port_range")?.split(whereSeparator: \.isWhitespace).compactMap {
      Int($0)
    }
    guard let numbers, numbers.count == 2, numbers[0] > 0, numbers[0] <= numbers[1], numbers[1] <= 65535 else {
      return 32_768...60_999
    }
    return numbers[0]...numbers[1]
  }
}
