import JSONTree
import OCISpec

/// `create` as railcar does it: plain forks, cgroup v1, an init process of its own as PID 1, and the program's process
/// waiting at a socket for its trigger. What came into the specification after 1.0 it does not know.
extension PlanBuilder {
  mutating func createAsRailcar() throws(PlanError) {
    act(as: .runtime, .state)
    if host.kind(of: options.stateRoot) == nil {
      makeFolders(options.stateRoot, root: nil, mode: 0o755, "The folder of all containers' states (--root)")
    }
    add(
      .mkdir(path: KernelPath(options.stateDirectory), mode: 0o755), "The container's own folder",
      failing: .message("Container with id \(options.id) already exists"))
    add(
      .mknod(
        path: KernelPath(PathText.join(options.stateDirectory, "trigger-socket")), kind: "p", mode: 0o600, major: 0,
        minor: 0),
      "The program's process will wait here for the trigger (in the original: a unix socket)")
    forkFirst()
    let hasInit = has(.pid)
    enterAsRailcar(hasInit)
    act(as: hasInit ? .child : .container, .finalize)
    if !config.hostname.isEmpty, linux.isNew(.uts) {
      add(.sethostname(config.hostname), "The name of the container's UTS namespace", failing: .context("sethostname"))
    }
    if linux.isNew(.mount) { try buildAsRailcar() }
    dropAsRailcar()
    if hasInit {
      phase = .processes
      add(
        .clone(namespaces: []), "PID 1 stays railcar's own init, which buries orphans; the program is its child",
        failing: .context("fork"), creates: .container)
    }
    act(as: .runtime, .state)
    saveNotes("state.json", .state, failing: .plain)
    act(as: .container, .start)
    lookUpProgram()
    phase = .start
    add(
      .awaitFIFO(path: PathText.join(options.stateDirectory, "trigger-socket")),
      "Everything is ready: the process sleeps until `start` pulls the trigger", failing: .context("accept"))
  }

  /// rc-user: limits, the user namespace; its parent writes the maps and the cgroup.
  private mutating func forkFirst() {
    act(as: .runtime, .processes)
    add(.prctl(option: "PR_SET_DUMPABLE", value: 0), "Nobody in the container may look into this process")
    add(.clone(namespaces: []), "A first fork (rc-user)", failing: .context("fork"), creates: .parent)
    act(as: .parent, .limits)
    writeOOMScore()
    for rlimit in process.rlimits {
      add(
        .setrlimit(name: rlimit.type, soft: rlimit.soft, hard: rlimit.hard), "A limit of the process's own (ulimit)",
        failing: .context("setrlimit"))
    }
    if linux.isNew(.user) {
      phase = .namespaces
      add(
        .unshare([.user]), "The user namespace first: it will own the others",
        failing: .context("failed to unshare user"))
      act(as: .runtime, .identity)
      for (file, map) in [("uid_map", linux.uidMappings), ("gid_map", linux.gidMappings)] where !map.isEmpty {
        add(
          .writeFile(path: KernelPath("/proc/{pid}/" + file), contents: map.map { $0.description + "\n" }.joined()),
          "Who the ids of the container are on the host",
          failing: .context("failed to write \(file.replacingMap) mappings"),
          binding: .procOf(.parent))
      }
      act(as: .parent, .identity)
      add(.setresgid(0), "root, within the new user namespace", failing: .context("failed to setid"))
      add(.setresuid(0), "root, within the new user namespace", failing: .context("failed to setid"))
    }
    act(as: .runtime, .cgroup)
    enterCgroups(.parent)
    if let resources = linux.resources { setLimits(resources, failing: .plain) }
  }

  private mutating func enterAsRailcar(_ hasInit: Bool) {
    act(as: .parent, .namespaces)
    for namespace in linux.namespaces where !namespace.path.isEmpty && namespace.type != .mount {
      if namespace.type == .time { continue }
      add(
        .setns(namespace.type, path: namespace.path), "A namespace that exists already is joined",
        failing: .context("failed to enter \(namespace.type.flag)"))
    }
    // Time namespaces are younger than railcar.
    let new: [NamespaceKind] = [.mount, .cgroup, .uts, .ipc, .pid, .network].filter { linux.isNew($0) }
    if !new.isEmpty {
      add(
        .unshare(new), "The container's own view of mounts, processes, network, …",
        failing: .context("failed to unshare"))
    }
    phase = .processes
    add(
      .clone(namespaces: [], siblings: true),
      hasInit ? "A new PID namespace begins with the next child: railcar's init (rc-init)" : "The program's process",
      failing: .context("fork"), creates: hasInit ? .child : .container)
    add(.exit(status: 0), "rc-user has done its part")
    role = .runtime
    add(.wait(pid: 0), "It is buried", tolerating: .gone, binding: .pidOf(.parent))
    if let mount = linux.namespace(.mount), !mount.path.isEmpty {
      act(as: hasInit ? .child : .container, .namespaces)
      add(
        .setns(.mount, path: mount.path), "The mount namespace is joined last",
        failing: .context("failed to enter CLONE_NEWNS"))
    }
  }

