import Client
import Handoff
import Seams
import Simulation
import Synchronization

/// The docker client on the CI server: its own credentials, no terminal, and the daemon of the learner's host reached
/// over the network.
final class BuildServerClient: Sendable {
  /// What belongs to the session; nil once it is over.
  private let face = Mutex<SessionFace?>(nil)

  func use(_ face: SessionFace?) { self.face.withLock { $0 = face } }

  /// Adds the CI server to a machine's internet.
  func join(_ machine: SimMachine) {
    BuildServer(world: machine.world, registries: machine.registries) { [weak self] words in
      guard let face = self?.face.withLock({ $0 }), let daemon = face.remoteDaemon else {
        return (1, "Cannot connect to the Docker daemon at \(BuildServer.dockerHost). Is the docker daemon running?\n")
      }
      let environment = RemoteEnvironment(daemon: daemon, world: face.world)
      let status = await DockerCommandLine.run(Array(words.dropFirst()), in: environment)
      return (status, environment.printed)
    }.join(machine.network.internet)
  }
}

/// What that client has around it.
private final class RemoteEnvironment: ClientEnvironment {
  let daemon: any RemoteAPI
  let world: any World
  let files: any ClientFiles = UserFiles(isReadOnly: { true })
  let configuration: any ClientConfigurationStore
  let input = ByteChannel()
  let interrupts: AsyncStream<ClientInterrupt>
  private let output = Mutex<[UInt8]>([])

  init(daemon: any RemoteAPI, world: any World) {
    (self.daemon, self.world) = (daemon, world)
    let credentials = SessionConfiguration()
    if let account = RegistryAccounts.privateRegistry.first(where: { $0.name == "ci" }) {
      credentials.store(
        RegistryCredentials(username: account.name, password: account.password), for: RegistryWorld.privateHost)
    }
    configuration = credentials
    let (stream, end) = AsyncStream<ClientInterrupt>.makeStream()
    interrupts = stream
    end.finish()
    input.closeWriting()
  }

  var printed: String { output.withLock { String(decoding: $0, as: UTF8.self) } }
  var daemonHost: String { BuildServer.dockerHost }
  var unixTime: UInt64 { world.unixTime }
  var inputIsTerminal: Bool { false }
  var terminalSize: (columns: Int, rows: Int) { (80, 24) }
  func isTerminal(_ stream: ClientStream) -> Bool { false }
  func variable(_ name: String) -> String? { nil }
  func withRawTerminal<T: Sendable>(_ body: @Sendable () async throws -> T) async rethrows -> T { try await body() }

  @discardableResult
  func write(_ bytes: [UInt8], to stream: ClientStream) async -> Bool {
    output.withLock { $0 += bytes }
    return true
  }
}
