import Glibc
import OCISpec
import Seams

/// Blobs by digest in a folder, as containerd's local content store has them:
///
///     blobs/sha256/<hex>          what is committed, never changed
///     ingest/<hash of ref>/ref    what is being written: its name,
///                          data   and its bytes so far
///
/// A process may die at any moment. A blob appears by a rename after fsync, so that what has a name is whole; an
/// ingest that was cut short goes on from the bytes that are there, which are hashed again.
public final class DiskBlobStore: BlobStore {
  private let root: OpenFile
  private let blobs: OpenFile
  private let ingestFolder: OpenFile
  let pool: BlockingPool

  /// Opens the store in the folder `path`, making what is missing of it, and forgets ingests that died before they
  /// had a name. A folder has one store at a time. Blocks.
  public init(_ path: String, pool: BlockingPool = .shared) throws {
    self.pool = pool
    do {
      root = try OpenFile.folder(at: FilePath(path), making: 0o700)
      blobs = try DiskBlobStore.folder("blobs", in: root)
      ingestFolder = try DiskBlobStore.folder("ingest", in: root)
      for name in try ingestFolder.names() {
        // A name that does not fit its folder was lost with the power.
        if DiskBlobStore.ref(of: name, in: ingestFolder).map({ DiskBlobStore.ingestName($0.ref) }) != name {
          try removeTree(name, in: ingestFolder)
        }
      }
    } catch {
      throw engineError(error, "failed to open content store \(path)")
    }
  }

  private static func folder(_ name: FilePath, in parent: OpenFile) throws(FileError) -> OpenFile {
    do {
      return try parent.open(name, OpenFile.folder, .plain)
    } catch {
      guard error.errno == ENOENT else { throw error }
      do { try parent.makeFolder(name, mode: 0o755) } catch { if error.errno != EEXIST { throw error } }
      try parent.synchronize()
      return try parent.open(name, OpenFile.folder, .plain)
    }
  }

  private func name(_ digest: Digest) -> FilePath { FilePath("\(digest.algorithm)/\(digest.encoded)") }

  /// A committed blob, open for reading. Blocks.
  func open(_ digest: Digest) throws -> OpenFile {
    do throws(FileError) {
      return try blobs.open(name(digest), O_RDONLY | O_NOFOLLOW, .plain)
    } catch {
      if error.errno == ENOENT { throw EngineError(.notFound, "content \(digest): not found") }
      throw engineError(error, "content \(digest)")
    }
  }

  // MARK: BlobStore

  public func size(_ digest: Digest) async -> Int64? {
    try? await pool.run { try self.blobs.status(of: self.name(digest)).map { Int64($0.st_size) } }
  }

