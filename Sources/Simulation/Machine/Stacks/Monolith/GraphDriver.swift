import Handoff
import JSONTree
import OCISpec
import Runtime
import Seams

/// The graph driver `overlay` inside the old docker daemon: layers by ids of its own (daemon/graphdriver/driver.go,
/// `graphdriver.Driver`). What it does with files is that which a snapshotter does.
struct GraphDriver: SnapshotDriver {
  let next: any SnapshotDriver
  /// dockerd → driver.
  let tap: Tap

  /// Containers' layers are called as the container, those of images by a number.
  private func name(_ id: Int) -> JSON {
    .string(SnapshotName.current.map { $0.hasSuffix("-init-key") ? String($0.dropLast(4)) : $0 } ?? "\(id)")
  }

  private func carry<T: Sendable>(
    _ method: String, _ arguments: JSON, _ body: @Sendable () async throws -> T
  ) async throws -> T {
    try await tap.carry(
      "graphdriver.Driver.\(method)", arguments, outcome: { (_: T) in .success(Empty()) }, body)
  }

  func create(_ id: Int, parents: [Int]) async throws {
    try await carry("Create", ["id": name(id), "parent": .string(parents.first.map { "\($0)" } ?? "")]) {
      try await next.create(id, parents: parents)
    }
  }
  func mounts(_ id: Int, parents: [Int], readOnly: Bool) -> [MountRecord] {
    next.mounts(id, parents: parents, readOnly: readOnly)
  }
  func remove(_ id: Int) async throws {
    try await carry("Remove", ["id": .string("\(id)")]) { try await next.remove(id) }
  }
  func usage(_ id: Int) async -> (bytes: Int64, inodes: Int64) { await next.usage(id) }
  func apply(
    _ blob: Digest, mediaType: String, from store: any BlobStore, to id: Int, parents: [Int]
  ) async throws -> AppliedLayer {
    try await carry(
      "ApplyDiff",
      [
        "id": .string("\(id)"), "parent": .string(parents.first.map { "\($0)" } ?? ""),
        "diff": .string(blob.description),
      ]
    ) { try await next.apply(blob, mediaType: mediaType, from: store, to: id, parents: parents) }
  }
  func diff(
    _ id: Int, parents: [Int], mediaType: String, into writer: any BlobWriter
  ) async throws -> AppliedLayer {
    try await carry("Diff", ["id": .string("\(id)"), "parent": .string(parents.first.map { "\($0)" } ?? "")]) {
      try await next.diff(id, parents: parents, mediaType: mediaType, into: writer)
    }
  }
  func changes(_ id: Int, parents: [Int]) async throws -> [SnapshotChange] {
    try await carry("Changes", ["id": .string("\(id)"), "parent": .string(parents.first.map { "\($0)" } ?? "")]) {
      try await next.changes(id, parents: parents)
    }
  }
}

/// The host's files as the old daemon has them: it mounts a container's root by the graph driver's `Get`, and gives it
/// back by `Put`.
struct GraphFiles: HostFiles {
  let next: any HostFiles
  let tap: Tap
  /// Below it are the roots of containers.
  let roots: String

  private func layer(_ path: String) -> String? {
    guard path.hasPrefix(roots + "/") else { return nil }
    let name = path.dropFirst(roots.count + 1)
    return name.contains("/") ? nil : String(name)
  }

  private func record(_ method: String, _ path: String, _ body: () throws(Errno) -> Void) throws(Errno) {
    guard let layer = layer(path) else { return try body() }
    let context = TraceContext.current
    let (op, args) = ("graphdriver.Driver.\(method)", JSON.object(["id": .string(layer)]))
    do {
      try body()
      tap.note(op, args, .success(JSON.object(method == "Get" ? ["dir": .string(path)] : [:])), in: context)
    } catch {
      tap.note(op, args, .failure(code: Int(error.code), message: error.message), in: context)
      throw error
    }
  }

  func mount(source: String, target: String, type: String, options: [String]) throws(Errno) {
    try record("Get", target) { () throws(Errno) in
      try next.mount(source: source, target: target, type: type, options: options)
    }
  }
  func unmount(_ path: String) throws(Errno) {
    try record("Put", path) { () throws(Errno) in try next.unmount(path) }
  }
  func stat(_ path: String) -> HostFileInfo? { next.stat(path) }
  func read(_ path: String) throws(Errno) -> [UInt8] { try next.read(path) }
  func write(_ path: String, _ bytes: [UInt8], mode: UInt32) throws(Errno) {
    try next.write(path, bytes, mode: mode)
  }
  func append(_ path: String, _ bytes: [UInt8]) throws(Errno) { try next.append(path, bytes) }
  func makeDirectory(_ path: String, mode: UInt32) throws(Errno) { try next.makeDirectory(path, mode: mode) }
  func list(_ path: String) throws(Errno) -> [String] { try next.list(path) }
  func removeAll(_ path: String) throws(Errno) { try next.removeAll(path) }
  func rename(_ path: String, to: String) throws(Errno) { try next.rename(path, to: to) }
  func archive(_ path: String, root: String) throws(Errno) -> [UInt8] { try next.archive(path, root: root) }
  func extract(_ archive: [UInt8], to path: String, root: String) throws(Errno) {
    try next.extract(archive, to: path, root: root)
  }
  func usage(_ path: String) -> Int64 { next.usage(path) }
  func lstat(_ path: String) -> HostFileInfo? { next.lstat(path) }
  func resolve(_ path: String, root: String) throws(Errno) -> String { try next.resolve(path, root: root) }
  func symlink(target: String, _ path: String) throws(Errno) { try next.symlink(target: target, path) }
}
