import Archive
import JSONTree
import OCISpec
import Seams

@testable import Engine

/// An image as a registry has it: config, one layer, manifest, and where asked an index above them.
struct SampleImage {
  var layer: [UInt8]
  var config: [UInt8]
  var manifest: [UInt8]
  var index: [UInt8]?
  var layerDescriptor: Descriptor
  var configDescriptor: Descriptor
  var manifestDescriptor: Descriptor
  /// What the name points at.
  var target: Descriptor
  var diffID: Digest

  init(
    _ text: String, created: String = "2025-06-01T00:00:00Z", labels: [String: String]? = nil,
    platform: Platform = Platform(architecture: "amd64"), indexed: Bool = false, alsoFor others: [Platform] = [],
    size: Int64? = nil
  ) {
    let tar = TarWriter.archive([ArchiveEntry(path: "file", content: Array(text.utf8))])
    layer = Gzip.compress(tar)
    diffID = Digest(sha256: tar)
    layerDescriptor = Descriptor(
      mediaType: MediaType.ociLayerGzip, digest: Digest(sha256: layer), size: size ?? Int64(layer.count))
    let image = ImageConfig(
      created: created, platform: platform, config: .init(cmd: ["sh"], labels: labels),
      rootfs: .init(diffIDs: [diffID]),
      history: [
        .init(created: created, createdBy: "ADD file", comment: "base"),
        .init(created: created, createdBy: "CMD [\"sh\"]", emptyLayer: true),
      ])
    config = Self.bytes(image)
    configDescriptor = Self.descriptor(MediaType.ociConfig, config)
    manifest = Self.bytes(ImageManifest(config: configDescriptor, layers: [layerDescriptor]))
    manifestDescriptor = Self.descriptor(MediaType.ociManifest, manifest)
    target = manifestDescriptor
    if indexed {
      var own = manifestDescriptor
      own.platform = platform
      let absent = others.map { other in
        Descriptor(
          mediaType: MediaType.ociManifest, digest: Digest(sha256: Array("\(text) \(other)".utf8)), size: 7,
          platform: other)
      }
      index = Self.bytes(ImageIndex(manifests: absent + [own]))
      target = Self.descriptor(MediaType.ociIndex, index ?? [])
    }
  }

  static func bytes(_ value: some JSONWritable) -> [UInt8] {
    var writer = JSONWriter()
    value.write(to: &writer)
    return writer.bytes
  }

  static func descriptor(_ mediaType: String, _ bytes: [UInt8]) -> Descriptor {
    Descriptor(mediaType: mediaType, digest: Digest(sha256: bytes), size: Int64(bytes.count))
  }

  var id: String { target.digest.description }

  /// Puts the image into containerd under `names` (`docker.io/library/web:latest`), unpacked.
  func put(
    in containerd: DockerdFakeContainerd, as names: [String], labels: [String: String] = [:], sources: String? = nil
  ) {
    containerd.state.withLock { state in
      for bytes in [layer, config, manifest] + (index.map { [$0] } ?? []) {
        let digest = Digest(sha256: bytes)
        state.blobs[digest] = (
          bytes,
          ContentInfo(
            digest: digest, size: Int64(bytes.count),
            labels: sources.map { ["containerd.io/distribution.source.docker.io": $0] } ?? [:])
        )
      }
      state.applied[layerDescriptor.digest] = diffID
      state.snapshots[diffID.description] = (
        SnapshotInfo(name: diffID.description, parent: "", kind: .committed), 1000
      )
      for name in names {
        state.images[name] = ImageRecord(
          name: name, labels: labels, target: target, createdAt: DockerdTestWorld.start,
          updatedAt: DockerdTestWorld.start)
      }
    }
  }

  static func dangling(_ image: SampleImage) -> String { "moby-dangling@\(image.id)" }
}
