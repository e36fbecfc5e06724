import Seams

/// One of dockerd's services: containers, images, volumes, networks, system. Each has its routes.
public protocol DockerdService: Sendable {
  /// Adds its operations of the Engine API.
  func register(in router: inout Router)
  /// Loads what the state store holds and makes what must be there before the first request.
  func start() async throws
  /// The daemon is about to end.
  func shutdown() async
}

/// dockerd: the Engine API over its services.
public final class Dockerd: RemoteAPI {
  public let daemon: Daemon
  private let services: [any DockerdService]
  private let router: Router

  /// `services` in the order in which they start. `daemon.link` must have been called.
  public init(daemon: Daemon, services: [any DockerdService]) {
    self.daemon = daemon
    self.services = services
    var router = Router()
    for service in services { service.register(in: &router) }
    self.router = router
  }

  public func start() async throws { for service in services { try await service.start() } }
  public func shutdown() async { for service in services.reversed() { await service.shutdown() } }

  public func send(_ request: APIRequest) async throws -> APIResponse { await router.answer(request) }
}
