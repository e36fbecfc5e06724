import Client
import Handoff
import Runtime
import Seams
import Simulation
import Synchronization

/// The docker client as a program of the simulated host: `docker ps -q | wc -l`, `docker rm $(docker ps -aq)`.
final class HostDocker: SimProgram {
  /// What belongs to the session; set once the machine that has this program exists.
  private let face = Mutex<SessionFace?>(nil)

  func use(_ face: SessionFace?) { self.face.withLock { $0 = face } }

  func main(_ process: any SimProcess) async throws -> Int32 {
    guard let face = face.withLock({ $0 }) else { return 127 }
    let client = ProcessClient(process, face)
    let status = await DockerCommandLine.run(Array(process.arguments.dropFirst()), in: client)
    client.finish()
    return status
  }
}

/// What a docker client has around it as a process of the simulated host.
private final class ProcessClient: ClientEnvironment {
  private let process: any SimProcess
  private let face: SessionFace
  private let channel = ByteChannel()
  private let isReading = Atomic<Bool>(false)
  let interrupts: AsyncStream<ClientInterrupt>
  private let interrupted: AsyncStream<ClientInterrupt>.Continuation

  init(_ process: any SimProcess, _ face: SessionFace) {
    (self.process, self.face) = (process, face)
    (interrupts, interrupted) = AsyncStream.makeStream(of: ClientInterrupt.self)
  }

  var daemon: any RemoteAPI { face.daemon }
  var daemonHost: String { "unix:///var/run/docker.sock" }
  var world: any World { face.world }
  var unixTime: UInt64 { face.world.unixTime }
  var files: any ClientFiles { face.files }
  var configuration: any ClientConfigurationStore { face.configuration }
  var inputIsTerminal: Bool { false }
  var terminalSize: (columns: Int, rows: Int) { (80, 24) }
  func isTerminal(_ stream: ClientStream) -> Bool { false }
  func connecting(to host: String, withTLS: Bool) -> (any ClientEnvironment)? {
    RemoteDaemon.environment(host, withTLS: withTLS, self, face)
  }
  func withRawTerminal<T: Sendable>(_ body: @Sendable () async throws -> T) async rethrows -> T { try await body() }

  func variable(_ name: String) -> String? {
    process.environment.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
  }

  /// The process's standard input, read from the moment in which somebody asks for it.
  var input: ByteChannel {
    if !isReading.exchange(true, ordering: .relaxed) {
      let (process, channel) = (process, channel)
      face.world.spawn {
        while let bytes = try? await process.read(0, 65_536) {
          guard await channel.write(bytes) else { break }
        }
        channel.closeWriting()
      }
    }
    return channel
  }

  @discardableResult
  func write(_ bytes: [UInt8], to stream: ClientStream) async -> Bool {
    (try? await process.write(stream == .output ? 1 : 2, bytes)) != nil
  }

  func finish() {
    interrupted.finish()
    channel.closeReading()
  }
}
