import CLinux
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
  /// The numbers of the descriptors that are open, as /proc/self/fd lists them; the one that reads it is among them.
  public static func openDescriptors() -> [Int32] {
    var numbers: [Int32] = []
    guard let folder = open(file: "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC) else { return numbers }
    defer { _ = Glibc.close(folder) }
    withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 8) { buffer in
      while true {
        let count = clinux_call(
          Int(SYS_getdents64), Int(folder), Int(bitPattern: buffer.baseAddress), buffer.count, 0, 0, 0)
        if count <= 0 { return }
        // struct linux_dirent64: d_ino (8), d_off (8), d_reclen (2), d_type (1), d_name.
        var offset = 0
        while offset + 19 < count {
          let length = Int(buffer.loadUnaligned(fromByteOffset: offset + 16, as: UInt16.self))
          var (index, number) = (offset + 19, Int32(0))
          while index < count, buffer[index] >= UInt8(ascii: "0"), buffer[index] <= UInt8(ascii: "9") {
            number = number &* 10 &+ Int32(buffer[index] - UInt8(ascii: "0"))
            index += 1
          }
          if index > offset + 19 { numbers.append(number) }
          if length < 20 { return }
          offset += length
        }
      }
    }
    return numbers
  }

  /// The permission bits of what is at a path, links followed within its root; nil when nothing is.
  public func mode(of path: KernelPath) -> UInt32? {
    guard let file = try? open(path, Linux.oPath), let status = try? status(of: file.raw) else { return nil }
    return status.st_mode & 0o7777
  }
}
