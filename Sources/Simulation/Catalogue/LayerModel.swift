import Archive
import OCISpec
import Synchronization

/// A layer of the catalogue: the recipe of its files, from which its blobs are made when somebody first asks.
///
/// Most files are the same for all platforms. They come first in the tar, are packed once as one gzip member, and
/// what a platform has of its own follows as a second member (RFC 1952 §2.2 allows several): so an index of eight
/// platforms costs little more than one image.
final class LayerModel: Sendable {
  /// A layer for one platform.
  struct Blob: Sendable {
    /// Of the uncompressed tar.
    let diffID: Digest
    /// Of the packed bytes.
    let digest: Digest
    /// What the descriptor claims: the size of the genuine image's layer.
    let size: Int64
    fileprivate let common: [UInt8]
    fileprivate let own: [UInt8]
    /// The packed bytes.
    var bytes: [UInt8] { common + own }
  }

  private struct Common: Sendable {
    var tarHash: SHA256
    var packedHash: SHA256
    var packed: [UInt8]
  }

  private let created: Moment
  private let compressed: Int64
  private let files: @Sendable (inout FileSet) -> Void
  private let own: (@Sendable (inout FileSet, Platform) -> Void)?
  private let cache = Mutex<(common: Common?, blobs: [String: Blob])>((nil, [:]))

  /// - Parameters:
  ///   - compressed: bytes of the genuine layer for linux/amd64.
  ///   - files: what all platforms have.
  ///   - own: what each platform has of its own; nil when the layer is the same everywhere.
  init(
    _ created: Moment, compressed: Int64, files: @escaping @Sendable (inout FileSet) -> Void,
    own: (@Sendable (inout FileSet, Platform) -> Void)? = nil
  ) {
    (self.created, self.compressed, self.files, self.own) = (created, compressed, files, own)
  }

  func blob(for platform: Platform) -> Blob {
    let key = own == nil ? "" : platform.description
    return cache.withLock { cache in
      if let blob = cache.blobs[key] { return blob }
      let common = cache.common ?? makeCommon()
      cache.common = common
      let blob = make(platform, common)
      cache.blobs[key] = blob
      return blob
    }
  }

  private func makeCommon() -> Common {
    var set = FileSet(modified: created.seconds)
    files(&set)
    var writer = TarWriter(reserving: 131_072)
    for entry in set.entries { writer.add(entry) }
    let tar = own == nil ? writer.finish() : writer.take()
    var common = Common(tarHash: SHA256(), packedHash: SHA256(), packed: Gzip.compress(tar))
    common.tarHash.update(tar)
    common.packedHash.update(common.packed)
    return common
  }

  private func make(_ platform: Platform, _ common: Common) -> Blob {
    var (tarHash, packedHash) = (common.tarHash, common.packedHash)
    var packed: [UInt8] = []
    if let own {
      var set = FileSet(modified: created.seconds)
      own(&set, platform)
      let tar = TarWriter.archive(set.entries)
      packed = Gzip.compress(tar)
      tarHash.update(tar)
      packedHash.update(packed)
    }
    // Tiny layers (a script, a configuration file) may come out a little larger than the genuine ones: a descriptor
    // never claims less than there is.
    let claimed = own == nil ? compressed : LayerModel.scaled(compressed, platform)
    return Blob(
      diffID: Digest(sha256Digest: tarHash.finalize()), digest: Digest(sha256Digest: packedHash.finalize()),
      size: max(claimed, Int64(common.packed.count + packed.count)), common: common.packed, own: packed)
  }

  /// Machine code is not equally dense everywhere; per mille of amd64.
  private static func scaled(_ size: Int64, _ platform: Platform) -> Int64 {
    let perMille: Int64 =
      switch platform.description {
      case "linux/arm/v5": 936
      case "linux/arm/v6": 931
      case "linux/arm/v7": 884
      case "linux/arm64/v8", "linux/arm64": 1013
      case "linux/386": 979
      case "linux/ppc64le": 1063
      case "linux/riscv64": 1004
      case "linux/s390x": 1021
      default: 1000
      }
    return size * perMille / 1000
  }
}
