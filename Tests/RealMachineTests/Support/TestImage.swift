import Archive
import Engine
import Foundation
import JSONTree
import OCISpec
import Seams

/// Images in memory, to be served, pushed or saved.
struct TestImages: PushSource, Sendable {
  var content: [Digest: [UInt8]] = [:]

  mutating func add(_ bytes: [UInt8], _ mediaType: String, platform: Platform? = nil) -> Descriptor {
    let descriptor = Descriptor(
      mediaType: mediaType, digest: Digest(sha256: bytes), size: Int64(bytes.count), platform: platform)
    content[descriptor.digest] = bytes
    return descriptor
  }

  /// A layer with one file of so many bytes that do not compress.
  static func layer(_ name: String, size: Int = 20_000, seed: UInt64 = 1) -> [UInt8] {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    let bytes = (0..<size).map { _ -> UInt8 in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return UInt8(truncatingIfNeeded: state)
    }
    return TarWriter.archive([
      ArchiveEntry(path: "data", kind: .directory, mode: 0o755), ArchiveEntry(path: "data/\(name)", content: bytes),
    ])
  }

  /// An image of the given layers (uncompressed archives); OCI or Docker's media types.
  mutating func image(
    _ layers: [[UInt8]], platform: Platform = .host, docker: Bool = false, labels: [String: String] = [:]
  ) -> Descriptor {
    let (configType, layerType, manifestType) =
      docker
      ? (MediaType.dockerConfig, MediaType.dockerLayer, MediaType.dockerManifest)
      : (
        "application/vnd.oci.image.config.v1+json", MediaType.ociLayerGzip, MediaType.ociManifest
      )
    let diffIDs = layers.map { "\"\(Digest(sha256: $0))\"" }.joined(separator: ",")
    let history = layers.indices.map { "{\"created_by\":\"layer \($0)\"}" }.joined(separator: ",")
    var label = ""
    for (key, value) in labels.sorted(by: { $0.key < $1.key }) {
      label += (label.isEmpty ? "" : ",") + "\"\(key)\":\"\(value)\""
    }
    let variant = platform.variant.map { $0.isEmpty ? "" : "\"variant\":\"\($0)\"," } ?? ""
    let config = add(
      Array(
        ("{\"architecture\":\"\(platform.architecture)\",\(variant)\"os\":\"\(platform.os)\","
          + "\"created\":\"2026-01-01T00:00:00Z\",\"config\":{\"Cmd\":[\"sh\"],\"Labels\":{\(label)}},"
          + "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\(diffIDs)]},\"history\":[\(history)]}").utf8), configType)
    let parts = layers.map { add(Gzip.compress($0), layerType) }
    return add(
      Array(
        ("{\"schemaVersion\":2,\"mediaType\":\"\(manifestType)\",\"config\":\(TestImages.words(config)),"
          + "\"layers\":[\(parts.map(TestImages.words).joined(separator: ","))]}").utf8), manifestType,
      platform: platform)
  }

  /// An index (or Docker's manifest list) of manifests.
  mutating func index(_ manifests: [Descriptor], docker: Bool = false) -> Descriptor {
    let type = docker ? MediaType.dockerManifestList : MediaType.ociIndex
    let list = manifests.map(TestImages.words).joined(separator: ",")
    return add(Array("{\"schemaVersion\":2,\"mediaType\":\"\(type)\",\"manifests\":[\(list)]}".utf8), type)
  }

  static func words(_ descriptor: Descriptor) -> String {
    var writer = JSONWriter()
    descriptor.write(to: &writer)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  // MARK: PushSource

  func read(_ descriptor: Descriptor, offset: Int64, count: Int) async throws -> [UInt8] {
    let bytes = content[descriptor.digest] ?? []
    let start = min(Int(offset), bytes.count)
    return Array(bytes[start..<(start + min(count, bytes.count - start))])
  }
  func repositories(holding descriptor: Descriptor) async throws -> [String] { [] }
}
