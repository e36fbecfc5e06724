import Engine
import JSONTree
import OCISpec
import RealMachine
import Seams

#if canImport(Glibc)
  import Glibc
#endif

/// What dockerd asks of containerd for `docker commit`, with a snapshot in the container's place: a difference becomes a
/// layer, the layer a snapshot, and both an image.
struct Commit: Sendable {
  let machine: RealMachine
  private var containerd: any ContainerdAPI { machine.containerdAPI }

  init(_ machine: RealMachine) { self.machine = machine }

  private func call<O: ContainerdOperation>(_ operation: O) async throws -> O.Answer {
    try await containerd.call(operation, namespace: "moby")
  }

  private func document<T: Decodable>(_ digest: Digest) async throws -> T {
    let info = try await call(Content.Info(digest: digest)).info
    return try JSON(parsing: try await call(Content.Read(digest: digest, offset: 0, size: info.size)).data.bytes)
      .decode()
  }

  private static let key = "container"

  /// A snapshot on the image, with some changes of some kilobytes.
  func prepare(_ name: String) async throws {
    let (_, config) = try await image(name)
    let parent = chainID(of: config.rootfs.diffIDs)?.description ?? ""
    let snapshotter = machine.overlayObstacle == nil ? "overlayfs" : "native"
    let mounts = try await call(
      Snapshots.Prepare(
        snapshotter: snapshotter, key: Commit.key, parent: parent,
        labels: ["containerd.io/gc.root": "2026-01-01T00:00:00Z"])
    ).mounts
    let upper =
      mounts.first?.options.first { $0.hasPrefix("upperdir=") }.map { String($0.dropFirst(9)) } ?? mounts[0].source
    for number in 0..<8 {
      let file = open("\(upper)/changed-\(number)", O_WRONLY | O_CREAT, 0o644)
      let bytes = (0..<20_000).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761 &+ number) >> 7) }
      guard file >= 0, write(file, bytes, bytes.count) == bytes.count else { throw EngineError(.unknown, "no changes") }
      close(file)
    }
  }

  private func image(_ name: String) async throws -> (ImageManifest, ImageConfig) {
    let target = try await call(Images.Get(name: name)).image.target
    let manifest: ImageManifest = try await document(target.digest)
    return (manifest, try await document(manifest.config.digest))
  }

  /// Makes the image `committed:1` of them.
  func run(_ name: String) async throws {
    let (manifest, config) = try await image(name)
    let snapshotter = machine.overlayObstacle == nil ? "overlayfs" : "native"
    let lease = try await call(Leases.Create(id: machine.world.hexID(12))).id
    try await ContainerdLease.$current.withValue(lease) {
      let parent = try await call(Snapshots.Stat(snapshotter: snapshotter, key: Commit.key)).info.parent
      let upper = try await call(Snapshots.Mounts(snapshotter: snapshotter, key: Commit.key)).mounts
      let view = "view-\(machine.world.hexID(12))"
      let lower = try await call(Snapshots.View(snapshotter: snapshotter, key: view, parent: parent)).mounts
      let made = try await call(
        Diff.Diff(left: lower, right: upper, mediaType: MediaType.ociLayerGzip, ref: "commit-container")
      ).diff
      _ = try await call(Snapshots.Remove(snapshotter: snapshotter, key: view))
      let labels = try await call(Content.Info(digest: made.digest)).info.labels
      guard let diffID = labels["containerd.io/uncompressed"].flatMap(Digest.init) else {
        throw EngineError(.unknown, "no diff id")
      }
      var committed = config
      committed.rootfs.diffIDs.append(diffID)
      let chain = chainID(of: committed.rootfs.diffIDs)?.description ?? ""
      let key = "extract-\(machine.world.hexID(12))-\(chain)"
      let mounts = try await call(Snapshots.Prepare(snapshotter: snapshotter, key: key, parent: parent)).mounts
      do {
        _ = try await call(Diff.Apply(diff: made, mounts: mounts))
        _ = try await call(Snapshots.Commit(snapshotter: snapshotter, name: chain, key: key))
      } catch let error as EngineError {
        _ = try? await call(Snapshots.Remove(snapshotter: snapshotter, key: key))
        if error.code != .alreadyExists { throw error }
      }
      let configDescriptor = try await put(
        committed, MediaType.ociConfig, ["containerd.io/gc.ref.snapshot.\(snapshotter)": chain])
      let whole = ImageManifest(config: configDescriptor, layers: manifest.layers + [made])
      var references = ["containerd.io/gc.ref.content.0": configDescriptor.digest.description]
      for (index, layer) in whole.layers.enumerated() {
        references["containerd.io/gc.ref.content.\(index + 1)"] = layer.digest.description
      }
      let target = try await put(whole, MediaType.ociManifest, references)
      do {
        _ = try await call(
          Images.Create(image: ImageRecord(name: "docker.io/library/committed:1", target: target)))
      } catch let error as EngineError where error.code == .alreadyExists {}
    }
    _ = try await call(Leases.Delete(id: lease))
  }

  /// Gives the changed snapshot up.
  func end() async throws {
    let snapshotter = machine.overlayObstacle == nil ? "overlayfs" : "native"
    _ = try await call(Snapshots.Remove(snapshotter: snapshotter, key: Commit.key))
  }

  private func put(_ document: some JSONWritable, _ mediaType: String, _ labels: [String: String]) async throws
    -> Descriptor
  {
    var writer = JSONWriter()
    document.write(to: &writer)
    let digest = Digest(sha256: writer.bytes)
    do {
      _ = try await call(
        Content.Write(
          ref: "commit-\(digest)", data: Blob(writer.bytes), total: Int64(writer.bytes.count), expected: digest,
          commit: true, labels: labels))
    } catch let error as EngineError where error.code == .alreadyExists {}
    return Descriptor(mediaType: mediaType, digest: digest, size: Int64(writer.bytes.count))
  }
}
