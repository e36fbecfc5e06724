import Handoff
import JSONTree
import OCISpec
import Runtime
import Seams

/// `create`, `run` and `exec`: what brings processes into being.
extension Runc {
  func create(_ execution: Execution) async throws -> RuntimeResult {
    let record = try await make(execution, detaches: true)
    writePIDFile(execution, record.facts.pid)
    return RuntimeResult(pid: record.facts.pid)
  }

  /// `create` and `start` in one; without `--detach` the runtime waits for the end and takes everything down.
  func run(_ execution: Execution) async throws -> RuntimeResult {
    let detaches = execution.arguments.has("detach")
    let record = try await make(execution, detaches: detaches)
    writePIDFile(execution, record.facts.pid)
    try await launch(record, execution)
    if detaches { return RuntimeResult(pid: record.facts.pid) }
    let status = await kernel.wait(record.facts.pid)
    if !execution.arguments.has("keep") { try await destroy(record, execution, kills: false) }
    return RuntimeResult(status: status, pid: record.facts.pid)
  }

  /// The bundle's configuration: handed over, or read from `config.json`.
  private func document(_ execution: Execution, _ bundle: String) throws(Failure) -> RuntimeSpec.Config {
    if let document = execution.command.document { return try configuration(document) }
    let bytes: [UInt8]
    do { bytes = try files.read(bundle + "/config.json") } catch {
      throw Failure(
        error == .ENOENT ? "JSON specification file config.json not found" : "open config.json: \(error)")
    }
    let json: JSON
    do { json = try RuntimeSpec.parse(bytes) } catch { throw Failure("invalid config.json: \(error)") }
    return try configuration(json)
  }

  /// A container, up to the sleep of its process at the FIFO.
  private func make(_ execution: Execution, detaches: Bool) async throws(Failure) -> RuncRecord {
    let (arguments, pid, id) = (execution.arguments, execution.pid, execution.id)
    let bundle = arguments["bundle"].flatMap { $0.isEmpty ? nil : $0 } ?? "/"
    let config = try document(execution, bundle)
    guard !id.isEmpty else { throw Failure("container id cannot be empty") }
    guard ContainerID.isValid(id) else { throw Failure("invalid container ID format") }
    let terminal = config.process?.terminal ?? false
    let hasSocket = !(arguments["console-socket"] ?? "").isEmpty
    if hasSocket, !detaches || !terminal {
      throw Failure("cannot use console socket if runc will not detach or allocate tty")
    }
    let rootless = (kernel.info(pid)?.uid ?? 0) != 0
    let options = PlanOptions(
      id: id, bundle: bundle, stateRoot: arguments.root, executable: "/usr/bin/\(flavour.rawValue)",
      noPivot: arguments.has("no-pivot"), noNewKeyring: arguments.has("no-new-keyring"),
      systemdCgroup: arguments.systemdCgroup, rootless: rootless, hasConsole: hasSocket || !detaches)
    let layout = layout(as: pid)
    let plan: Plan
    do {
      plan = try Plan.create(
        config, options, host: KernelFacts(kernel: kernel, pid: pid, cgroups: layout), flavour: flavour)
    } catch { throw Failure(error.message) }
    let directory = options.stateDirectory
    if kernel.stat(directory, as: pid) != nil { throw Failure(words.exists(id)) }
    let cgroups: CgroupPaths
    do { cgroups = try Plan.cgroups(config, options, layout) } catch { throw Failure(error.message) }
    let strangers = kernel.members(cgroup: cgroups.members).count
    if strangers > 0 { throw Failure("container's cgroup is not empty: \(strangers) process(es) found") }
    var facts = ContainerFacts(
      id: id, bundle: bundle, rootfs: Plan.rootfs(config, bundle: bundle), stateDirectory: directory, pid: 0,
      cgroups: cgroups, config: config, rootless: rootless)
    let created = world.unixTime
    var performance = performance(execution)
    performance.stdio = execution.command.stdio
    let (unfinished, flavour) = (facts, flavour)
    performance.state = { RuncRecord.stateJSON(unfinished, created: created, flavour: flavour, pid: $0) }
    performance.user = (config.process?.env ?? [], config.process?.user.uid ?? 0)
    do { try await performance.run(plan) } catch {
      undo(performance, facts)
      throw Failure(error.message)
    }
    facts.programPID = performance[.container]
    facts.pid = flavour == .railcar && performance[.child] != 0 ? performance[.child] : facts.programPID
    let record = RuncRecord(
      facts: facts, created: created, program: performance.program, stderr: execution.command.stdio.stderr)
    remember(record)
    return record
  }

