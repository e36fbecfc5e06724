import JSONTree
import OCISpec

/// The verbs after `create`.
extension Plan {
  private static func builder(_ container: ContainerFacts, _ flavour: RuntimeFlavour) -> PlanBuilder {
    let root = PathText.parent(container.stateDirectory)
    return PlanBuilder(
      flavour, container.config,
      process: container.config.process ?? RuntimeSpec.Process(args: ["/"]),
      PlanOptions(id: container.id, bundle: container.bundle, stateRoot: root, rootless: container.rootless),
      AssumedHost(cgroups: container.cgroups.layout), rootfs: container.rootfs, cgroups: container.cgroups)
  }

  /// `start`: the sleeping process is let go, and becomes the program.
  public static func start(_ container: ContainerFacts, flavour: RuntimeFlavour = .runc) -> Plan {
    var b = builder(container, flavour)
    b.act(as: .runtime, .start)
    switch flavour {
    case .runc, .drydock:
      b.add(
        .readFIFO(path: container.execFIFO), "Opening the FIFO lets the process at its other end go on",
        failing: .context("exec fifo"))
      b.add(.unlink(path: KernelPath(container.execFIFO)), "A container can be started once", tolerating: .missing)
    case .crun:
      b.add(
        .writeFIFO(path: container.execFIFO), "A byte into the FIFO lets the process at its other end go on",
        failing: .context("open exec fifo"))
      b.add(.unlink(path: KernelPath(container.execFIFO)), "A container can be started once", tolerating: .missing)
    case .railcar:
      b.run(hooks: .prestart, "In the host's namespaces; railcar runs them on `start`")
      b.phase = .start
      b.add(
        .writeFIFO(path: container.trigger), "A zero byte into the socket at which the process waits is the trigger",
        failing: .context("failed to open trigger-socket"))
      b.phase = .state
      b.saveNotes("process.pid", .pidOf(.container), failing: .plain)
    }
    b.act(as: .container, .hooks)
    if flavour != .railcar {
      b.run(hooks: .startContainer, "In the container, before its program")
    }
    b.act(as: .container, .program)
    if flavour != .drydock {
      b.add(
        .closeRange(first: 3, cloexec: false),
        "The program gets descriptors 0, 1 and 2, and no others (CVE-2024-21626)", tolerating: .any)
    }
    if flavour == .crun { b.filterCalls(late: true) }
    b.executeProgram()
    b.act(as: .runtime, .hooks)
    b.run(hooks: .poststart, "In the host's namespaces, after the program was started")
    return Plan(.start, flavour, b.steps)
  }

  /// `kill`: `members` are all processes of the container's cgroup, for the case that they share the host's PIDs.
  public static func kill(
    _ container: ContainerFacts, signal: Int, members: [Int] = [], flavour: RuntimeFlavour = .runc
  ) -> Plan {
    var b = builder(container, flavour)
    b.act(as: .runtime, .signal)
    b.signal(container, signal, members)
    return Plan(.kill, flavour, b.steps)
  }

  /// `delete`: what `create` made is taken away. `kills`: the process first (`--force`, or a container never started).
  public static func delete(
    _ container: ContainerFacts, kills: Bool = false, members: [Int] = [], flavour: RuntimeFlavour = .runc
  ) -> Plan {
    var b = builder(container, flavour)
    b.act(as: .runtime, .signal)
    if kills {
      b.signal(container, 9, members)
      for index in b.steps.indices { b.steps[index].tolerates.formUnion(.gone) }
    }
    b.leaveCgroups()
    b.phase = .cleanup
    if flavour == .drydock, !b.has(.mount) { b.leaveMounts() }
    for name in flavour.notes {
      let path = KernelPath(PathText.join(container.stateDirectory, name))
      b.add(
        .unlink(path: path), "The runtime's notes", if: .exists(path), tolerating: .missing,
        failing: .context("unable to remove container state dir"))
    }
    b.add(
      .rmdir(path: KernelPath(container.stateDirectory)), "The name is free again", tolerating: .missing,
      failing: .context("unable to remove container state dir"))
    b.run(hooks: .poststop, "In the host's namespaces, after the container is gone")
    return Plan(.delete, flavour, b.steps)
  }

  /// What an unfinished container without a mount namespace has left of its mounts on the host; nil when there can be
  /// none.
  public static func unmount(_ container: ContainerFacts) -> Plan? {
    var b = builder(container, .drydock)
    if b.has(.mount) { return nil }
    b.act(as: .runtime, .cleanup)
    b.leaveMounts()
    return Plan(.delete, .drydock, b.steps)
  }

  /// `pause`.
  public static func pause(_ container: ContainerFacts, flavour: RuntimeFlavour = .runc) -> Plan {
    var b = builder(container, flavour)
    b.freeze(true)
    return Plan(.pause, flavour, b.steps)
  }

  /// `resume`.
  public static func resume(_ container: ContainerFacts, flavour: RuntimeFlavour = .runc) -> Plan {
    var b = builder(container, flavour)
    b.freeze(false)
    return Plan(.resume, flavour, b.steps)
  }

  /// `update`: the limits are written again; devices stay as they are.
  public static func update(
    _ container: ContainerFacts, _ resources: RuntimeSpec.Resources, flavour: RuntimeFlavour = .runc
  ) throws(PlanError) -> Plan {
    let layout = container.cgroups.layout
    do { try resources.validate(unifiedCgroups: layout.version == .unified) } catch {
      throw PlanError(error.description)
    }
    var b = builder(container, flavour)
    b.act(as: .runtime, .limits)
    b.setLimits(resources, devices: false, failing: .plain)
    return Plan(.update, flavour, b.steps)
  }
}

extension PlanBuilder {
  /// With a PID namespace of its own, killing PID 1 kills all; without one, each process has to be found.
  fileprivate mutating func signal(_ container: ContainerFacts, _ signal: Int, _ members: [Int]) {
    if flavour == .railcar, container.programPID != container.pid {
      add(.kill(pid: container.pid, signal: signal), "The signal goes to railcar's init", tolerating: .gone)
      if signal != 9, signal != 0 {
        role = .child
        add(
          .kill(pid: container.programPID, signal: signal), "… which hands every signal on to its children",
          tolerating: .gone)
        role = .runtime
      }
      return
    }
    guard signal == 9, !linux.isNew(.pid) else {
      add(
        .kill(pid: container.pid, signal: signal),
        signal == 9
          ? "With PID 1 the kernel kills every process of the PID namespace"
          : "The signal goes to the container's first process", failing: .context("unable to signal init"))
      return
    }
    if let unified = cgroups.unified {
      add(
        .writeFile(path: KernelPath(unified + "/cgroup.kill"), contents: "1"),
        "Without a PID namespace of its own there is no PID 1: the cgroup knows who belongs to the container",
        failing: .context("unable to kill all processes"))
      return
    }
    freeze(true)
    phase = .signal
    for pid in members {
      add(
        .kill(pid: pid, signal: 9), "Each process of the cgroup, frozen so that none can fork away", tolerating: .gone,
        failing: .context("unable to kill all processes"))
    }
    freeze(false)
  }
}
