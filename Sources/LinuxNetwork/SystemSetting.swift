import CNetwork
import Glibc
import Runtime

/// sysctl(8): files under /proc/sys. Those of `net` are the calling thread's network namespace's.
enum SystemSetting {
  /// The value without its newline; nil when there is no such setting.
  static func read(_ name: String) -> String? {
    let opened = cnetwork_open("/proc/sys/\(name)", O_RDONLY)
    guard opened >= 0 else { return nil }
    defer { close(Int32(opened)) }
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = buffer.withUnsafeMutableBytes { Glibc.read(Int32(opened), $0.baseAddress, $0.count) }
    guard count >= 0 else { return nil }
    return String(decoding: buffer.prefix(count).filter { $0 != 10 }, as: UTF8.self)
  }

  static func write(_ name: String, _ value: String) throws(Errno) {
    let opened = cnetwork_open("/proc/sys/\(name)", O_WRONLY)
    guard opened >= 0 else { throw Errno(number: Int32(-opened)) }
    defer { close(Int32(opened)) }
    let bytes = Array(value.utf8)
    guard Glibc.write(Int32(opened), bytes, bytes.count) == bytes.count else { throw Errno(number: errno) }
  }
}
