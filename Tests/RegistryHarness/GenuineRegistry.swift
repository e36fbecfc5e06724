import Foundation

/// Where a missing neighbour is a failure.
package let isCI = ProcessInfo.processInfo.environment["CI"] == "true"

/// The genuine registry of the distribution project (Debian's `docker-registry`), on a port of the loopback.
package final class GenuineRegistry {
  private let process = Process()
  package let folder: String
  package let host: String

  package static let program = "/usr/bin/docker-registry"
  package static var isHere: Bool { FileManager.default.isExecutableFile(atPath: program) }

  /// `settings` are further top members of its configuration; in them `FOLDER` is its own folder, in which `prepare`
  /// may put files.
  package init(
    port given: Int? = nil, http: String = "", settings: String = "", prepare: (String) throws -> Void = { _ in }
  )
    throws
  {
    folder =
      FileManager.default.temporaryDirectory.appendingPathComponent(
        "drydock-registry-\(UUID().uuidString)"
      ).path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try prepare(folder)
    let port = try given ?? freePort()
    host = "127.0.0.1:\(port)"
    let text = """
      version: 0.1
      log: {level: error, accesslog: {disabled: true}}
      storage: {filesystem: {rootdirectory: \(folder)/data}, delete: {enabled: true}}
      http: {addr: "\(host)"\(http)}
      \(settings)
      """.replacingOccurrences(of: "FOLDER", with: folder)
    let file = folder + "/config.yml"
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    process.executableURL = URL(fileURLWithPath: GenuineRegistry.program)
    process.arguments = ["serve", file]
    (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    process.environment = ["OTEL_TRACES_EXPORTER": "none", "PATH": "/usr/bin:/bin"]
    try process.run()
    for _ in 0..<500 where !isListening(port) { usleep(20_000) }
  }

  package func end() {
    process.terminate()
    process.waitUntilExit()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Runs `body` beside a registry, which goes afterwards.
  package static func with(
    port: Int? = nil, http: String = "", settings: String = "", prepare: (String) throws -> Void = { _ in },
    _ body: (GenuineRegistry) async throws -> Void
  ) async throws {
    let registry = try GenuineRegistry(port: port, http: http, settings: settings, prepare: prepare)
    let result: Result<Void, any Error>
    do { result = .success(try await body(registry)) } catch { result = .failure(error) }
    registry.end()
    try result.get()
  }
}

/// A port of the loopback that is free now; another program could only take it in the next moment.
private func freePort() throws -> Int {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  let result = withUnsafeMutablePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
      bind(descriptor, address, length) == 0 ? getsockname(descriptor, address, &length) : -1
    }
  }
  guard result == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
  return Int(UInt16(bigEndian: address.sin_port))
}

private func isListening(_ port: Int) -> Bool {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = in_port_t(UInt16(port)).bigEndian
  address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
  return withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
    }
  }
}
