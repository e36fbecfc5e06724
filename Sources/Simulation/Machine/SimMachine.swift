import Engine
import Handoff
import Seams
import Synchronization

/// A whole simulated machine: clock, kernel, network, registries, and on them the engine of a stack.
///
/// Everything in it happens on `world`; whoever holds the machine drives it from one thread.
public final class SimMachine: Sendable {
  public static let engineVersion = "0.1.0"
  /// The OCI runtimes that can be chosen.
  public static let runtimes = ["runc", "crun", "railcar", "drydock-runc"]

  public let seed: UInt64
  public let world: SimWorld
  public let recorder: Recorder
  public let faults: Faults
  public let registries: RegistryWorld
  private let wire: SimWire
  private let gate: (any StepGate)?

  private struct State {
    var stack: String
    var engines: [String: (host: SimHost, stack: any SimStack)] = [:]
  }
  /// The programs of images and of the host.
  private let programs: ProgramTable
  /// The runtime that was asked for at the start; nil leaves each stack its own.
  private let firstRuntime: String?
  private let state: Mutex<State>

  /// A machine as it stands after booting. `gate` is where `step on` waits; `programs` are added to the standard ones;
  /// without a `runtime` each stack begins with its own (crun for podman, runc for the others); `started` is the time at
  /// the beginning, in nanoseconds since 1970. Throws `EngineError` when a part does not come up.
  public init(
    seed: UInt64, stack: String, runtime: String? = nil, started: UInt64 = SimWorld.epoch,
    gate: (any StepGate)? = nil, programs added: [String: any SimProgram] = [:]
  ) throws {
    var programs = SimMachine.standard
    for (name, program) in added { programs.register(name, program) }
    self.programs = programs
    let world = SimWorld(seed: seed, started: started)
    (self.seed, self.world, self.gate) = (seed, world, gate)
    // The stack's own says nothing about others that are used later.
    firstRuntime = runtime.flatMap {
      $0 != SimMachine.ownRuntime(of: stack) && SimMachine.runtimes.contains($0) ? $0 : nil
    }
    recorder = Recorder(clock: { world.now })
    faults = Faults()
    wire = SimWire(world: world, faults: faults)
    registries = RegistryWorld(world: world)
    state = Mutex(State(stack: stack))
    _ = try engine(of: stack)
  }

  /// The programs of images and of the host, made once.
  private static let standard = standardPrograms()

  // MARK: The stack

  public var stack: String { state.withLock { $0.stack } }
  /// The OCI runtime with which containers are created from now on.
  public var runtime: String { current.runtime }

  /// From now on commands go to another stack's engine; each is on a host of its own, with images and containers of its
  /// own. Throws `EngineError` for a stack that nobody knows.
  public func use(stack: String) throws {
    _ = try engine(of: stack)
    state.withLock { $0.stack = stack }
  }

  /// From now on the stack creates containers by another runtime. The refusal, when it cannot have it.
  public func use(runtime: String) -> String? { current.use(runtime: runtime) }

  /// The engine of the stack that is in use.
  public var current: any SimStack { inUse.stack }
  /// The host of the stack that is in use.
  public var host: SimHost { inUse.host }
  public var kernel: SimKernel { host.kernel }
  public var network: SimNetwork { host.network }

  private var inUse: (host: SimHost, stack: any SimStack) {
    let (name, engine) = state.withLock { ($0.stack, $0.engines[$0.stack]) }
    guard let engine else { preconditionFailure("the stack \(name) was used before it was made") }
    return engine
  }

  /// The engine of a stack, made when it is first asked for.
  private func engine(of name: String) throws -> any SimStack {
    if let engine = state.withLock({ $0.engines[name] }) { return engine.stack }
    // Docker 1.10 is older than version 2 of cgroups.
    let host = SimHost(world: world, programs: programs, cgroupVersion: name == "docker-1.10" ? 1 : 2)
    host.network.internet.add(registries, world: world)
    let parts = SimParts(
      world: world, recorder: recorder, wire: wire, faults: faults, gate: gate, network: host.network,
      kernel: host.kernel, registries: registries, blobs: host.blobs, runtime: firstRuntime)
    guard let engine = SimMachine.make(name, parts) else {
      throw EngineError(.notFound, "no such stack: \(name)")
    }
    let failure = world.runBlocking { () -> EngineError? in
      do {
        try await engine.start()
        return nil
      } catch { return error as? EngineError ?? EngineError(.unknown, "\(error)") }
    }
    if case .some(let failure?) = failure { throw failure }
    state.withLock { $0.engines[name] = (host, engine) }
    return engine
  }

  private static func make(_ name: String, _ parts: SimParts) -> (any SimStack)? {
    switch name {
    case "docker": DockerStack(parts)
    case "fargate": FargateStack(parts)
    case "docker-1.10": MonolithStack(parts)
    case "podman": PodmanStack(parts)
    case "cri-o": CRIOStack(parts)
    case "containerd": ContainerdStack(parts)
    default: nil
    }
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
  /// The parts of the stack in use that `break` can break.
  public var breakable: [String] { current.breakable }
  /// The name of the runtime that a stack uses, or would begin with.
  public func runtimeName(of stack: String) -> String {
    if let engine = state.withLock({ $0.engines[stack] }) { return engine.stack.runtime }
    return stack == "docker-1.10" ? "libcontainer" : firstRuntime ?? SimMachine.ownRuntime(of: stack)
  }
  /// The runtime that a stack comes with.
  public static func ownRuntime(of stack: String) -> String {
    switch stack {
    case "podman": "crun"
    case "docker-1.10": "libcontainer"
    default: "runc"
    }
  }

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
      started: RFC3339Time.text(world.started), seed: seed)
  }
}

/// What a stack has a host of its own for: kernel, network, disk.
public struct SimHost: Sendable {
  public let network: SimNetwork
  public let kernel: SimKernel
  public let blobs: MemoryBlobStore

  init(world: SimWorld, programs: ProgramTable, cgroupVersion: Int) {
    network = SimNetwork(world: world)
    kernel = SimKernel(world: world, network: network, programs: programs, cgroupVersion: cgroupVersion)
    blobs = MemoryBlobStore(world: world)
  }
}

/// What every stack stands on.
public struct SimParts: Sendable {
  public let world: SimWorld
  public let recorder: Recorder
  public let wire: any Wire
  public let faults: Faults
  public let gate: (any StepGate)?
  public let network: SimNetwork
  public let kernel: SimKernel
  public let registries: RegistryWorld
  public let blobs: MemoryBlobStore
  /// The OCI runtime to begin with; nil is the stack's own.
  public let runtime: String?

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
  /// Its own client, for command lines that begin with one of `clientNames`; nil when those are the docker client's
  /// words (podman) or there is none.
  var client: (any StackClient)? { get }
  /// The parts that `break` can break, in the order in which a request meets them.
  var breakable: [String] { get }
  func start() async throws
  /// The OCI runtime with which containers are created.
  var runtime: String { get }
  /// Containers made from now on get another runtime; the refusal, when this stack cannot have it.
  func use(runtime: String) -> String?
}

extension SimStack {
  public var client: (any StackClient)? { nil }
  public var remote: (any RemoteAPI)? { nil }
}
