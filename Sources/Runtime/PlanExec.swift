import JSONTree
import OCISpec

extension Plan {
  /// The plan of `exec`: a process of the host enters the container's namespaces, gives up every privilege the
  /// container
  /// must not have, and only then becomes the program.
  ///
  /// `subCgroup` is a path below the container's cgroup, and `subCgroups` those of controllers of v1 (`--cgroup`).
  /// `options` are those of `exec`; `--cap`, `--user` and the like are in `process` already.
  public static func exec(
    _ container: ContainerFacts, _ process: RuntimeSpec.Process, _ options: PlanOptions, host: some HostFacts,
    flavour: RuntimeFlavour = .runc, subCgroup: String = "", subCgroups: [String: String] = [:]
  ) throws(PlanError) -> Plan {
    do { try process.validate(hasSELinux: options.hasSELinux) } catch { throw PlanError(error.description) }
    let members = PathText.join(container.cgroups.members, subCgroup)
    guard PathText.clean(members).hasPrefix(container.cgroups.members) else {
      throw PlanError("bad sub cgroup path: \(subCgroup)")
    }
    var b = PlanBuilder(
      flavour, container.config, process: process, options, host, rootfs: container.rootfs, cgroups: container.cgroups)
    switch flavour {
    case .runc, .railcar: b.execAsRunc(container, subCgroup)
    case .crun: b.execAsCrun(container, subCgroup)
    case .drydock: try b.execAsDrydock(container, subCgroup, subCgroups)
    }
    return Plan(.exec, flavour, b.steps)
  }
}

extension PlanBuilder {
  mutating func execAsRunc(_ container: ContainerFacts, _ subCgroup: String) {
    sealBinary()
    act(as: .runtime, .processes)
    add(
      .clone(namespaces: [], cgroup: unifiedCgroup(subCgroup)),
      cgroups.layout.version == .unified
        ? "A process that begins its life in the container's cgroup (CLONE_INTO_CGROUP)"
        : "A process in which the runtime executes itself again, as `runc init`",
      failing: .context("error starting setns process"), creates: .parent)
    role = .parent
    add(
      .other(name: "execve", arguments: ["path": "/proc/self/fd/7", "argv": ["runc", "init"]]),
      "Go cannot change namespaces with its many threads: nsexec does, in C, before Go runs",
      failing: .context("error starting setns process"))
    writeOOMScore()
    phase = .identity
    add(
      .prctl(option: "PR_SET_DUMPABLE", value: 0),
      "The container's processes must not look into this one, which still has the host's privileges (CVE-2016-9962)")
    phase = .processes
    add(
      .clone(namespaces: [], siblings: true), "Stage 1: it will join the namespaces",
      failing: .context("unable to spawn stage-1"), creates: .child)
    act(as: .child, .namespaces)
    join(container.pid)
    phase = .processes
    add(
      .clone(namespaces: [], siblings: true),
      "Stage 2: who joins a PID namespace stays outside, but the next child is inside",
      failing: .context("unable to spawn stage-2"), creates: .exec)
    add(.exit(status: 0), "Stage 1 has done its part")
    role = .runtime
    add(.wait(pid: 0), "The runtime has to bury it", tolerating: .gone, binding: .pidOf(.child))
    becomeSession(.exec)
    act(as: .parent, .processes)
    add(.exit(status: 0), "Stage 0 has done its part")
    role = .runtime
    add(.wait(pid: 0), "… and is buried too", tolerating: .gone, binding: .pidOf(.parent))
    joinCgroups(subCgroup)
    act(as: .exec, .finalize)
    joinKeyring()
    if process.terminal { openConsole(bindsDevice: false) }
    setAttributes()
    act(as: .runtime, .limits)
    setRlimits(of: .exec)
    act(as: .exec, .privileges)
    applyExecLabel()
    filterCalls(late: false)
    becomeUser()
    applyLabels()
    lookUpProgram()
    filterCalls(late: true)
    add(
      .closeRange(first: 3, cloexec: false),
      "The program gets descriptors 0, 1 and 2, and no others (CVE-2024-21626)", tolerating: .any)
    executeProgram()
  }

