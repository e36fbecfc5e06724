import JSONTree
import OCISpec

/// `exec` as drydock-runc does it: a process that begins in the container's cgroup joins all its namespaces by one
/// setns(2), and makes another one, which is the first that can be seen inside.
extension PlanBuilder {
  mutating func execAsDrydock(
    _ container: ContainerFacts, _ subCgroup: String, _ subCgroups: [String: String]
  ) throws(PlanError) {
    overlapping = true
    let groups = try SubCgroups(container.cgroups, subCgroup, subCgroups)
    let kinds = PlanBuilder.joinOrder.filter { has($0) }
    act(as: .runtime, .processes)
    if let cpus = process.execCPUAffinity?.initial, !cpus.isEmpty {
      add(
        .schedSetaffinity(cpus: cpus), "Where it runs until it is in the container's cgroup; children inherit it",
        failing: .context("unable to set CPU affinity"))
    }
    if kinds.contains(.pid) {
      // A process that is seen inside must not have the host's root, or anything that leads there, for a moment; and
      // without root the PID namespace can be joined only from within the user namespace.
      cloneExec(.child, groups, container)
      act(as: .child, .identity)
      hideExec()
      enterHierarchies(groups)
      joinAll(container.pid, kinds)
      phase = .processes
      add(
        .clone(namespaces: [], siblings: true), "Who joins a PID namespace stays outside, but the next child is inside",
        failing: .context("error starting setns process"), creates: .exec)
      add(.exit(status: 0), "It has done its part")
      role = .runtime
      waits = true
      add(.wait(pid: 0), "The runtime has to bury it", tolerating: .gone, binding: .pidOf(.child))
    } else {
      hideExec()
      phase = .processes
      cloneExec(.exec, groups, container)
      act(as: .exec, .cgroup)
      enterHierarchies(groups)
      joinAll(container.pid, kinds)
    }
    attachExec(groups)
    writeOOMScore(of: .exec)
    act(as: .exec, .identity)
    if writesOOMScoreItself() { writeOOMScore() }
    becomeLeader()
    if let cpus = process.execCPUAffinity?.final, !cpus.isEmpty {
      waits = !entersAtBirth && groups.unified != nil
      add(
        .schedSetaffinity(cpus: cpus), "Where it runs from now on, within what the cgroup allows",
        failing: .context("unable to set CPU affinity"))
    }
    if process.terminal { openOwnConsole(binds: false) }
    act(as: .exec, .finalize)
    setAttributes()
    applyLabelsAsDrydock()
    if process.user.umask == nil || process.user.umask == 0o22 {
      add(.umask(0o22), "The mode of files that the program makes")
    }
    giveUpPrivileges(limiting: .exec)
    act(as: .exec, .program)
    executeProgram()
  }

  private mutating func hideExec() {
    phase = .identity
    add(
      .prctl(option: "PR_SET_DUMPABLE", value: 0),
      "The container's processes must not look into one that still has the host's privileges (CVE-2016-9962)")
  }

  private mutating func cloneExec(_ member: Role, _ groups: SubCgroups, _ container: ContainerFacts) {
    phase = .processes
    let failing = Step.Failure.context("error starting setns process")
    let fallback = groups.isOwn ? container.initCgroup : nil
    let cgroup = entersAtBirth ? groups.unified : nil
    add(
      .clone(namespaces: [], cgroup: cgroup),
      cgroup == nil
        ? "A process that will go into the container"
        : "A process that begins its life in the container's cgroup (CLONE_INTO_CGROUP)",
      tolerating: cgroup != nil && fallback != nil ? .busy : [], failing: failing, creates: member)
    if cgroup != nil, let fallback {
      add(
        .clone(namespaces: [], cgroup: fallback),
        "The container has cgroups with controllers below its own, which takes no process then: the first one's does",
        if: .previousRefused, failing: failing, creates: member)
    }
  }

  /// All at once, with the container's process as it is: a namespace that it has changed is followed.
  private mutating func joinAll(_ pid: Int, _ kinds: [NamespaceKind]) {
    phase = .namespaces
    if !kinds.isEmpty {
      add(
        .joinNamespaces(of: pid, kinds), "Into the container's namespaces, all or none (setns by pidfd)",
        failing: .context("failed to setns into the container's namespaces"))
    }
    guard kinds.contains(.user) else { return }
    phase = .identity
    let failing = Step.Failure.context("failed to become root in user namespace")
    add(.setresgid(0), "root's group, of the user namespace", failing: failing)
    add(.setresuid(0), "… and root", failing: failing)
  }

  /// v1, by the process itself, before the container's mounts hide the host's cgroups.
  private mutating func enterHierarchies(_ groups: SubCgroups) {
    phase = .cgroup
    for folder in groups.hierarchies {
      add(
        .writeFile(path: KernelPath(folder + "/tasks"), contents: "0"),
        "What is executed in a container counts against its limits",
        tolerating: options.rootlessCgroups ? .any : [], failing: .context("error adding pid to cgroups"))
    }
  }

  /// v2, where it could not be born there.
  private mutating func attachExec(_ groups: SubCgroups) {
    guard let folder = entersAtBirth ? nil : groups.unified else { return }
    act(as: .runtime, .cgroup)
    add(
      .writeFile(path: KernelPath(folder + "/cgroup.procs"), contents: "{pid}"),
      "What is executed in a container counts against its limits", tolerating: .any,
      failing: .context("error adding pid to cgroups"), binding: .pidOf(.exec))
  }
}

/// The cgroups that a process of `exec` enters (`--cgroup`).
struct SubCgroups {
  /// In v2, alone or hybrid.
  var unified: String?
  /// v1.
  var hierarchies: [String] = []
  /// No cgroup below the container's was asked for.
  var isOwn: Bool

  init(_ paths: CgroupPaths, _ path: String, _ byController: [String: String]) throws(PlanError) {
    isOwn = path.isEmpty && byController.isEmpty
    func below(_ folder: String, _ sub: String) throws(PlanError) -> String {
      let joined = PathText.clean(PathText.join(folder, sub))
      guard joined == folder || joined.hasPrefix(folder + "/") else { throw PlanError("bad sub cgroup path: \(sub)") }
      return joined
    }
    if paths.layout.version == .unified, !byController.isEmpty {
      throw PlanError("cgroup v2 has no controllers to choose with --cgroup")
    }
    if let unified = paths.unified { self.unified = try below(unified, paths.layout.version == .unified ? path : "") }
    for controller in byController.keys.sorted() where paths.path(of: controller) == nil {
      throw PlanError("--cgroup: controller \(controller) is not there")
    }
    for hierarchy in paths.layout.hierarchies {
      let own = hierarchy.split(separator: ",").lazy.compactMap { byController[String($0)] }.first
      hierarchies.append(try below(paths.folder(in: hierarchy), own ?? path))
    }
  }
}
