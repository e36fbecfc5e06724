import Glibc
import Seams

/// What a layer may ask of the machine that unpacks it.
public struct UnpackLimits: Sendable, Hashable {
  /// Of one layer, uncompressed.
  public var bytes: Int64
  /// Members of one layer.
  public var entries: Int
  /// What unpacking leaves free on the disk, in thousandths of it, and no more than `reserve` bytes: an archive that
  /// inflates without end must not take the last block from everybody else.
  public var reservePerMille: UInt64
  public var reserve: UInt64

  public init(
    bytes: Int64 = 1 << 40, entries: Int = 20_000_000, reservePerMille: UInt64 = 10, reserve: UInt64 = 512 << 20
  ) {
    (self.bytes, self.entries) = (bytes, entries)
    (self.reservePerMille, self.reserve) = (reservePerMille, reserve)
  }

  /// Throws when less is free than is to be left.
  func check(_ folder: OpenFile) throws {
    var status = statvfs()
    guard fstatvfs(folder.fd, &status) == 0 else { throw FileError(errno, "statfs") }
    let total = UInt64(status.f_blocks) &* UInt64(status.f_frsize)
    let free = UInt64(status.f_bavail) &* UInt64(status.f_frsize)
    let kept = min(reserve, total / 1000 &* reservePerMille)
    if free < kept {
      throw EngineError(
        .resourceExhausted, "write: no space left on device (\(free) bytes are free, and \(kept) are to stay free)")
    }
  }
}

/// What this process may do with files.
struct FilePrivileges: Sendable, Hashable {
  /// Give files away, and make devices where the user namespace is the machine's.
  var isRoot: Bool
  /// Devices cannot be made, and overlayfs keeps its marks in `user.overlay.*`.
  var isInUserNamespace: Bool
  /// Bits that new files do not get.
  var umask: UInt32

  static func current() -> FilePrivileges {
    FilePrivileges(
      isRoot: geteuid() == 0, isInUserNamespace: !procText("/proc/self/uid_map").isWholeMachine,
      umask: UInt32(procText("/proc/self/status").firstField("Umask:"), radix: 8) ?? 0o777)
  }
}

/// What a file of procfs says; empty when it cannot be read.
func procText(_ path: FilePath) -> String {
  guard let folder = try? OpenFile.folder(at: "/"), let file = try? folder.open(path, O_RDONLY, .init(rawValue: 0))
  else {
    return ""
  }
  var bytes = [UInt8](repeating: 0, count: 8192)
  let count = bytes.withUnsafeMutableBytes { (try? file.read(into: $0, at: 0)) ?? 0 }
  return String(decoding: bytes.prefix(count), as: UTF8.self)
}

extension String {
  /// `0 0 4294967295`: the user namespace that the machine booted with (user_namespaces(7)).
  fileprivate var isWholeMachine: Bool {
    let fields = split { $0 == " " || $0 == "\n" }
    return isEmpty || fields == ["0", "0", "4294967295"]
  }

  fileprivate func firstField(_ key: String) -> String {
    for line in split(separator: "\n") where line.hasPrefix(key) {
      return String(line.dropFirst(key.count).drop { $0 == " " || $0 == "\t" })
    }
    return ""
  }
}
