/// A point in time: seconds since 1970 and nanoseconds behind.
struct Timestamp: Sendable, Hashable {
  var seconds: Int64
  var nanoseconds: Int64 = 0
}

/// A run of bytes of a sparse file that is stored; what lies between runs is zeros.
struct SparseRun: Sendable, Hashable {
  var offset: Int64
  var count: Int64
}

/// The header of one member of a tar archive, pax and GNU extensions taken in.
struct TarEntry: Sendable, Hashable {
  enum Kind: Sendable, Hashable { case file, directory, symlink, hardLink, characterDevice, blockDevice, fifo }
  /// As it stands.
  var name: [UInt8]
  var kind: Kind
  /// Permission bits with setuid, setgid, sticky.
  var mode: UInt32
  var uid: UInt32
  var gid: UInt32
  /// Of the file when it is unpacked; in bytes.
  var size: Int64
  /// Bytes of it in the archive.
  var stored: Int64
  /// Nil: not sparse.
  var sparse: [SparseRun]?
  var modified: Timestamp
  var accessed: Timestamp?
  /// Of symbolic and hard links.
  var link: [UInt8]
  var deviceMajor: UInt32
  var deviceMinor: UInt32
  /// In the order of the archive.
  var xattrs: [Xattr]

  struct Xattr: Sendable, Hashable {
    var name: String
    var value: [UInt8]
  }
}

/// Why an archive cannot be read, in the words of Go's archive/tar where it has some.
struct TarError: Error, Sendable, Hashable, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
  static let header = TarError("archive/tar: invalid tar header")
  static let truncated = TarError("unexpected EOF")
}
