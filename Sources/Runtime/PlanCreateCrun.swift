import JSONTree
import OCISpec

/// `create` as crun does it: no re-exec, one clone where the namespaces allow it, and mounts that are made detached and
/// then moved to their place (fsopen, fsmount, open_tree, move_mount).
extension PlanBuilder {
  mutating func createAsCrun() throws(PlanError) {
    prepareCrunState()
    prepareCrunRuntime()
    cloneAsCrun()
    act(as: .runtime, .cgroup)
    if cgroups.layout.version != .unified { enterCgroups(.container) }
    moveInterfaces()
    act(as: .container, .finalize)
    raiseLoopbackAsCrun()
    setSysctls()
    isolateMounts()
    try moveMounts()
    if fillsDev { fillDevAsCrun() }
    act(as: .runtime, .limits)
    setLimits(linux.resources ?? RuntimeSpec.Resources(), failing: .plain)
    run(hooks: .prestart, "In the host's namespaces, when the container's exist (deprecated)")
    run(hooks: .createRuntime, "In the host's namespaces, when the container's exist")
    act(as: .container, .finalize)
    let cwd = PathText.clean(process.cwd)
    if cwd != "/" { makeFolders(cwd, root: rootfs, "The working directory is made when the image has none") }
    coverPaths()
    run(hooks: .createContainer, "In the container's namespaces, while the host's files can still be reached")
    pivotAsCrun()
    finishAsCrun()
    saveCrunState()
    act(as: .container, .start)
    add(
      .awaitFIFO(path: PathText.join(options.stateDirectory, "exec.fifo")),
      "Everything is ready: the process sleeps in select until a byte comes through the FIFO",
      failing: .context("read from the exec fifo"))
  }

  private mutating func prepareCrunState() {
    act(as: .runtime, .state)
    if host.kind(of: options.stateRoot) == nil {
      makeFolders(options.stateRoot, root: nil, mode: 0o700, "The folder of all containers' states (--root)")
    }
    add(
      .mkdir(path: KernelPath(options.stateDirectory), mode: 0o700),
      "The container's own folder: whoever makes it owns the name",
      failing: .message("container `\(options.id)` already exists"))
    add(
      .mknod(
        path: KernelPath(PathText.join(options.stateDirectory, "exec.fifo")), kind: "p", mode: 0o600, major: 0, minor: 0
      ),
      "The container's process will wait at this FIFO for a byte from `start`", failing: .context("mkfifo"))
  }

  /// What crun sets in itself, since its child will inherit it.
  private mutating func prepareCrunRuntime() {
    phase = .identity
    joinKeyring()
    add(.umask(0), "Modes are to be as given")
    if let policy = linux.memoryPolicy {
      add(
        .setMempolicy(policy), "From which memory nodes its memory comes")
    }
    phase = .limits
    for rlimit in process.rlimits {
      add(
        .setrlimit(name: rlimit.type, soft: rlimit.soft, hard: rlimit.hard),
        "crun limits itself, and its children inherit it", failing: .context("setrlimit `\(rlimit.type)`"))
    }
    writeOOMScore()
    if cgroups.layout.version == .unified { enterCgroups(.container, joins: false) }
  }

