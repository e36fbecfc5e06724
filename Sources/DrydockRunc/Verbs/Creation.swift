import Glibc
import LinuxKernel
import OCISpec
import Runtime

/// A container that `create` or `run` makes, up to the sleep of its process at the FIFO.
///
/// Nothing is left of one that could not be made: processes, cgroups and notes go, mounts go with their namespace.
struct Creation {
  let notes: ContainerNotes
  let facts: ContainerFacts
  let process: ChildProcess
  /// The terminal's near end, where this process keeps it.
  let terminal: Int32?
  let setting: PerformanceSetting
  let foreground: Foreground?

  /// `starts`: its program is executed at once. `foreground`: this process will wait for the container; it hears signals
  /// from before the container is made.
  init(_ invocation: Invocation, starts: Bool, foreground: Bool) throws(Failure) {
    let started = LinuxKernel.monotonicTime()
    // Before anything is opened: the numbers from 3 on are the caller's.
    let preserved = try Surroundings.preserved(invocation)
    let inherited = try Surroundings.prepare(preserved: preserved.count)
    self.foreground = foreground ? try Foreground(adopts: !invocation.arguments.has("no-subreaper")) : nil
    let detaches = !foreground
    let id = invocation.id
    if id.isEmpty { throw .emptyID }
    guard ContainerID.isValid(id) else { throw .invalidID }
    let bundle = try invocation.bundle()
    var (bytes, config) = try BundleConfig.read(bundle)
    config.process?.env += preserved.environment
    invocation.log.warn(ofCapabilities: config.process?.capabilities)
    let console = try invocation.consoleSocket(terminal: config.process?.terminal ?? false, detaches: detaches)
    let pidfdSocket = try invocation.pidfdSocket()
    defer {
      console?.close()
      pidfdSocket?.close()
    }
    try Creation.refuseHostSysctls(config)
    if invocation.systemdCgroup, !Host.runsSystemd {
      throw Failure("systemd not running on this host, cannot use systemd cgroups manager")
    }
    let rootless = geteuid() != 0
    var options = PlanOptions(
      id: id, bundle: bundle, stateRoot: invocation.root.path, executable: "/proc/self/exe",
      noPivot: invocation.arguments.has("no-pivot"), noNewKeyring: invocation.arguments.has("no-new-keyring"),
      systemdCgroup: invocation.systemdCgroup, rootless: rootless, hasConsole: console != nil || !detaches,
      hasSELinux: Host.hasSELinux, hasIntelRdt: Host.hasIntelRdt, rootlessCgroups: invocation.isRootless())
    options.deniesSetgroups = Surroundings.deniesSetgroups
    let host = Host()
    let (plan, cgroups): (Plan, CgroupPaths)
    do {
      plan = try Plan.create(config, options, host: host, flavour: DrydockRunc.flavour)
      cgroups = try Plan.cgroups(config, options, host.cgroups)
    } catch { throw Failure(error.message) }
    // mkdir(2) decides later between two who come at once; this one answers before anything else is looked at.
    if HostFile.kind(options.stateDirectory) != nil { throw .exists }
    do throws(Failure) { try Creation.refuseOthersCgroups(cgroups) } catch {
      // Another `create` of this id may have come first: its name is there before its process is in the cgroup.
      throw HostFile.kind(options.stateDirectory) != nil ? .exists : error
    }
    try Creation.refuseSysctlsOfTheHost(config)
    let facts = ContainerFacts(
      id: id, bundle: bundle, rootfs: Plan.rootfs(config, bundle: bundle), stateDirectory: options.stateDirectory,
      pid: 0, cgroups: cgroups, config: config, rootless: rootless)
    guard let creator = ProcessIdentity(pid: Int(getpid())) else { throw Failure("/proc: \(Errno.ENOENT)") }
    let record = ContainerRecord(
      id: id, bundle: bundle, rootfs: facts.rootfs, config: config, cgroups: cgroups, creator: creator,
      created: LinuxKernel.realTime(), owner: geteuid(), rootless: options.rootlessCgroups)
    let notes = ContainerNotes(invocation.root, record, config, bytes: bytes)
    bytes = []
    var setting = PerformanceSetting(state: record.state(.creating))
    setting.environment = config.process?.env ?? []
    setting.uid = config.process?.user.uid ?? 0
    setting.firstClosed = 3 + preserved.count
    setting.inherited = inherited
    setting.notes = notes
    setting.afterFIFO = Plan.start(facts, flavour: DrydockRunc.flavour)
    setting.console = console
    setting.signals = self.foreground?.signals
    setting.log = invocation.log
    setting.trace = try invocation.trace(started: started)
    func finish(_ performance: Performance) throws(Failure) {
      guard let process = performance.process(of: .container) else { throw Failure("the plan made no process") }
      try notes.finish()
      try invocation.announce(process, over: pidfdSocket, name: "standard")
    }
    if starts { setting.beforeRelease = finish }
    setting.awaitsExecution = !config.hooks.startContainer.isEmpty || !config.hooks.poststart.isEmpty
    let performance = Performance(plan, setting)
    do throws(Failure) {
      do { try performance.run() } catch {
        throw Failure(error.isDeath && Creation.ranOutOfMemory(cgroups) ? Creation.outOfMemory : error.message)
      }
      if !starts { try finish(performance) }
      guard let process = performance.process(of: .container) else { throw Failure("the plan made no process") }
      self.process = process
    } catch {
      performance.destroyChildren()
      Creation.undo(notes, facts)
      throw error
    }
    (self.notes, self.facts, terminal) = (notes, facts, performance.terminal)
    setting.target = process
    self.setting = setting
  }

