import JSONTree
import OCISpec
import Seams
import Synchronization

/// `containerd.services.snapshots.v1.Snapshots`: file systems in layers.
///
/// A snapshot is prepared (or viewed, read-only) under a key on top of a committed parent, and perhaps committed under
/// a name of its own; names and keys share one space. Only a committed snapshot can be a parent, and one with children
/// cannot be removed.
final class Snapshotter: Sendable {
  struct Snapshot: Codable, JSONWritable, Sendable {
    var info: SnapshotInfo
    /// The number of its folders.
    var id: Int
    /// The numbers of its ancestors, nearest first.
    var parents: [Int]
    /// Bytes and inodes of its own, counted when it was committed.
    var size: Int64?
    var inodes: Int64?
  }
  private struct State {
    var snapshots: [String: Snapshot] = [:]
    var children: [String: Int] = [:]
    /// Keys whose folders are being made.
    var reserved: Set<String> = []
    /// Active snapshots and views by their mounts; views of one parent may have the same.
    var mounted: [[MountRecord]: [String]] = [:]

    mutating func unmounted(_ mounts: [MountRecord], _ key: String) {
      guard var keys = mounted[mounts] else { return }
      keys.removeAll { $0 == key }
      mounted[mounts] = keys.isEmpty ? nil : keys
    }
  }
  private let namespace: String
  private let core: ContainerdCore
  private let graph: ResourceGraph
  private let leases: LeaseManager
  private let state = Mutex(State())
  private let bucket: String
  var snapshotter: String { core.configuration.snapshotter }

  init(_ namespace: String, core: ContainerdCore, graph: ResourceGraph, leases: LeaseManager) {
    (self.namespace, self.core, self.graph, self.leases) = (namespace, core, graph, leases)
    bucket = "containerd/\(namespace)/snapshots"
  }

  static func register(in handlers: inout OperationTable<ContainerdNamespace>) {
    handlers.on(Snapshots.Prepare.self) {
      try $1.snapshots.check($0.snapshotter)
      return .init(
        mounts: try await $1.snapshots.create($0.key, parent: $0.parent, kind: .active, labels: $0.labels))
    }
    handlers.on(Snapshots.View.self) {
      try $1.snapshots.check($0.snapshotter)
      return .init(mounts: try await $1.snapshots.create($0.key, parent: $0.parent, kind: .view, labels: $0.labels))
    }
    handlers.on(Snapshots.Mounts.self) {
      try $1.snapshots.check($0.snapshotter)
      return .init(mounts: try $1.snapshots.mounts($0.key))
    }
    handlers.on(Snapshots.Commit.self) {
      try $1.snapshots.check($0.snapshotter)
      try await $1.snapshots.commit($0.key, as: $0.name, labels: $0.labels)
      return Empty()
    }
    handlers.on(Snapshots.Remove.self) {
      try $1.snapshots.check($0.snapshotter)
      try await $1.snapshots.remove($0.key)
      await $1.collectGarbage()
      return Empty()
    }
    handlers.on(Snapshots.Stat.self) {
      try $1.snapshots.check($0.snapshotter)
      return .init(info: try $1.snapshots.get($0.key).info)
    }
    handlers.on(Snapshots.Update.self) {
      try $1.snapshots.check($0.snapshotter)
      return .init(info: try $1.snapshots.update($0.info.name, labels: $0.info.labels))
    }
    handlers.on(Snapshots.List.self) {
      try $1.snapshots.check($0.snapshotter)
      return .init(info: try $1.snapshots.list($0.filters))
    }
    handlers.on(Snapshots.Usage.self) {
      try $1.snapshots.check($0.snapshotter)
      let usage = try await $1.snapshots.usage($0.key)
      return .init(size: usage.bytes, inodes: usage.inodes)
    }
    handlers.on(Snapshots.Cleanup.self) {
      try $1.snapshots.check($0.snapshotter)
      await $1.collectGarbage()
      return Empty()
    }
  }

  func load() throws {
    for (key, value) in try core.store.load(bucket) {
      guard let snapshot: Snapshot = try? value.decode() else { continue }
      if !snapshot.info.parent.isEmpty { state.withLock { $0.children[snapshot.info.parent, default: 0] += 1 } }
      enter(key, snapshot)
      core.reserve(snapshotID: snapshot.id)
      graph.appear(.snapshot(key), referringTo: references(snapshot))
    }
  }

  var isEmpty: Bool { state.withLock { $0.snapshots.isEmpty } }

