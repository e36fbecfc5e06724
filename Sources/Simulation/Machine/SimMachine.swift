import Handoff
import Seams
import Synchronization

/// A whole simulated machine: clock, kernel, network, registries, and on them the engine of a stack.
///
/// Everything in it happens on `world`; whoever holds the machine drives it from one thread.
public final class SimMachine: Sendable {
  public static let engineVersion = "0.1.0"
  /// The OCI runtimes that can be chosen.
  public static let runtimes = ["runc", "crun", "railcar"]

  public let seed: UInt64
  public let world: SimWorld
  public let recorder: Recorder
  public let faults: Faults
  public let network: SimNetwork
  public let kernel: SimKernel
  public let registries: RegistryWorld
  private let blobs: MemoryBlobStore
  private let wire: SimWire
  private let gate: (any StepGate)?

  private struct State {
    var stack: String
    var runtime: String
    var engines: [String: any SimStack] = [:]
  }
  private let state: Mutex<State>

  /// A machine as it stands after booting. `gate` is where `step on` waits; `programs` are added to the standard ones.
  /// Throws `EngineError` when a part does not come up.
  public init(
    seed: UInt64, stack: String, runtime: String, gate: (any StepGate)? = nil,
    programs added: [String: any SimProgram] = [:]
  ) throws {
    var programs = SimMachine.programs
    for (name, program) in added { programs.register(name, program) }
    let world = SimWorld(seed: seed)
    (self.seed, self.world, self.gate) = (seed, world, gate)
    recorder = Recorder(clock: { world.now })
    faults = Faults()
    wire = SimWire(world: world, faults: faults)
    network = SimNetwork(world: world)
    kernel = SimKernel(world: world, network: network, programs: programs)
    registries = RegistryWorld(world: world)
    network.internet.add(registries, world: world)
    blobs = MemoryBlobStore(world: world)
    state = Mutex(State(stack: stack, runtime: runtime))
    _ = try engine(of: stack)
  }

  /// The programs of images and of the host, made once.
  private static let programs = standardPrograms()

  // MARK: The stack

  public var stack: String { state.withLock { $0.stack } }
  public var runtime: String { state.withLock { $0.runtime } }

  /// From now on commands go to another stack's engine; each has images and containers of its own.
  public func use(stack: String) throws {
    _ = try engine(of: stack)
    state.withLock { $0.stack = stack }
  }

  /// From now on containers are created by another runtime. The refusal, when the stack cannot have it.
  public func use(runtime: String) -> String? {
    guard let engine = try? engine(of: stack) else { return "the stack is down" }
    if let refusal = engine.use(runtime: runtime) { return refusal }
    state.withLock { $0.runtime = runtime }
    return nil
  }

  /// The engine of the stack that is in use.
  public var current: any SimStack {
    let (name, engine) = state.withLock { ($0.stack, $0.engines[$0.stack]) }
    guard let engine else { preconditionFailure("the stack \(name) was used before it was made") }
    return engine
  }

  /// The engine of a stack, made when it is first asked for.
  private func engine(of name: String) throws -> any SimStack {
    if let engine = state.withLock({ $0.engines[name] }) { return engine }
    let parts = SimParts(
      world: world, recorder: recorder, wire: wire, gate: gate, network: network, kernel: kernel,
      registries: registries, blobs: blobs, runtime: runtime)
    let engine: any SimStack = DockerStack(parts)
    let failure = world.runBlocking { () -> EngineError? in
      do {
        try await engine.start()
        return nil
      } catch { return error as? EngineError ?? EngineError(.unknown, "\(error)") }
    }
    if case .some(let failure?) = failure { throw failure }
    state.withLock { $0.engines[name] = engine }
    return engine
  }

  // MARK: What is asked from outside

  /// The parties of the stack in use.
  public var parties: [String] { current.parties }
  /// The client's names on the command line of this stack, besides `docker`.
  public var clientNames: [String] { current.clientNames }
  /// The daemon as a client reaches it, traced.
  public var daemon: any RemoteAPI { current.daemon }
  /// The same for clients on other machines (`tcp://HOST:2376`); nil when the stack has nothing that listens there.
  public var remoteDaemon: (any RemoteAPI)? { current.remote }
  /// The name of the runtime that a stack would use.
  public func runtimeName(of stack: String) -> String { runtime }

  /// Asks the daemon something without a trace of it.
  public func askUntraced(_ request: APIRequest) async -> APIResponse? { try? await current.untraced.send(request) }

  /// The tags of a repository in a simulated registry; nil when it is not there.
  public func registryTags(host: String, repository: String) -> [String]? {
    registries.repositories(host).contains(repository) ? registries.tags(host, repository) : nil
  }

  /// The header of a trace of this machine.
  public var header: TraceHeader {
    TraceHeader(
      mode: "trace", stack: stack, runtime: runtime, engine: "drydock \(SimMachine.engineVersion)",
      started: "2026-01-01T00:00:00Z", seed: seed)
  }
}

/// What every stack stands on.
public struct SimParts: Sendable {
  public let world: SimWorld
  public let recorder: Recorder
  public let wire: any Wire
  public let gate: (any StepGate)?
  public let network: SimNetwork
  public let kernel: SimKernel
  public let registries: RegistryWorld
  /// containerd's content store: one, whichever stack uses it.
  public let blobs: MemoryBlobStore
  /// The OCI runtime to begin with.
  public let runtime: String

  /// The traced decorator's data between two parties.
  public func tap(_ from: Party, _ to: Party, _ via: Via) -> Tap {
    Tap(from: from, to: to, via: via, recorder: recorder, wire: wire, gate: gate)
  }
}

/// A stack: the parts between a client and the kernel.
public protocol SimStack: Sendable {
  var name: String { get }
  /// In the order in which a request meets them.
  var parties: [String] { get }
  /// `podman`, `ctr`, `crictl`: what its own client is called.
  var clientNames: [String] { get }
  /// What the client talks to, traced.
  var daemon: any RemoteAPI { get }
  /// The same without a trace.
  var untraced: any RemoteAPI { get }
  /// The daemon as a client on another machine reaches it, over TCP with TLS; nil when nothing listens there.
  var remote: (any RemoteAPI)? { get }
  func start() async throws
  /// Containers made from now on get another runtime; the refusal, when this stack cannot have it.
  func use(runtime: String) -> String?
}

extension SimStack {
  public var remote: (any RemoteAPI)? { nil }
}
