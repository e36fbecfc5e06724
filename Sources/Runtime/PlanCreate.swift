import JSONTree
import OCISpec

/// `create` as runc does it: `runc create` beside three stages of `runc init`.
extension PlanBuilder {
  mutating func createAsRunc() throws(PlanError) {
    prepareState()
    sealBinary()
    startInit()
    try enterNamespaces()
    try buildContainer()
    readyToRun()
    dropPrivileges()
  }

  /// The state directory and the FIFO.
  mutating func prepareState() {
    act(as: .runtime, .state)
    if host.kind(of: options.stateRoot) == nil {
      makeFolders(options.stateRoot, root: nil, mode: 0o700, "The folder of all containers' states (--root)")
    }
    add(
      .mkdir(path: KernelPath(options.stateDirectory), mode: 0o711),
      "The container's own folder: whoever makes it owns the name",
      failing: .message("container with given ID already exists"))
    let fifo = PathText.join(options.stateDirectory, "exec.fifo")
    add(
      .mknod(path: KernelPath(fifo), kind: "p", mode: 0o622, major: 0, minor: 0),
      "The container's process will sleep at this FIFO until `start` opens its other end")
    add(.chmod(path: KernelPath(fifo), mode: 0o622), "Its mode, whatever the umask is")
    if hostRootUID != 0 || hostRootGID != 0 {
      add(
        .chown(path: KernelPath(fifo), uid: hostRootUID, gid: hostRootGID),
        "The container's root, which is somebody else on the host, must be able to open it")
    }
  }

  /// /proc/self/exe of a process in the container must not lead to the host's runc (CVE-2019-5736).
  mutating func sealBinary() {
    act(as: .runtime, .binary)
    let reason = "A process in the container could write to the runtime's binary through /proc/self/exe: it gets a copy"
    if options.rootless {
      add(
        .other(
          name: "memfd_create",
          arguments: ["name": "runc_cloned:/proc/self/exe", "flags": "MFD_ALLOW_SEALING|MFD_CLOEXEC|MFD_EXEC"]), reason)
      add(
        .other(name: "sendfile", arguments: ["in": "/proc/self/exe", "out": "memfd"]),
        "The binary is copied into memory")
      add(
        .other(
          name: "fcntl",
          arguments: ["cmd": "F_ADD_SEALS", "seals": "F_SEAL_SEAL|F_SEAL_SHRINK|F_SEAL_GROW|F_SEAL_WRITE"]),
        "… and nobody can change it any more")
      return
    }
    let folder = PathText.parent(options.executable)
    add(
      .other(name: "fsopen", arguments: ["fsname": "overlay", "flags": "FSOPEN_CLOEXEC"]),
      "A process in the container could write to the runtime's binary through /proc/self/exe: it gets an "
        + "overlay without an upper layer"
    )
    add(
      .other(
        name: "fsconfig",
        arguments: [
          "cmd": "FSCONFIG_SET_STRING", "key": "lowerdir",
          "value": .string("\(folder):\(options.stateDirectory)"),
        ]), "The binary's folder is the lower layer")
    add(.other(name: "fsconfig", arguments: ["cmd": "FSCONFIG_CMD_CREATE"]), "The overlay, mounted nowhere")
    add(
      .other(
        name: "fsmount",
        arguments: ["flags": "FSMOUNT_CLOEXEC", "attr_flags": "MOUNT_ATTR_RDONLY|MOUNT_ATTR_NODEV|MOUNT_ATTR_NOSUID"]),
      "… read-only")
    add(
      .other(
        name: "openat",
        arguments: [
          "dirfd": "overlay",
          "path": .string(String(options.executable.dropFirst(folder == "/" ? 1 : folder.utf8.count + 1))),
          "flags": "O_PATH|O_NOFOLLOW|O_CLOEXEC",
        ]), "The binary that `runc init` will be executed from")
  }

  /// `runc init`: the runtime executes itself again, and its first process enters the cgroup.
  mutating func startInit() {
    act(as: .runtime, .processes)
    add(
      .clone(namespaces: []), "A process in which the runtime executes itself again, as `runc init`",
      failing: .context("unable to start init"), creates: .parent)
    role = .parent
    add(
      .other(
        name: "execve",
        arguments: ["path": "/proc/self/fd/7", "argv": ["runc", "init"]]),
      "Go cannot fork: a fresh start in one thread, whose C part (nsexec) runs before Go does",
      failing: .context("unable to start init"))
    act(as: .runtime, .cgroup)
    enterCgroups(.parent)
    act(as: .runtime, .limits)
    add(
      .other(name: "sched_setaffinity", arguments: ["pid": "runc init", "cpus": "all"]),
      "All CPUs that the cgroup leaves, whatever the runtime itself was bound to", tolerating: .any)
  }

