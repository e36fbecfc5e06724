import JSONTree
import Seams

/// One tenant of containerd: nothing of one namespace is seen in another (blobs on disk are shared).
final class ContainerdNamespace: Sendable {
  let name: String
  let labels: [String: String]
  let core: ContainerdCore
  let graph: ResourceGraph
  let content: ContentStore
  let images: ImageMetadata
  let snapshots: Snapshotter
  let leases: LeaseManager
  let containers: ContainerMetadata
  let tasks: TaskManager
  private let collector: GarbageCollector

  init(_ name: String, core: ContainerdCore, labels: [String: String]) {
    (self.name, self.core, self.labels) = (name, core, labels)
    graph = ResourceGraph()
    leases = LeaseManager(name, core: core, graph: graph)
    content = ContentStore(name, core: core, graph: graph, leases: leases)
    images = ImageMetadata(name, core: core, graph: graph)
    snapshots = Snapshotter(name, core: core, graph: graph, leases: leases)
    containers = ContainerMetadata(name, core: core, graph: graph)
    tasks = TaskManager(name, core: core, containers: containers)
    collector = GarbageCollector(graph: graph, content: content, snapshots: snapshots, leases: leases)
  }

  /// Reads back what was written by an earlier process.
  func load() throws {
    try content.load()
    try snapshots.load()
    try images.load()
    try containers.load()
    try leases.load()
    try tasks.load()
  }

  /// Removes what nothing refers to any more. Called after every deletion; costs what there is to remove.
  func collectGarbage() async { await collector.collect() }

  /// The nouns of which there is still something.
  var leftovers: [String] {
    [
      (images.isEmpty, "images"), (content.isEmpty, "blobs"), (snapshots.isEmpty, "snapshots"),
      (containers.isEmpty, "containers"),
    ].filter { !$0.0 }.map(\.1)
  }
}
