import JSONTree
import Runtime
import Seams
import Synchronization

/// The model of Linux that trace mode runs on: file systems, mounts, the eight kinds of namespaces, processes with
/// signals and terminals, users and capabilities, seccomp, cgroups. It refuses what Linux refuses.
///
/// One lock guards everything (`KernelState`); what calls others, or lets waiting tasks go on, happens after it is
/// released (`DeferredQueue`). The ends that the engine plugs in are extensions of this class: `ContainerKernel`
/// (`Ends/KernelCalls.swift`, `Ends/ContainerKernel.swift`), `HostFiles`, `FIFOs`, `SnapshotDriver`; `ProcessHandle` is
/// what simulated programs see of it.
public final class SimKernel: Sendable {
  public let world: SimWorld
  public let network: SimNetwork
  let programs: ProgramTable
  private let state: Mutex<KernelState>

  /// A host that has just booted: pid 1, a disk with the usual folders, `/proc`, `/sys`, `/dev`, `/run`, cgroups.
  ///
  /// - Parameters:
  ///   - memory: bytes of RAM.
  ///   - cgroupVersion: 2, or 1 for the older hierarchies.
  public init(
    world: SimWorld, network: SimNetwork, programs: ProgramTable, cpus: Int = 4, memory: Int64 = 8 << 30,
    hostname: String = "drydock", cgroupVersion: Int = 2
  ) {
    (self.world, self.network, self.programs) = (world, network, programs)
    let state = KernelState(world: world, programs: programs, cpus: max(1, cpus), memory: memory)
    state.boot(hostname: hostname, cgroupVersion: cgroupVersion)
    state.interfaceNames = { network.interfaces(in: $0).map(\.name) }
    state.current = state.initProcess
    state.furnish(hostname: hostname)
    state.current = nil
    _ = state.deferred.take()
    self.state = Mutex(state)
  }

  deinit { state.withLock { $0.tearDown() } }

  /// Works on the state, then does what had to wait for the lock.
  func locked<R: Sendable>(_ body: (KernelState) throws(Errno) -> R) throws(Errno) -> R {
    var actions: [Deferred] = []
    defer { if !actions.isEmpty { perform(actions) } }
    return try state.withLock { (state: inout sending KernelState) throws(Errno) -> R in
      let kernel = state
      defer {
        kernel.current = nil
        if !kernel.deferred.isEmpty { actions = kernel.deferred.take() }
      }
      return try body(kernel)
    }
  }

  /// The same for what cannot fail.
  func look<R: Sendable>(_ body: (KernelState) -> R) -> R {
    var actions: [Deferred] = []
    let result = state.withLock { state in
      let result = body(state)
      state.current = nil
      if !state.deferred.isEmpty { actions = state.deferred.take() }
      return result
    }
    if !actions.isEmpty { perform(actions) }
    return result
  }

  /// On behalf of the process with the host's number `pid`. ESRCH when there is none.
  func locked<R: Sendable>(as pid: Int, _ body: (KernelState, LinuxProcess) throws(Errno) -> R) throws(Errno) -> R {
    try locked { kernel throws(Errno) in
      let process = try kernel.process(pid)
      guard process.isAlive else { throw .ESRCH }
      kernel.current = process
      return try body(kernel, process)
    }
  }

  private func perform(_ actions: [Deferred]) {
    for action in actions {
      switch action {
      case .resume(let continuation): continuation.resume()
      case .closeWriting(let channel): channel.closeWriting()
      case .closeReading(let channel): channel.closeReading()
      case .push(let channel, let bytes): channel.push(bytes)
      case .removeNetwork(let id): network.removeNamespace(id)
      case .run(let body): body()
      case .start(let pid): start(pid)
      case .pump(let terminal, let keyboard): pump(terminal, keyboard)
      }
    }
  }

  /// Carries typed bytes to the line discipline, until the terminal is closed.
  private func pump(_ serial: Int, _ keyboard: ByteChannel) {
    world.spawn { [weak self] in
      while let bytes = await keyboard.read() {
        guard let self else { return }
        let isOpen = look { kernel -> Bool in
          guard let terminal = kernel.terminals[serial] else { return false }
          kernel.type(bytes, into: terminal)
          return true
        }
        if !isOpen { return }
      }
    }
  }

  /// The bytes of a file, also of those that the network stack fills.
  func bytes(of data: FileData) throws(Errno) -> [UInt8] {
    switch data {
    case .bytes(let bytes): return bytes
    case .network(let file, let id):
      guard let text = file.text(network.interfaces(in: id), network.routes(in: id)) else { throw .ENODEV }
      return Array(text.utf8)
    }
  }

  // MARK: Programs

  /// Runs what a process has executed, to its end.
  private func start(_ pid: Int) {
    world.spawn { [self] in await run(pid, body: nil) }
  }

  /// Runs a program or a closure of one as the process `pid`, and whatever it becomes by execve(2).
  func run(_ pid: Int, body: (@Sendable (any SimProcess) async throws -> Int32)?) async {
    let handle = ProcessHandle(kernel: self, pid: pid)
    var body = body
    while true {
      do {
        let status: Int32
        if let closure = body {
          status = try await closure(handle)
        } else {
          let name = look { kernel -> String? in
            guard let process = kernel.initPID.processes[pid], process.isAlive, case .program(let name) = process.driver
            else { return nil }
            return name
          }
          guard let name, let program = programs[name] else { return }
          status = try await program.main(handle)
        }
        end(pid, status: status & 0xff)
        return
      } catch is ProcessReplaced {
        body = nil
      } catch is ProcessKilled {
        return
      } catch {
        end(pid, status: 1)
        return
      }
    }
  }

  private func end(_ pid: Int, status: Int32) {
    look { kernel in
      guard let process = kernel.initPID.processes[pid] else { return }
      kernel.exit(process, status: status)
    }
  }
}
