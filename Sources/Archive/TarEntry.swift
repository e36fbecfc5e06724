/// A point in time: seconds since 1970 and nanoseconds behind.
package struct TarTime: Sendable, Hashable {
  package var seconds: Int64
  package var nanoseconds: Int64

  package init(seconds: Int64, nanoseconds: Int64 = 0) { (self.seconds, self.nanoseconds) = (seconds, nanoseconds) }
}

/// A run of bytes of a sparse file that is stored; what lies between runs is zeros.
package struct SparseRun: Sendable, Hashable {
  package var offset: Int64
  package var count: Int64

  package init(offset: Int64, count: Int64) { (self.offset, self.count) = (offset, count) }
}

/// What an archive says of one member, without its content, pax and GNU extensions taken in: names are any bytes.
/// `ArchiveEntry` is the form of it that a program makes, with the content in memory.
package struct TarEntry: Sendable, Hashable {
  package typealias Kind = ArchiveEntry.Kind
  /// As it stands.
  package var name: [UInt8]
  package var kind: Kind
  /// Permission bits with setuid, setgid, sticky.
  package var mode: UInt32
  package var uid: UInt32
  package var gid: UInt32
  /// Of the file when it is unpacked; in bytes.
  package var size: Int64
  /// Bytes of it in the archive.
  package var stored: Int64
  /// Nil: not sparse.
  package var sparse: [SparseRun]?
  package var modified: TarTime
  package var accessed: TarTime?
  /// Of symbolic and hard links.
  package var link: [UInt8]
  package var deviceMajor: UInt32
  package var deviceMinor: UInt32
  package var xattrs: [String: [UInt8]]

  package init(
    name: [UInt8], kind: Kind, mode: UInt32, uid: UInt32, gid: UInt32, size: Int64 = 0, stored: Int64 = 0,
    modified: TarTime, accessed: TarTime? = nil, link: [UInt8] = [], deviceMajor: UInt32 = 0, deviceMinor: UInt32 = 0,
    xattrs: [String: [UInt8]] = [:]
  ) {
    (self.name, self.kind, self.mode, self.uid, self.gid) = (name, kind, mode, uid, gid)
    (self.size, self.stored, self.modified, self.accessed) = (size, stored, modified, accessed)
    (self.link, self.deviceMajor, self.deviceMinor, self.xattrs) = (link, deviceMajor, deviceMinor, xattrs)
  }
}

extension ArchiveEntry.Kind {
  /// Nil for what is no kind of member, or one that only another header explains.
  package init?(typeflag: UInt8) {
    switch typeflag {
    case 0, UInt8(ascii: "0"), UInt8(ascii: "7"), UInt8(ascii: "S"): self = .file
    case UInt8(ascii: "1"): self = .hardLink
    case UInt8(ascii: "2"): self = .symlink
    case UInt8(ascii: "3"): self = .characterDevice
    case UInt8(ascii: "4"): self = .blockDevice
    case UInt8(ascii: "5"): self = .directory
    case UInt8(ascii: "6"): self = .fifo
    default: return nil
    }
  }

  package var typeflag: UInt8 {
    switch self {
    case .file: UInt8(ascii: "0")
    case .hardLink: UInt8(ascii: "1")
    case .symlink: UInt8(ascii: "2")
    case .characterDevice: UInt8(ascii: "3")
    case .blockDevice: UInt8(ascii: "4")
    case .directory: UInt8(ascii: "5")
    case .fifo: UInt8(ascii: "6")
    }
  }
}