  /// One clone with all the new namespaces; a time or user namespace takes a second process.
  private mutating func cloneAsCrun() {
    act(as: .runtime, .processes)
    let joined = linux.namespaces.filter { !$0.path.isEmpty }
    let usesUser = has(.user)
    var first = [.network, .uts, .ipc, .pid].filter { linux.isNew($0) }
    var second: [NamespaceKind] = linux.isNew(.time) ? [.time] : []
    if usesUser {
      second += first
      first = linux.isNew(.user) && joined.isEmpty ? [.user] : []
    }
    let forksTwice = usesUser || !second.isEmpty || joined.contains { $0.type == .pid || $0.type == .time }
    if forksTwice, let index = first.firstIndex(of: .pid) {
      first.remove(at: index)
      second.insert(.pid, at: 0)
    }
    add(
      .clone(namespaces: first, cgroup: cgroups.layout.version == .unified ? cgroups.unified : nil),
      cgroups.layout.version == .unified
        ? "One process with its namespaces, in its cgroup from its first moment (CLONE_INTO_CGROUP)"
        : "One process with its namespaces",
      failing: .context("clone"), creates: forksTwice ? .child : .container)
    act(as: forksTwice ? .child : .container, .namespaces)
    writeOOMScore()
    phase = .namespaces
    for namespace in joined where namespace.type != .mount && namespace.type != .user {
      add(
        .setns(namespace.type, path: namespace.path), "A namespace that exists already is joined",
        failing: .context("cannot setns `\(namespace.path)`"))
    }
    if linux.isNew(.user) {
      if !joined.isEmpty {
        add(
          .unshare([.user]), "The user namespace, after others were joined", failing: .context("unshare user namespace")
        )
      }
      act(as: .runtime, .identity)
      for (file, map) in [("gid_map", linux.gidMappings), ("uid_map", linux.uidMappings)] where !map.isEmpty {
        add(
          .writeFile(path: KernelPath("/proc/{pid}/" + file), contents: map.map { $0.description + "\n" }.joined()),
          "Who the ids of the container are on the host", failing: .context("write to `/proc/PID/\(file)`"),
          binding: .procOf(.child))
      }
      act(as: .child, .identity)
      add(.setresgid(0), "root, within the new user namespace", failing: .context("setresgid"))
      add(.setresuid(0), "root, within the new user namespace", failing: .context("setresuid"))
    } else if let user = linux.namespace(.user) {
      add(
        .setns(.user, path: user.path), "The user namespace is joined",
        failing: .context("setns to target user namespace `\(user.path)`"))
      add(.setresuid(0), "root of that user namespace", failing: .context("setresuid"))
    }
    phase = .namespaces
    if !second.isEmpty { add(.unshare(second), "The other new namespaces", failing: .context("unshare")) }
    writeTimeOffsets(of: .child, by: .child)
    add(
      .prctl(option: "PR_SET_DUMPABLE", value: 0), "Nobody in the container may look into this process",
      failing: .context("prctl (PR_SET_DUMPABLE)"))
    if forksTwice {
      phase = .processes
      add(
        .clone(namespaces: []), "A new PID or time namespace begins with the next child",
        failing: .context("cannot fork"), creates: .container)
      add(.exit(status: 0), "It has done its part")
      role = .runtime
      add(.wait(pid: 0), "crun buries it", tolerating: .gone, binding: .pidOf(.child))
    }
    act(as: .container, .identity)
    if !options.rootless {
      add(.setgroups(process.user.additionalGids), "Its groups, and none of crun's", failing: .context("setgroups"))
    }
    if linux.isNew(.cgroup) {
      phase = .namespaces
      add(
        .unshare([.cgroup]), "The cgroup that it is in now becomes the root that it sees",
        failing: .context("unshare (CLONE_NEWCGROUP)"))
    }
  }

  private mutating func raiseLoopbackAsCrun() {
    guard linux.isNew(.network) else { return }
    add(
      .netlink(operation: "RTM_NEWLINK", attributes: ["IFLA_IFNAME": "lo", "flags": "IFF_UP"]),
      "A new network namespace has only lo, and that is down",
      failing: .context("send RTM_NEWLINK"))
  }

  private mutating func isolateMounts() {
    phase = .rootfs
    if let mount = linux.namespace(.mount) {
      if mount.path.isEmpty {
        add(
          .unshare([.mount]), "The container's own view of mounts, as late as can be",
          failing: .context("unshare (CLONE_NEWNS)"))
      } else {
        add(
          .setns(.mount, path: mount.path), "The mount namespace is joined",
          failing: .context("cannot setns `\(mount.path)`"))
      }
    } else {
      return
    }
    let propagation = RuntimeSpec.MountOptions.propagation(linux.rootfsPropagation) ?? [.private, .rec]
    mountFlags(
      propagation, on: "/", "What is mounted in here must not appear on the host",
      failing: .context("set propagation for `/`"))
    mountFlags(
      .private, on: KernelPath(rootfs), "The mount that holds the root must not be shared", tolerating: .any)
    add(
      .mount(source: rootfs, target: KernelPath(rootfs), type: "", flags: ["MS_BIND", "MS_REC"], data: ""),
      "pivot_root needs a mount point: the root is bound onto itself",
      failing: .context("mount `\(rootfs)` to `\(rootfs)`"))
    mountFlags(
      [.private, .rec], on: KernelPath(rootfs), "… and is private", failing: .context("set propagation for `\(rootfs)`")
    )
  }

