import CHarness
import Glibc

/// A unix socket that a runtime connects to: for a console's master, or a seccomp notify descriptor.
final class Listener {
  let path: String
  private let fd: Int32

  init(path: String) throws {
    self.path = path
    fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    guard fd >= 0 else { throw SystemError("socket") }
    _ = fcntl(fd, F_SETFD, FD_CLOEXEC)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < 108 else { throw SystemError("bind \(path)", ENAMETOOLONG) }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
    guard bound == 0, listen(fd, 4) == 0 else { throw SystemError("bind \(path)") }
  }

  deinit { close(fd) }

  /// Accepts one connection and takes the message and the descriptor sent over it.
  func receive(within seconds: Double = 10) throws -> (message: [UInt8], fd: Int32) {
    guard poll(fd, seconds) else { throw SystemError("accept on \(path)", ETIMEDOUT) }
    let connection = accept(fd, nil, nil)
    guard connection >= 0 else { throw SystemError("accept on \(path)") }
    defer { close(connection) }
    guard poll(connection, seconds) else { throw SystemError("receive on \(path)", ETIMEDOUT) }
    var buffer = [UInt8](repeating: 0, count: 65536)
    var size = buffer.count
    let received = charness_receive_fd(connection, &buffer, &size)
    guard received >= 0 else { throw SystemError("receive on \(path)", -received) }
    return (Array(buffer[..<size]), received)
  }
}

/// Whether `fd` can be read within `seconds`.
func poll(_ fd: Int32, _ seconds: Double) -> Bool {
  var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
  return Glibc.poll(&entry, 1, Int32(seconds * 1000)) > 0
}

/// The master's end of a terminal.
final class Master {
  let fd: Int32
  private(set) var text = ""

  init(fd: Int32) { self.fd = fd }
  deinit { close(fd) }

  /// Reads until `done` holds for everything read so far, the other end is closed, or time is out.
  @discardableResult
  func read(within seconds: Double = 10, until done: (String) -> Bool = { _ in false }) -> String {
    let deadline = monotonic() + UInt64(seconds * 1e9)
    var buffer = [UInt8](repeating: 0, count: 4096)
    while !done(text), monotonic() < deadline {
      guard poll(fd, 0.05) else { continue }
      let count = Glibc.read(fd, &buffer, buffer.count)
      if count <= 0 { break }
      text += String(decoding: buffer[..<count], as: UTF8.self)
    }
    return text
  }

  func write(_ text: String) { _ = Array(text.utf8).withUnsafeBytes { Glibc.write(fd, $0.baseAddress, $0.count) } }
}