  private func unifiedCgroup(_ subCgroup: String) -> String? {
    guard cgroups.layout.version == .unified, !options.rootless else { return nil }
    return cgroups.unified.map { PathText.join($0, subCgroup) }
  }

  /// setns(2) into every namespace that the container has.
  private mutating func join(_ pid: Int) {
    for kind in PlanBuilder.joinOrder where has(kind) {
      add(
        .setns(kind, path: "/proc/\(pid)/ns/\(kind.procName)"), "Into the container's namespaces, one by one",
        failing: .context("failed to setns into \(kind.procName) namespace"))
      if kind == .user { add(.setresuid(0), "root of the container's user namespace") }
    }
  }

  /// v1 has no clone into a cgroup.
  private mutating func joinCgroups(_ subCgroup: String) {
    if unifiedCgroup(subCgroup) != nil { return }
    act(as: .runtime, .cgroup)
    for folder in cgroups.all {
      add(
        .writeFile(path: KernelPath(PathText.join(folder, subCgroup) + "/cgroup.procs"), contents: "{pid}"),
        "What is executed in a container counts against its limits",
        tolerating: options.rootless ? .any : [], failing: .context("error adding pid to cgroups"),
        binding: .pidOf(.exec))
    }
  }

  /// crun: one clone, one setns by pidfd for all namespaces, one fork.
  fileprivate mutating func execAsCrun(_ container: ContainerFacts, _ subCgroup: String) {
    act(as: .runtime, .limits)
    for rlimit in process.rlimits {
      add(
        .setrlimit(name: rlimit.type, soft: rlimit.soft, hard: rlimit.hard),
        "crun limits itself, and its children inherit it", failing: .context("setrlimit `\(rlimit.type)`"))
    }
    phase = .processes
    add(
      .clone(namespaces: [], cgroup: unifiedCgroup(subCgroup)),
      "A child, in the container's cgroup from its first moment; crun does not execute itself again",
      failing: .context("fork"), creates: .child)
    act(as: .child, .namespaces)
    add(
      .other(name: "pidfd_open", arguments: ["pid": JSON(container.pid)]),
      "One descriptor for all namespaces of the container")
    join(container.pid)
    phase = .processes
    add(
      .clone(namespaces: []), "Who joins a PID namespace stays outside, but the next child is inside",
      failing: .context("fork"), creates: .exec)
    add(.exit(status: 0), "It has done its part")
    role = .runtime
    add(.wait(pid: 0), "crun buries it", tolerating: .gone, binding: .pidOf(.child))
    joinCgroups(subCgroup)
    act(as: .exec, .identity)
    add(.setsid, "A session of its own", failing: .context("setsid"))
    if process.terminal { openConsole(bindsDevice: false) }
    if !options.rootless { add(.setgroups(process.user.additionalGids), "Its groups", failing: .context("setgroups")) }
    phase = .privileges
    add(.chdir(path: process.cwd), "The working directory, while it can still be entered", tolerating: .any)
    let chdir = steps.count - 1
    applyExecLabel()
    applyLabels()
    add(
      .umask(process.user.umask ?? 0o22),
      "The mode of files that the program makes")
    filterCalls(late: false)
    dropAsCrun()
    lookUpProgram()
    phase = .privileges
    steps.append(
      Step(
        role, phase, .chdir(path: process.cwd), "The user may enter where crun may not", condition: .refused(chdir),
        failure: .context("chdir")))
    filterCalls(late: true)
    add(
      .closeRange(first: 3, cloexec: true),
      "The program gets descriptors 0, 1 and 2, and no others", tolerating: .any)
    executeProgram()
  }
}
