import DrydockDaemon
import Foundation
import RemoteAPI
import Synchronization
import Testing
import Threads

/// The genuine `docker` in front of a simulated engine behind a real socket.
struct GenuineDocker: Sendable {
  let socket: String
  let folder: String
  let engine: TraceModeEngine
  let feed: TraceFeed
  /// A person's second is fifty of the machine's.
  static let speed = 50.0

  /// Where docker is; nil when it is not installed.
  static let program = ["/usr/local/bin/docker", "/usr/bin/docker"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }
  static var isCI: Bool { ProcessInfo.processInfo.environment["CI"] == "true" }

  struct Result: Sendable {
    var status: Int32
    var output: String
    var error: String
  }

  static func with(_ body: (GenuineDocker) async throws -> Void) async throws {
    let folder = try WireFixture.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var options = DaemonOptions()
    options.speed = speed
    let engine = try TraceModeEngine(options)
    let feed = TraceFeed(header: { engine.header })
    engine.recorder.attach(feed)
    let server = RemoteAPIServer(
      identity: ServerIdentity(api: "1.52", minimumAPI: "1.24", version: "29.0.0"),
      routes: ["GET /drydock/trace": feed.answer])
    let docker = GenuineDocker(socket: folder + "/docker.sock", folder: folder, engine: engine, feed: feed)
    try await server.listen(unix: docker.socket, engine.api(overTLS: false))
    do { try await body(docker) } catch {
      await server.shutdown(within: 0)
      await engine.stop()
      throw error
    }
    feed.close()
    await server.shutdown(within: 100_000_000)
    await engine.stop()
  }

  /// Runs `docker WORDS`; `typed` is its standard input.
  func callAsFunction(_ words: String..., typed: String? = nil) async throws -> Result {
    try await run(try #require(GenuineDocker.program), words, typed: typed)
  }

  func run(_ program: String, _ words: [String], typed: String? = nil) async throws -> Result {
    let (socket, folder) = (socket, folder)
    return try await blocking {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: program)
      process.arguments = words
      var environment = ProcessInfo.processInfo.environment
      environment["DOCKER_HOST"] = "unix://\(socket)"
      environment["DOCKER_CONFIG"] = folder + "/config"
      environment["DOCKER_CONTENT_TRUST"] = nil
      process.environment = environment
      let (input, output, error) = (Pipe(), Pipe(), Pipe())
      process.standardInput = typed == nil ? FileHandle.nullDevice : input
      (process.standardOutput, process.standardError) = (output, error)
      try process.run()
      if let typed {
        input.fileHandleForWriting.write(Data(typed.utf8))
        try? input.fileHandleForWriting.close()
      }
      // A client that never ends is ended.
      let watchdog = DispatchWorkItem { process.terminate() }
      DispatchQueue.global().asyncAfter(deadline: .now() + 120, execute: watchdog)
      // Not on the pool: the engine under test has its tasks there.
      let gathered = Gathered()
      let done = DispatchSemaphore(value: 0)
      try DetachedThread.start {
        gathered.set(error.fileHandleForReading.readDataToEndOfFile())
        done.signal()
      }
      let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      watchdog.cancel()
      done.wait()
      return Result(
        status: process.terminationStatus, output: text, error: String(decoding: gathered.data, as: UTF8.self))
    }
  }

  private final class Gathered: Sendable {
    private let kept = Mutex(Data())
    var data: Data { kept.withLock { $0 } }
    func set(_ data: Data) { kept.withLock { $0 = data } }
  }
}
