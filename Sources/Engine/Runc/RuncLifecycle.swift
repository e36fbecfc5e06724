import Handoff
import JSONTree
import OCISpec
import Runtime
import Seams

/// `start`, `kill`, `delete`, `pause`, `resume`, `update`: what happens to a container that was created.
extension Runc {
  func start(_ execution: Execution) async throws -> RuntimeResult {
    let record = try container(execution)
    let status = status(record, as: execution.pid)
    guard status == .created else { throw Failure(words.cannotStart(record.id, status.rawValue)) }
    try await launch(record, execution)
    return RuntimeResult()
  }

  /// Lets the sleeping process go. When its program cannot be executed after all, that is the container's failure and
  /// not that of `start`, which has nothing to wait for: the process complains on its own stderr and ends.
  func launch(_ record: RuncRecord, _ execution: Execution) async throws(Failure) {
    let plan = Plan.start(record.facts, flavour: flavour)
    var performance = performance(execution, record)
    performance.program = record.program ?? lookedUpAgain(record, performance)
    do { try await performance.run(plan) } catch {
      let step = plan.steps[error.step]
      guard step.role == .container else {
        if step.phase == .hooks { stop(record, performance) }
        throw Failure(error.message)
      }
      complain(plan, error, performance.program?.path, record.stderr, pid: record.facts.programPID)
    }
    if record.facts.programPID != record.facts.pid { keepInit(record, execution.context) }
  }

  /// The process that could not become its program says why, and ends.
  func complain(
    _ plan: Plan, _ refusal: PlanPerformance.Refusal, _ path: String?, _ stderr: ByteChannel?, pid: Int
  ) {
    var message = refusal.message
    if case .execve(let file, _, _) = plan.steps[refusal.step].call {
      message = plan.cannotExecute(path ?? file, refusal.errno)
    }
    stderr?.push(Array((message + "\n").utf8))
    _ = try? kernel.perform(.exit(status: flavour == .runc ? 255 : 1), as: pid)
  }

