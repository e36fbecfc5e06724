import JSONTree
import OCISpec

/// `create` as drydock-runc does it, and as Linux really performs it: the runtime makes what only it may make, clones the
/// container's process once, and then both work beside one another. The container's process waits for the runtime only
/// for its id maps, its cgroup folders of v1, and hooks; most containers have it wait for the folders alone, which are
/// ready by then.
extension PlanBuilder {
  mutating func createAsDrydock() throws(PlanError) {
    overlapping = true
    let birth = Birth(linux, options)
    beginNotes()
    makeCgroups(before: true, birth)
    prepareSources()
    startProcesses(birth)
    becomeContainer(birth)
    makeCgroups(before: false, birth)
    writeOOMScore(of: .container)
    noteProcess()
    act(as: .container, .rootfs)
    enterMountNamespace()
    prepareOwnRoot()
    try attachMounts()
    if fillsDev { makeOwnDev() }
    act(as: .container, .finalize)
    add(.umask(0o22), "From here on modes are cut as usual")
    finishOutside()
    runCreationHooks()
    finishInside()
  }

  // MARK: The runtime

  /// The state directory, the FIFO, and notes on what is about to be made: whatever ends the runtime from here on,
  /// `delete --force` knows what there is to take away.
  private mutating func beginNotes() {
    act(as: .runtime, .state)
    if host.kind(of: options.stateRoot) == nil {
      add(
        .makeFolders(path: KernelPath(options.stateRoot), mode: 0o700), "The folder of all containers' states (--root)")
    }
    add(
      .mkdir(path: KernelPath(options.stateDirectory), mode: 0o711),
      "The container's own folder: whoever makes it owns the name",
      failing: .message("container with given ID already exists"))
    let fifo = KernelPath(PathText.join(options.stateDirectory, "exec.fifo"))
    add(
      .mknod(path: fifo, kind: "p", mode: 0o622, major: 0, minor: 0),
      "The container's process will sleep at this FIFO until `start` opens its other end")
    add(.chmod(path: fifo, mode: 0o622), "Whoever the program runs as must be able to open it, whatever the umask is")
    noteProcess()
  }

  private mutating func noteProcess() {
    act(as: .runtime, .state)
    saveNotes("state.json", .state, failing: .context("unable to store init state"))
  }

  /// Cgroup folders. v2's are there before the clone, which puts the process in; v1's are made while the process works
  /// already, unless it will be in a user namespace and has to have their files opened before.
  private mutating func makeCgroups(before: Bool, _ birth: Birth) {
    act(as: .runtime, .cgroup)
    if before, entersAtBirth { makeUnified() }
    if cgroups.layout.version != .unified, before == (has(.user) || birth.usesChild) { makeHierarchies() }
    if !before, !entersAtBirth, cgroups.unified != nil {
      // Who may not make cgroups cannot be born into one.
      makeUnified()
      if let path = cgroups.unified {
        add(
          .writeFile(path: KernelPath(path + "/cgroup.procs"), contents: "{pid}"),
          "The first process enters its cgroup before it has children, so that none can escape the limits",
          tolerating: cgroupTolerance, failing: .context("unable to apply cgroup configuration"),
          binding: .pidOf(.container))
      }
    }
  }

  /// CLONE_INTO_CGROUP, on hosts with v2 (also hybrid) and cgroups that may be made.
  var entersAtBirth: Bool { cgroups.unified != nil && !options.rootlessCgroups }

