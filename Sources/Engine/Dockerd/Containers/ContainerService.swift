import Handoff
import JSONTree
import Seams
import Synchronization

/// dockerd's containers: their life, their streams, their logs, what runs in them, and what is shown of them.
public final class ContainerService: DockerdService, ContainerLookup {
  static let bucket = "containers"

  let daemon: Daemon
  let registry = ContainerRegistry()
  let execs = ExecTable()
  let roots = RootMounts()
  private let ending = Mutex(false)

  // Of the daemon's settings those that cannot change while it runs.
  let namespace: String
  let snapshotter: String
  private let dataRoot: String
  private let execRoot: String

  public init(daemon: Daemon) {
    self.daemon = daemon
    let configuration = daemon.configuration
    (namespace, snapshotter) = (configuration.namespace, configuration.snapshotter)
    (dataRoot, execRoot) = (configuration.dataRoot, configuration.execRoot)
  }

  var configuration: DaemonConfiguration { daemon.configuration }
  var world: any World { daemon.world }

  /// dockerd ends: containers that end now are not started again.
  var isShuttingDown: Bool { ending.withLock { $0 } }

  func call<O: ContainerdOperation>(_ operation: O) async throws -> O.Answer {
    try await daemon.containerd.call(operation, namespace: namespace)
  }

  /// `/var/lib/docker/containers/ID`.
  func folder(_ id: String) -> String { "\(dataRoot)/containers/\(id)" }

  /// `/var/run/docker/containerd/ID`: the bundle folder, where the FIFOs are.
  func bundle(_ id: String) -> String { "\(execRoot)/containerd/\(id)" }

  /// Where a root file system is mounted while somebody needs it: `/var/lib/docker/rootfs/overlayfs/ID`.
  func rootPath(_ id: String) -> String { "\(dataRoot)/rootfs/\(snapshotter)/\(id)" }

  func logPath(_ details: ContainerDetails) -> String {
    switch details.hostConfig.logType {
    case "json-file": "\(folder(details.id))/\(details.id)-json.log"
    case "local": "\(folder(details.id))/local-logs/container.log"
    default: ""
    }
  }

  /// Writes a container through to the state store.
  func save(_ container: Container) throws {
    try daemon.store.put(ContainerService.bucket, container.id, container.details)
  }

  /// Publishes an event of a container: image, name and labels are among its attributes.
  func publish(_ container: Container, _ action: String, _ extra: [String: String] = [:]) {
    var attributes = container.read { $0.config.labels }
    container.read { details in
      if !details.config.image.isEmpty { attributes["image"] = details.config.image }
      attributes["name"] = details.name
    }
    attributes.merge(extra) { _, new in new }
    daemon.events.publish(type: "container", action: action, id: container.id, attributes: attributes)
  }

  // MARK: DockerdService

  public func start() async throws {
    try await listen()
    try await restore()
  }

  /// Stops all containers, unless they are to live on.
  public func shutdown() async {
    ending.withLock { $0 = true }
    guard !configuration.liveRestore else { return }
    for container in registry.all where container.state.isRunning {
      let timeout = container.read { $0.config.stopTimeout } ?? configuration.shutdownTimeout
      try? await stop(container, signal: nil, timeout: timeout)
    }
  }
}

extension Container {
  /// A copy of everything that is kept.
  var details: ContainerDetails { read { $0 } }
}