  public func read(_ digest: Digest, offset: Int64, count: Int) async throws -> [UInt8] {
    guard offset >= 0, count >= 0 else { throw EngineError(.invalidArgument, "invalid range: invalid argument") }
    return try await pool.run {
      let file = try self.open(digest)
      do {
        let size = Int64(try file.status().st_size)
        guard offset < size else { return [] }
        let count = Int(min(Int64(clamping: count), size - offset))
        var failure: FileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
          do throws(FileError) { filled = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: offset) } catch
          {
            failure = error
          }
        }
        if let failure { throw failure }
        return bytes
      } catch {
        throw engineError(error, "content \(digest)")
      }
    }
  }

  public func remove(_ digest: Digest) async throws {
    try await pool.run {
      do throws(FileError) { try self.blobs.unlink(self.name(digest)) } catch {
        if error.errno != ENOENT { throw engineError(error, "content \(digest)") }
      }
    }
  }

  public func removeAll(except known: Set<Digest>) async throws {
    try await pool.run {
      do {
        for algorithm in try self.blobs.names() {
          let folder = try self.blobs.open(algorithm, OpenFile.folder, .plain)
          for name in try folder.names() {
            if let digest = Digest("\(algorithm):\(name)"), known.contains(digest) { continue }
            try folder.unlink(name)
          }
        }
      } catch {
        throw engineError(error, "failed to remove content")
      }
    }
  }

  public func writer(_ ref: String) async throws -> any BlobWriter {
    try await pool.run {
      do {
        let name = DiskBlobStore.ingestName(ref)
        let folder = try DiskBlobStore.folder(name, in: self.ingestFolder)
        if try folder.status(of: "ref") == nil {
          // By a rename, so that a ref is never read half.
          let file = try folder.create("ref.new", O_WRONLY | O_TRUNC, mode: 0o644)
          try Array(ref.utf8).withUnsafeBytes { try file.write($0) }
          try folder.rename("ref.new", to: folder, "ref")
        }
        let data = try folder.create("data", O_RDWR, mode: 0o644)
        return try DiskBlobWriter(store: self, ref: ref, data: data)
      } catch {
        throw engineError(error, "ingest \"\(ref)\"")
      }
    }
  }

  public func ingests() async -> [BlobIngest] {
    let found = try? await pool.run {
      var found: [BlobIngest] = []
      for name in try self.ingestFolder.names() {
        // One that ends meanwhile is none.
        guard let (folder, ref, started) = DiskBlobStore.ref(of: name, in: self.ingestFolder) else { continue }
        let data = try? folder.status(of: "data")
        found.append(
          BlobIngest(
            ref: ref, offset: Int64(data?.st_size ?? 0), startedAt: DiskBlobStore.nanoseconds(started.st_mtim),
            updatedAt: DiskBlobStore.nanoseconds(data?.st_mtim ?? started.st_mtim)))
      }
      return found.sorted { $0.ref < $1.ref }
    }
    return found ?? []
  }

  public func abort(_ ref: String) async throws {
    try await pool.run {
      do { try self.removeIngest(ref) } catch { throw engineError(error, "ingest \"\(ref)\"") }
    }
  }

  /// An ingest's folder, what it is of, and since when; nil when it has no readable name.
  private static func ref(of name: FilePath, in ingests: OpenFile) -> (folder: OpenFile, ref: String, started: stat)? {
    guard let folder = try? ingests.open(name, OpenFile.place, .plain),
      let file = try? folder.open("ref", O_RDONLY | O_NOFOLLOW, .plain), let started = try? file.status()
    else { return nil }
    var bytes = [UInt8](repeating: 0, count: min(Int(started.st_size), 1 << 16))
    guard let count = bytes.withUnsafeMutableBytes({ try? file.read(into: $0, at: 0) }) else { return nil }
    return (folder, String(decoding: bytes.prefix(count), as: UTF8.self), started)
  }

  private static func nanoseconds(_ time: timespec) -> UInt64 {
    UInt64(max(0, time.tv_sec)) &* 1_000_000_000 &+ UInt64(max(0, time.tv_nsec))
  }

  private static func ingestName(_ ref: String) -> FilePath {
    FilePath(Digest(sha256: Array(ref.utf8)).encoded)
  }

  // MARK: For the writer; these block

  func removeIngest(_ ref: String) throws(FileError) {
    try removeTree(DiskBlobStore.ingestName(ref), in: ingestFolder)
  }

  /// Gives what is in `data` its name. Its bytes are on the disk before, and its name after.
  func commit(_ ref: String, _ data: OpenFile, as digest: Digest) throws(FileError) {
    let folder = try DiskBlobStore.folder(FilePath(digest.algorithm), in: blobs)
    let name = FilePath(digest.encoded)
    if try folder.status(of: name) == nil {
      try data.synchronize()
      let ingest = try ingestFolder.open(DiskBlobStore.ingestName(ref), OpenFile.place, .plain)
      try ingest.rename("data", to: folder, name)
      // Not before: until then the ingest may have to be resumed.
      guard fchmod(data.fd, 0o444) == 0 else { throw FileError(errno, "chmod") }
    }
    // Also where another writer was faster: its name need not have reached the disk yet.
    try folder.synchronize()
    try removeIngest(ref)
  }
}