  /// After a lost memory: what the process found when it was created.
  private func lookedUpAgain(_ record: RuncRecord, _ performance: PlanPerformance) -> PlanPerformance.Program? {
    guard let process = record.facts.config.process, let file = process.args.first else { return nil }
    let pid = record.facts.programPID
    var path = file
    if !file.utf8.contains(UInt8(ascii: "/")) {
      let list = process.env.last { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? ""
      path =
        list.split(separator: ":").map { "\($0)/\(file)" }.first { candidate in
          do throws(Errno) {
            try kernel.checkExecutable(candidate, as: pid)
            return true
          } catch { return false }
        } ?? file
    }
    return .init(path: path, environment: performance.environment(process.env, uid: process.user.uid, as: pid))
  }

  /// A poststart hook failed: the container must not run.
  private func stop(_ record: RuncRecord, _ performance: PlanPerformance) {
    var performance = performance
    try? performance.runAtOnce(Plan.kill(record.facts, signal: 9, flavour: flavour))
  }

  /// railcar's init is no program of the image: it waits for the container's process and ends as that ended.
  private func keepInit(_ record: RuncRecord, _ context: TraceContext) {
    let (kernel, facts) = (kernel, record.facts)
    world.spawn {
      let status = await kernel.wait(facts.programPID)
      _ = try? kernel.perform(.exit(status: Int32(truncatingIfNeeded: status)), as: facts.pid)
    }
  }

  // MARK: kill

  func kill(_ execution: Execution) async throws -> RuntimeResult {
    let record = try container(execution)
    let text = execution.arguments.operands.count > 1 ? execution.arguments.operands[1] : "SIGTERM"
    guard let signal = RuntimeSignal.number(text) else {
      throw Failure(flavour == .crun ? "unknown signal `\(text)`" : "unknown signal \(JSON.string(text).text)")
    }
    let privatePIDs = record.facts.config.linux?.isNew(.pid) ?? false
    guard hasInit(record) || (signal == 9 && !privatePIDs && !members(record).isEmpty) else {
      if execution.arguments.has("all") { return RuntimeResult() }
      if flavour == .railcar { return RuntimeResult() }
      throw Failure(words.notRunning(record.id))
    }
    try await perform(
      Plan.kill(record.facts, signal: signal, members: privatePIDs ? [] : members(record), flavour: flavour), record,
      execution)
    // A process that is frozen by cgroup v1 does not even die.
    if signal == 9, record.facts.cgroups.layout.version != .unified, status(record, as: execution.pid) == .paused {
      try? await perform(Plan.resume(record.facts, flavour: flavour), record, execution)
    }
    return RuntimeResult()
  }

  func members(_ record: RuncRecord) -> [Int] { kernel.members(cgroup: record.facts.cgroups.members).sorted() }

  private func perform(_ plan: Plan, _ record: RuncRecord, _ execution: Execution) async throws(Failure) {
    var performance = performance(execution, record)
    do { try await performance.run(plan) } catch {
      // Between the look and the call it may have ended.
      if error.errno == .ESRCH, plan.operation == .kill { throw Failure(words.notRunning(record.id)) }
      throw Failure(error.message)
    }
  }

  // MARK: delete

  func delete(_ execution: Execution) async throws -> RuntimeResult {
    let force = execution.arguments.has("force")
    let record: RuncRecord
    do { record = try container(execution) } catch {
      // What an aborted `create` may have left of this name goes all the same.
      let directory = "\(execution.arguments.root)/\(execution.id)"
      if ContainerID.isValid(execution.id), kernel.stat(directory, as: execution.pid) != nil {
        try? files.removeAll(directory)
      }
      if force || flavour == .railcar, error.message == words.notExist(execution.id) { return RuntimeResult() }
      throw error
    }
    if force {
      try await destroy(record, execution, kills: true)
      return RuntimeResult()
    }
    switch status(record, as: execution.pid) {
    case .stopped: try await destroy(record, execution, kills: false)
    case .created: try await destroy(record, execution, kills: true)
    case let status: throw Failure(words.notStopped(record.id, status.rawValue))
    }
    return RuntimeResult()
  }

  /// Takes everything down that `create` made.
  func destroy(_ record: RuncRecord, _ execution: Execution, kills: Bool) async throws {
    let facts = record.facts
    let privatePIDs = facts.config.linux?.isNew(.pid) ?? false
    if kills, status(record, as: execution.pid) == .paused, facts.cgroups.layout.version != .unified {
      try? await perform(Plan.resume(facts, flavour: flavour), record, execution)
    }
    let leftover = privatePIDs ? [] : members(record)
    if kills, hasInit(record) || !leftover.isEmpty {
      var performance = performance(execution, record)
      try? performance.runAtOnce(Plan.kill(facts, signal: 9, members: leftover, flavour: flavour))
      try await end(of: record)
    }
    // The last processes may still be on their way out of the cgroup.
    for attempt in 0..<5 where !kernel.members(cgroup: facts.cgroups.members).isEmpty {
      try await world.sleep(Duration64.millisecond * (10 << UInt64(attempt)))
    }
    let plan = Plan.delete(facts, flavour: flavour)
    var performance = performance(execution, record)
    do { try await performance.run(plan) } catch {
      // When a hook complains, all the rest is gone already.
      if plan.steps[error.step].phase == .hooks { forget(facts.stateDirectory) }
      throw Failure("unable to destroy container: \(error.message)")
    }
    forget(facts.stateDirectory)
  }

  /// Waits until the first process is gone, at most ten seconds.
  private func end(of record: RuncRecord) async throws {
    for _ in 0..<100 {
      if !hasInit(record) { return }
      try await world.sleep(100 * Duration64.millisecond)
    }
    throw Failure("container init still running")
  }

  // MARK: pause, resume, update

  func pause(_ execution: Execution) async throws -> RuntimeResult {
    let record = try container(execution)
    switch status(record, as: execution.pid) {
    case .running, .created: try await perform(Plan.pause(record.facts, flavour: flavour), record, execution)
    default: throw Failure(words.notRunning(record.id))
    }
    return RuntimeResult()
  }

  func resume(_ execution: Execution) async throws -> RuntimeResult {
    let record = try container(execution)
    guard status(record, as: execution.pid) == .paused else { throw Failure(words.notPaused(record.id)) }
    try await perform(Plan.resume(record.facts, flavour: flavour), record, execution)
    return RuntimeResult()
  }

  func update(_ execution: Execution) async throws -> RuntimeResult {
    var record = try container(execution)
    let change = try change(execution)
    let old = record.facts.config.linux?.resources ?? RuntimeSpec.Resources()
    let resources = change.changing(old)
    let plan: Plan
    do { plan = try Plan.update(record.facts, resources, flavour: flavour) } catch { throw Failure(error.message) }
    do { try await perform(plan, record, execution) } catch {
      // What was written already is written back: a half-changed container would be neither old nor new.
      if let back = try? Plan.update(record.facts, old, flavour: flavour) {
        try? await perform(back, record, execution)
      }
      throw error
    }
    var linux = record.facts.config.linux ?? RuntimeSpec.Linux()
    linux.resources = resources
    record.facts.config.linux = linux
    remember(record)
    return RuntimeResult()
  }

  /// What is to be changed: a document, `--resources FILE`, or flags.
  private func change(_ execution: Execution) throws(Failure) -> RuntimeSpec.Resources {
    let arguments = execution.arguments
    var document = execution.command.document
    if document == nil, let path = arguments["resources"], path != "-" {
      let bytes: [UInt8]
      do { bytes = try files.read(path) } catch { throw Failure("open \(path): \(error)") }
      do { document = try RuntimeSpec.parse(bytes) } catch { throw Failure(error.description) }
    }
    if let document {
      do { return try RuntimeSpec.Resources(document) } catch { throw Failure("\(error)") }
    }
    do { return try arguments.resources() } catch { throw Failure(error.message) }
  }
}
