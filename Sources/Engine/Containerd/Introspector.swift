import JSONTree
import Seams

/// `containerd.services.introspection.v1.Introspection` and `containerd.services.version.v1.Version`: what this
/// containerd is.
enum Introspector {
  static func register(in handlers: inout OperationTable<ContainerdNamespace>) {
    handlers.on(Introspection.Server.self) { .init(uuid: $1.core.uuid) }
    handlers.on(Introspection.Plugins.self) { .init(plugins: try plugins($0.filters, $1.core)) }
    handlers.on(ContainerdVersion.Version.self) {
      .init(version: $1.core.configuration.version, revision: $1.core.configuration.revision)
    }
  }

  private static let loaded: [(type: String, id: String)] = [
    ("io.containerd.content.v1", "content"), ("io.containerd.differ.v1", "walking"),
    ("io.containerd.event.v1", "exchange"), ("io.containerd.gc.v1", "scheduler"),
    ("io.containerd.grpc.v1", "containers"), ("io.containerd.grpc.v1", "content"), ("io.containerd.grpc.v1", "diff"),
    ("io.containerd.grpc.v1", "events"), ("io.containerd.grpc.v1", "images"),
    ("io.containerd.grpc.v1", "introspection"), ("io.containerd.grpc.v1", "leases"),
    ("io.containerd.grpc.v1", "namespaces"), ("io.containerd.grpc.v1", "snapshots"),
    ("io.containerd.grpc.v1", "tasks"), ("io.containerd.grpc.v1", "transfer"), ("io.containerd.grpc.v1", "version"),
    ("io.containerd.lease.v1", "manager"), ("io.containerd.metadata.v1", "bolt"),
    ("io.containerd.runtime.v2", "task"), ("io.containerd.shim.v1", "manager"),
    ("io.containerd.transfer.v1", "local"),
  ]

  private static func plugins(_ filters: [String], _ core: ContainerdCore) throws -> [JSON] {
    let filter = try ContainerdFilters(filters)
    let all = loaded + [("io.containerd.snapshotter.v1", core.configuration.snapshotter)]
    return all.sorted { ($0.type, $0.id) < ($1.type, $1.id) }.filter { plugin in
      filter.match { path in
        switch path {
        case ["type"]: plugin.type
        case ["id"]: plugin.id
        default: nil
        }
      }
    }.map { plugin in
      let platform = core.configuration.platform
      return [
        "type": .string(plugin.type), "id": .string(plugin.id),
        "platforms": [["os": .string(platform.os), "architecture": .string(platform.architecture)]],
      ]
    }
  }
}
