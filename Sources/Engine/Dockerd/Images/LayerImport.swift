import OCISpec
import Seams
import Synchronization

/// Makes a layer of an archive of any size as it comes: what is gzip or zstd stays as it is, anything else is gzipped
/// (moby's `saveArchive`).
struct LayerImport: Sendable {
  let store: ImageStore
  private var daemon: Daemon { store.daemon }

  init(store: ImageStore) { self.store = store }

  /// Stores the layer; its descriptor, and the digest of what it holds uncompressed.
  ///
  /// - Parameters:
  ///   - source: what follows; nil when `head` is all.
  ///   - head: what was read already.
  func store(_ source: (any ByteSource)?, head: [UInt8]) async throws -> (layer: Descriptor, diffID: Digest) {
    let compression = ArchiveCompression(of: head)
    let whole = Joined(head: head, source)
    let ref = "import-\(daemon.world.hexID(16))"
    let isKept = compression == .gzip || compression == .zstd
    // The main way is that of the uncompressed archive, which is checked and hashed; the store's way branches off
    // before (a layer that is kept as it is) or behind it (one that is gzipped here).
    let branch = ByteChannel(capacity: 1 << 20)
    let stored: any ByteSource = isKept ? ChannelSource(branch) : try daemon.codec.gzipped(ChannelSource(branch))
    let original = daemon.codec.sha256()
    let plain: any ByteSource =
      isKept
      ? Tapped(try daemon.codec.decompressed(Tapped(whole, branch: branch), compression), hash: original)
      : Tapped(try daemon.codec.decompressed(whole, compression), hash: original, branch: branch)
    let failure = FirstError()
    let size = Mutex<Int64>(0)
    let storing = daemon.world.spawn {
      do {
        var offset: Int64 = 0
        while let piece = try await stored.next() {
          offset = try await store.append(piece, at: offset, to: ref)
        }
        size.withLock { [offset] in $0 = offset }
      } catch {
        failure.set(error)
        branch.closeReading()
      }
    }
    do {
      var archive = ArchiveStream(plain)
      while try await archive.next() != nil {}
    } catch {
      failure.set(Self.words(error))
    }
    if failure.error != nil { branch.closeReading() } else { branch.closeWriting() }
    await storing.value
    if let error = failure.error {
      await daemon.world.spawn { await store.abort(ref) }.value
      throw error
    }
    let end = size.withLock { $0 }
    let diffID = original.digest
    do {
      let digest = try await store.commit(
        ref, at: end, expected: nil, labels: ["containerd.io/uncompressed": diffID.description])
      let mediaType = compression == .zstd ? MediaType.ociLayerZstd : MediaType.ociLayerGzip
      return (Descriptor(mediaType: mediaType, digest: digest, size: end), diffID)
    } catch {
      await store.abort(ref)
      throw error
    }
  }

  private static func words(_ error: any Error) -> any Error {
    guard let error = error as? EngineError, error.code == .unknown else { return error }
    return EngineError(.unknown, "Error processing tar file(\(error.message))")
  }
}

/// What was read of a source, and the rest of it.
private final class Joined: ByteSource {
  private let head: Mutex<[UInt8]?>
  private let rest: (any ByteSource)?

  init(head: [UInt8], _ rest: (any ByteSource)?) {
    self.head = Mutex(head)
    self.rest = rest
  }

  func next() async throws -> [UInt8]? {
    let head = head.withLock { head in
      defer { head = nil }
      return head
    }
    if let head, !head.isEmpty { return head }
    return try await rest?.next()
  }
}

/// A source of which everything is hashed, or goes another way as well, as it is read.
private final class Tapped: ByteSource {
  private let source: any ByteSource
  private let hash: (any ByteHash)?
  private let branch: ByteChannel?

  init(_ source: any ByteSource, hash: (any ByteHash)? = nil, branch: ByteChannel? = nil) {
    (self.source, self.hash, self.branch) = (source, hash, branch)
  }

  func next() async throws -> [UInt8]? {
    guard let piece = try await source.next() else { return nil }
    hash?.update(piece)
    // Nobody wants it at the other end: why, is said there.
    if let branch, !(await branch.write(piece)) { throw CancellationError() }
    return piece
  }
}