  private mutating func moveMounts() throws(PlanError) {
    phase = .mounts
    for mount in config.mounts {
      let options = mount.parsedOptions
      let path = try destination(of: mount)
      let isBind = options.flags.contains(.bind)
      try checkProc(mount, path, isBind: isBind)
      let failing = Step.Failure.context("mount `\(mount.source)` to `\(String(path.dropFirst()))`")
      if mount.type == "cgroup", cgroups.layout.version != .unified {
        moveHierarchies(mount, options, path, failing)
      } else if isBind {
        moveBind(mount, options, path, failing)
      } else {
        moveFileSystem(mount, options, path, failing)
      }
      for flags in options.propagation {
        mountFlags(
          flags, on: inRoot(path), "Whether mounts below it are seen on the other side too (propagation)",
          failing: failing)
      }
      if !options.recursiveSet.isEmpty || !options.recursiveClear.isEmpty {
        add(
          .mountSetattr(
            target: inRoot(path), set: options.recursiveSet, clear: options.recursiveClear, recursive: true),
          "Flags for the mount and all mounts below it", failing: failing)
      }
    }
  }

  /// The attributes of the new mount API for flags of mount(2).
  static func attributes(_ flags: RuntimeSpec.MountFlags) -> [String] {
    var names: [String] = []
    if flags.contains(.rdonly) { names.append("MOUNT_ATTR_RDONLY") }
    if flags.contains(.nosuid) { names.append("MOUNT_ATTR_NOSUID") }
    if flags.contains(.nodev) { names.append("MOUNT_ATTR_NODEV") }
    if flags.contains(.noexec) { names.append("MOUNT_ATTR_NOEXEC") }
    if flags.contains(.noatime) { names.append("MOUNT_ATTR_NOATIME") }
    if flags.contains(.nodiratime) { names.append("MOUNT_ATTR_NODIRATIME") }
    if flags.contains(.strictatime) { names.append("MOUNT_ATTR_STRICTATIME") }
    if flags.contains(.nosymfollow) { names.append("MOUNT_ATTR_NOSYMFOLLOW") }
    return names
  }

  private mutating func moveFileSystem(
    _ mount: RuntimeSpec.Mount, _ options: RuntimeSpec.MountOptions, _ path: String, _ failing: Step.Failure
  ) {
    makeMountPoint(path, file: false, failing: failing)
    let type = mount.type == "cgroup" ? "cgroup2" : mount.type
    let laterReadOnly = type == "tmpfs" || path == "/dev"
    let flags = laterReadOnly ? options.flags.subtracting(.rdonly) : options.flags
    add(
      .other(name: "fsopen", arguments: ["fsname": .string(type), "flags": "FSOPEN_CLOEXEC"]),
      "A file system, mounted nowhere yet", failing: failing)
    for option in options.data.utf8.split(separator: UInt8(ascii: ",")) {
      let parts = option.split(separator: UInt8(ascii: "="), maxSplits: 1).map { JSON.string(String(Substring($0))) }
      add(
        .other(
          name: "fsconfig",
          arguments: parts.count == 2
            ? ["cmd": "FSCONFIG_SET_STRING", "key": parts[0], "value": parts[1]]
            : ["cmd": "FSCONFIG_SET_FLAG", "key": .string(String(Substring(option)))]),
        "Its options, one by one: a wrong one is known by name", failing: failing)
    }
    add(.other(name: "fsconfig", arguments: ["cmd": "FSCONFIG_CMD_CREATE"]), "Now it exists", failing: failing)
    add(.other(name: "fsmount", arguments: ["flags": "FSMOUNT_CLOEXEC"]), "A mount without a place", failing: failing)
    add(
      .moveMount(
        source: mount.source.isEmpty ? type : mount.source, target: inRoot(path), type: type,
        attributes: PlanBuilder.attributes(flags), data: options.data),
      PlanBuilder.reason(type, path), failing: failing, binding: type == "tmpfs" ? .modeOfTarget : .none)
    if options.tmpcopyup {
      add(
        .copyTree(source: inRoot(path), target: inRoot(path)), "What the image has there is copied into it (tmpcopyup)",
        failing: failing)
    }
  }

