import Engine
import Handoff
import JSONTree
import Runtime
import Seams
import Synchronization

/// conmon in the shim's place: one small process a container, executed by the engine (CRI-O, podman), which executes the
/// runtime's `create`, holds the streams, and notes the exit status.
///
/// Everything else of the runtime the engine executes itself: `start`, `kill`, `delete`. So the calls that containerd
/// would make to a shim are not seen here; what is seen is who executes what.
final class Conmon: ShimLauncher {
  /// How an engine uses it.
  struct Style: Sendable {
    var engine: Party
    /// conmon's command line for a container, and for a process in it.
    var arguments: @Sendable (_ id: String, _ bundle: String, _ runtime: String) -> [String]
    var execArguments: @Sendable (_ id: String, _ session: String, _ runtime: String) -> [String]
    /// The runtime's global flags: as conmon passes them on, and as the engine has them.
    var globals: @Sendable (_ runtime: String, _ bundle: String, _ byConmon: Bool) -> [String]
    /// conmon calls the engine when the container has ended (podman, of which nothing else runs then): the command line.
    var cleanUp: (@Sendable (_ id: String) -> [String])?
    /// The runtime deletes the container when its record is removed, and not when it has ended (CRI-O).
    var deletesAtRemoval = false
    /// The engine executes the runtime's `exec` itself, without a conmon (CRI-O's Exec).
    var execsItself = false
  }
  let style: Style
  private let parts: SimParts
  private let factory: ShimFactory
  private let runtime: ConmonRuntime
  private let state = Mutex(State())

  private struct State {
    /// Deletions that wait for the removal, by container.
    var waiting: [String: @Sendable () async -> Void] = [:]
    var beforeDeletion: (@Sendable (String) async -> Void)?
  }

  /// A process in a container is executed by a conmon whatever the style says (CRI-O's ExecSync).
  @TaskLocal static var watchesExec = false

  init(_ parts: SimParts, style: Style) {
    (self.parts, self.style) = (parts, style)
    let runtime = ConmonRuntime(parts, style: style)
    self.runtime = runtime
    let kernel = parts.kernel
    let processes = PartProcesses(next: kernel) { _, arguments in
      // The core's shim is told its container by -id; what ps shows is conmon's.
      let id = arguments.firstIndex(of: "-id").flatMap { arguments.indices.contains($0 + 1) ? arguments[$0 + 1] : nil }
      return kernel.spawnPart("conmon", arguments: ["/usr/bin/conmon", "-c", id ?? "", "-u", id ?? ""])
    }
    factory = ShimFactory(
      world: parts.world, runtime: runtime, files: SimHostFiles(kernel), fifos: SimFIFOs(kernel), processes: processes)
  }

  func start(_ invocation: ShimInvocation) async throws -> any ShimAPI {
    ConmonShim(
      next: try await factory.start(invocation), launcher: self, invocation: invocation,
      exec: parts.tap(style.engine, .conmon, .exec), callback: parts.tap(.conmon, style.engine, .exec))
  }

  /// Nobody cleans up after a conmon but the engine, which has deleted the container by now.
  func delete(_ invocation: ShimInvocation) async throws -> ShimDeleteResult {
    ShimDeleteResult(pid: 0, exitStatus: 0, exitedAt: parts.world.unixTime)
  }

  /// Deletes at the runtime what has ended: before it is created again, or with its record.
  func deleteEnded(_ id: String) async {
    let delete = state.withLock { $0.waiting.removeValue(forKey: id) }
    await delete?()
  }

  /// What the engine does with an ended container before the runtime deletes it: it leaves its networks.
  func beforeDeletion(_ body: @escaping @Sendable (_ id: String) async -> Void) {
    state.withLock { $0.beforeDeletion = body }
  }

  fileprivate func prepareDeletion(_ id: String) async { await state.withLock { $0.beforeDeletion }?(id) }

  fileprivate func postpone(_ id: String, _ delete: @escaping @Sendable () async -> Void) {
    state.withLock { $0.waiting[id] = delete }
  }

  /// The engine asks the runtime how a container stands.
  func askState(_ id: String, runtime name: String) async {
    _ = try? await runtime.execute(
      RuntimeCommand(runtime: name, verb: "state", globalArguments: [], arguments: [id]))
  }
}

/// One conmon, with what its engine does about its container.
private final class ConmonShim: ShimAPI {
  private let next: any ShimAPI
  private let launcher: Conmon
  private let invocation: ShimInvocation
  private let exec: Tap
  private let callback: Tap
  private struct State {
    var runtime = "runc"
    var hasStarted = false
  }
  private let state = Mutex(State())

  init(next: any ShimAPI, launcher: Conmon, invocation: ShimInvocation, exec: Tap, callback: Tap) {
    (self.next, self.launcher, self.invocation) = (next, launcher, invocation)
    (self.exec, self.callback) = (exec, callback)
  }

