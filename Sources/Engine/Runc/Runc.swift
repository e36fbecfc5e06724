import Handoff
import JSONTree
import OCISpec
import Runtime
import Seams
import Synchronization

/// The OCI runtime over the kernel seam: the command line of runc (or crun, railcar), whose verbs become plans that are
/// performed call by call.
///
/// Stateless between two executions as the real ones are: what must be known later is in the state directory below
/// `--root`. In one process the records are also kept in memory, so that they need not be read again.
public final class Runc: RuntimeCLI {
  public let flavour: RuntimeFlavour
  let kernel: any ContainerKernel
  let files: any HostFiles
  let world: any World
  let tap: Tap
  let words: RuncWords

  private struct Memory {
    /// By state directory.
    var records: [String: RuncRecord] = [:]
    var seccomp = RuntimeSpec.SeccompCache()
    var layout: CgroupLayout?
  }
  private let memory = Mutex(Memory())

  /// `kernelTap` records the runtime's calls to the kernel (runc → kernel, via syscall).
  public init(
    flavour: RuntimeFlavour, kernel: any ContainerKernel, files: any HostFiles, world: any World, kernelTap: Tap
  ) {
    (self.flavour, self.kernel, self.files, self.world, tap) = (flavour, kernel, files, world, kernelTap)
    words = RuncWords(flavour: flavour)
  }

  /// A refusal on its way to stderr and the log.
  struct Failure: Error {
    var message: String
    var status: Int?
    var stdout = ""
    init(_ message: String, status: Int? = nil, stdout: String = "") {
      (self.message, self.status, self.stdout) = (message, status, stdout)
    }
  }

  /// One execution: its command line, and the process that the runtime is meanwhile.
  struct Execution {
    let command: RuntimeCommand
    let arguments: RuncArguments
    let context: TraceContext
    let pid: Int
    var id: String { arguments.operands.first ?? "" }
  }

  public func execute(_ command: RuntimeCommand) async throws -> RuntimeResult {
    if ["--version", "-v", "version"].contains(command.verb) { return RuntimeResult(stdout: words.version) }
    let arguments: RuncArguments
    do { arguments = try RuncArguments(command, flavour) } catch {
      return RuntimeResult(status: 1, stdout: error.usage, stderr: error.message + "\n")
    }
    guard flavour.verbs.contains(command.verb) else { return unknown(command) }
    let pid =
      command.caller == 0
      ? kernel.spawnPart(flavour.rawValue, arguments: command.argv)
      : kernel.spawnPart(flavour.rawValue, arguments: command.argv, parent: command.caller)
    defer { kernel.endPart(pid) }
    let execution = Execution(command: command, arguments: arguments, context: TraceContext.current, pid: pid)
    do {
      return try await perform(execution)
    } catch let error as Failure {
      return fail(execution, error)
    } catch let error as RuncArguments.Misuse {
      return fail(
        execution, Failure(error.message, stdout: error.usage), bare: true)
    }
  }

  private func unknown(_ command: RuntimeCommand) -> RuntimeResult {
    switch flavour {
    case .runc, .drydock:
      RuntimeResult(
        status: 3, stdout: "No help topic for '\(command.verb)'\n", stderr: "No help topic for '\(command.verb)'\n")
    case .crun: RuntimeResult(status: 1, stderr: "unknown command \(command.verb)\n")
    case .railcar:
      RuntimeResult(
        status: 1,
        stderr:
          "error: The subcommand '\(command.verb)' wasn't recognized\n\nUSAGE:\n    railcar [FLAGS] [OPTIONS] <SUBCOMMAND>\n"
      )
    }
  }

  private func perform(_ execution: Execution) async throws -> RuntimeResult {
    let (arguments, verb) = (execution.arguments, execution.command.verb)
    try arguments.checkOperands()
    switch verb {
    case "create": return try await create(execution)
    case "run": return try await run(execution)
    case "start": return try await start(execution)
    case "exec": return try await exec(execution)
    case "kill": return try await kill(execution)
    case "delete": return try await delete(execution)
    case "pause": return try await pause(execution)
    case "resume": return try await resume(execution)
    case "update": return try await update(execution)
    case "state": return try state(execution)
    case "list": return try list(execution)
    case "ps": return try ps(execution)
    case "events": return try await events(execution)
    case "spec": return try spec(execution)
    case "features": return features()
    case "checkpoint", "restore":
      throw Failure("CRIU version check failed: exec: \"criu\": executable file not found in $PATH")
    default: throw Failure("the command \(verb) is not supported")
    }
  }

