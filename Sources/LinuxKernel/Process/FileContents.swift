import Glibc
import Runtime

extension LinuxKernel {
  /// A file's bytes as the calling process sees it, at most `limit`; nil when it cannot be read.
  public static func contents(of path: String, limit: Int = 1 << 20) -> [UInt8]? {
    guard let file = open(file: path, O_RDONLY | O_CLOEXEC | O_NOCTTY) else { return nil }
    defer { _ = Glibc.close(file) }
    var bytes: [UInt8] = []
    var chunk = min(limit, 4096)
    while bytes.count < limit {
      var failed = false
      let before = bytes.count
      let part = [UInt8](unsafeUninitializedCapacity: min(chunk, limit - before)) { buffer, count in
        var result = 0
        repeat { result = Glibc.read(file, buffer.baseAddress, buffer.count) } while result < 0 && errno == EINTR
        failed = result < 0
        count = max(0, result)
      }
      if failed { return nil }
      if part.isEmpty { break }
      if before == 0 { bytes = part } else { bytes += part }
      chunk = min(1 << 16, chunk * 2)
    }
    return bytes
  }

  static func open(file path: String, _ flags: Int32) -> Int32? {
    while true {
      let file = Glibc.open(path, flags)
      if file >= 0 { return file }
      if errno != EINTR { return nil }
    }
  }
}

extension LinuxKernel {
  /// The permission bits of what is at a path, links followed within its root; nil when nothing is.
  public func mode(of path: KernelPath) -> UInt32? {
    guard let file = try? open(path, Linux.oPath), let status = try? status(of: file.raw) else { return nil }
    return status.st_mode & 0o7777
  }
}
