import Archive
import JSONTree
import OCISpec
import Runtime
import Seams

/// The writable layer of a container: a snapshot on top of the image's, under a lease of its own (moby's
/// containerd/image_snapshot.go).
extension ContainerService {
  /// Makes the `-init` snapshot (mount points and files that dockerd mounts over) and the writable one on top.
  func createLayer(_ id: String, image: LocalImage?) async throws {
    let parent = image?.chainID?.description ?? ""
    if !parent.isEmpty { try await ensureUnpacked(image, parent) }
    let lease = try await call(Leases.Create(id: id)).id
    do {
      try await ContainerdLease.$current.withValue(lease) {
        let mounts = try await call(
          Snapshots.Prepare(snapshotter: snapshotter, key: "\(id)-init-key", parent: parent)
        ).mounts
        try fillInitLayer(id, mounts)
        _ = try await call(Snapshots.Commit(snapshotter: snapshotter, name: "\(id)-init", key: "\(id)-init-key"))
        _ = try await call(Snapshots.Prepare(snapshotter: snapshotter, key: id, parent: "\(id)-init"))
      }
    } catch {
      _ = try? await call(Leases.Delete(id: lease))
      throw error
    }
  }

  /// Containers start from the image's unpacked layers; an image that was only fetched is unpacked now.
  private func ensureUnpacked(_ image: LocalImage?, _ parent: String) async throws {
    do {
      _ = try await call(Snapshots.Stat(snapshotter: snapshotter, key: parent))
    } catch let error as EngineError where error.code == .notFound {
      guard let image else { throw error }
      try await ImageStore(daemon: daemon).unpack(image.manifest, diffIDs: image.config.rootfs.diffIDs)
    }
  }

  /// What lies below every container, so that mounting over it changes nothing of the writable layer.
  private static let initLayer: [UInt8] = TarWriter.archive([
    ArchiveEntry(path: "dev", kind: .directory, mode: 0o755),
    ArchiveEntry(path: "dev/pts", kind: .directory, mode: 0o755),
    ArchiveEntry(path: "dev/shm", kind: .directory, mode: 0o755),
    ArchiveEntry(path: "dev/console", mode: 0o755),
    ArchiveEntry(path: "etc", kind: .directory, mode: 0o755),
    ArchiveEntry(path: "etc/hostname", mode: 0o755),
    ArchiveEntry(path: "etc/hosts", mode: 0o755),
    ArchiveEntry(path: "etc/mtab", kind: .symlink, mode: 0o777, linkTarget: "/proc/mounts"),
    ArchiveEntry(path: "etc/resolv.conf", mode: 0o755),
    ArchiveEntry(path: "proc", kind: .directory, mode: 0o755),
    ArchiveEntry(path: "sys", kind: .directory, mode: 0o755),
    ArchiveEntry(path: ".dockerenv", mode: 0o755),
  ])

  private func fillInitLayer(_ id: String, _ mounts: [MountRecord]) throws {
    let target = rootPath("\(id)-init")
    try mount(mounts, at: target)
    defer { unmount(target) }
    do { try daemon.files.extract(ContainerService.initLayer, to: "/", root: target) } catch {
      throw EngineError(.unknown, "failed to prepare the init layer: \(error)")
    }
  }

  /// Takes the layer away: containerd collects what no lease holds any more.
  func deleteLayer(_ id: String) async throws {
    do {
      _ = try await call(Leases.Delete(id: id))
    } catch let error as EngineError where error.code == .notFound {
      // Somebody was faster.
    }
  }

  // MARK: Mounting

  func mount(_ mounts: [MountRecord], at target: String) throws {
    do throws(Errno) {
      try daemon.files.makeDirectory(target, mode: 0o710)
      for mount in mounts {
        try daemon.files.mount(
          source: mount.source, target: target, type: mount.type, options: mount.options)
      }
    } catch {
      throw EngineError(.unknown, "failed to mount \(target): \(error.message)")
    }
  }

  func unmount(_ target: String) {
    try? daemon.files.unmount(target)
    try? daemon.files.removeAll(target)
  }

  /// Mounts the root file system, if nobody has yet; the path. `unmountRoot` must follow.
  func mountRoot(_ id: String) async throws -> String {
    let path = rootPath(id)
    let mounts = try await call(Snapshots.Mounts(snapshotter: snapshotter, key: id)).mounts
    guard roots.retain(id) else { return path }
    do { try mount(mounts, at: path) } catch {
      _ = roots.release(id)
      throw error
    }
    return path
  }

  func unmountRoot(_ id: String) {
    if roots.release(id) { unmount(rootPath(id)) }
  }

  /// Runs `body` with the root file system mounted.
  func withRoot<T: Sendable>(_ id: String, _ body: (String) async throws -> T) async throws -> T {
    let root = try await mountRoot(id)
    defer { unmountRoot(id) }
    return try await body(root)
  }
}