  // MARK: Refusals

  private func fail(_ execution: Execution, _ failure: Failure, bare: Bool = false) -> RuntimeResult {
    let verb = execution.command.verb
    let message = (bare ? "" : words.prefix(verb)) + failure.message
    if !execution.arguments.log.isEmpty { log(execution, message) }
    return RuntimeResult(
      status: failure.status ?? words.status(verb), stdout: failure.stdout, stderr: message + "\n")
  }

  /// A line of `--log`, as containerd and podman read it.
  private func log(_ execution: Execution, _ message: String) {
    let time = RFC3339.text(world.unixTime, fraction: false)
    let line: String
    if execution.arguments.logsJSON {
      let json: JSON =
        flavour == .crun
        ? ["msg": .string(message), "level": "error", "time": .string(time)]
        : ["level": "error", "msg": .string(message), "time": .string(time)]
      line = json.text
    } else {
      line = "time=\"\(time)\" level=error msg=\(JSON.string(message).text)"
    }
    // A log that cannot be written must not hide the error that it was to tell of: that is on stderr too.
    try? files.append(execution.arguments.log, Array((line + "\n").utf8))
  }

  // MARK: The host

  /// How the host's cgroups are mounted: looked at once.
  func layout(as pid: Int) -> CgroupLayout {
    if let layout = memory.withLock({ $0.layout }) { return layout }
    let mount = "/sys/fs/cgroup"
    let layout: CgroupLayout
    if let text = try? kernel.readFile(mount + "/cgroup.controllers", as: pid) {
      layout = CgroupLayout(.unified, controllers: text.split { $0 == " " || $0 == "\n" }.map(String.init))
    } else {
      let names = ((try? files.list(mount)) ?? []).filter { !$0.isEmpty }
      let folders = CgroupLayout.usualHierarchies.filter(names.contains)
      let single = names.filter { name in
        !folders.contains { $0.split(separator: ",").contains { $0 == name } } && name != "unified"
          && !folders.contains(name) && kernel.stat("\(mount)/\(name)", as: pid)?.kind == .directory
      }
      layout = CgroupLayout(
        names.contains("unified") ? .hybrid : .v1, hierarchies: folders + single.sorted())
    }
    memory.withLock { $0.layout = layout }
    return layout
  }

  /// Reads a configuration; a seccomp profile that was seen lately is not read again.
  func configuration(_ json: JSON) throws(Failure) -> RuntimeSpec.Config {
    let result: Result<RuntimeSpec.Config, RuntimeSpec.Invalid> = memory.withLock { memory in
      do throws(RuntimeSpec.Invalid) {
        return .success(try RuntimeSpec.Config(json, seccomp: &memory.seccomp))
      } catch {
        return .failure(error)
      }
    }
    switch result {
    case .success(let config): return config
    case .failure(let error): throw Failure("invalid config.json: \(error)")
    }
  }

  // MARK: Records

  func remember(_ record: RuncRecord) { memory.withLock { $0.records[record.facts.stateDirectory] = record } }
  func forget(_ directory: String) { memory.withLock { _ = $0.records.removeValue(forKey: directory) } }
  func remembered(below root: String) -> [String] {
    memory.withLock { $0.records.values.filter { $0.facts.stateDirectory == "\(root)/\($0.id)" }.map(\.id) }
  }

  /// The container that a verb is about.
  func container(_ execution: Execution, _ given: String? = nil) throws(Failure) -> RuncRecord {
    let id = given ?? execution.id
    guard !id.isEmpty else { throw Failure("container id cannot be empty") }
    guard ContainerID.isValid(id) else { throw Failure("invalid container ID format") }
    let directory = "\(execution.arguments.root)/\(id)"
    if let record = memory.withLock({ $0.records[directory] }) {
      // Somebody may have removed the folder behind the runtime's back.
      if kernel.stat(directory, as: execution.pid) != nil { return record }
      forget(directory)
      throw Failure(words.notExist(id))
    }
    guard let record = load(id, directory, execution) else { throw Failure(words.notExist(id)) }
    remember(record)
    return record
  }

