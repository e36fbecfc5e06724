/// One member of a tar archive (POSIX.1-2017 pax, "ustar Interchange Format").
public struct ArchiveEntry: Sendable, Hashable {
  public enum Kind: Sendable, Hashable { case file, directory, symlink, hardLink, characterDevice, blockDevice, fifo }
  /// Relative, without a leading `./` or `/`; folders without the trailing slash.
  public var path: String
  public var kind: Kind
  /// Permission bits with setuid, setgid, sticky.
  public var mode: UInt32
  public var uid: UInt32
  public var gid: UInt32
  /// Seconds since 1970.
  public var modified: Int64
  /// Of symbolic and hard links.
  public var linkTarget: String
  public var content: [UInt8]
  /// What the file claims to hold, when a model stands for it (pax record `DRYDOCK.size`).
  public var declaredSize: Int64?
  public var deviceMajor: UInt32
  public var deviceMinor: UInt32
  public var xattrs: [String: [UInt8]]

  public init(
    path: String, kind: Kind = .file, mode: UInt32 = 0o644, uid: UInt32 = 0, gid: UInt32 = 0, modified: Int64 = 0,
    linkTarget: String = "", content: [UInt8] = [], declaredSize: Int64? = nil, deviceMajor: UInt32 = 0,
    deviceMinor: UInt32 = 0, xattrs: [String: [UInt8]] = [:]
  ) {
    (self.path, self.kind, self.mode, self.uid, self.gid) = (path, kind, mode, uid, gid)
    (self.modified, self.linkTarget, self.content, self.declaredSize) = (modified, linkTarget, content, declaredSize)
    (self.deviceMajor, self.deviceMinor, self.xattrs) = (deviceMajor, deviceMinor, xattrs)
  }

  /// The bytes that the file claims to hold.
  public var size: Int64 { declaredSize ?? Int64(content.count) }
}

/// Why an archive cannot be read.
public struct ArchiveError: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
