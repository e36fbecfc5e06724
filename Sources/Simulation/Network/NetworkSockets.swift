import Runtime
import Seams
import Synchronization

/// A listening socket: connections that were made wait in its backlog.
final class NetworkListener: SimListener {
  private struct State {
    var backlog: [(Duplex, String)] = []
    var waiter: CheckedContinuation<Void, Never>?
    var isClosed = false
  }
  private let state = Mutex(State())
  let address: IPv4
  let port: Int
  /// Takes the socket out of its namespace.
  private let release: @Sendable (NetworkListener) -> Void

  init(address: IPv4, port: Int, release: @escaping @Sendable (NetworkListener) -> Void) {
    (self.address, self.port, self.release) = (address, port, release)
  }

  func accept() async throws -> (connection: Duplex, peer: String) {
    while true {
      let (next, isClosed) = state.withLock { state -> ((Duplex, String)?, Bool) in
        (state.backlog.isEmpty ? nil : state.backlog.removeFirst(), state.isClosed)
      }
      if let next { return (next.0, next.1) }
      if isClosed { throw Errno.EBADF }
      try Task.checkCancellation()
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let now = state.withLock { state -> Bool in
            if !state.backlog.isEmpty || state.isClosed || state.waiter != nil || Task.isCancelled { return true }
            state.waiter = continuation
            return false
          }
          if now { continuation.resume() }
        }
      } onCancel: {
        takeWaiter()?.resume()
      }
    }
  }

  /// A connection has been made. False when the socket is closed.
  func enqueue(_ connection: Duplex, from peer: String) -> Bool {
    let accepted = state.withLock { state -> Bool in
      guard !state.isClosed else { return false }
      state.backlog.append((connection, peer))
      return true
    }
    if accepted { takeWaiter()?.resume() }
    return accepted
  }

  func close() {
    release(self)
    end()
  }

  /// Connections that nobody accepted are reset.
  func end() {
    let rest = state.withLock { state -> [(Duplex, String)] in
      state.isClosed = true
      defer { state.backlog = [] }
      return state.backlog
    }
    for (connection, _) in rest {
      connection.input.closeReading()
      connection.output.closeWriting()
    }
    takeWaiter()?.resume()
  }

  private func takeWaiter() -> CheckedContinuation<Void, Never>? {
    state.withLock { state in
      defer { state.waiter = nil }
      return state.waiter
    }
  }
}

extension SimNetwork {
  /// How long Linux goes on with SYNs before ETIMEDOUT (tcp_syn_retries 6), with an ARP request before EHOSTUNREACH,
  /// and with data on a dead connection (tcp_retries2 15), in nanoseconds.
  static let synTimeout: UInt64 = 131 * Duration64.second
  static let neighbourTimeout: UInt64 = 3_072 * Duration64.millisecond
  static let dataTimeout: UInt64 = 924_600 * Duration64.millisecond

  /// listen(2) after bind(2). `address` is empty, `0.0.0.0` or `::` for all; port 0 asks for an ephemeral one.
  /// EACCES below 1024 without `mayBindLow`, EADDRNOTAVAIL for an address that the namespace does not have,
  /// EADDRINUSE for a taken one (on the host also by a published port).
  public func listen(in id: Int, address: String, port: Int, mayBindLow: Bool) throws(Errno) -> any SimListener {
    guard (0...65_535).contains(port) else { throw .EINVAL }
    let isAny = address.isEmpty || address == "::" || address == "*"
    guard let ip = isAny ? IPv4.any : address == "::1" || address == "localhost" ? .loopback : IPv4(address) else {
      throw .EADDRNOTAVAIL
    }
    let result: Result<NetworkListener, Errno> = state.withLock { state in
      guard var namespace = state.namespaces[id] else { return .failure(.EINVAL) }
      guard ip == .any || ip.isLoopback || namespace.owner(of: ip) != nil else { return .failure(.EADDRNOTAVAIL) }
      if port > 0, port < 1024, !mayBindLow { return .failure(.EACCES) }
      let port = port == 0 ? namespace.ephemeralPort() : port
      let others = namespace.listeners[port] ?? []
      guard !others.contains(where: { $0.address == ip || $0.address == .any || ip == .any }) else {
        return .failure(.EADDRINUSE)
      }
      if id == 0, state.ports.conflicts("tcp", ip, port) { return .failure(.EADDRINUSE) }
      let listener = NetworkListener(address: ip, port: port) { [weak self] listener in
        self?.state.withLock { state in
          state.namespaces[id]?.listeners[listener.port]?.removeAll { $0 === listener }
          if state.namespaces[id]?.listeners[listener.port]?.isEmpty == true {
            state.namespaces[id]?.listeners[listener.port] = nil
          }
        }
      }
      namespace.listeners[port] = others + [listener]
      state.namespaces[id] = namespace
      return .success(listener)
    }
    return try result.get()
  }

