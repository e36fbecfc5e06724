import JSONTree
import Seams

/// `GET /containers/{id}/changes` (moby's containerd/image_changes.go): the writable layer beside what lies below it.
extension ContainerService {
  func changesResponse(_ request: APIRequest) async throws -> APIResponse {
    let container = try registry.find(request.parameters["id"] ?? "")
    let changes = try await changes(container)
    return APIResponse(
      200, .json(changes.isEmpty ? .null : .array(changes.map { ["Path": .string($0.path), "Kind": JSON($0.kind)] })))
  }

  private func changes(_ container: Container) async throws -> [SnapshotChange] {
    let id = container.id
    let parent = try await call(Snapshots.Stat(snapshotter: snapshotter, key: id)).info.parent
    let viewKey = "\(id)-parent-view-\(world.hexID(12))"
    let lower = rootPath(viewKey)
    let lease = try await call(Leases.Create(id: viewKey)).id
    let view: [MountRecord]
    do {
      view = try await ContainerdLease.$current.withValue(lease) {
        try await call(Snapshots.View(snapshotter: snapshotter, key: viewKey, parent: parent)).mounts
      }
    } catch {
      _ = try? await call(Leases.Delete(id: lease))
      throw error
    }
    let result: Result<[SnapshotChange], any Error>
    do {
      try mount(view, at: lower)
      result = .success(
        try await withRoot(id) { upper in
          TreeComparison(files: daemon.files, upper: upper, lower: lower).changes
        })
    } catch {
      result = .failure(error)
    }
    unmount(lower)
    _ = try? await call(Snapshots.Remove(snapshotter: snapshotter, key: viewKey))
    _ = try? await call(Leases.Delete(id: lease))
    return try result.get()
  }
}

/// Two folder trees, compared as moby's archive.ChangesDirs does.
struct TreeComparison {
  let files: any HostFiles
  let upper: String
  let lower: String

  /// 0 modified, 1 added, 2 deleted; by path.
  var changes: [SnapshotChange] {
    var changes: [SnapshotChange] = []
    compare("", &changes)
    return changes.sorted { $0.path < $1.path }
  }

  /// True when something below `path` differs.
  @discardableResult
  private func compare(_ path: String, _ changes: inout [SnapshotChange]) -> Bool {
    let before = changes.count
    let new = (try? files.list(upper + path)) ?? []
    let old = Set((try? files.list(lower + path)) ?? [])
    for name in new {
      let child = "\(path)/\(name)"
      guard let info = files.lstat(upper + child) else { continue }
      guard old.contains(name), let former = files.lstat(lower + child) else {
        add(child, info, &changes)
        continue
      }
      let isFolder = info.kind == .directory
      var differs = isDifferent(info, former, child)
      if isFolder {
        let place = changes.count
        if former.kind != .directory {
          addBelow(child, &changes)
        } else if compare(child, &changes) {
          differs = true
        }
        if differs { changes.insert(SnapshotChange(kind: 0, path: child), at: place) }
      } else if differs {
        changes.append(SnapshotChange(kind: 0, path: child))
      }
    }
    let present = Set(new)
    for name in old where !present.contains(name) {
      changes.append(SnapshotChange(kind: 2, path: "\(path)/\(name)"))
    }
    return changes.count > before
  }

  private func add(_ path: String, _ info: HostFileInfo, _ changes: inout [SnapshotChange]) {
    changes.append(SnapshotChange(kind: 1, path: path))
    if info.kind == .directory { addBelow(path, &changes) }
  }

  private func addBelow(_ path: String, _ changes: inout [SnapshotChange]) {
    for name in (try? files.list(upper + path)) ?? [] {
      let child = "\(path)/\(name)"
      if let info = files.lstat(upper + child) { add(child, info, &changes) }
    }
  }

  private func isDifferent(_ a: HostFileInfo, _ b: HostFileInfo, _ path: String) -> Bool {
    if a.kind != b.kind || a.mode != b.mode || a.uid != b.uid || a.gid != b.gid || a.device != b.device
      || a.linkTarget != b.linkTarget
    {
      return true
    }
    if a.kind == .directory { return false }
    if a.size != b.size || a.modified != b.modified { return true }
    // Within one second only the content tells.
    return a.kind == .file && (try? files.read(upper + path)) != (try? files.read(lower + path))
  }
}
