import Runtime
import Seams
import Synchronization

extension ProcessHandle {
  private func stack() throws -> Int {
    try call("socket") { _, process throws(Errno) in
      guard let id = process.namespaces?.network.id else { throw .ESRCH }
      return id
    }
  }

  func interfaces() -> [SimInterface] {
    guard let id = ask(nil, { $1.namespaces?.network.id }) else { return [] }
    return kernel.network.interfaces(in: id)
  }
  func routes() -> [SimRoute] {
    guard let id = ask(nil, { $1.namespaces?.network.id }) else { return [] }
    return kernel.network.routes(in: id)
  }

  func netlink(_ operation: String, _ attributes: [String: String]) throws {
    let id = try call("sendmsg") { state, process throws(Errno) -> Int in
      guard let stack = process.namespaces?.network else { throw .ESRCH }
      guard process.credentials.has(.netAdmin, in: stack.owner ?? state.initUser) else { throw .EPERM }
      return stack.id
    }
    try kernel.network.netlink(operation, attributes, in: id)
  }

  func resolve(_ name: String) async throws -> [String] {
    let id = try stack()
    let hosts = (try? readFile("/etc/hosts")) ?? []
    let resolver = (try? readFile("/etc/resolv.conf")) ?? []
    let network = kernel.network
    return try await outside {
      try await network.resolve(
        name, hosts: String(decoding: hosts, as: UTF8.self), resolvConf: String(decoding: resolver, as: UTF8.self),
        in: id)
    }
  }

  func query(server: String, name: String) async throws -> [String] {
    let id = try stack()
    let network = kernel.network
    return try await outside { try await network.query(from: id, server: server, name: name) }
  }

  func connect(_ address: String, _ port: Int) async throws -> Duplex {
    let id = try call("connect") { _, process throws(Errno) -> Int in
      guard let id = process.namespaces?.network.id else { throw .ESRCH }
      return id
    }
    let network = kernel.network
    let connection = try await outside { try await network.connect(from: id, to: address, port: port) }
    try hold(connection)
    return connection
  }

  func listen(_ address: String, _ port: Int) throws -> SimListener {
    let (id, mayBindLow) = try call("listen") { state, process throws(Errno) -> (Int, Bool) in
      guard let stack = process.namespaces?.network else { throw .ESRCH }
      let first = Int(stack.sysctls["net/ipv4/ip_unprivileged_port_start"] ?? "1024") ?? 1024
      return (
        stack.id, port >= first || process.credentials.has(.netBindService, in: stack.owner ?? state.initUser)
      )
    }
    let listener = try kernel.network.listen(in: id, address: address, port: port, mayBindLow: mayBindLow)
    do {
      try call { _, process in process.listeners.append(listener) }
    } catch {
      listener.close()
      throw error
    }
    return ProcessListener(listener, self)
  }

  func ping(_ address: String) async throws -> UInt64? {
    let id = try call("sendto") { state, process throws(Errno) -> Int in
      guard let stack = process.namespaces?.network else { throw .ESRCH }
      // ICMP sockets are open to the groups of ping_group_range, raw ones need the capability.
      let range = (stack.sysctls["net/ipv4/ping_group_range"] ?? "1\t0").split(whereSeparator: {
        $0 == "\t" || $0 == " "
      })
      let group = process.credentials.egid
      let isInRange =
        range.count == 2 && (UInt32(range[0]) ?? 1)...max(UInt32(range[0]) ?? 1, UInt32(range[1]) ?? 0) ~= group
        && (UInt32(range[1]) ?? 0) >= (UInt32(range[0]) ?? 1)
      guard isInRange || process.credentials.has(.netRaw, in: stack.owner ?? state.initUser) else { throw .EPERM }
      return stack.id
    }
    let network = kernel.network
    return try await outside { try await network.ping(from: id, to: address) }
  }

  /// The kernel closes a connection when its process ends.
  func hold(_ connection: Duplex) throws {
    do {
      try call { _, process in
        if process.connections.count >= 32 {
          process.connections.removeAll { $0.output.isWriteClosed && $0.input.isWriteClosed }
        }
        process.connections.append(connection)
      }
    } catch {
      connection.output.closeWriting()
      connection.input.closeReading()
      throw error
    }
  }
}

/// A listening socket of a process: accepting ends with the process, and is held by signals and freezers.
private final class ProcessListener: SimListener {
  private let base: any SimListener
  private let handle: ProcessHandle
  init(_ base: any SimListener, _ handle: ProcessHandle) { (self.base, self.handle) = (base, handle) }
  var port: Int { base.port }
  func accept() async throws -> (connection: Duplex, peer: String) {
    let base = base
    let accepted = try await handle.outside { try await base.accept() }
    try handle.hold(accepted.connection)
    return accepted
  }
  func close() { base.close() }
}
