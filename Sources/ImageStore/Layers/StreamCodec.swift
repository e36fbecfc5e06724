import OCISpec
import Seams

/// The archives of `docker load` and `docker import` in flat memory: a thread decompresses (or compresses) what a task
/// brings, and another task takes what comes of it.
public struct StreamCodec: ArchiveCodec {
  public init() {}

  public func decompressed(_ source: any ByteSource, _ compression: ArchiveCompression) throws -> any ByteSource {
    let kind: Compression
    switch compression {
    case .none: return source
    case .gzip: kind = .gzip
    case .zstd: kind = .zstd
    case .xz: kind = .xz
    case .bzip2: kind = .bzip2
    }
    return try ThreadedSource(source) { input, output in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 19, alignment: 4096)
      defer { buffer.deallocate() }
      let packed = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(1 << 18)])
      let room = UnsafeMutableRawBufferPointer(rebasing: buffer[(1 << 18)...])
      let start = UnsafeRawBufferPointer(rebasing: packed[..<(try input.read(into: packed))])
      try decompress(
        kind, input, buffer: packed, start, room: { room }, publish: { try output.put(Array(room[..<$0])) })
    }
  }

  public func gzipped(_ source: any ByteSource) throws -> any ByteSource {
    try ThreadedSource(source) { input, output in try compress(.gzip, BlobPieces(input), output) }
  }

  public func sha256() -> any ByteHash { Hash() }

  private final class Hash: ByteHash {
    private let hash = Monitor(FastSHA256())
    func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { bytes in hash.withLock { $0.update(bytes) } } }
    var digest: Digest { Digest(sha256Digest: hash.withLock { $0.finalize() }) }
  }
}

/// What a thread makes of another source. The thread ends with the source, or when nobody has this any more.
private final class ThreadedSource: ByteSource {
  private let input = PumpedSource()
  private let output = OutgoingPieces()

  init(
    _ source: any ByteSource,
    _ work: @escaping @Sendable (_ input: PumpedSource, _ output: OutgoingPieces) throws -> Void
  ) throws {
    let (input, output) = (input, output)
    try BlockingThread.detach {
      let result = Result { try work(input, output) }
      // Whoever still brings something need not.
      input.abandon()
      if case .failure(let error) = result { output.finish(error) } else { output.finish() }
    }
    Task { await input.pump { try await source.next() } }
  }

  deinit {
    input.abandon()
    output.abandon()
  }

  func next() async throws -> [UInt8]? {
    if let piece = await output.next() { return piece }
    if let failure = output.failure { throw failure }
    return nil
  }
}

/// A blob in pieces.
private final class BlobPieces: PieceSource {
  private let source: any BlobSource
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)

  init(_ source: any BlobSource) { self.source = source }
  deinit { buffer.deallocate() }

  func next() throws -> UnsafeRawBufferPointer? {
    let count = try source.read(into: buffer)
    return count == 0 ? nil : UnsafeRawBufferPointer(rebasing: buffer[..<count])
  }
}