  /// The numbers of all snapshots' folders.
  var ids: [Int] { state.withLock { state in state.snapshots.values.map(\.id) } }

  /// Removes the snapshots whose folders are lost, and those on top of them, uppermost first.
  func forget(_ lost: Set<Int>) async {
    while true {
      let keys = state.withLock { state in
        state.snapshots.filter { key, snapshot in
          state.children[key] == nil && (lost.contains(snapshot.id) || !lost.isDisjoint(with: snapshot.parents))
        }.keys.sorted()
      }
      var isOver = true
      for key in keys where (try? await remove(key)) != nil { isOver = false }
      if isOver { return }
    }
  }

  /// Removes what an unpacking had begun when the process died: nobody knows how far it came.
  func removeHalfUnpacked() async throws {
    let keys = state.withLock { state in
      state.snapshots.values.filter { $0.info.kind == .active && $0.info.name.hasPrefix("extract-") }.map(\.info.name)
    }
    for key in keys.sorted() { try await remove(key) }
  }

  private func check(_ name: String) throws {
    guard name.isEmpty || name == snapshotter else { throw invalidArgument("snapshotter not loaded: \(name)") }
  }

  private func references(_ snapshot: Snapshot) -> [GarbageResource] {
    let labelled = garbageReferences(of: snapshot.info.labels, ownedBy: .snapshot(snapshot.info.name))
    return snapshot.info.parent.isEmpty ? labelled : [.snapshot(snapshot.info.parent)] + labelled
  }

  private func mounts(_ snapshot: Snapshot) -> [MountRecord] {
    core.driver.mounts(snapshot.id, parents: snapshot.parents, readOnly: snapshot.info.kind == .view)
  }

  private func enter(_ key: String, _ snapshot: Snapshot) {
    let mounts = snapshot.info.kind == .committed ? nil : mounts(snapshot)
    state.withLock { state in
      state.reserved.remove(key)
      state.snapshots[key] = snapshot
      if let mounts { state.mounted[mounts, default: []].append(key) }
    }
  }

  private static func loseChild(_ parent: String, _ state: inout State) {
    guard let count = state.children[parent] else { return }
    state.children[parent] = count > 1 ? count - 1 : nil
  }

  func find(_ key: String) -> Snapshot? { state.withLock { $0.snapshots[key] } }

  func get(_ key: String) throws -> Snapshot {
    guard let snapshot = find(key) else { throw notFound("snapshot \(key) does not exist") }
    return snapshot
  }

  /// Prepares or views; the answer is how to mount it.
  func create(
    _ key: String, parent: String, kind: SnapshotInfo.Kind, labels: [String: String] = [:]
  ) async throws -> [MountRecord] {
    guard !key.isEmpty else { throw invalidArgument("snapshot key must not be empty") }
    try validateLabels(labels)
    let below: Snapshot? = try state.withLock { state in
      guard state.snapshots[key] == nil, !state.reserved.contains(key) else {
        throw alreadyExists("snapshot \"\(key)\"")
      }
      var below: Snapshot?
      if !parent.isEmpty {
        below = state.snapshots[parent]
        guard let below else { throw notFound("parent snapshot \(parent) does not exist") }
        guard below.info.kind == .committed else {
          throw invalidArgument("parent \"\(parent)\" is not committed snapshot")
        }
      }
      state.reserved.insert(key)
      if below != nil { state.children[parent, default: 0] += 1 }
      return below
    }
    let now = core.world.unixTime
    let snapshot = Snapshot(
      info: SnapshotInfo(name: key, parent: parent, kind: kind, labels: labels, createdAt: now, updatedAt: now),
      id: core.snapshotID(), parents: below.map { [$0.id] + $0.parents } ?? [])
    do {
      try await core.driver.create(snapshot.id, parents: snapshot.parents)
      try core.store.writeSoon([.put(bucket, key, snapshot)])
      try leases.hold(.snapshot(key))
    } catch {
      state.withLock { state in
        state.reserved.remove(key)
        Snapshotter.loseChild(parent, &state)
      }
      try? core.store.remove(bucket, key)
      try? await core.driver.remove(snapshot.id)
      throw error
    }
    enter(key, snapshot)
    graph.appear(.snapshot(key), referringTo: references(snapshot))
    core.events.publish(
      "/snapshot/prepare", namespace,
      ["key": .string(key), "parent": .string(parent), "snapshotter": .string(snapshotter)])
    return mounts(snapshot)
  }

