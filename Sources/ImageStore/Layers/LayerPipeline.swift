import OCISpec
import Seams
import Synchronization

/// Unpacks one layer on three threads: one reads and decompresses, one hashes what comes out, one writes the files.
struct LayerPipeline: Sendable {
  let mediaType: String
  let limits: UnpackLimits
  private let ring: ChunkRing

  init(mediaType: String, limits: UnpackLimits) {
    (self.mediaType, self.limits) = (mediaType, limits)
    ring = ChunkRing(readers: 2)
  }

  /// Gives up; `run` then throws CancellationError.
  func cancel() { ring.cancel() }

  /// Performs it all; the calling thread writes the files. Blocks.
  func run(_ source: any BlobSource, _ consume: (TarStream) throws -> Void) throws -> AppliedLayer {
    let reading = try BlockingThread { [ring, mediaType, limits] in
      Decompressor(source: source, mediaType: mediaType, ring: ring, limit: limits.bytes).run()
    }
    defer {
      ring.cancel()
      reading.join()
    }
    let outcome = Monitor<Result<AppliedLayer, any Error>?>(nil)
    let hashing = try BlockingThread { [ring] in
      let result = Result { try LayerPipeline.hash(ChunkReader(ring, 1)) }
      outcome.update { $0 = result }
    }
    do {
      let reader = ChunkReader(ring, 0)
      try consume(TarStream(reader))
      // Behind the archive's end as well: all of it is hashed.
      while try reader.next() != nil {}
    } catch {
      ring.cancel()
      hashing.join()
      throw error
    }
    hashing.join()
    guard let result = outcome.withLock({ $0 }) else { throw CancellationError() }
    return try result.get()
  }

  static func hash(_ reader: ChunkReader) throws -> AppliedLayer {
    var hash = FastSHA256()
    var size: Int64 = 0
    while let piece = try reader.next() {
      hash.update(piece)
      size += Int64(piece.count)
    }
    return AppliedLayer(diffID: Digest(sha256Digest: hash.finalize()), size: size)
  }
}

/// Unpacks a blob of any store; `consume` writes the members, on a thread that may block.
func unpack(
  _ blob: Digest, _ mediaType: String, from store: any BlobStore, limits: UnpackLimits,
  _ consume: @escaping @Sendable (TarStream) throws -> Void
) async throws -> AppliedLayer {
  let pipeline = LayerPipeline(mediaType: mediaType, limits: limits)
  do {
    return try await withTaskCancellationHandler {
      if let store = store as? DiskBlobStore {
        return try await BlockingPool.pipelines.run { try pipeline.run(FileSource(try store.open(blob)), consume) }
      }
      guard await store.size(blob) != nil else { throw EngineError(.notFound, "content \(blob): not found") }
      let source = PumpedSource()
      async let pumping: Void = source.pump(blob, from: store)
      let result = await Task {
        defer { source.abandon() }
        return try await BlockingPool.pipelines.run { try pipeline.run(source, consume) }
      }.result
      await pumping
      return try result.get()
    } onCancel: {
      pipeline.cancel()
    }
  } catch {
    throw engineError(error, "failed to extract layer \(blob)")
  }
}