  /// Bind mounts for a container in a user namespace: the runtime makes them ready where it still may.
  private mutating func prepareSources() {
    guard linux.isNew(.mount), has(.user), !options.rootless else { return }
    act(as: .runtime, .mounts)
    for (index, mount) in config.mounts.enumerated() where isBind(mount) {
      var attachment = Attachment(source: source(of: mount), target: KernelPath(mount.destination))
      attachment.recursive = mount.parsedOptions.flags.contains(.rec)
      attachment.idMap = idMap(of: mount)
      attachment.recursiveIDMap = mount.parsedOptions.recursiveIDMap
      // As if it had been bound within the container's own mounts.
      attachment.propagation = [basePropagation.union(.rec).names]
      let number = prepared.count
      prepared[index] = number
      add(
        .prepareMount(number, attachment),
        attachment.idMap == nil
          ? "The runtime opens the source of a bind mount: in its user namespace the container may not reach it"
          : "Files of the host's users belong to the container's users here, without being changed: only the host may map",
        failing: .mounting(source: mount.source, destination: mount.destination))
    }
  }

  // MARK: Processes

  private mutating func startProcesses(_ birth: Birth) {
    act(as: .runtime, .processes)
    if birth.runtimeJoinsPID, let pids = linux.namespace(.pid) {
      hideFromMembers()
      add(
        .setns(.pid, path: pids.path), "Who joins a PID namespace stays outside, but the next child is inside",
        failing: .context("failed to setns into pid namespace"))
    }
    add(
      .clone(namespaces: birth.usesChild ? [] : birth.born, cgroup: entersAtBirth ? cgroups.unified : nil),
      birth.usesChild
        ? "A process that joins what has to be joined before the container's process can be made"
        : entersAtBirth
          ? "One process with its namespaces, in its cgroup from its first moment (CLONE_INTO_CGROUP)"
          : "One process with its namespaces",
      failing: .context("unable to start init"), creates: birth.usesChild ? .child : .container)
    if birth.runtimeJoinsPID {
      add(.setns(.pid, path: "/proc/self/ns/pid"), "The runtime's next children, hooks, are the host's again")
    }
    if birth.usesChild {
      goBetween(birth)
    } else {
      if linux.isNew(.user) { writeMaps(of: .container) }
    }
  }

  /// The process between the runtime and the container's: where a user namespace and others come from elsewhere.
  private mutating func goBetween(_ birth: Birth) {
    act(as: .child, .identity)
    hideFromMembers()
    enterHierarchiesItself()
    phase = .namespaces
    joinOthers(birth, including: [.ipc, .uts, .network, .pid, .cgroup, .time])
    if linux.isNew(.user) {
      add(
        .unshare([.user]), "The user namespace now: what was joined takes the host's privileges",
        failing: .context("failed to unshare user namespace"))
      waits = true
      writeMaps(of: .child)
      act(as: .child, .namespaces)
    }
    if !linux.timeOffsets.isEmpty { shiftClocks(enters: false) }
    waits = linux.isNew(.user)
    becomeRoot()
    phase = .processes
    add(
      .clone(namespaces: birth.born, siblings: true), "The container's process; the runtime is its parent too",
      failing: .context("unable to start init"), creates: .container)
    add(.exit(status: 0), "It has done its part")
    role = .runtime
    waits = true
    add(
      .wait(pid: 0), "It is the runtime's child: the runtime has to bury it", tolerating: .gone,
      binding: .pidOf(.child))
  }

  private mutating func hideFromMembers() {
    let before = phase
    phase = .identity
    add(
      .prctl(option: "PR_SET_DUMPABLE", value: 0),
      "Processes of the namespaces that are joined must not look into this one (CVE-2016-9962)")
    phase = before
  }

  /// Those that have a path, in an order in which none hides the others' paths; with a user namespace to join, as far
  /// as the host's privileges allow, and the rest with that one's.
  private mutating func joinOthers(_ birth: Birth, including kinds: [NamespaceKind]) {
    var attempts: [(step: Int, namespace: RuntimeSpec.Namespace)] = []
    for kind in kinds {
      guard let namespace = birth.joined.first(where: { $0.type == kind }) else { continue }
      add(
        .setns(kind, path: namespace.path), "A namespace that exists already is joined",
        tolerating: birth.user == nil ? [] : .permission,
        failing: .context("failed to setns into \(kind.procName) namespace"))
      attempts.append((steps.count - 1, namespace))
    }
    guard let user = birth.user else { return }
    add(
      .setns(.user, path: user.path), "The user namespace after them: it may take the right to join the others",
      failing: .context("failed to setns into user namespace"))
    for (step, namespace) in attempts {
      add(
        .setns(namespace.type, path: namespace.path), "… or give it", if: .refused(step),
        failing: .context("failed to setns into \(namespace.type.procName) namespace"))
    }
  }