  private var style: Conmon.Style { launcher.style }

  func call<O: ShimOperation>(_ operation: O) async throws -> O.Answer {
    switch operation {
    case let create as ShimTask.Create:
      await launcher.deleteEnded(invocation.id)
      let name = create.options["binary_name"]?.string ?? "runc"
      state.withLock { $0.runtime = name }
      return try await exec.carry(
        "conmon create", arguments(style.arguments(invocation.id, invocation.bundle, name)),
        outcome: { .success(ConmonShim.started($0)) }
      ) { try await next.call(operation) }
    case let start as ShimTask.Start:
      if start.execId.isEmpty {
        let answer = try await next.call(operation)
        state.withLock { $0.hasStarted = true }
        return answer
      }
      if style.execsItself, !Conmon.watchesExec { return try await next.call(operation) }
      let name = state.withLock { $0.runtime }
      return try await exec.carry(
        "conmon exec", arguments(style.execArguments(invocation.id, start.execId, name)),
        outcome: { .success(ConmonShim.started($0)) }
      ) { try await next.call(operation) }
    case let delete as ShimTask.Delete where delete.execId.isEmpty:
      return try await remove(operation)
    default:
      return try await next.call(operation)
    }
  }

  private func remove<O: ShimOperation>(_ operation: O) async throws -> O.Answer {
    let process = try await next.call(ShimTask.State(id: invocation.id)).process
    let (name, hasStarted) = state.withLock { ($0.runtime, $0.hasStarted) }
    guard process.status == .stopped, hasStarted else { return try await next.call(operation) }
    if style.deletesAtRemoval {
      // conmon has written the exit file, by which the engine notices the end.
      await launcher.askState(invocation.id, runtime: name)
      let next = next
      launcher.postpone(invocation.id) { _ = try? await next.call(operation) }
      return try answer(
        ShimTask.Delete.Answer(pid: process.pid, exitStatus: process.exitStatus, exitedAt: process.exitedAt))
    }
    guard let command = style.cleanUp?(invocation.id) else { return try await next.call(operation) }
    return try await callback.carry(
      "podman container cleanup", arguments(command), outcome: { (_: O.Answer) in .success(Empty()) }
    ) {
      await launcher.prepareDeletion(invocation.id)
      return try await next.call(operation)
    }
  }

  private func arguments(_ words: [String]) -> JSON { ["argv": JSON(words)] }

  /// What conmon writes into its sync pipe.
  private static func started(_ answer: some JSONWritable) -> JSON { ["data": answer.json["pid"] ?? 0] }
}

/// The runtime as conmon and its engine execute it between them.
private struct ConmonRuntime: RuntimeCLI {
  private let style: Conmon.Style
  private let byConmon: RuntimeTable
  private let byEngine: RuntimeTable

  init(_ parts: SimParts, style: Conmon.Style) {
    self.style = style
    byConmon = RuntimeTable(parts, caller: .conmon)
    // An exec that is not detached ends with its process; the core waits for that itself.
    byEngine = RuntimeTable(parts, caller: style.engine) { command in
      guard command.verb == "exec", !command.arguments.contains("--detach") else { return command }
      var command = command
      command.arguments.insert("--detach", at: 0)
      return command
    }
  }

  func execute(_ command: RuntimeCommand) async throws -> RuntimeResult {
    var command = command
    let name = command.runtime.split(separator: "/").last.map(String.init) ?? command.runtime
    let bundle = bundle(command)
    switch command.verb {
    case "create":
      command.globalArguments = style.globals(name, bundle, true)
      return try await byConmon.execute(command)
    case "exec":
      guard style.execsItself, !Conmon.watchesExec else {
        command.globalArguments = style.globals(name, bundle, true)
        return try await byConmon.execute(command)
      }
      command.globalArguments = style.globals(name, bundle, false)
      command.arguments = withoutConmonsFlags(command.arguments)
    case "delete":
      command.globalArguments = style.globals(name, bundle, false)
      if !command.arguments.contains("--force") { command.arguments.insert("--force", at: 0) }
    case "--version": break
    default: command.globalArguments = style.globals(name, bundle, false)
    }
    return try await byEngine.execute(command)
  }

  /// The bundle's folder, of which the core's shim names the log.
  private func bundle(_ command: RuntimeCommand) -> String {
    guard let index = command.globalArguments.firstIndex(of: "--log"),
      command.globalArguments.indices.contains(index + 1)
    else { return "" }
    return command.globalArguments[index + 1].split(separator: "/").dropLast().reduce(into: "") { $0 += "/" + $1 }
  }

  private func withoutConmonsFlags(_ arguments: [String]) -> [String] {
    var kept: [String] = []
    var index = 0
    while index < arguments.count {
      switch arguments[index] {
      case "--detach": index += 1
      case "--pid-file": index += 2
      default:
        kept.append(arguments[index])
        index += 1
      }
    }
    return kept
  }
}
