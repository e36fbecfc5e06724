import OCISpec
import Synchronization

/// What garbage collection may take.
enum GarbageResource: Hashable, Comparable, Sendable {
  case content(Digest)
  /// By its key.
  case snapshot(String)
}

/// Who refers to what, counted: an image to its target, a document's labels to its children, a snapshot to its parent,
/// a container to its snapshot, a lease to what it holds.
///
/// containerd marks from the roots and sweeps the rest. Counting finds the same garbage, as references form no circle
/// (digests cannot, and a snapshot's parent is older than itself), and costs nothing but for what is garbage.
final class ResourceGraph: Sendable {
  private struct State {
    var references: [GarbageResource: Int] = [:]
    var present: Set<GarbageResource> = []
    /// Present, and referred to by nothing.
    var orphans: Set<GarbageResource> = []
  }
  private let state = Mutex(State())

  /// `resource` is there from now on, and with it the references that it makes. Who holds it (a lease) has said so
  /// before.
  func appear(_ resource: GarbageResource, referringTo others: [GarbageResource]) {
    state.withLock { state in
      state.present.insert(resource)
      if state.references[resource] == nil { state.orphans.insert(resource) }
      for other in others { ResourceGraph.retain(other, &state) }
    }
  }

  /// `resource` is gone, and with it its references.
  func vanish(_ resource: GarbageResource, referringTo others: [GarbageResource]) {
    state.withLock { state in
      state.present.remove(resource)
      state.orphans.remove(resource)
      for other in others { ResourceGraph.release(other, &state) }
    }
  }

  /// A root, or a resource that changed, refers to others than before.
  func replace(_ old: [GarbageResource], with new: [GarbageResource]) {
    if old.isEmpty && new.isEmpty { return }
    state.withLock { state in
      for resource in new { ResourceGraph.retain(resource, &state) }
      for resource in old { ResourceGraph.release(resource, &state) }
    }
  }

  /// All garbage, in order.
  var orphans: [GarbageResource] { state.withLock { $0.orphans.sorted() } }
  var hasOrphans: Bool { state.withLock { !$0.orphans.isEmpty } }
  func isOrphan(_ resource: GarbageResource) -> Bool { state.withLock { $0.orphans.contains(resource) } }

  private static func retain(_ resource: GarbageResource, _ state: inout State) {
    let count = state.references[resource, default: 0] + 1
    state.references[resource] = count
    if count == 1 { state.orphans.remove(resource) }
  }

  private static func release(_ resource: GarbageResource, _ state: inout State) {
    let count = (state.references[resource] ?? 1) - 1
    state.references[resource] = count > 0 ? count : nil
    if count <= 0, state.present.contains(resource) { state.orphans.insert(resource) }
  }
}

/// The references that labels make (containerd, docs/garbage-collection.md): `containerd.io/gc.ref.content.…`,
/// `containerd.io/gc.ref.snapshot.SNAPSHOTTER…`; `containerd.io/gc.root` refers to the resource itself.
func garbageReferences(of labels: [String: String], ownedBy resource: GarbageResource? = nil) -> [GarbageResource] {
  var found: [GarbageResource] = []
  for (key, value) in labels where key.hasPrefix("containerd.io/gc.") {
    if key.hasPrefix("containerd.io/gc.ref.content") {
      if let digest = Digest(value) { found.append(.content(digest)) }
    } else if key.hasPrefix("containerd.io/gc.ref.snapshot.") {
      found.append(.snapshot(value))
    } else if key == "containerd.io/gc.root", let resource {
      found.append(resource)
    }
  }
  return found
}

/// Sweeps what the graph says is garbage, until there is no more.
final class GarbageCollector: Sendable {
  private let graph: ResourceGraph
  private let content: ContentStore
  private let snapshots: Snapshotter
  private let leases: LeaseManager
  private let isRunning = Mutex(false)

  init(graph: ResourceGraph, content: ContentStore, snapshots: Snapshotter, leases: LeaseManager) {
    (self.graph, self.content, self.snapshots, self.leases) = (graph, content, snapshots, leases)
  }

  func collect() async {
    leases.expire()
    guard graph.hasOrphans else { return }
    let begun = isRunning.withLock { isRunning -> Bool in
      if isRunning { return false }
      isRunning = true
      return true
    }
    // Whoever is at it already sees the new garbage too.
    guard begun else { return }
    defer { isRunning.withLock { $0 = false } }
    var failed: Set<GarbageResource> = []
    while true {
      let garbage = graph.orphans.filter { !failed.contains($0) }
      if garbage.isEmpty { return }
      for resource in garbage where graph.isOrphan(resource) {
        do {
          switch resource {
          case .content(let digest): try await content.remove(digest)
          case .snapshot(let key): try await snapshots.remove(key)
          }
        } catch {
          // What cannot be removed now (a disk error) is tried again by the next collection.
          failed.insert(resource)
        }
      }
    }
  }
}