  private mutating func becomeRoot() {
    phase = .identity
    let failing = Step.Failure.context("failed to become root in user namespace")
    add(.setresgid(0), "root's group, of the user namespace", failing: failing)
    add(.setresuid(0), "… and root", failing: failing)
  }

  /// Offsets can be set until the first process is in the namespace; `enters`: the process itself goes in, others' next
  /// children are in it.
  private mutating func shiftClocks(enters: Bool) {
    let before = phase
    phase = .namespaces
    add(
      .unshare([.time]), "A time namespace, in which nobody is yet",
      failing: .context("failed to unshare time namespace"))
    if !linux.timeOffsets.isEmpty {
      let lines = linux.timeOffsets.sorted { $0.key < $1.key }
        .map { "\($0.key) \($0.value.secs) \($0.value.nanosecs)\n" }.joined()
      add(
        .writeFile(path: "/proc/self/timens_offsets", contents: lines),
        "How far the container's clocks are from the host's", failing: .context("failed to update timens_offsets"))
    }
    if enters {
      add(
        .setns(.time, path: "/proc/self/ns/time_for_children"), "Into it, without another clone",
        failing: .context("failed to setns into time namespace"))
    }
    phase = before
  }

  /// `/proc/PID/uid_map` and `gid_map`, by the runtime; by newuidmap(1) and newgidmap(1) where the kernel lets it map
  /// nobody but itself.
  private mutating func writeMaps(of member: Role) {
    act(as: .runtime, .identity)
    for (file, map) in [("gid_map", linux.gidMappings), ("uid_map", linux.uidMappings)] where !map.isEmpty {
      let reason = "Who the ids of the container are on the host: its root is nobody in particular"
      let failing = Step.Failure.context("failed to update /proc/\(member.rawValue)/\(file)")
      if options.rootless, map.count > 1 || map[0].size > 1 {
        let program = file == "uid_map" ? "newuidmap" : "newgidmap"
        let arguments = map.flatMap { [String($0.containerID), String($0.hostID), String($0.size)] }
        add(
          .runHelper(program: program, arguments: ["{pid}"] + arguments),
          "More than one's own id can be mapped only with what /etc/subuid and /etc/subgid allow", failing: failing,
          binding: .pidOf(member))
        continue
      }
      if options.rootless, file == "gid_map" {
        add(
          .writeFile(path: "/proc/{pid}/setgroups", contents: "deny"),
          "Who maps only himself must not be able to drop groups",
          failing: .context("failed to write 'deny' to /proc/\(member.rawValue)/setgroups"), binding: .procOf(member))
      }
      add(
        .writeFile(path: KernelPath("/proc/{pid}/" + file), contents: map.map { $0.description + "\n" }.joined()),
        reason, failing: failing, binding: .procOf(member))
    }
  }

  /// By the runtime, which may also lower it; without root by the process itself.
  func writesOOMScoreItself() -> Bool { options.rootless }

  mutating func writeOOMScore(of member: Role) {
    guard let score = process.oomScoreAdj, !writesOOMScoreItself() else { return }
    act(as: .runtime, .identity)
    add(
      .writeFile(path: "/proc/{pid}/oom_score_adj", contents: String(score)),
      "Whom the OOM killer takes first when the host is short of memory; children inherit it",
      failing: .context("failed to update oom_score_adj"), binding: .procOf(member))
  }