  /// connect(2) over TCP, from namespace `id` to an address (not a name). One round trip of virtual time.
  /// ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT as Linux has them.
  public func connect(from id: Int, to address: String, port: Int) async throws -> Duplex {
    guard (1...65_535).contains(port) else { throw Errno.EADDRNOTAVAIL }
    let destination: IPv4
    if let ip = IPv4(address) {
      destination = ip
    } else if address == "::1" || address == "localhost" {
      destination = .loopback
    } else {
      throw address.contains(":") ? Errno.ENETUNREACH : Errno.EINVAL
    }
    let (verdict, listener, sourcePort) = state.withLock { state in
      let verdict = state.follow(from: id, to: destination, port: port)
      var listener: NetworkListener?
      if case .delivered(let target, let address, let port, _) = verdict {
        listener = state.namespaces[target]?.listeners[port]?.first { $0.address == .any || $0.address == address }
      }
      return (verdict, listener, state.namespaces[id]?.ephemeralPort() ?? 0)
    }
    switch verdict {
    case .refused(let errno): throw errno
    case .noNeighbour:
      try await world.sleep(Self.neighbourTimeout)
      throw Errno.EHOSTUNREACH
    case .dropped:
      try await world.sleep(Self.synTimeout)
      throw Errno.ETIMEDOUT
    case .delivered(_, _, _, let way):
      try await handshake(way, isAccepted: listener != nil)
      let (near, far) = wire(way)
      guard let listener, listener.enqueue(far, from: "\(way.source):\(sourcePort)") else {
        near.input.closeReading()
        near.output.closeWriting()
        throw Errno.ECONNREFUSED
      }
      return near
    case .internet(let address, var way):
      guard let host = internet.host(at: address.description) else {
        try await world.sleep(Self.synTimeout)
        throw Errno.ETIMEDOUT
      }
      way.latency += host.latency
      let service = host.services[port]
      try await handshake(way, isAccepted: service != nil)
      guard let service else { throw Errno.ECONNREFUSED }
      let (near, far) = wire(way)
      world.spawn {
        await service(far)
        far.input.closeReading()
        far.output.closeWriting()
      }
      return near
    }
  }

  /// An ICMP echo request: the round trip in nanoseconds; nil when no answer comes (the caller waits as long as it
  /// likes). ENETUNREACH without a route; EHOSTUNREACH when the next hop has no neighbour entry.
  public func ping(from id: Int, to address: String) async throws -> UInt64? {
    guard let destination = IPv4(address) ?? (address == "::1" ? .loopback : nil) else { throw Errno.ENETUNREACH }
    switch state.withLock({ $0.follow(from: id, to: destination, port: nil) }) {
    case .refused(let errno): throw errno
    case .noNeighbour:
      try await world.sleep(Self.neighbourTimeout)
      throw Errno.EHOSTUNREACH
    case .dropped: return nil
    case .delivered(_, _, _, let way): return try await echo(way)
    case .internet(let address, var way):
      guard let host = internet.host(at: address.description) else { return nil }
      way.latency += host.latency
      return try await echo(way)
    }
  }

  private func echo(_ way: NetworkRouteTaken) async throws -> UInt64 {
    state.withLock {
      $0.count(98, packets: 1, along: way.hops, isAnswer: false)
      $0.count(98, packets: 1, along: way.hops, isAnswer: true)
    }
    // The clock's own jitter would be the only difference between two echoes; a few microseconds stand in for it.
    let jitter = UInt64(world.randomBytes(1).first ?? 0) * 97
    let roundTrip = way.latency * 2 + jitter
    try await world.sleep(roundTrip)
    return roundTrip
  }

  private func handshake(_ way: NetworkRouteTaken, isAccepted: Bool) async throws {
    state.withLock {
      $0.count(isAccepted ? 140 : 74, packets: isAccepted ? 2 : 1, along: way.hops, isAnswer: false)
      $0.count(isAccepted ? 74 : 54, packets: 1, along: way.hops, isAnswer: true)
    }
    try await world.sleep(way.latency * 2)
  }

  /// The two ends of a connection over `way`: the caller's and the server's.
  private func wire(_ way: NetworkRouteTaken) -> (near: Duplex, far: Duplex) {
    let (nearOut, farIn, farOut, nearIn) = (ByteChannel(), ByteChannel(), ByteChannel(), ByteChannel())
    world.spawn { await self.carry(nearOut, farIn, way, isAnswer: false) }
    world.spawn { await self.carry(farOut, nearIn, way, isAnswer: true) }
    return (Duplex(input: nearIn, output: nearOut), Duplex(input: farIn, output: farOut))
  }

  /// Moves one direction's bytes: latency, counters, and what happens when a cable is pulled.
  private func carry(_ from: ByteChannel, _ to: ByteChannel, _ way: NetworkRouteTaken, isAnswer: Bool) async {
    while let bytes = await from.read() {
      let segments = (bytes.count + 1447) / 1448
      let isWhole = state.withLock { state -> Bool in
        guard state.isWhole(way.hops) else { return false }
        state.count(bytes.count + segments * 66, packets: segments, along: way.hops, isAnswer: isAnswer)
        state.count(66, packets: 1, along: way.hops, isAnswer: !isAnswer)
        return true
      }
      if !isWhole {
        // Retransmissions into nowhere, until TCP gives up.
        try? await world.sleep(Self.dataTimeout)
        break
      }
      try? await world.sleep(way.latency)
      guard await to.write(bytes) else {
        from.closeReading()
        return
      }
    }
    state.withLock { $0.count(66, packets: 1, along: way.hops, isAnswer: isAnswer) }
    from.closeReading()
    to.closeWriting()
  }
}
