import DrydockDaemon
import Handoff
import RealMachine
import Registry
import Seams

/// `--mode real`: images from registries, on this machine's disk.
struct RealModeEngine: RunningEngine {
  private let machine: RealMachine

  /// Takes the data root. Throws `EngineError` that says what stands in the way.
  init(_ options: DaemonOptions) throws {
    var own = RealMachine.Options()
    (own.dataRoot, own.execRoot) = (options.dataRoot, options.execRoot)
    own.insecureRegistries = options.insecureRegistries
    if !options.registryMirrors.isEmpty { own.mirrors["docker.io"] = options.registryMirrors }
    own.maxConcurrentDownloads = max(1, options.maxConcurrentDownloads)
    own.registries.proxies = Proxies.ofProcess
    machine = try RealMachine(own)
    if let obstacle = machine.overlayObstacle {
      DaemonProcess.log("snapshots are plain copies, for overlayfs is not to be had: \(obstacle)")
    }
  }

  var recorder: Recorder { machine.recorder }
  var header: TraceHeader { machine.header }
  var summary: String { "real mode, data root \(machine.options.dataRoot)" }
  func api(overTLS: Bool) -> any RemoteAPI { overTLS ? machine.remote : machine.daemon }
  func start() async throws { try await machine.start() }
  func stop() async { await machine.shutdown() }
}
