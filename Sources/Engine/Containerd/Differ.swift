import JSONTree
import OCISpec
import Seams

/// `containerd.services.diff.v1.Diff`: layers to file systems and back.
enum Differ {
  static func register(in handlers: inout OperationTable<ContainerdNamespace>) {
    handlers.on(Diff.Apply.self) { .init(applied: try await apply($0, $1)) }
    handlers.on(Diff.Diff.self) { .init(diff: try await diff($0, $1)) }
  }

  /// Unpacks a layer into the active snapshot that the mounts show. The answer describes the uncompressed layer.
  private static func apply(_ operation: Diff.Apply, _ tenant: ContainerdNamespace) async throws -> Descriptor {
    guard let snapshot = tenant.snapshots.snapshot(mountedAs: operation.mounts), snapshot.info.kind == .active else {
      throw failedPrecondition("failed to mount: the mounts are those of no active snapshot")
    }
    let applied = try await apply(operation.diff, to: snapshot, tenant)
    return Descriptor(mediaType: MediaType.ociLayer, digest: applied.diffID, size: applied.size)
  }

  /// Unpacks the layer into the snapshot and notes its diff id on the blob.
  static func apply(
    _ layer: Descriptor, to snapshot: Snapshotter.Snapshot, _ tenant: ContainerdNamespace
  ) async throws -> AppliedLayer {
    guard MediaType.isLayer(layer.mediaType) else {
      throw EngineError(.notImplemented, "unsupported diff media type: \(layer.mediaType): not implemented")
    }
    _ = try tenant.content.info(layer.digest)
    let applied = try await tenant.core.driver.apply(
      layer.digest, mediaType: layer.mediaType, from: tenant.core.blobs, to: snapshot.id, parents: snapshot.parents)
    try tenant.content.addLabels(layer.digest, ["containerd.io/uncompressed": applied.diffID.description])
    return applied
  }

  /// Makes a layer of what `right` changes of `left`, its parent, and puts it into the content store.
  private static func diff(_ operation: Diff.Diff, _ tenant: ContainerdNamespace) async throws -> Descriptor {
    let mediaType = operation.mediaType.isEmpty ? MediaType.ociLayerGzip : operation.mediaType
    guard MediaType.isLayer(mediaType) else {
      throw EngineError(.notImplemented, "unsupported diff media type: \(mediaType): not implemented")
    }
    try validateLabels(operation.labels)
    let upper = try shown(operation.right, tenant)
    guard let upper else { throw failedPrecondition("failed to mount upper: the mounts are those of no snapshot") }
    let lower = try shown(operation.left, tenant)
    guard upper.info.parent == lower?.info.name ?? "" else {
      throw EngineError(
        .notImplemented, "the lower snapshot is not the parent of the upper one: not implemented")
    }
    let ref = operation.ref.isEmpty ? "diff-\(tenant.core.world.hexID(16))" : operation.ref
    let writer = try await tenant.core.blobs.writer("\(tenant.name)/\(ref)")
    do {
      if await writer.offset() > 0 { try await writer.truncate(0) }
      let applied = try await tenant.core.driver.diff(
        upper.id, parents: upper.parents, mediaType: mediaType, into: writer)
      var labels = operation.labels
      labels["containerd.io/uncompressed"] = applied.diffID.description
      let (digest, size) = try await tenant.content.enter(writer, labels: labels)
      return Descriptor(mediaType: mediaType, digest: digest, size: size)
    } catch {
      await writer.close()
      try? await tenant.core.blobs.abort("\(tenant.name)/\(ref)")
      throw error
    }
  }

  /// The snapshot whose content mounts show: an active one itself, of a view what it is a view of. No mounts, no
  /// snapshot.
  private static func shown(_ mounts: [MountRecord], _ tenant: ContainerdNamespace) throws -> Snapshotter.Snapshot? {
    if mounts.isEmpty { return nil }
    guard let snapshot = tenant.snapshots.snapshot(mountedAs: mounts) else {
      throw failedPrecondition("failed to mount: the mounts are those of no active snapshot or view")
    }
    if snapshot.info.kind == .active { return snapshot }
    return snapshot.info.parent.isEmpty ? nil : try tenant.snapshots.get(snapshot.info.parent)
  }
}
