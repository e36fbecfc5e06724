import CLinux
import Glibc

/// Extended attributes (xattr(7)).
enum Xattrs {
  /// Nil when there is none, or none can be.
  static func get(_ name: String, of file: OpenFile) throws(FileError) -> [UInt8]? {
    try value { clinux_fgetxattr(file.fd, name, $0, $1) }
  }

  /// Of a path, whose last name is not followed.
  static func get(_ name: String, at path: FilePath) throws(FileError) -> [UInt8]? {
    try value { buffer, size in path.withCString { clinux_lgetxattr($0, name, buffer, size) } }
  }

  /// All of a file's, by name.
  static func all(of file: OpenFile) throws(FileError) -> [(name: String, value: [UInt8])] {
    guard let list = try value({ clinux_flistxattr(file.fd, $0?.assumingMemoryBound(to: CChar.self), $1) }) else {
      return []
    }
    var found: [(name: String, value: [UInt8])] = []
    for name in list.split(separator: 0) {
      let name = String(decoding: name, as: UTF8.self)
      if let value = try get(name, of: file) { found.append((name, value)) }
    }
    return found.sorted { $0.name < $1.name }
  }

  static func set(_ name: String, _ value: [UInt8], on file: OpenFile, _ path: FilePath) throws(FileError) {
    let result = value.withUnsafeBytes { clinux_fsetxattr(file.fd, name, $0.baseAddress, $0.count) }
    if result < 0 { throw FileError(result: result, "setxattr \(path) \(name)") }
  }

  /// The path of a name in an open folder, for calls that know no descriptors. Nothing in it can be redirected but
  /// the name itself, which must not be followed.
  static func path(_ folder: OpenFile, _ name: FilePath) -> FilePath {
    FilePath(Array("/proc/self/fd/\(folder.fd)/".utf8) + name.bytes)
  }

  /// Calls twice: for the size, and for the bytes.
  private static func value(_ call: (UnsafeMutableRawPointer?, Int) -> Int) throws(FileError) -> [UInt8]? {
    while true {
      let size = call(nil, 0)
      if size == 0 { return [] }
      if size < 0 {
        if size == -Int(ENODATA) || size == -Int(EOPNOTSUPP) { return nil }
        throw FileError(result: size, "getxattr")
      }
      var bytes = [UInt8](repeating: 0, count: size)
      let count = bytes.withUnsafeMutableBytes { call($0.baseAddress, $0.count) }
      if count == -Int(ERANGE) { continue }
      if count == -Int(ENODATA) { return nil }
      if count < 0 { throw FileError(result: count, "getxattr") }
      return Array(bytes.prefix(count))
    }
  }
}
