import JSONTree
import OCISpec

/// Collects the steps of a plan. The flavours' compilers are extensions of it, one a file.
struct PlanBuilder {
  let flavour: RuntimeFlavour
  let config: RuntimeSpec.Config
  let linux: RuntimeSpec.Linux
  let process: RuntimeSpec.Process
  let options: PlanOptions
  let host: any HostFacts
  /// Absolute.
  let rootfs: String
  let cgroups: CgroupPaths
  var steps: [Step] = []
  /// Who performs what is added, and which part of the work it is.
  var role = Role.runtime
  var phase = Phase.state
  /// Whether what is added may begin before earlier steps of other roles are finished (`Step.overlaps`).
  var overlapping = false
  /// The next step waits for them after all.
  var waits = false
  /// The mounts of config.json that the runtime makes ready, by their index there: their numbers.
  var prepared: [Int: Int] = [:]
  /// The container's process has entered its cgroups, and made its cgroup namespace.
  var isInCgroups = false

  init(
    _ flavour: RuntimeFlavour, _ config: RuntimeSpec.Config, process: RuntimeSpec.Process, _ options: PlanOptions,
    _ host: any HostFacts, rootfs: String, cgroups: CgroupPaths
  ) {
    (self.flavour, self.config, self.process) = (flavour, config, process)
    (self.options, self.host, self.rootfs, self.cgroups) = (options, host, rootfs, cgroups)
    linux = config.linux ?? RuntimeSpec.Linux()
    steps.reserveCapacity(192)
  }

  /// Adds a step of the current role and phase.
  mutating func add(
    _ call: KernelCall, _ reason: String, if condition: Step.Condition = .always, tolerating: Step.Tolerance = [],
    failing: Step.Failure = .plain, binding: Step.Binding = .none, creates: Role? = nil
  ) {
    var step = Step(
      role, phase, call, reason, condition: condition, tolerates: tolerating, failure: failing, binding: binding,
      creates: creates)
    step.overlaps = overlapping && !waits
    waits = false
    steps.append(step)
  }

  /// Continues as another process.
  mutating func act(as role: Role, _ phase: Phase) { (self.role, self.phase) = (role, phase) }

  /// Whether the container has a namespace of this kind, new or joined.
  func has(_ kind: NamespaceKind) -> Bool { linux.namespace(kind) != nil }

  /// The path within the container's root. Ours is the working directory as soon as it is a mount, so that the kernel
  /// need not be told the way there again and again.
  func inRoot(_ path: String) -> KernelPath { KernelPath(root: flavour == .drydock ? "." : rootfs, path) }

  /// The host's id of the container's root user.
  var hostRootUID: UInt32 { has(.user) ? RuntimeSpec.hostID(0, linux.uidMappings) ?? 0 : 0 }
  var hostRootGID: UInt32 { has(.user) ? RuntimeSpec.hostID(0, linux.gidMappings) ?? 0 : 0 }

  /// mkdirat(2) for what is missing of a folder, from the top, `root` being nil for the process's own.
  mutating func makeFolders(
    _ path: String, root: String?, mode: UInt32 = 0o755, _ reason: String, failing: Step.Failure = .plain
  ) {
    let goal = KernelPath(root: root, path: path)
    for parent in PathText.parents(path) {
      let step = KernelPath(root: root, path: parent)
      add(
        .mkdir(path: step, mode: mode), reason, if: .missingOnWay(step, goal: goal), tolerating: .exists,
        failing: failing)
    }
    if path != "/" {
      add(.mkdir(path: goal, mode: mode), reason, if: .missing(goal), tolerating: .exists, failing: failing)
    }
  }

  /// The hooks of one stage, by the current role.
  mutating func run(hooks stage: RuntimeSpec.HookStage, _ reason: String) {
    let before = phase
    phase = .hooks
    for (index, hook) in config.hooks[stage].enumerated() {
      let environment = hook.env.isEmpty && stage == .startContainer ? process.env : hook.env
      add(
        .hook(
          stage: stage.rawValue, path: hook.path, arguments: hook.args.isEmpty ? [hook.path] : hook.args,
          environment: environment, timeout: hook.timeout), reason,
        failing: .context("error running \(stage.rawValue) hook #\(index)"))
    }
    phase = before
  }
}

extension KernelPath {
  init(root: String?, path: String) {
    if let root { self.init(root: root, path) } else { self.init(path) }
  }
}

extension Plan {
  /// The plan of `create`: everything until the container's process sleeps at the exec FIFO.
  ///
  /// Checks the configuration first; the words of a refusal are runc's.
  public static func create(
    _ config: RuntimeSpec.Config, _ options: PlanOptions, host: some HostFacts, flavour: RuntimeFlavour = .runc
  ) throws(PlanError) -> Plan {
    let surroundings = RuntimeSpec.Surroundings(
      rootless: options.rootless, unifiedCgroups: host.cgroups.version == .unified, noPivot: options.noPivot,
      systemdCgroup: options.systemdCgroup, hasSELinux: options.hasSELinux, hasIntelRdt: options.hasIntelRdt)
    do { try config.validate(surroundings) } catch { throw PlanError(error.description) }
    guard let process = config.process, let root = config.root else { throw PlanError("root must be specified") }
    if process.terminal, !options.hasConsole {
      throw PlanError("cannot allocate tty if runc will detach without setting console socket")
    }
    let rootfs = PathText.clean(
      root.path.utf8.first == UInt8(ascii: "/") ? root.path : PathText.join(options.bundle, root.path))
    switch host.kind(of: rootfs) {
    case nil: throw PlanError("invalid rootfs: stat \(rootfs): no such file or directory")
    case .directory: break
    default: throw PlanError("invalid rootfs: \(rootfs) is not a directory")
    }
    let cgroups = try Plan.cgroups(config, options, host.cgroups)
    var builder = PlanBuilder(
      flavour, config, process: process, options, host, rootfs: rootfs, cgroups: cgroups)
    switch flavour {
    case .runc: try builder.createAsRunc()
    case .crun: try builder.createAsCrun()
    case .railcar: try builder.createAsRailcar()
    case .drydock: try builder.createAsDrydock()
    }
    return Plan(.create, flavour, builder.steps)
  }

  /// The folders of the cgroup that a configuration asks for.
  public static func cgroups(
    _ config: RuntimeSpec.Config, _ options: PlanOptions, _ layout: CgroupLayout
  ) throws(PlanError) -> CgroupPaths {
    try CgroupPaths(
      config.linux?.cgroupsPath ?? "", id: options.id, layout: layout, systemd: options.systemdCgroup)
  }

  /// The root file system of a configuration, absolute.
  public static func rootfs(_ config: RuntimeSpec.Config, bundle: String) -> String {
    guard let path = config.root?.path else { return bundle }
    return PathText.clean(path.utf8.first == UInt8(ascii: "/") ? path : PathText.join(bundle, path))
  }
}
