import Archive
import OCISpec
import Seams
import Synchronization

/// The codec of trace mode, whose archives are small models: whole in memory, and gzip only.
struct MemoryCodec: ArchiveCodec {
  func decompressed(_ source: any ByteSource, _ compression: ArchiveCompression) throws -> any ByteSource {
    switch compression {
    case .none: return source
    case .gzip: break
    case .zstd, .xz, .bzip2:
      throw EngineError(.notImplemented, "unsupported compression: this engine's archives are plain or gzipped")
    }
    return Whole(source) { bytes throws(ArchiveError) in try Gzip.decompress(bytes) }
  }

  func gzipped(_ source: any ByteSource) throws -> any ByteSource {
    Whole(source) { bytes throws(ArchiveError) in Gzip.compress(bytes) }
  }

  func sha256() -> any ByteHash { Hash() }

  /// All of a source in one piece, changed.
  private final class Whole: ByteSource {
    private let source: any ByteSource
    private let change: @Sendable ([UInt8]) throws(ArchiveError) -> [UInt8]
    private let isOver = Mutex(false)

    init(_ source: any ByteSource, _ change: @escaping @Sendable ([UInt8]) throws(ArchiveError) -> [UInt8]) {
      (self.source, self.change) = (source, change)
    }

    func next() async throws -> [UInt8]? {
      let wasOver = isOver.withLock { isOver in
        defer { isOver = true }
        return isOver
      }
      if wasOver { return nil }
      var all: [UInt8] = []
      while let piece = try await source.next() { all += piece }
      do { return try change(all) } catch { throw EngineError(.unknown, error.description) }
    }
  }

  private final class Hash: ByteHash {
    private let bytes = Mutex<[UInt8]>([])
    func update(_ more: [UInt8]) { bytes.withLock { $0 += more } }
    var digest: Digest { Digest(sha256: bytes.withLock { $0 }) }
  }
}