  /// nsexec: stages 0, 1 and 2.
  mutating func enterNamespaces() throws(PlanError) {
    act(as: .parent, .identity)
    writeOOMScore()
    let joins = linux.namespaces.contains { !$0.path.isEmpty }
    if joins {
      add(
        .prctl(option: "PR_SET_DUMPABLE", value: 0),
        "Processes of the namespaces that are joined must not look into this one (CVE-2016-9962)")
    }
    act(as: .parent, .processes)
    add(
      .setProcessName("runc:[0:PARENT]"),
      "nsexec, stage 0: it stays outside and writes the id maps")
    add(
      .clone(namespaces: [], siblings: true), "Stage 1: who makes a user namespace cannot write its own id maps",
      failing: .context("unable to spawn stage-1"), creates: .child)
    act(as: .child, .namespaces)
    add(
      .setProcessName("runc:[1:CHILD]"),
      "nsexec, stage 1: it joins and makes the namespaces")
    joinNamespaces()
    makeNamespaces()
    act(as: .child, .processes)
    add(
      .clone(namespaces: [], siblings: true),
      "Stage 2: a new PID namespace begins with the next child, which is its PID 1",
      failing: .context("unable to spawn stage-2"), creates: .container)
    add(.exit(status: 0), "Stage 1 has done its part")
    role = .runtime
    add(
      .wait(pid: 0), "Stage 1 is the runtime's child (CLONE_PARENT): the runtime has to bury it", tolerating: .gone,
      binding: .pidOf(.child))
    becomeSession()
    role = .parent
    add(.exit(status: 0), "Stage 0 has done its part")
    role = .runtime
    add(.wait(pid: 0), "… and is buried too", tolerating: .gone, binding: .pidOf(.parent))
  }

  /// In which order namespaces are joined: the user namespace might take the right to join the others, and the mount
  /// namespace hides their paths (nsexec opens them all beforehand, which comes to the same).
  static let joinOrder: [NamespaceKind] = [.ipc, .uts, .network, .pid, .cgroup, .time, .user, .mount]

  private mutating func joinNamespaces() {
    let joined = linux.namespaces.filter { !$0.path.isEmpty }
    for kind in PlanBuilder.joinOrder {
      guard let namespace = joined.first(where: { $0.type == kind }) else { continue }
      add(
        .setns(kind, path: namespace.path), "A namespace that exists already is joined",
        failing: .context("failed to setns into \(kind.procName) namespace"))
      if kind == .user { add(.setresuid(0), "root of that user namespace") }
    }
  }

  private mutating func makeNamespaces() {
    var new: [NamespaceKind] = [.mount, .cgroup, .uts, .ipc, .pid, .network, .time].filter { linux.isNew($0) }
    if linux.isNew(.user) {
      add(
        .unshare([.user]), "The user namespace first: it will own the others",
        failing: .context("failed to unshare user namespace"))
      writeIDMaps(of: .child)
      act(as: .child, .namespaces)
      add(
        .setresuid(0), "root, within the new user namespace",
        failing: .context("failed to become root in user namespace"))
    }
    if !new.isEmpty {
      add(
        .unshare(new), "The container's own view of mounts, processes, network, …",
        failing: .context("failed to unshare remaining namespaces"))
    }
    new.removeAll()
    writeTimeOffsets(of: .child, by: .parent)
  }

  /// `/proc/PID/uid_map` and `gid_map`, from outside.
  mutating func writeIDMaps(of member: Role) {
    act(as: .parent, .identity)
    let single = options.rootless && linux.gidMappings.count == 1 && linux.gidMappings[0].size == 1
    if single {
      add(
        .writeFile(path: "/proc/{pid}/setgroups", contents: "deny"),
        "Who maps only himself must not be able to drop groups",
        failing: .context("failed to write 'deny' to /proc/self/setgroups"),
        binding: .procOf(member))
    }
    for (file, map) in [("uid_map", linux.uidMappings), ("gid_map", linux.gidMappings)] where !map.isEmpty {
      add(
        .writeFile(path: KernelPath("/proc/{pid}/" + file), contents: map.map { $0.description + "\n" }.joined()),
        "Who the ids of the container are on the host: its root is nobody in particular",
        failing: .context("failed to update /proc/self/\(file)"), binding: .procOf(member))
    }
  }