  /// What an earlier execution, perhaps of another process, has left in the state directory.
  private func load(_ id: String, _ directory: String, _ execution: Execution) -> RuncRecord? {
    let name = flavour == .crun ? "status" : "state.json"
    guard let text = try? kernel.readFile("\(directory)/\(name)", as: execution.pid),
      let json = try? JSON(parsing: text, maxDepth: RuntimeSpec.Limits.depth), let pid = json["init_process_pid"]?.int
    else { return nil }
    let label = json["config"]?["labels"]?.strings?.first { $0.hasPrefix("bundle=") } ?? "bundle=/"
    let bundle = String(label.dropFirst("bundle=".count))
    var config = RuntimeSpec.Config()
    if let bytes = try? files.read(bundle + "/config.json"), let tree = try? RuntimeSpec.parse(bytes),
      let read = try? configuration(tree)
    {
      config = read
    }
    let layout = layout(as: execution.pid)
    let path = (json["cgroup_paths"]?.object?.members.first?.value.string) ?? ""
    let inner =
      layout.version == .unified
      ? String(path.dropFirst(layout.mountPoint.utf8.count))
      : "/" + path.dropFirst(layout.mountPoint.utf8.count + 1).drop { $0 != "/" }.dropFirst()
    let facts = ContainerFacts(
      id: id, bundle: bundle, rootfs: json["config"]?["rootfs"]?.string ?? "/", stateDirectory: directory, pid: pid,
      cgroups: CgroupPaths(layout: layout, inner: inner), config: config, rootless: json["rootless"]?.bool ?? false)
    return RuncRecord(
      facts: facts, created: RFC3339.nanoseconds(json["created"]?.string ?? "") ?? 0, program: nil, stderr: nil)
  }

  /// Where the container is in its life, by what the kernel says of its process.
  func status(_ record: RuncRecord, as pid: Int) -> RuntimeSpec.Status {
    if isPaused(record, as: pid) { return .paused }
    return liveStatus(record, as: pid)
  }

  /// The same without asking the freezer.
  func liveStatus(_ record: RuncRecord, as pid: Int) -> RuntimeSpec.Status {
    guard hasInit(record) else { return .stopped }
    let waits = flavour == .railcar ? record.facts.trigger : record.facts.execFIFO
    if flavour == .railcar {
      return kernel.stat(record.facts.stateDirectory + "/process.pid", as: pid) == nil ? .created : .running
    }
    return kernel.stat(waits, as: pid) == nil ? .running : .created
  }

  /// Whether the container's first process is there and not ended.
  func hasInit(_ record: RuncRecord) -> Bool {
    switch kernel.status(of: record.facts.pid) {
    case .running, .stopped: true
    case .zombie, nil: false
    }
  }

  private func isPaused(_ record: RuncRecord, as pid: Int) -> Bool {
    let cgroups = record.facts.cgroups
    if cgroups.layout.version == .unified, let path = cgroups.unified {
      return (try? kernel.readFile(path + "/cgroup.freeze", as: pid))?.first == "1"
    }
    guard let path = cgroups.path(of: "freezer") else { return false }
    return (try? kernel.readFile(path + "/freezer.state", as: pid))?.hasPrefix("FR") ?? false
  }

  /// A performance of plans by the process of this execution.
  func performance(_ execution: Execution, _ record: RuncRecord? = nil) -> PlanPerformance {
    var performance = PlanPerformance(
      kernel: kernel, tap: tap, context: execution.context, runtime: execution.pid)
    performance.world = world
    if let record {
      performance[.container] = record.facts.programPID
      if record.facts.programPID != record.facts.pid { performance[.child] = record.facts.pid }
    }
    return performance
  }
}

/// What the compiler of plans asks of the host, answered by the kernel.
struct KernelFacts: HostFacts {
  let kernel: any ContainerKernel
  let pid: Int
  let cgroups: CgroupLayout

  func kind(of path: String) -> HostFileKind? {
    guard let info = kernel.stat(path, as: pid) else { return nil }
    return switch info.kind {
    case .directory: .directory
    case .file: .file
    default: .other
    }
  }
}
