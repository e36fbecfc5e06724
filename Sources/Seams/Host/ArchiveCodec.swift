import OCISpec

/// Bytes that come piece by piece, at the reader's pace.
public protocol ByteSource: Sendable {
  /// The next bytes; nil at the end. One reader at a time.
  func next() async throws -> [UInt8]?
}

/// A SHA-256 of what comes piece by piece.
public protocol ByteHash: Sendable {
  func update(_ bytes: [UInt8])
  /// The digest of what came so far.
  var digest: Digest { get }
}

/// What an archive is compressed with as a whole, known by its first bytes.
public enum ArchiveCompression: Sendable, Hashable {
  case none, gzip, zstd, xz, bzip2

  /// What begins with `head`, of which ten bytes are enough.
  public init(of head: some Collection<UInt8>) {
    func starts(_ magic: [UInt8]) -> Bool { head.starts(with: magic) }
    self =
      if starts([0x1f, 0x8b, 0x08]) {
        .gzip
      } else if starts([0x28, 0xb5, 0x2f, 0xfd]) {
        .zstd
      } else if starts([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) {
        .xz
      } else if starts([0x42, 0x5a, 0x68]) {
        .bzip2
      } else {
        .none
      }
  }
}

/// Packs, unpacks and hashes the archives that users hand in (`docker load`, `docker import`), which are as large as
/// images are, while they stream by.
public protocol ArchiveCodec: Sendable {
  /// What `source` holds uncompressed. Its reading throws when that is damaged; `.none` is `source` itself.
  func decompressed(_ source: any ByteSource, _ compression: ArchiveCompression) throws -> any ByteSource
  /// `source` as gzip.
  func gzipped(_ source: any ByteSource) throws -> any ByteSource
  func sha256() -> any ByteHash
}

/// A request's body as a source, behind what was read of it already.
public final class ChannelSource: ByteSource {
  private let channel: ByteChannel?
  private let head: ByteChannel

  /// A nil channel is an empty one.
  public init(head: [UInt8] = [], _ channel: ByteChannel?) {
    self.channel = channel
    self.head = ByteChannel(capacity: .max)
    self.head.push(head)
    self.head.closeWriting()
  }

  public func next() async -> [UInt8]? {
    if let bytes = head.tryRead(), !bytes.isEmpty { return bytes }
    return await channel?.read(1 << 18)
  }
}