  mutating func writeTimeOffsets(of member: Role, by writer: Role) {
    if linux.timeOffsets.isEmpty { return }
    let before = (role, phase)
    act(as: writer, .namespaces)
    let lines = linux.timeOffsets.sorted { $0.key < $1.key }
      .map { "\($0.key) \($0.value.secs) \($0.value.nanosecs)\n" }.joined()
    add(
      .writeFile(
        path: writer == member ? "/proc/self/timens_offsets" : "/proc/{pid}/timens_offsets", contents: lines),
      "How far the container's clocks are from the host's", failing: .context("failed to update timens_offsets"),
      binding: writer == member ? .none : .procOf(member))
    act(as: before.0, before.1)
  }

  /// Stage 2 becomes the leader of a session, and root.
  mutating func becomeSession(_ member: Role = .container) {
    act(as: member, .identity)
    add(
      .setProcessName("runc:[2:INIT]"),
      "nsexec, stage 2: the container's first process to be")
    add(
      .setsid, "A session of its own: signals of the caller's terminal do not reach it",
      failing: .context("setsid failed"))
    add(.setresuid(0), "root, of whichever user namespace it is in now", failing: .context("setuid failed"))
    add(.setresgid(0), "… and its group", failing: .context("setgid failed"))
    if !options.rootless { add(.setgroups([]), "None of the caller's groups", failing: .context("setgroups failed")) }
  }

  /// By the container's process, within its new namespaces.
  private mutating func buildContainer() throws(PlanError) {
    moveInterfaces()
    act(as: .container, .finalize)
    joinKeyring()
    raiseLoopback()
    prepareRoot()
    try makeMounts()
    if fillsDev { fillDev() }
    act(as: .runtime, .limits)
    if let resources = linux.resources {
      setLimits(resources, failing: .context("error setting cgroup config for procHooks process"))
    } else {
      setLimits(RuntimeSpec.Resources(), failing: .context("error setting cgroup config for procHooks process"))
    }
    run(hooks: .prestart, "In the host's namespaces, when the container's exist (deprecated)")
    run(hooks: .createRuntime, "In the host's namespaces, when the container's exist")
    act(as: .container, .pivot)
    add(.chdir(path: rootfs), "pivot_root acts on the working directory")
    run(hooks: .createContainer, "In the container's namespaces, while the host's files can still be reached")
    changeRoot()
    makeWorkingDirectory()
    if process.terminal { openConsole(bindsDevice: true) }
    if has(.mount) { makeReadOnly() }
    phase = .finalize
    setNames()
    applyLabels()
    setSysctls()
    makePathsReadOnly()
    maskPaths()
    setAttributes()
  }

  /// Interfaces of the host that are given to the container.
  mutating func moveInterfaces() {
    act(as: .runtime, .finalize)
    for (name, new) in linux.netDevices.sorted(by: { $0.key < $1.key }) {
      add(
        .netlink(
          operation: "RTM_SETLINK",
          attributes: ["IFLA_IFNAME": name, "name": new.isEmpty ? name : new, "IFLA_NET_NS_FD": "the container's"]),
        "An interface of the host moves into the container",
        failing: .context("error creating network interfaces: move netDevice \(name) to namespace"))
    }
  }

  mutating func makeWorkingDirectory() {
    phase = .finalize
    let path = PathText.clean(process.cwd)
    if path != "/" { makeFolders(path, root: nil, "The working directory is made when the image has none") }
  }

  /// The runtime notes what it has made, before anything of the container may run.
  private mutating func readyToRun() {
    act(as: .runtime, .limits)
    setRlimits(of: .container)
    saveState()
  }

  mutating func saveState() {
    phase = .state
    saveNotes("state.json", .state, failing: .context("unable to store init state"))
  }

  /// A file of the state directory.
  mutating func saveNotes(_ name: String, _ binding: Step.Binding, failing: Step.Failure) {
    let path = KernelPath(PathText.join(options.stateDirectory, name))
    add(
      .createFile(path: path, mode: 0o600), "The runtime's notes, for the later verbs", tolerating: .exists,
      failing: failing)
    add(
      .writeFile(path: path, contents: binding == .state ? "" : "{pid}"),
      "What the later verbs must know: pid, cgroups, namespaces", failing: failing, binding: binding)
  }

  private mutating func dropPrivileges() {
    act(as: .container, .privileges)
    applyExecLabel()
    filterCalls(late: false)
    becomeUser()
    lookUpProgram()
    filterCalls(late: true)
    act(as: .container, .start)
    add(
      .openFIFO(path: PathText.join(options.stateDirectory, "exec.fifo")),
      "Everything is ready: the process sleeps here until `start`", failing: .context("reopen exec fifo"))
  }
}
