import ArgumentParser
import DrydockDaemon

/// The engine.
@main
struct Drydockd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drydockd", abstract: "Drydock's engine: serves the Docker Engine API.",
    version: DaemonOptions.version)

  @Option(
    name: [.customShort("H"), .long],
    help: ArgumentHelp(
      "Where to listen: unix://PATH, tcp://ADDRESS:PORT. May be given several times.", valueName: "host"))
  var host: [String] = []
  @Flag(name: .customLong("tlsverify"), help: "On TCP let in only clients with a certificate of --tlscacert.")
  var tlsVerify = false
  @Option(name: .customLong("tlscacert"), help: ArgumentHelp("Who signs the clients' certificates.", valueName: "file"))
  var authorities: String?
  @Option(name: .customLong("tlscert"), help: ArgumentHelp("The certificate for TCP.", valueName: "file"))
  var certificate: String?
  @Option(name: .customLong("tlskey"), help: ArgumentHelp("Its key.", valueName: "file")) var key: String?
  @Option(help: ArgumentHelp("Images, containers, volumes.", valueName: "folder")) var dataRoot = "/var/lib/drydock"
  @Option(help: ArgumentHelp("What ends with the machine: sockets, pid file.", valueName: "folder"))
  var execRoot = "/run/drydock"
  @Option(name: .customLong("pidfile"), help: ArgumentHelp("Default: EXEC-ROOT/drydockd.pid.", valueName: "file"))
  var pidFile: String?
  @Option(help: "real, or trace: a simulated engine for genuine clients.") var mode = "real"
  @Option(help: "Trace mode: which parts stand between the client and the kernel.") var stack = "docker"
  @Option(help: "Trace mode: the OCI runtime.") var runtime: String?
  @Option(help: "Trace mode: what chance begins with.") var seed: UInt64 = 1
  @Option(help: "Trace mode: simulated seconds in each second.") var speed: Double = 1
  @Option(help: ArgumentHelp("Record every handoff to a file, as it happens.", valueName: "file")) var trace: String?

  @Option(
    name: .customLong("insecure-registry"),
    help: ArgumentHelp("Real mode: a registry to which plain HTTP is spoken.", valueName: "host"))
  var insecureRegistries: [String] = []
  @Option(
    name: .customLong("registry-mirror"),
    help: ArgumentHelp("Real mode: asked before Docker Hub.", valueName: "url"))
  var registryMirrors: [String] = []
  @Option(help: "Real mode: layers of one pull that are fetched at once.") var maxConcurrentDownloads = 3

  func run() async throws {
    var options = DaemonOptions()
    (options.hosts, options.tlsVerify, options.authorities) = (host, tlsVerify, authorities)
    (options.certificate, options.key) = (certificate, key)
    (options.dataRoot, options.execRoot, options.pidFile) = (dataRoot, execRoot, pidFile)
    (options.mode, options.stack, options.runtime, options.seed) = (mode, stack, runtime, seed)
    (options.speed, options.trace) = (speed, trace)
    (options.insecureRegistries, options.registryMirrors) = (insecureRegistries, registryMirrors)
    options.maxConcurrentDownloads = maxConcurrentDownloads
    let status = await DaemonProcess(options) { try RealModeEngine($0) }.run()
    if status != 0 { throw ExitCode(status) }
  }
}