  /// Takes away what an unfinished `create` has made: processes, cgroups, state. Nothing here may stop the rest.
  private func undo(_ performance: PlanPerformance, _ facts: ContainerFacts) {
    var performance = performance
    let alive = performance.made.filter { kernel.status(of: $0) != nil }
    var steps: [Step] = []
    for pid in alive {
      steps.append(Step(.runtime, .cleanup, .kill(pid: pid, signal: 9), "An unfinished container", tolerates: .any))
      steps.append(Step(.runtime, .cleanup, .wait(pid: pid), "… whose processes are buried", tolerates: .any))
    }
    for path in facts.cgroups.all where kernel.stat(path, as: performance[.runtime]) != nil {
      steps.append(
        Step(.runtime, .cleanup, .rmdir(path: KernelPath(path)), "Its cgroup goes too", tolerates: .any))
    }
    for name in ["exec.fifo", "trigger-socket", "state.json", "status", "process.pid"] {
      let path = KernelPath("\(facts.stateDirectory)/\(name)")
      steps.append(
        Step(.runtime, .cleanup, .unlink(path: path), "The runtime's notes", condition: .exists(path), tolerates: .any))
    }
    let directory = KernelPath(facts.stateDirectory)
    steps.append(
      Step(
        .runtime, .cleanup, .rmdir(path: directory), "The name is free again", condition: .exists(directory),
        tolerates: .any))
    // Every step tolerates every refusal.
    try? performance.runAtOnce(Plan(.delete, flavour, steps))
  }

  func writePIDFile(_ execution: Execution, _ pid: Int) {
    guard let path = execution.arguments["pid-file"], !path.isEmpty else { return }
    // The caller also gets the number in the result.
    try? files.write(path, Array(String(pid).utf8), mode: 0o644)
  }

  // MARK: exec

  func exec(_ execution: Execution) async throws -> RuntimeResult {
    let arguments = execution.arguments
    let record = try container(execution)
    switch status(record, as: execution.pid) {
    case .stopped: throw Failure(words.execInStopped(record.id))
    case .paused where !arguments.has("ignore-paused"): throw Failure(words.execInPaused(record.id))
    default: break
    }
    let process = try self.process(execution, record)
    let detaches = arguments.has("detach")
    let hasSocket = !(arguments["console-socket"] ?? "").isEmpty
    if detaches, process.terminal, !hasSocket {
      throw Failure("cannot allocate tty if runc will detach without setting console socket")
    }
    if hasSocket, !detaches || !process.terminal {
      throw Failure("cannot use console socket if runc will not detach or allocate tty")
    }
    let options = PlanOptions(
      id: record.id, bundle: record.facts.bundle, stateRoot: arguments.root,
      executable: "/usr/bin/\(flavour.rawValue)", rootless: record.facts.rootless, hasConsole: hasSocket || !detaches)
    let plan: Plan
    do {
      plan = try Plan.exec(
        record.facts, process, options,
        host: KernelFacts(kernel: kernel, pid: execution.pid, cgroups: record.facts.cgroups.layout), flavour: flavour,
        subCgroup: arguments["cgroup"] ?? "")
    } catch { throw Failure(error.message) }
    var performance = performance(execution)
    performance.stdio = execution.command.stdio
    performance.user = (process.env, process.user.uid)
    do { try await performance.run(plan) } catch {
      guard case .execve = plan.steps[error.step].call else {
        bury(performance)
        throw Failure(error.message)
      }
      complain(plan, error, performance.program?.path, execution.command.stdio.stderr, pid: performance[.exec])
    }
    let pid = performance[.exec]
    writePIDFile(execution, pid)
    if detaches { return RuntimeResult(pid: pid) }
    return RuntimeResult(status: await kernel.wait(pid), pid: pid)
  }

  /// An `exec` that failed leaves no process behind.
  private func bury(_ performance: PlanPerformance) {
    var performance = performance
    var steps: [Step] = []
    for pid in performance.made where kernel.status(of: pid) != nil {
      steps.append(
        Step(.runtime, .cleanup, .kill(pid: pid, signal: 9), "It will not become a program", tolerates: .any))
      steps.append(Step(.runtime, .cleanup, .wait(pid: pid), "… and is buried", tolerates: .any))
    }
    try? performance.runAtOnce(Plan(.delete, flavour, steps))
  }

  /// The process of `exec`: `process.json`, or the container's own with what the flags say.
  private func process(_ execution: Execution, _ record: RuncRecord) throws(Failure) -> RuntimeSpec.Process {
    let arguments = execution.arguments
    if let document = execution.command.document { return try read(document) }
    if let path = arguments["process"] {
      let bytes: [UInt8]
      do { bytes = try files.read(path) } catch { throw Failure("open \(path): \(error)") }
      do { return try read(RuntimeSpec.parse(bytes)) } catch let error as RuntimeSpec.Invalid {
        throw Failure(error.description)
      } catch let error as Failure { throw error } catch { throw Failure("\(error)") }
    }
    do { return try arguments.process(changing: record.facts.config.process) } catch { throw Failure(error.message) }
  }

  private func read(_ json: JSON) throws(Failure) -> RuntimeSpec.Process {
    do { return try RuntimeSpec.Process(json) } catch { throw Failure("invalid process.json: \(error)") }
  }
}
