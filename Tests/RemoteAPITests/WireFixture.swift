import DaemonClient
import Foundation
import JSONTree
import RemoteAPI
import Seams
import Synchronization
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// A `RemoteAPI` as the tests want it, and what it was asked.
final class FakeEngine: RemoteAPI {
  private let answer: @Sendable (APIRequest) async throws -> APIResponse
  private let seen = Mutex<[APIRequest]>([])
  init(_ answer: @escaping @Sendable (APIRequest) async throws -> APIResponse) { self.answer = answer }
  func send(_ request: APIRequest) async throws -> APIResponse {
    seen.withLock { $0.append(request) }
    return try await answer(request)
  }
  var requests: [APIRequest] { seen.withLock { $0 } }
  var last: APIRequest? { requests.last }
}

/// A server in a folder of its own, on a unix socket.
struct WireFixture: Sendable {
  let folder: String
  let server: RemoteAPIServer
  var path: String { folder + "/s.sock" }
  static let identity = ServerIdentity(api: "1.52", minimumAPI: "1.24", version: "29.0.0")

  static func with<T: Sendable>(
    _ api: any RemoteAPI, _ body: (WireFixture) async throws -> T
  ) async throws -> T {
    let fixture = WireFixture(folder: try temporaryFolder(), server: RemoteAPIServer(identity: identity))
    defer { try? FileManager.default.removeItem(atPath: fixture.folder) }
    try await fixture.server.listen(unix: fixture.path, api)
    do {
      let value = try await body(fixture)
      await fixture.server.shutdown(within: 200_000_000)
      return value
    } catch {
      await fixture.server.shutdown(within: 0)
      throw error
    }
  }

  static func temporaryFolder() throws -> String {
    let path = NSTemporaryDirectory() + "ddw" + UUID().uuidString.prefix(8)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  var client: DaemonClient { DaemonClient(.unix(path)) }

  /// Sends bytes as they are and reads until the server closes (or `until` has come).
  func raw(_ text: String, halfClose: Bool = false, until: String? = nil) async throws -> String {
    let path = path
    return try await blocking {
      let descriptor = try RawSocket.connect(path)
      defer { close(descriptor) }
      RawSocket.send(descriptor, text)
      if halfClose { shutdown(descriptor, Int32(SHUT_WR)) }
      return RawSocket.receive(descriptor, until: until)
    }
  }
}

/// Runs what blocks on a thread of its own.
func blocking<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
  }
}

/// A socket by hand.
enum RawSocket {
  struct Failure: Error {}
  static func connect(_ path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    // A server that never answers fails the test, at last; one that waits for its turn among other tests does not.
    var patience = timeval(tv_sec: 600, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    let status = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard status == 0 else { throw Failure() }
    return descriptor
  }
  static func send(_ descriptor: Int32, _ text: String) {
    let bytes = Array(text.utf8)
    _ = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
  }
  static func receive(_ descriptor: Int32, until: String? = nil) -> String {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
      guard count > 0 else { break }
      all += buffer[..<count]
      if let until, String(decoding: all, as: UTF8.self).contains(until) { break }
    }
    return String(decoding: all, as: UTF8.self)
  }
}