  // MARK: The container's process

  /// From its first moment to the session leader of the container, root in its namespaces.
  private mutating func becomeContainer(_ birth: Birth) {
    act(as: .container, .identity)
    if writesOOMScoreItself() { writeOOMScore() }
    if !birth.usesChild {
      if !birth.runtimeJoinsPID, !birth.joined.isEmpty || birth.user != nil { hideFromMembers() }
      phase = .namespaces
      if linux.isNew(.user) || birth.user == nil, !linux.timeOffsets.isEmpty { shiftClocks(enters: true) }
      joinOthers(birth, including: [.ipc, .uts, .network, .cgroup, .time])
      if birth.user != nil {
        if linux.isNew(.time) { shiftClocks(enters: true) }
        becomeRoot()
        phase = .namespaces
        let rest: [NamespaceKind] = [.mount, .uts, .ipc, .network].filter { linux.isNew($0) }
        if !rest.isEmpty {
          add(
            .unshare(rest), "The container's own view of mounts, network, …",
            failing: .context("failed to unshare remaining namespaces"))
        }
      } else if linux.isNew(.user) {
        waits = true
        becomeRoot()
      }
    }
    if has(.user), cgroups.layout.version != .unified, !birth.usesChild { enterHierarchiesItself() }
    isInCgroups = has(.user) || birth.usesChild
    becomeLeader()
    if let cpus = linux.resources?.cpu.cpus, !cpus.isEmpty {
      add(
        .schedSetaffinity(cpus: cpus), "The CPUs of its cgroup, whatever the runtime itself was bound to",
        tolerating: .any)
    }
    raiseLoopback()
  }

  mutating func becomeLeader() {
    phase = .identity
    add(
      .setsid, "A session of its own: signals of the caller's terminal do not reach it",
      failing: .context("setsid failed"))
    joinKeyring()
  }

  private mutating func enterMountNamespace() {
    guard let mount = linux.namespace(.mount), !mount.path.isEmpty else { return }
    phase = .namespaces
    add(
      .setns(.mount, path: mount.path), "The mount namespace last: it hides the others' paths",
      failing: .context("failed to setns into mnt namespace"))
  }

  /// The cgroups of v1, which the process enters by itself, and then the namespace that has them as its roots.
  mutating func enterOwnCgroups() {
    let before = phase
    if !isInCgroups, cgroups.layout.version != .unified {
      waits = true
      enterHierarchiesItself()
    }
    if linux.isNew(.cgroup) {
      phase = .namespaces
      waits = cgroups.layout.version == .unified && !entersAtBirth
      add(
        .unshare([.cgroup]), "The cgroup that it is in now becomes the root that it sees",
        failing: .context("failed to unshare cgroup namespace"))
    }
    phase = before
  }

  // MARK: Both

  /// The runtime: limits and interfaces, while the container's process builds its root.
  private mutating func finishOutside() {
    act(as: .runtime, .limits)
    setLimits(
      linux.resources ?? RuntimeSpec.Resources(), failing: .context("error setting cgroup config for procHooks process")
    )
    if !linux.netDevices.isEmpty {
      phase = .finalize
      for (name, new) in linux.netDevices.sorted(by: { $0.key < $1.key }) {
        waits = !linux.isNew(.network) || has(.user)
        add(
          .moveInterface(name, name: new.isEmpty ? name : new, pid: 0),
          "An interface of the host moves into the container, with its addresses",
          failing: .context("error creating network interfaces: move netDevice \(name) to namespace"),
          binding: .pidOf(.container))
      }
    }
  }