  private mutating func buildAsRailcar() throws(PlanError) {
    phase = .rootfs
    let propagation: RuntimeSpec.MountFlags
    switch linux.rootfsPropagation {
    case "shared", "rshared": propagation = [.shared, .rec]
    case "private", "rprivate": propagation = [.private, .rec]
    default: propagation = [.slave, .rec]
    }
    mountFlags(
      propagation, on: "/", "What is mounted in here must not appear on the host",
      failing: .context("failed to init rootfs"))
    add(
      .mount(source: rootfs, target: KernelPath(rootfs), type: "", flags: ["MS_BIND", "MS_REC"], data: ""),
      "pivot_root needs a mount point: the root is bound onto itself", failing: .context("failed to init rootfs"))
    try makeMounts()
    phase = .devices
    for (target, path) in PlanBuilder.devLinks {
      add(
        .symlink(target: target, path: inRoot(path == "/dev/core" ? "/dev/kcore" : path)),
        "Programs expect their descriptors under /dev", if: target == "/proc/kcore" ? .exists("/proc/kcore") : .always,
        tolerating: .exists, failing: .context("failed to init rootfs"))
    }
    makeDevices(.context("failed to init rootfs"))
    add(
      .unlink(path: inRoot("/dev/ptmx")), "An image's ptmx is of no use here", if: .exists(inRoot("/dev/ptmx")),
      tolerating: .missing)
    add(
      .symlink(target: "pts/ptmx", path: inRoot("/dev/ptmx")), "New terminals come from the container's own devpts",
      failing: .context("failed to init rootfs"))
    phase = .pivot
    add(
      .pivotRoot(new: rootfs, old: rootfs), "The new root, with the old one lying over it",
      failing: .context("failed to pivot rootfs"))
    add(
      .unmount(target: "/", flags: ["MNT_DETACH"]), "The host's files are gone from the container",
      failing: .context("failed to pivot rootfs"))
    add(.chdir(path: "/"), "Into the new root", failing: .context("failed to pivot rootfs"))
    phase = .finalize
    setSysctls()
    if process.terminal { openConsole(bindsDevice: false) }
    maskPaths()
    makePathsReadOnly()
    phase = .finalize
    makeReadOnly()
    add(.chdir(path: process.cwd), "The working directory", failing: .context("chdir"))
  }

  private mutating func dropAsRailcar() {
    phase = .privileges
    add(.setresgid(process.user.gid), "Its group", failing: .context("failed to setid"))
    add(.prctl(option: "PR_SET_KEEPCAPS", value: 1), "Changing the user would take all capabilities away")
    add(.setgroups(process.user.additionalGids), "Its groups", failing: .context("setgroups"))
    add(.setresuid(process.user.uid), "Its user", failing: .context("failed to setid"))
    add(.prctl(option: "PR_SET_KEEPCAPS", value: 0), "They were kept once")
    if process.noNewPrivileges {
      add(
        .prctl(option: "PR_SET_NO_NEW_PRIVS", value: 1), "From now on no execve gives more privileges",
        failing: .context("set no_new_privs"))
    } else {
      filterCalls(late: false)
      phase = .privileges
    }
    if let capabilities = process.capabilities {
      add(
        .dropBounding(CapabilityNames.except(capabilities.bounding)), "The bounding set: what no execve can give back")
      add(
        .capset(
          CapabilitySets(
            effective: CapabilityNames.existing(capabilities.effective),
            permitted: CapabilityNames.existing(capabilities.permitted),
            inheritable: CapabilityNames.existing(capabilities.inheritable))),
        "Root in a container has only these capabilities")
    }
    filterCalls(late: true)
  }
}

extension String {
  fileprivate var replacingMap: String { self == "uid_map" ? "uid" : "gid" }
}
