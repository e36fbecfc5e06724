import Glibc
import LinuxKernel
import OCISpec
import Runtime

/// Takes down everything that belongs to a container, whoever left it and in whatever state.
struct Destruction {
  let directory: StateDirectory
  let record: ContainerRecord
  let log: Log
  var trace: CallTrace?

  /// How long a killed process may take to end.
  private static let patience: UInt64 = 10_000_000_000

  /// `kills`: its processes first.
  func run(kills: Bool) throws(Failure) {
    let config = (try? record.config(in: directory, hooks: .poststop)) ?? RuntimeSpec.Config()
    try run(kills: kills, record.facts(config, in: directory))
  }

  func run(kills: Bool, _ facts: ContainerFacts) throws(Failure) {
    if kills { try kill() }
    var setting = PerformanceSetting(state: record.state(.stopped))
    setting.directory = directory
    setting.log = log
    setting.trace = trace
    do { try Performance(Plan.delete(facts, flavour: DrydockRunc.flavour), setting).runAlone() } catch {
      throw Failure("unable to destroy container: \(error.message)")
    }
  }

  /// Every process of the container is killed and waited for: the first one, and whoever is in the cgroup.
  private func kill() throws(Failure) {
    if let process = record.initProcess.open() {
      defer { process.close() }
      try? process.send(signal: SIGKILL)
      // A process that cgroup v1 has frozen does not even die.
      thaw()
      let deadline = LinuxKernel.monotonicTime() &+ Destruction.patience
      if LinuxKernel.poll([process.descriptor], deadline: deadline).isEmpty {
        throw Failure("container init still running")
      }
    } else {
      thaw()
    }
    for path in Set([record.cgroups.members, record.cgroups.path(of: "pids") ?? ""]) where !path.isEmpty {
      CgroupRemoval.kill(in: path)
    }
  }

  private func thaw() {
    let freezer = Freezer(record.cgroups)
    guard freezer.isFrozen, let file = freezer.file else { return }
    try? HostFile.writeExisting(file, record.cgroups.layout.version == .unified ? "0" : "THAWED")
  }
}

extension DrydockRunc {
  /// `delete`.
  static func delete(_ invocation: Invocation) throws(Failure) -> Int32 {
    let started = LinuxKernel.monotonicTime()
    LinuxKernel.settleSignals()
    let force = invocation.arguments.has("force")
    let directory: StateDirectory
    do { directory = try invocation.root.open(invocation.id) } catch {
      if force, error == .notExist { return 0 }
      throw error
    }
    if force { stopCreator(directory) }
    do { _ = try directory.lock() } catch {
      if force, error == .notExist { return 0 }
      throw error
    }
    let record: ContainerRecord
    do { record = try directory.load() } catch {
      guard error == .notExist else { throw error }
      // `create` was killed before it had made anything else.
      try directory.remove()
      if force { return 0 }
      throw error
    }
    var destruction = Destruction(directory: directory, record: record, log: invocation.log)
    destruction.trace = try invocation.trace(started: started)
    let status = record.status(in: directory)
    guard force || status == .stopped || status == .created else {
      throw Failure("cannot delete container \(record.id) that is not stopped: \(status.rawValue)")
    }
    try destruction.run(kills: force || status == .created || record.progress == .creating)
    return 0
  }

  /// Who is still creating a container that is to be deleted by force has the lock, and would go on.
  private static func stopCreator(_ directory: StateDirectory) {
    guard let record = try? directory.load(), record.progress == .creating, let creator = record.creator.open() else {
      return
    }
    defer { creator.close() }
    try? creator.send(signal: SIGKILL)
    _ = LinuxKernel.poll([creator.descriptor], deadline: LinuxKernel.monotonicTime() &+ 10_000_000_000)
  }

  /// `kill`.
  static func kill(_ invocation: Invocation) throws(Failure) -> Int32 {
    let started = LinuxKernel.monotonicTime()
    let text = invocation.arguments.operands.count > 1 ? invocation.arguments.operands[1] : "SIGTERM"
    let (directory, record) = try invocation.container()
    guard let signal = RuntimeSignal.number(text) else {
      throw Failure("unknown signal \(GoText.quoted(text))")
    }
    let process = record.initProcess.open()
    let all = invocation.arguments.has("all")
    let members = all || !record.hasOwnPIDs ? CgroupRemoval.allMembers(of: record.cgroups.members) : []
    if all {
      // Whoever is in the cgroup, whether its first process lives or not.
      for pid in members { _ = Glibc.kill(pid_t(pid), Int32(signal)) }
      if members.isEmpty, let process { try? process.send(signal: Int32(signal)) }
      if signal == 9 { thaw(record) }
      return 0
    }
    guard process != nil || (signal == 9 && !record.hasOwnPIDs && !members.isEmpty) else { throw .notRunning }
    let facts = record.facts(try record.config(in: directory, hooks: .poststop), in: directory)
    var setting = PerformanceSetting(state: record.state(.running))
    setting.target = process
    setting.log = invocation.log
    setting.trace = try invocation.trace(started: started)
    do {
      try Performance(Plan.kill(facts, signal: signal, members: members, flavour: flavour), setting).runAlone()
    } catch {
      if error.errno == .ESRCH { throw .notRunning }
      throw Failure(error.message)
    }
    if signal == 9 { thaw(record) }
    return 0
  }

  /// What cgroup v1 has frozen would die only when it is thawed.
  private static func thaw(_ record: ContainerRecord) {
    let freezer = Freezer(record.cgroups)
    guard record.cgroups.layout.version != .unified, freezer.isFrozen, let file = freezer.file else { return }
    try? HostFile.writeExisting(file, "THAWED")
  }
}