  private mutating func moveBind(
    _ mount: RuntimeSpec.Mount, _ options: RuntimeSpec.MountOptions, _ path: String, _ failing: Step.Failure
  ) {
    let source =
      mount.source.utf8.first == UInt8(ascii: "/") ? mount.source : PathText.join(self.options.bundle, mount.source)
    let kind = host.kind(of: source)
    makeMountPoint(path, file: kind != nil && kind != .directory, failing: failing)
    let recursive = options.flags.contains(.rec)
    add(
      .other(
        name: "open_tree",
        arguments: ["path": .string(source), "flags": recursive ? "OPEN_TREE_CLONE|AT_RECURSIVE" : "OPEN_TREE_CLONE"]),
      "A copy of the mount, without a place")
    var idMap: MountIDMap?
    if !mount.uidMappings.isEmpty {
      idMap = MountIDMap(uid: mount.uidMappings, gid: mount.gidMappings)
    } else if options.idmap {
      idMap = MountIDMap(uid: linux.uidMappings, gid: linux.gidMappings)
    }
    let attributes = PlanBuilder.attributes(options.flags)
    if !attributes.isEmpty || idMap != nil {
      add(
        .other(
          name: "mount_setattr",
          arguments: [
            "attr_set": JSON(attributes + (idMap == nil ? [] : ["MOUNT_ATTR_IDMAP"])),
            "flags": recursive ? "AT_RECURSIVE" : "",
          ]),
        "Its flags are set before anybody can see it")
    }
    add(
      .moveMount(
        source: source, target: inRoot(path), type: "", attributes: attributes, data: "", recursive: recursive,
        idMap: idMap), "What is at the source is seen here too", failing: failing)
  }

