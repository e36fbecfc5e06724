import Engine
import Handoff
import JSONTree
import Runtime
import Seams
import Synchronization

/// libcontainer in the place of shim and runtime: a library inside the docker daemon of before 1.11, which makes the
/// system calls itself (execdriver `native`: daemon/execdriver/native/driver.go).
///
/// So the containers' processes are children of the daemon: it alone holds their streams and learns of their ends, and
/// when it ends, they end.
final class Libcontainer: ShimLauncher {
  private struct State {
    /// The first processes of containers that run, by container.
    var running: [String: Int] = [:]
    /// Those who wait for the daemon to be there again.
    var waiting: [CheckedContinuation<Void, Never>] = []
  }
  private let parts: SimParts
  private let factory: ShimFactory
  private let daemon: DaemonProcess
  private let state = Mutex(State())

  init(_ parts: SimParts) {
    self.parts = parts
    daemon = DaemonProcess(parts.kernel)
    factory = ShimFactory(
      world: parts.world, runtime: InProcessRuntime(parts), files: SimHostFiles(parts.kernel),
      fifos: SimFIFOs(parts.kernel), processes: daemon.processes)
    parts.faults.observe { [weak self] part, kind in
      guard let self, part == "dockerd" else { return }
      if kind == .down { killAll() } else { resumeAll() }
    }
  }

  /// The daemon's process begins.
  func boot() { daemon.begin() }

  func start(_ invocation: ShimInvocation) async throws -> any ShimAPI {
    LibcontainerContainer(
      next: try await factory.start(invocation), library: self, invocation: invocation,
      tap: parts.tap(.dockerd, .libcontainer, .inproc))
  }

  /// Nothing is left that the library has not destroyed itself.
  func delete(_ invocation: ShimInvocation) async throws -> ShimDeleteResult {
    ShimDeleteResult(pid: 0, exitStatus: 0, exitedAt: parts.world.unixTime)
  }

  fileprivate func began(_ id: String, pid: Int) { state.withLock { $0.running[id] = pid } }
  fileprivate func ended(_ id: String) { state.withLock { _ = $0.running.removeValue(forKey: id) } }

  /// The daemon is gone, and its children go with it.
  private func killAll() {
    let pids = state.withLock { $0.running.sorted { $0.key < $1.key }.map(\.value) }
    for pid in pids { try? parts.kernel.kill(pid, signal: 9, by: daemon.pid) }
    daemon.end()
  }

  /// Waits while the daemon is down: what it would do about an end it does when it is there again.
  fileprivate func waitForDaemon() async {
    while parts.faults.kind("dockerd") == .down {
      await withCheckedContinuation { continuation in
        let isUp = state.withLock { state -> Bool in
          if parts.faults.kind("dockerd") != .down { return true }
          state.waiting.append(continuation)
          return false
        }
        if isUp { continuation.resume() }
      }
    }
  }

  private func resumeAll() {
    daemon.begin()
    let waiting = state.withLock { state in
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }
}

/// The process of the daemon, which is every container's parent.
private final class DaemonProcess: Sendable {
  private let kernel: SimKernel
  private let number = Mutex(0)
  init(_ kernel: SimKernel) { self.kernel = kernel }

  var pid: Int { number.withLock { $0 } }
  func begin() {
    guard pid == 0 else { return }
    let pid = kernel.spawnPart("docker", arguments: ["/usr/bin/docker", "daemon", "-H", "fd://"])
    number.withLock { $0 = pid }
  }
  func end() {
    let pid = number.withLock { number in
      defer { number = 0 }
      return number
    }
    if pid > 0 { kernel.endPart(pid) }
  }
  /// A part that the core begins for a container is the daemon itself, and does not end.
  var processes: PartProcesses {
    PartProcesses(next: kernel, spawn: { [self] _, _ in pid }, ends: { _ in false })
  }
}

/// One container, as the daemon has it of the library.
private final class LibcontainerContainer: ShimAPI {
  private let next: any ShimAPI
  private let library: Libcontainer
  private let invocation: ShimInvocation
  private let tap: Tap
  /// The call that started it: what the container does before its program runs belongs to it.
  private let starting = Mutex(TraceContext())

  init(next: any ShimAPI, library: Libcontainer, invocation: ShimInvocation, tap: Tap) {
    (self.next, self.library, self.invocation, self.tap) = (next, library, invocation, tap)
  }

  private var id: String { invocation.id }

  func call<O: ShimOperation>(_ operation: O) async throws -> O.Answer {
    switch operation {
    case is ShimTask.Create: return try await create(operation)
    case let start as ShimTask.Start:
      guard start.execId.isEmpty else {
        return try await carry("Container.Start", ["id": .string(id), "init": false], operation)
      }
      let context = starting.withLock { $0 }
      return try await TraceContext.$current.withValue(context) { try await next.call(operation) }
    case let kill as ShimTask.Kill:
      return try await carry("Container.Signal", ["id": .string(id), "signal": JSON(kill.signal)], operation)
    case is ShimTask.Pause: return try await carry("Container.Pause", ["id": .string(id)], operation)
    case is ShimTask.Resume: return try await carry("Container.Resume", ["id": .string(id)], operation)
    case let update as ShimTask.Update:
      return try await carry("Container.Set", ["id": .string(id), "resources": update.resources], operation)
    case is ShimTask.Stats: return try await carry("Container.Stats", ["id": .string(id)], operation)
    case is ShimTask.Pids: return try await carry("Container.Processes", ["id": .string(id)], operation)
    case let delete as ShimTask.Delete where delete.execId.isEmpty:
      await library.waitForDaemon()
      library.ended(id)
      // A container that could not be created is not there to be destroyed.
      _ = try await next.call(ShimTask.State(id: id))
      return try await carry("Container.Destroy", ["id": .string(id)], operation)
    default: return try await next.call(operation)
    }
  }

  private func create<O: ShimOperation>(_ operation: O) async throws -> O.Answer {
    let root = "/run/docker/execdriver/native"
    try await tap.carry(
      "libcontainer.Factory.Create",
      JSON.object(["id": .string(id), "root": .string(root), "config": invocation.config ?? .null]),
      outcome: { (_: Void) in .success(JSON.object(["id": .string(id)])) }
    ) {}
    return try await tap.carry(
      "libcontainer.Container.Start", JSON.object(["id": .string(id), "init": true]), outcome: { .success($0) }
    ) {
      starting.withLock { $0 = TraceContext.current }
      let answer = try await next.call(operation)
      if let created = answer as? ShimTask.Create.Answer { library.began(id, pid: created.pid) }
      return answer
    }
  }

  private func carry<O: ShimOperation>(_ name: String, _ arguments: JSON, _ operation: O) async throws -> O.Answer {
    try await tap.carry("libcontainer." + name, arguments, outcome: { .success($0) }) { try await next.call(operation) }
  }
}

/// The core's runtime without an execution: the library's system calls are recorded as its own.
private struct InProcessRuntime: RuntimeCLI {
  private let runtime: Runc

  init(_ parts: SimParts) {
    runtime = Runc(
      flavour: .runc, kernel: parts.kernel, files: SimHostFiles(parts.kernel), world: parts.world,
      kernelTap: parts.tap(.libcontainer, .kernel, .syscall))
  }

  func execute(_ command: RuntimeCommand) async throws -> RuntimeResult {
    var command = command
    command.runtime = "runc"
    return try await runtime.execute(command)
  }
}
