/// Writes a tar archive to memory: ustar headers, with pax extended headers where ustar cannot say it.
/// The same entries give the same bytes.
public struct TarWriter: Sendable {
  private var bytes: [UInt8] = []

  public init(reserving capacity: Int = 16_384) { bytes.reserveCapacity(capacity) }

  /// Bytes written so far.
  public var count: Int { bytes.count }

  /// Appends one member.
  public mutating func add(_ entry: ArchiveEntry) {
    let content = entry.kind == .file ? entry.content : []
    begin(entry, size: content.count)
    bytes += content
    bytes += TarHeaderWriter.padding(Int64(content.count))
  }

  /// Appends a member's header alone: its content of `size` bytes, and zeros up to the next multiple of 512, are for
  /// the caller to write.
  public mutating func begin(_ entry: ArchiveEntry, size: Int) {
    var path = entry.path
    if entry.kind == .directory { path += path.isEmpty ? "./" : "/" } else if path.isEmpty { path = "." }
    let isLink = entry.kind == .symlink || entry.kind == .hardLink
    var records: [(String, [UInt8])] = []
    if entry.kind == .file, let declared = entry.declaredSize {
      records.append(("DRYDOCK.size", Array(String(declared).utf8)))
    }
    let header = TarEntry(
      name: Array(path.utf8), kind: entry.kind, mode: entry.mode & 0o7777, uid: entry.uid, gid: entry.gid,
      size: Int64(size), stored: Int64(size), modified: TarTime(seconds: entry.modified),
      link: isLink ? Array(entry.linkTarget.utf8) : [], deviceMajor: entry.deviceMajor,
      deviceMinor: entry.deviceMinor, xattrs: entry.xattrs)
    bytes += TarHeaderWriter.header(header, .plain, records: records)
  }

  /// Ends the archive with two blocks of zeros; its bytes. The writer is empty afterwards.
  public mutating func finish() -> [UInt8] {
    bytes += TarHeaderWriter.end
    defer { bytes = [] }
    return bytes
  }

  /// The members so far, without the archive's end: the beginning of an archive that another writer finishes.
  public mutating func take() -> [UInt8] {
    defer { bytes = [] }
    return bytes
  }

  /// A whole archive.
  public static func archive(_ entries: some Sequence<ArchiveEntry>) -> [UInt8] {
    var writer = TarWriter()
    for entry in entries { writer.add(entry) }
    return writer.finish()
  }
}
