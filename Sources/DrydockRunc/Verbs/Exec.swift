import Glibc
import LinuxKernel
import OCISpec
import Runtime

extension DrydockRunc {
  /// `exec`: another process in a container.
  static func exec(_ invocation: Invocation) throws(Failure) -> Int32 {
    let started = LinuxKernel.monotonicTime()
    let preserved = try Surroundings.preserved(invocation)
    let inherited = try Surroundings.prepare(preserved: preserved.count)
    let (directory, record) = try invocation.container()
    switch record.status(in: directory) {
    case .stopped, .creating: throw Failure("cannot exec in a stopped container")
    case .paused where !invocation.arguments.has("ignore-paused"):
      throw Failure("cannot exec in a paused container (use --ignore-paused to override)")
    default: break
    }
    guard let target = record.initProcess.open() else { throw Failure("cannot exec in a stopped container") }
    let config = try directory.config()
    var process = try ExecProcess.process(invocation, config)
    process.env += preserved.environment
    invocation.log.warn(ofCapabilities: process.capabilities)
    let detaches = invocation.arguments.has("detach")
    let console = try invocation.consoleSocket(terminal: process.terminal, detaches: detaches)
    let pidfdSocket = try invocation.pidfdSocket()
    defer {
      console?.close()
      pidfdSocket?.close()
    }
    var foreground: Foreground?
    if !detaches { foreground = try Foreground(adopts: !invocation.arguments.has("no-subreaper")) }
    var options = PlanOptions(
      id: record.id, bundle: record.bundle, stateRoot: invocation.root.path, executable: "/proc/self/exe",
      rootless: geteuid() != 0, hasConsole: console != nil || !detaches,
      hasSELinux: Host.hasSELinux, rootlessCgroups: invocation.isRootless())
    options.deniesSetgroups = Surroundings.deniesSetgroups
    var facts = record.facts(config, in: directory)
    facts.initCgroup = ExecProcess.cgroup(of: record)
    let (subCgroup, subCgroups) = try ExecProcess.cgroups(invocation.arguments.all("cgroup"))
    let plan: Plan
    do {
      plan = try Plan.exec(
        facts, process, options, host: Host(cgroups: record.cgroups.layout), flavour: flavour, subCgroup: subCgroup,
        subCgroups: subCgroups)
    } catch { throw Failure(error.message) }
    directory.close()
    var setting = PerformanceSetting(state: record.state(.running))
    setting.environment = process.env
    setting.uid = process.user.uid
    setting.firstClosed = 3 + preserved.count
    setting.inherited = inherited
    setting.console = console
    setting.signals = foreground?.signals
    setting.target = target
    setting.log = invocation.log
    setting.trace = try invocation.trace(started: started)
    let performance = Performance(plan, setting)
    do throws(Failure) {
      do {
        try performance.run()
        try performance.awaitExecution(of: .exec)
      } catch { throw Failure(error.message) }
      guard let child = performance.process(of: .exec) else { throw Failure("the plan made no process") }
      try invocation.announce(child, over: pidfdSocket, name: "setns")
      guard let foreground else { return 0 }
      return foreground.wait(for: child, terminal: performance.terminal)
    } catch {
      performance.destroyChildren()
      throw error
    }
  }
}

/// The process that `exec` is asked for: `process.json`, or the container's own with what the flags say.
enum ExecProcess {
  static func process(
    _ invocation: Invocation, _ config: RuntimeSpec.Config
  ) throws(Failure) -> RuntimeSpec.Process {
    let arguments = invocation.arguments
    if let path = arguments["process"], !path.isEmpty {
      let bytes = try BundleConfig.read(file: path)
      do { return try RuntimeSpec.Process(RuntimeSpec.parse(bytes)) } catch {
        throw Failure("invalid process.json: \(error)")
      }
    }
    do { return try arguments.process(changing: config.process) } catch { throw Failure(error.message) }
  }

  /// `--cgroup`: `PATH`, or `CONTROLLER[,CONTROLLER…]:PATH` for hierarchies of v1.
  static func cgroups(_ texts: [String]) throws(Failure) -> (all: String, byController: [String: String]) {
    var (all, byController) = ("", [String: String]())
    for text in texts {
      guard let colon = text.firstIndex(of: ":") else {
        all = text
        continue
      }
      let path = String(text[text.index(after: colon)...])
      for controller in text[..<colon].split(separator: ",") {
        guard byController.updateValue(path, forKey: String(controller)) == nil else {
          throw Failure("--cgroup: controller \(controller) specified multiple times")
        }
      }
    }
    return (all, byController)
  }

  /// The folder in cgroup v2 in which the container's first process is now; nil while it is the container's own.
  static func cgroup(of record: ContainerRecord) -> String? {
    guard record.cgroups.layout.version == .unified, let own = record.cgroups.unified,
      let text = HostFile.text("/proc/\(record.initProcess.pid)/cgroup"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("0::/") })
    else { return nil }
    let folder = PathText.join(record.cgroups.layout.mountPoint, String(line.dropFirst(3)))
    return folder.hasPrefix(own + "/") ? folder : nil
  }
}