  /// The hooks before the change of root: each waits for everything that comes before it.
  private mutating func runCreationHooks() {
    role = .runtime
    for stage in [RuntimeSpec.HookStage.prestart, .createRuntime] where !config.hooks[stage].isEmpty {
      waits = true
      run(hooks: stage, "In the host's namespaces, when the container's exist")
    }
    act(as: .container, .hooks)
    waits =
      !(config.hooks.prestart.isEmpty && config.hooks.createRuntime.isEmpty && config.hooks.createContainer.isEmpty)
    run(hooks: .createContainer, "In the container's namespaces, while the host's files can still be reached")
    waits = waits || !linux.netDevices.isEmpty && !linux.sysctl.isEmpty
  }

  /// The container's process, up to its sleep at the FIFO.
  private mutating func finishInside() {
    act(as: .container, .finalize)
    // The host's procfs writes to the namespaces of the process that writes, and nobody in the container can exchange it.
    setSysctls()
    let cwd = PathText.clean(process.cwd)
    if cwd != "/" {
      add(
        .makeFolders(path: inRoot(cwd), mode: 0o755), "The working directory is made when the image has none",
        tolerating: .exists)
    }
    coverOwnPaths()
    applyLabelsAsDrydock()
    pivotOwnRoot()
    if process.terminal { openOwnConsole(binds: true) }
    if has(.mount) { makeOwnMountsReadOnly() }
    phase = .finalize
    setNames()
    setAttributes()
    giveUpPrivileges(limiting: .container)
    act(as: .container, .start)
    add(
      .openFIFO(path: PathText.join(options.stateDirectory, "exec.fifo")),
      "Everything is ready: the process sleeps here until `start`", failing: .context("reopen exec fifo"))
  }

  /// By the process itself, which has the runtime's rights still; in a user namespace limits cannot be raised, and the
  /// runtime does it. As late as can be, for a process with few files or little memory could not have built the
  /// container; but before it becomes another user's, whom only a runtime with CAP_SYS_RESOURCE may limit.
  mutating func limitProcess(_ member: Role) {
    if process.rlimits.isEmpty { return }
    if !has(.user) {
      for rlimit in process.rlimits {
        add(
          .setrlimit(name: rlimit.type, soft: rlimit.soft, hard: rlimit.hard), "A limit of the process's own (ulimit)",
          failing: .context("error setting rlimits for ready process"))
      }
      return
    }
    act(as: .runtime, .limits)
    waits = true
    setRlimits(of: member)
    act(as: member, .privileges)
    waits = true
  }
}

/// Which processes bring a container into being, and who joins and makes which namespaces.
struct Birth {
  /// Namespaces with a path, but the user namespace.
  let joined: [RuntimeSpec.Namespace]
  /// The user namespace that is joined.
  let user: RuntimeSpec.Namespace?
  /// A process between the runtime and the container's. A PID namespace takes a clone, by somebody who is in the right
  /// user namespace already; and what belongs to the host can be joined only by who is not in the new one yet.
  let usesChild: Bool
  /// The runtime itself joins the PID namespace, which counts for its next child.
  let runtimeJoinsPID: Bool
  /// The namespaces that the clone of the container's process makes.
  let born: [NamespaceKind]

  init(_ linux: RuntimeSpec.Linux, _ options: PlanOptions) {
    joined = linux.namespaces.filter { !$0.path.isEmpty && $0.type != .user }
    user = linux.namespaces.first { !$0.path.isEmpty && $0.type == .user }
    let isUserNew = linux.isNew(.user)
    let joinsPID = joined.contains { $0.type == .pid }
    usesChild = user != nil ? linux.isNew(.pid) || joinsPID : isUserNew && !joined.isEmpty
    runtimeJoinsPID = joinsPID && !usesChild
    let (usesChild, user, hasOffsets) = (usesChild, user, !linux.timeOffsets.isEmpty)
    born = [.user, .mount, .uts, .ipc, .pid, .network, .time].filter { (kind: NamespaceKind) in
      guard linux.isNew(kind) else { return false }
      switch kind {
      case .user: return !usesChild
      case .time: return !hasOffsets && (user == nil || usesChild)
      default: return user == nil || usesChild
      }
    }
  }
}
