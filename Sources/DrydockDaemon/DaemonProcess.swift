#if canImport(Glibc)
  import Glibc
#endif
import Engine
import Handoff
import RemoteAPI
import Seams
import Simulation

/// The options of `drydockd`.
public struct DaemonOptions: Sendable {
  public var hosts: [String] = []
  public var tlsVerify = false
  public var authorities: String?
  public var certificate: String?
  public var key: String?
  public var dataRoot = "/var/lib/drydock"
  public var execRoot = "/run/drydock"
  public var pidFile: String?
  public var mode = "real"
  public var stack = "docker"
  public var runtime: String?
  public var seed: UInt64 = 1
  public var speed: Double = 1
  public var trace: String?
  /// Real mode: registries to which plain HTTP is spoken, mirrors of Docker Hub, layers fetched at once.
  public var insecureRegistries: [String] = []
  public var registryMirrors: [String] = []
  public var maxConcurrentDownloads = 3
  public init() {}
  public static let version = SimMachine.engineVersion

  /// Where to listen when nothing was said.
  var listeners: [String] { hosts.isEmpty ? ["unix://\(execRoot)/drydock.sock"] : hosts }

  /// TLS for TCP; nil without. Throws `EngineError` for half of what it needs.
  func tls() throws -> ServerTLS? {
    guard tlsVerify || certificate != nil || key != nil else { return nil }
    guard let certificate, let key else {
      throw EngineError(.invalidArgument, "TLS needs --tlscert and --tlskey")
    }
    guard !tlsVerify || authorities != nil else {
      throw EngineError(.invalidArgument, "--tlsverify needs --tlscacert: who signs the clients' certificates")
    }
    return ServerTLS(certificate: certificate, key: key, clientAuthorities: tlsVerify ? authorities : nil)
  }
}

/// `drydockd` from its start to its end.
public struct DaemonProcess: Sendable {
  /// Makes the engine of a mode.
  public typealias EngineMaker = @Sendable (DaemonOptions) async throws -> any RunningEngine
  let options: DaemonOptions
  private let realEngine: EngineMaker

  /// `realEngine` is what `--mode real` runs: given, so that nothing here needs what only real mode is made of.
  public init(_ options: DaemonOptions, realEngine: @escaping EngineMaker) {
    (self.options, self.realEngine) = (options, realEngine)
  }

  /// Serves until SIGTERM or SIGINT; the exit status.
  public func run() async -> Int32 {
    ShutdownSignals.install()
    do {
      let listeners = try options.listeners.map(Listener.init)
      let tls = try options.tls()
      for listener in listeners where !listener.isLocal && tls?.clientAuthorities == nil {
        // Whoever reaches the API is root on this machine.
        throw EngineError(
          .invalidArgument,
          "\(listener) can be reached from other machines: give --tlsverify with --tlscacert, --tlscert and --tlskey")
      }
      let pidFile = try PIDFile(path: options.pidFile ?? options.execRoot + "/drydockd.pid")
      defer { pidFile.remove() }
      let engine = try await makeEngine()
      try await serve(engine, on: listeners, tls)
      return 0
    } catch {
      DaemonProcess.log("failed to start daemon: \(error)")
      return 1
    }
  }

  private func makeEngine() async throws -> any RunningEngine {
    switch options.mode {
    case "trace": return try TraceModeEngine(options)
    case "real": return try await realEngine(options)
    default: throw EngineError(.invalidArgument, "no such mode: \(options.mode); there are trace and real")
    }
  }

  private func serve(_ engine: any RunningEngine, on listeners: [Listener], _ tls: ServerTLS?) async throws {
    let feed = TraceFeed(header: { engine.header })
    engine.recorder.attach(feed)
    var file: TraceFile?
    if let path = options.trace {
      let opened = try TraceFile(path: path, header: engine.header)
      engine.recorder.attach(opened)
      file = opened
    }
    let server = RemoteAPIServer(
      identity: ServerIdentity(
        api: EngineVersion.api, minimumAPI: EngineVersion.minimumAPI, version: EngineVersion.version),
      routes: ["GET /drydock/trace": feed.answer])
    let result: Result<Void, any Error>
    do {
      // What the start hands over is in the trace as well.
      try await engine.start()
      for listener in listeners {
        switch listener {
        case .unix(let path):
          try await server.listen(unix: path, engine.api(overTLS: false))
          DaemonProcess.log("API listen on \(path)")
        case .tcp(let host, let port):
          let port = try await server.listen(host: host, port: port, tls: tls, engine.api(overTLS: tls != nil))
          DaemonProcess.log("API listen on \(Listener.tcp(host: host, port: port))\(tls == nil ? "" : " with TLS")")
        }
      }
      DaemonProcess.log("Daemon has completed initialization: \(engine.summary), process \(getpid())")
      await ShutdownSignals.wait()
      DaemonProcess.log("Processing signal: shutting down")
      result = .success(())
    } catch { result = .failure(error) }
    feed.close()
    await server.shutdown()
    await engine.stop()
    if let damage = file?.finish() { DaemonProcess.log(damage) }
    try result.get()
    DaemonProcess.log("Daemon shutdown complete")
  }

  /// A line on standard error.
  public static func log(_ text: String) {
    let bytes = Array("drydockd: \(text)\n".utf8)
    _ = bytes.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
  }
}

/// An engine that is up: the simulated one or a real one.
public protocol RunningEngine: Sendable {
  var recorder: Recorder { get }
  var header: TraceHeader { get }
  /// What it is, for the line at the start.
  var summary: String { get }
  /// Puts in order what an earlier process left, before the first request; its handoffs are recorded.
  func start() async throws
  /// The daemon, traced, for clients of a unix socket or TCP, or of TCP with TLS.
  func api(overTLS: Bool) -> any RemoteAPI
  func stop() async
}

/// `--mode trace`: a simulated machine behind real sockets.
public struct TraceModeEngine: RunningEngine {
  public let live: LiveMachine

  /// Throws `EngineError` for a stack or runtime that nobody knows.
  public init(_ options: DaemonOptions) throws {
    if let runtime = options.runtime, !SimMachine.runtimes.contains(runtime) {
      throw EngineError(
        .invalidArgument, "no such runtime: \(runtime); there are \(SimMachine.runtimes.joined(separator: ", "))")
    }
    let machine = try SimMachine(
      seed: options.seed, stack: options.stack, runtime: options.runtime, started: Clock.unixTime)
    do { live = try LiveMachine(machine, speed: options.speed) } catch {
      throw EngineError(.unavailable, error.description)
    }
  }

  public var recorder: Recorder { live.machine.recorder }
  public var header: TraceHeader { live.machine.header }
  public var summary: String {
    "trace mode (nothing is really run), stack \(live.machine.stack), runtime \(live.machine.runtime)"
  }
  public func api(overTLS: Bool) -> any RemoteAPI { live.daemon(overTLS: overTLS) }
  public func start() {}
  public func stop() async { await live.stop() }
}