  private static let outOfMemory =
    "unable to start container process: container init was OOM-killed (memory limit too low?)"

  /// Whether the kernel has killed somebody in the container's cgroup for want of memory.
  private static func ranOutOfMemory(_ cgroups: CgroupPaths) -> Bool {
    guard let folder = cgroups.path(of: "memory") else { return false }
    let name = cgroups.layout.version == .unified ? "memory.events" : "memory.oom_control"
    return (HostFile.text("\(folder)/\(name)") ?? "").split(separator: "\n").contains { line in
      line.hasPrefix("oom_kill ") && line != "oom_kill 0"
    }
  }

  /// A network namespace joined by path may be the host's own: then what is set there is set for the host.
  private static func refuseHostSysctls(_ config: RuntimeSpec.Config) throws(Failure) {
    guard let linux = config.linux, !linux.sysctl.isEmpty,
      let path = linux.namespaces.first(where: { $0.type == .network })?.path, !path.isEmpty,
      let name = linux.sysctl.map({ $0.key }).filter({ RuntimeSpec.dotted(sysctl: $0).hasPrefix("net.") }).sorted()
        .first
    else { return }
    var (joined, own) = (stat(), stat())
    guard stat(path, &joined) == 0, stat("/proc/self/ns/net", &own) == 0 else { return }
    guard joined.st_dev != own.st_dev || joined.st_ino != own.st_ino else {
      throw Failure("sysctl \"\(name)\" not allowed in host network namespace")
    }
  }

  /// Takes away what an unfinished container has left, as far as it was made.
  private static func undo(_ notes: ContainerNotes, _ facts: ContainerFacts) {
    // Another runtime's container of that name is not ours to touch.
    guard let directory = notes.directory else { return }
    if let plan = Plan.unmount(facts) {
      try? Performance(plan, PerformanceSetting(state: notes.record.state(.stopped))).runAlone()
    }
    for path in notes.record.cgroups.all { try? CgroupRemoval.remove(path) }
    try? directory.remove()
  }
}

extension DrydockRunc {
  /// Which way of asking the kernel the plans follow.
  static let flavour = RuntimeFlavour.drydock

  /// `create`.
  static func create(_ invocation: Invocation) throws(Failure) -> Int32 {
    _ = try Creation(invocation, starts: false, foreground: false)
    return 0
  }

  /// `start`: lets the process go that sleeps at the FIFO.
  static func start(_ invocation: Invocation) throws(Failure) -> Int32 {
    let started = LinuxKernel.monotonicTime()
    LinuxKernel.settleSignals()
    let directory = try invocation.root.open(invocation.id)
    _ = try directory.lock()
    let record = try directory.load()
    let status = record.status(in: directory)
    guard status == .created, let process = record.initProcess.open() else {
      switch status {
      case .stopped, .created: throw Failure("cannot start a container that has stopped")
      case .running: throw Failure("cannot start an already running container")
      default: throw Failure("cannot start a container in the \(status.rawValue) state")
      }
    }
    let facts = record.facts(try record.config(in: directory, hooks: .startContainer, .poststart), in: directory)
    var setting = PerformanceSetting(state: record.state(.created))
    setting.target = process
    setting.awaitsExecution = !facts.config.hooks.startContainer.isEmpty || !facts.config.hooks.poststart.isEmpty
    setting.log = invocation.log
    setting.trace = try invocation.trace(started: started)
    try letGo(facts, setting)
    return 0
  }

  /// The runtime's part of `start`.
  static func letGo(_ facts: ContainerFacts, _ setting: PerformanceSetting) throws(Failure) {
    do { try Performance(Plan.start(facts, flavour: flavour), setting).runAlone() } catch {
      if error.errno == .EAGAIN { throw Failure("cannot start a container that has stopped") }
      throw Failure(error.message)
    }
  }
}

extension ContainerRecord {
  /// The configuration, as far as a verb needs it that does not make processes: whole when it may hold hooks of
  /// these stages, and else without being parsed.
  func config(in directory: StateDirectory, hooks stages: RuntimeSpec.HookStage...) throws(Failure)
    -> RuntimeSpec.Config
  {
    let bytes = try directory.configBytes()
    // Without a mount namespace its mounts are the host's, to be taken away.
    if !namespaces.contains(.mount) || stages.contains(where: { contains(bytes, $0.rawValue) }) {
      return try directory.config()
    }
    var config = RuntimeSpec.Config(ociVersion: ociVersion, annotations: annotations)
    var linux = RuntimeSpec.Linux()
    linux.namespaces = namespaces.filter { $0 != .pid || hasOwnPIDs }.map { RuntimeSpec.Namespace($0) }
    config.linux = linux
    return config
  }

  /// Whether the bytes hold a word; when in doubt they do.
  private func contains(_ bytes: [UInt8], _ word: String) -> Bool {
    let word = Array(word.utf8)
    return bytes.withUnsafeBufferPointer { bytes in
      guard bytes.count >= word.count else { return false }
      for start in 0...(bytes.count - word.count) where bytes[start] == word[0] {
        if (1..<word.count).allSatisfy({ bytes[start + $0] == word[$0] }) { return true }
      }
      return false
    }
  }
}
