import Encodings
import JSONTree
import Seams

/// Engine API `ContainerPathStat`: what `X-Docker-Container-Path-Stat` says, Base64 of JSON.
enum PathStat {
  /// Go's os.FileMode: its own bits for the kind, above the permissions.
  static func mode(_ info: HostFileInfo) -> UInt32 {
    var mode = info.mode & 0o777
    if info.mode & 0o4000 != 0 { mode |= 1 << 23 }
    if info.mode & 0o2000 != 0 { mode |= 1 << 22 }
    if info.mode & 0o1000 != 0 { mode |= 1 << 20 }
    switch info.kind {
    case .file: break
    case .directory: mode |= 1 << 31
    case .symlink: mode |= 1 << 27
    case .other:
      mode |= info.device.map { $0.type == "c" ? 1 << 26 | 1 << 21 : $0.type == "p" ? 1 << 25 : 1 << 26 } ?? 1 << 19
    }
    return mode
  }

  static func header(_ name: String, _ info: HostFileInfo) -> NameValue {
    let json: JSON = [
      "name": .string(name), "size": .int(info.size), "mode": JSON(mode(info)),
      "mtime": .string(
        RFC3339Time.text(
          UInt64(clamping: info.modified).multipliedReportingOverflow(by: 1_000_000_000)
            .partialValue)), "linkTarget": .string(info.linkTarget),
    ]
    return NameValue("X-Docker-Container-Path-Stat", Base64.encode(json.text.utf8))
  }
}