  private mutating func moveHierarchies(
    _ mount: RuntimeSpec.Mount, _ options: RuntimeSpec.MountOptions, _ path: String, _ failing: Step.Failure
  ) {
    makeMountPoint(path, file: false, failing: failing)
    add(
      .moveMount(
        source: "tmpfs", target: inRoot(path), type: "tmpfs",
        attributes: ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV", "MOUNT_ATTR_NOEXEC"], data: "mode=755,size=1024k"),
      "A folder for the hierarchies of cgroup v1", failing: failing)
    for hierarchy in cgroups.layout.hierarchies {
      let target = "\(path)/\(hierarchy)"
      add(
        .mkdir(path: inRoot(target), mode: 0o755), "A mount needs a folder to lie on", tolerating: .exists,
        failing: failing)
      let source = cgroups.folder(in: hierarchy)
      add(
        .moveMount(
          source: source, target: inRoot(target), type: "", attributes: PlanBuilder.attributes(options.flags), data: "",
          recursive: true), "The container's own cgroup in this hierarchy", failing: failing)
      for controller in hierarchy.split(separator: ",") where hierarchy.contains(",") {
        add(
          .symlink(target: hierarchy, path: inRoot("\(path)/\(controller)")),
          "Controllers mounted together are found by each one's name", tolerating: .exists, failing: failing)
      }
    }
  }

  private mutating func fillDevAsCrun() {
    phase = .devices
    makeDevices(.context("mknod"))
    for (target, path) in PlanBuilder.devLinks.dropLast() + [("/proc/kcore", "/dev/core"), ("pts/ptmx", "/dev/ptmx")] {
      add(
        .symlink(target: target, path: inRoot(path)), "Programs expect them under /dev", tolerating: .exists,
        failing: .context("symlinkat `\(path)`"))
    }
    if process.terminal {
      add(
        .createFile(path: inRoot("/dev/console"), mode: 0o620), "A place for the terminal under its usual name",
        tolerating: .exists, failing: .context("openat `console`"))
    }
  }

  /// crun covers the paths before it pivots: read-only ones first, then hidden ones.
  private mutating func coverPaths() {
    phase = .paths
    var masked: Set<String> = []
    for path in linux.maskedPaths where masked.insert(PathText.clean(path)).inserted {
      let target = inRoot(path)
      let failing = Step.Failure.context("mount masked path `\(path)`")
      add(
        .moveMount(source: "/dev/null", target: target, type: "", attributes: [], data: ""),
        "What it tells of the host is none of the container's business: /dev/null lies over it",
        if: .nonDirectory(target), failing: failing)
      add(
        .moveMount(source: "tmpfs", target: target, type: "tmpfs", attributes: ["MOUNT_ATTR_RDONLY"], data: "size=0k"),
        "What it tells of the host is none of the container's business: an empty folder lies over it",
        if: .directory(target), failing: failing)
    }
    for path in linux.readonlyPaths {
      let target = inRoot(path)
      add(
        .moveMount(
          source: target.description, target: target, type: "", attributes: ["MOUNT_ATTR_RDONLY"], data: "",
          recursive: true),
        "What it shows of the host's kernel must not be changed from here", if: .exists(target), tolerating: .missing,
        failing: .context("move mount for readonly path `\(path)`"))
    }
  }

  private mutating func pivotAsCrun() {
    phase = .pivot
    if !has(.mount) {
      add(
        .chroot(path: rootfs), "Without a mount namespace only chroot is left",
        failing: .context("chroot to `\(rootfs)`"))
      add(.chdir(path: "/"), "Nothing may stay outside", failing: .context("chdir to `/`"))
      return
    }
    add(.chdir(path: rootfs), "pivot_root acts on the working directory", failing: .context("fchdir `\(rootfs)`"))
    if options.noPivot {
      add(
        .mount(source: rootfs, target: "/", type: "", flags: ["MS_MOVE"], data: ""),
        "Without pivot_root the new root is moved over the old one", failing: .context("mount MS_MOVE to `/`"))
      add(.chroot(path: "."), "… and becomes the process's root", failing: .context("chroot to `\(rootfs)`"))
      add(.chdir(path: "/"), "Nothing may stay outside", failing: .context("chdir to `/`"))
    } else {
      pivot(detachWith: [.private, .rec], .context("pivot_root"))
    }
    if let flags = RuntimeSpec.MountOptions.propagation(linux.rootfsPropagation) {
      mountFlags(
        flags, on: "/", "How the root shares its mounts (rootfsPropagation)",
        failing: .context("set propagation for `/`"))
    }
  }

  private mutating func finishAsCrun() {
    makeReadOnlyAsCrun()
    applyExecLabel()
    applyLabels()
    phase = .privileges
    add(
      .closeRange(first: 3, cloexec: true),
      "No descriptor of crun may be left to the program", tolerating: .any)
    add(.chdir(path: process.cwd), "The working directory, while it can still be entered", tolerating: .any)
    let chdir = steps.count - 1
    phase = .identity
    add(.setsid, "A session of its own", failing: .context("setsid"))
    if process.terminal { openConsole(bindsDevice: true) }
    phase = .finalize
    setNames()
    if let personality = linux.personality {
      add(
        .personality(personality), "Which machine uname pretends to be", failing: .context("set personality"))
    }
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
  }

  private mutating func makeReadOnlyAsCrun() {
    phase = .finalize
    if config.root?.readonly == true {
      mountFlags([.bind, .remount, .rdonly], on: "/", "The root itself is read-only", failing: .context("remount `/`"))
    }
    for mount in config.mounts {
      let options = mount.parsedOptions
      let path = PathText.rooted(mount.destination)
      guard options.flags.contains(.rdonly), !options.flags.contains(.bind), mount.type == "tmpfs" || path == "/dev"
      else { continue }
      mountFlags(
        options.flags.union([.remount, .bind]), on: KernelPath(path),
        "It had to be filled first: now it becomes read-only", failing: .context("remount `\(path)`"))
    }
  }

  /// crun's order: bounding set, user, the other sets, no_new_privs last.
  mutating func dropAsCrun() {
    phase = .privileges
    let capabilities = process.capabilities ?? RuntimeSpec.Capabilities()
    add(
      .dropBounding(CapabilityNames.except(capabilities.bounding)), "The bounding set: what no execve can give back",
      failing: .context("prctl drop bounding"))
    add(
      .prctl(option: "PR_SET_KEEPCAPS", value: 1), "Changing the user would take all capabilities away",
      failing: .context("prctl set KEEPCAPS"))
    add(.setresgid(process.user.gid), "Its group", failing: .context("setresgid to `\(process.user.gid)`"))
    add(.setresuid(process.user.uid), "Its user", failing: .context("setresuid to `\(process.user.uid)`"))
    add(
      .capset(
        CapabilitySets(
          effective: CapabilityNames.existing(capabilities.effective),
          permitted: CapabilityNames.existing(capabilities.permitted),
          inheritable: CapabilityNames.existing(capabilities.inheritable))),
      "Root in a container has only these capabilities", failing: .context("capset"))
    add(
      .setAmbient(CapabilityNames.existing(capabilities.ambient)),
      "Capabilities that a program gets although its file has none", tolerating: [.permission, .invalid],
      failing: .context("prctl ambient raise"))
    if process.noNewPrivileges {
      add(
        .prctl(option: "PR_SET_NO_NEW_PRIVS", value: 1), "From now on no execve gives more privileges",
        failing: .context("prctl set no new privs"))
    }
  }

  private mutating func saveCrunState() {
    act(as: .runtime, .state)
    saveNotes("status", .state, failing: .context("cannot write status file"))
  }
}
