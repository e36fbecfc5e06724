import Glibc
import ImageStore
import JSONTree
import OCISpec
import Seams

/// An OCI image layout (image-spec, image-layout.md) with one image.
struct Layout: Sendable {
  let path: String

  init(_ path: String) { self.path = path }

  /// The store reads it where it lies: a layout's blobs are named as the store's are.
  private func store() throws -> DiskBlobStore { try DiskBlobStore(path) }

  private func layers(_ store: DiskBlobStore) async throws -> [Descriptor] {
    let file = open(path + "/index.json", O_RDONLY)
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = read(file, &bytes, bytes.count)
    guard count > 0 else { throw Misuse(description: "\(path)/index.json: errno \(errno)") }
    close(file)
    let index: ImageIndex = try JSON(parsing: Array(bytes.prefix(count))).decode()
    guard let first = index.manifests.first else { throw Misuse(description: "an empty layout") }
    let manifest: ImageManifest = try JSON(parsing: try await store.read(first.digest)).decode()
    return manifest.layers
  }

  /// Unpacks the layers, each into a snapshot on the ones before.
  func unpack(to work: Work) async throws {
    let store = try store()
    let driver = try work.driver()
    var parents: [Int] = []
    for layer in try await layers(store) {
      try await apply(layer, driver, store, &parents)
    }
  }

  private func apply(
    _ layer: Descriptor, _ driver: any SnapshotDriver, _ store: any BlobStore, _ parents: inout [Int]
  ) async throws {
    let id = parents.count + 1
    try await driver.create(id, parents: parents)
    let applied = try await driver.apply(
      layer.digest, mediaType: layer.mediaType, from: store, to: id, parents: parents)
    say("\(id) \(applied.diffID) \(applied.size)")
    parents.insert(id, at: 0)
  }

  /// Takes the layers in, some at once, hashing and syncing each; unpacks each as soon as it and those below are there.
  func pull(to work: Work, atOnce: Int) async throws {
    let source = try store()
    let layers = try await layers(source)
    let (blobs, driver) = (try work.blobs(), try work.driver())
    let (arrivals, arrive) = AsyncStream.makeStream(of: Int.self)
    async let fetching: Void = withThrowingTaskGroup(of: Int.self) { group in
      defer { arrive.finish() }
      for (index, layer) in layers.enumerated() {
        if index >= atOnce, let done = try await group.next() { arrive.yield(done) }
        group.addTask {
          let writer = try await blobs.writer("layer-\(layer.digest)")
          var offset: Int64 = 0
          while true {
            let piece = try await source.read(layer.digest, offset: offset, count: 1 << 18)
            if piece.isEmpty { break }
            try await writer.append(piece)
            offset += Int64(piece.count)
          }
          try await writer.commit(layer.digest)
          return index
        }
      }
      while let done = try await group.next() { arrive.yield(done) }
    }
    var here: Set<Int> = []
    var parents: [Int] = []
    for await index in arrivals {
      here.insert(index)
      while here.contains(parents.count) { try await apply(layers[parents.count], driver, blobs, &parents) }
    }
    try await fetching
  }
}
