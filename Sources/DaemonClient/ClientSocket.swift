#if canImport(Glibc)
  import Glibc
#endif
import Synchronization
import Threads

/// Why a socket cannot be used: the C library's words.
struct SocketError: Error {
  let code: Int32
  /// `connect: no such file or directory`.
  let description: String

  init(_ call: String, _ code: Int32) {
    self.code = code
    description = "\(call): \(String(cString: strerror(code)).lowercased())"
  }
  init(resolving host: String, _ reason: String) {
    code = EHOSTUNREACH
    description = "lookup \(host): \(reason.lowercased())"
  }
}

/// A connected stream socket, for tasks.
final class ClientSocket: Sendable {
  private let descriptor: Int32
  private let isClosed = Atomic<Bool>(false)

  private init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit {
    // Nobody can wait for it any more.
    Glibc.close(descriptor)
  }

  // MARK: Connecting

  /// Connects to where the daemon listens. Throws `SocketError`.
  static func connect(to host: DaemonHost) async throws -> ClientSocket {
    do { try Readiness.shared.start() } catch { throw SocketError("clone", error.errno) }
    // Names are looked up and connections made by calls that block.
    let result: Result<Int32, SocketError> = await DetachedThread.run {
      switch host {
      case .unix(let path): connect(unix: path)
      case .tcp(let name, let port): connect(tcp: name, port)
      }
    }
    return ClientSocket(try result.get())
  }

  private static func ready(_ descriptor: Int32) -> Result<Int32, SocketError> {
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    return .success(descriptor)
  }

  private static func connect(unix path: String) -> Result<Int32, SocketError> {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
      return .failure(SocketError("connect", ENAMETOOLONG))
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return .failure(SocketError("socket", errno)) }
    let status = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard status == 0 else {
      let reason = errno
      Glibc.close(descriptor)
      return .failure(SocketError("connect", reason))
    }
    return ready(descriptor)
  }

  private static func connect(tcp host: String, _ port: Int) -> Result<Int32, SocketError> {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, String(port), &hints, &list)
    guard status == 0, let first = list else {
      return .failure(SocketError(resolving: host, String(cString: gai_strerror(status))))
    }
    defer { freeaddrinfo(first) }
    var last = SocketError("connect", ECONNREFUSED)
    var next: UnsafeMutablePointer<addrinfo>? = first
    while let entry = next {
      next = entry.pointee.ai_next
      let descriptor = socket(
        entry.pointee.ai_family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), entry.pointee.ai_protocol)
      guard descriptor >= 0 else { continue }
      if Glibc.connect(descriptor, entry.pointee.ai_addr, entry.pointee.ai_addrlen) == 0 {
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        return ready(descriptor)
      }
      last = SocketError("connect", errno)
      Glibc.close(descriptor)
    }
    return .failure(last)
  }

  // MARK: Bytes

  /// The next bytes; nil at the end. Throws `SocketError`, or `CancellationError` when the task is cancelled.
  func read(_ limit: Int = 1 << 16) async throws -> [UInt8]? {
    while true {
      if isClosed.load(ordering: .acquiring) { return nil }
      var failure: Int32 = 0
      let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
        let got = recv(descriptor, buffer.baseAddress, limit, 0)
        if got < 0 { failure = errno }
        count = max(0, got)
      }
      if failure == 0 { return bytes.isEmpty ? nil : bytes }
      guard failure == EAGAIN || failure == EINTR else { throw SocketError("read", failure) }
      if Task.isCancelled { throw CancellationError() }
      if failure == EAGAIN { await Readiness.shared.wait(descriptor, toWrite: false) }
    }
  }

  /// Writes all of it. Throws as `read` does.
  func write(_ bytes: [UInt8]) async throws {
    var offset = 0
    while offset < bytes.count {
      if isClosed.load(ordering: .acquiring) { throw SocketError("write", EPIPE) }
      let count = bytes.withUnsafeBytes { buffer in
        send(
          descriptor, buffer.baseAddress.map { $0 + offset }, buffer.count - offset, Int32(MSG_NOSIGNAL))
      }
      if count >= 0 {
        offset += count
        continue
      }
      let reason = errno
      guard reason == EAGAIN || reason == EINTR else { throw SocketError("write", reason) }
      if Task.isCancelled { throw CancellationError() }
      if reason == EAGAIN { await Readiness.shared.wait(descriptor, toWrite: true) }
    }
  }

  /// Nothing more will be written (half-close).
  func closeWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Ends both directions; whoever waits for the socket wakes. The descriptor itself lives as long as this object.
  func close() {
    guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
    shutdown(descriptor, Int32(SHUT_RDWR))
    Readiness.shared.release(descriptor)
  }
}
