import NIOCore
import NIOPosix
import NIOSSL
import Seams
import Synchronization

/// What all connections of a server share.
final class ServerCore: Sendable {
  typealias Route = @Sendable (APIRequest) async -> APIResponse
  let identity: ServerIdentity
  private let routes: [String: Route]
  private let stopping = Atomic<Bool>(false)
  private let open = Mutex<[ObjectIdentifier: WireConnection]>([:])

  init(identity: ServerIdentity, routes: [String: Route]) { (self.identity, self.routes) = (identity, routes) }

  var isStopping: Bool { stopping.load(ordering: .relaxed) }
  func stop() { stopping.store(true, ordering: .relaxed) }
  func route(_ request: APIRequest) -> Route? { routes[request.op] }

  func add(_ connection: WireConnection) { open.withLock { $0[ObjectIdentifier(connection)] = connection } }
  func remove(_ connection: WireConnection) { open.withLock { $0[ObjectIdentifier(connection)] = nil } }
  var connections: [WireConnection] { open.withLock { Array($0.values) } }
}

/// The wire server of the client → dockerd seam: the Docker Engine API over HTTP/1.1, served by any `RemoteAPI`.
public final class RemoteAPIServer: Sendable {
  /// An endpoint beside the Engine API (`GET /drydock/trace`).
  public typealias Route = @Sendable (APIRequest) async -> APIResponse

  private let core: ServerCore
  private let group: any EventLoopGroup
  private struct State {
    var listeners: [any Channel] = []
    var sockets: [UnixSocket] = []
  }
  private let state = Mutex(State())

  /// `routes` are asked before the API: `GET /drydock/trace` and what answers it.
  public init(
    identity: ServerIdentity, routes: [String: Route] = [:],
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) {
    core = ServerCore(identity: identity, routes: routes)
    self.group = group
  }

  /// Listens on a unix socket, mode 0660, of the group `docker` where there is one. A socket that nobody serves any more
  /// is replaced. Throws `EngineError` when somebody serves it, or when the path cannot be used.
  public func listen(unix path: String, _ api: any RemoteAPI) async throws {
    let socket = try UnixSocket(path: path)
    do {
      let channel = try await bootstrap(api, tls: nil).withBoundSocket(socket.descriptor).get()
      state.withLock { state in
        state.listeners.append(channel)
        state.sockets.append(socket)
      }
    } catch {
      socket.remove()
      throw EngineError(.unavailable, "can't create unix socket \(path): \(error)")
    }
  }

  /// Listens on TCP; port 0 is any. The port that it is.
  @discardableResult
  public func listen(host: String, port: Int, tls: ServerTLS? = nil, _ api: any RemoteAPI) async throws -> Int {
    let context = try tls?.context()
    do {
      let channel = try await bootstrap(api, tls: context)
        .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
        .childChannelOption(ChannelOptions.tcpOption(.tcp_nodelay), value: 1)
        .bind(host: host, port: port).get()
      state.withLock { $0.listeners.append(channel) }
      return channel.localAddress?.port ?? port
    } catch { throw EngineError(.unavailable, "listen tcp \(host):\(port): \(error)") }
  }

  private func bootstrap(_ api: any RemoteAPI, tls: NIOSSLContext?) -> ServerBootstrap {
    let core = core
    return ServerBootstrap(group: group)
      .serverChannelOption(ChannelOptions.backlog, value: 1024)
      .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
      .childChannelOption(ChannelOptions.autoRead, value: false)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
          let connection = WireConnection(channel)
          let handler = WireHandler(connection) {
            core.add(connection)
            Task {
              await RequestLoop(connection: connection, server: core, api: api).run()
              core.remove(connection)
            }
          }
          try channel.pipeline.syncOperations.addHandler(handler)
        }
      }
  }

  /// Takes no more connections, gives those that are open `nanoseconds` to end, and closes the rest.
  public func shutdown(within nanoseconds: UInt64 = 2_000_000_000) async {
    core.stop()
    let (listeners, sockets) = state.withLock { state in
      defer { state = State() }
      return (state.listeners, state.sockets)
    }
    for socket in sockets { socket.remove() }
    for listener in listeners { try? await listener.close().get() }
    let step: UInt64 = 10_000_000
    var left = nanoseconds
    while left >= step, !core.connections.isEmpty {
      // Whoever waits for a next request gets none.
      for connection in core.connections where connection.isIdle { connection.close() }
      try? await Task.sleep(nanoseconds: step)
      left -= step
    }
    for connection in core.connections { connection.close() }
  }
}