  func mounts(_ key: String) throws -> [MountRecord] {
    let snapshot = try get(key)
    guard snapshot.info.kind != .committed else {
      throw failedPrecondition("requested snapshot \(key) not active nor view")
    }
    return mounts(snapshot)
  }

  /// The active snapshot or view that `mounts` show.
  func snapshot(mountedAs mounts: [MountRecord]) -> Snapshot? {
    state.withLock { state in state.mounted[mounts]?.last.flatMap { state.snapshots[$0] } }
  }

  func commit(_ key: String, as name: String, labels: [String: String] = [:]) async throws {
    guard !name.isEmpty else { throw invalidArgument("snapshot name must not be empty") }
    try validateLabels(labels)
    let active = try get(key)
    guard active.info.kind == .active else { throw failedPrecondition("snapshot \(key) is not active") }
    guard find(name) == nil else { throw alreadyExists("snapshot \"\(name)\"") }
    let usage = await core.driver.usage(active.id)
    let mounts = mounts(active)
    let committed = try state.withLock { state -> Snapshot in
      // Somebody may have committed it, or the name, while its size was counted.
      guard state.snapshots[key] != nil else { throw notFound("snapshot \(key) does not exist") }
      guard state.snapshots[name] == nil else { throw alreadyExists("snapshot \"\(name)\"") }
      let now = core.world.unixTime
      let committed = Snapshot(
        info: SnapshotInfo(
          name: name, parent: active.info.parent, kind: .committed, labels: labels, createdAt: now, updatedAt: now),
        id: active.id, parents: active.parents, size: usage.bytes, inodes: usage.inodes)
      state.snapshots[key] = nil
      state.unmounted(mounts, key)
      state.snapshots[name] = committed
      return committed
    }
    // Together: two records of one snapshot would let the removal of one take the other's files.
    try core.store.writeSoon([.put(bucket, name, committed), .remove(bucket, key)])
    try leases.hold(.snapshot(name))
    graph.appear(.snapshot(name), referringTo: references(committed))
    graph.vanish(.snapshot(key), referringTo: references(active))
    core.events.publish(
      "/snapshot/commit", namespace,
      ["key": .string(key), "name": .string(name), "snapshotter": .string(snapshotter)])
  }

  func remove(_ key: String) async throws {
    let snapshot = try state.withLock { state -> Snapshot in
      guard let snapshot = state.snapshots[key] else { throw notFound("snapshot \(key) does not exist") }
      guard state.children[key] == nil else { throw failedPrecondition("cannot remove snapshot with child") }
      state.snapshots[key] = nil
      Snapshotter.loseChild(snapshot.info.parent, &state)
      return snapshot
    }
    if snapshot.info.kind != .committed {
      let mounts = mounts(snapshot)
      state.withLock { $0.unmounted(mounts, key) }
    }
    graph.vanish(.snapshot(key), referringTo: references(snapshot))
    do { try core.store.remove(bucket, key) } catch {
      // A full disk may not have room even for that: what the snapshot holds makes some.
      try await core.driver.remove(snapshot.id)
      try core.store.remove(bucket, key)
    }
    core.events.publish(
      "/snapshot/remove", namespace, ["key": .string(key), "snapshotter": .string(snapshotter)])
    try await core.driver.remove(snapshot.id)
  }

  private func update(_ key: String, labels: [String: String]) throws -> SnapshotInfo {
    try validateLabels(labels)
    let old = try get(key)
    var new = old
    new.info.labels = labels
    new.info.updatedAt = core.world.unixTime
    try core.store.put(bucket, key, new)
    let stored = new
    state.withLock { $0.snapshots[key] = stored }
    graph.replace(references(old), with: references(new))
    return new.info
  }

  private func list(_ filters: [String]) throws -> [SnapshotInfo] {
    let filter = try ContainerdFilters(filters)
    return state.withLock { state in state.snapshots.values.map(\.info) }
      .filter { info in
        filter.match { path in
          switch path {
          case ["name"]: info.name
          case ["parent"]: info.parent
          case ["kind"]: info.kind.rawValue
          default: labelField(path, info.labels)
          }
        }
      }
      .sorted { $0.name < $1.name }
  }

  private func usage(_ key: String) async throws -> (bytes: Int64, inodes: Int64) {
    let snapshot = try get(key)
    if let size = snapshot.size, let inodes = snapshot.inodes { return (size, inodes) }
    return await core.driver.usage(snapshot.id)
  }
}
