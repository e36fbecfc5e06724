import JSONTree
import OCISpec

/// The root file system as runc builds it: every mount, device and link by mount(2), within the new root.
extension PlanBuilder {
  /// Detaches the mounts from the host's, and makes the root a mount of its own.
  mutating func prepareRoot() {
    phase = .rootfs
    let failing = Step.Failure.context("error preparing rootfs")
    let propagation = RuntimeSpec.MountOptions.propagation(linux.rootfsPropagation) ?? [.slave, .rec]
    mountFlags(
      propagation, on: "/",
      "What is mounted in here must not appear on the host; as a slave, what the host mounts may appear here",
      failing: failing)
    // The mount in which the root lies must not be shared, or pivot_root is refused and the next mount leaks out.
    let parent: RuntimeSpec.MountFlags =
      propagation.contains(.slave) && !linux.rootfsPropagation.isEmpty
      ? .slave : .private
    mountFlags(
      parent, on: KernelPath(rootfs), "The mount that holds the root must not be shared: pivot_root would be refused",
      tolerating: rootfs == "/" ? [] : .invalid, failing: failing)
    for folder in (PathText.parents(rootfs).reversed() + ["/"]) where rootfs != "/" {
      add(
        .mount(source: "", target: KernelPath(folder), type: "", flags: parent.names, data: ""),
        "The root is no mount point itself: the one that holds it is further up", if: .previousRefused,
        tolerating: folder == "/" ? [] : .invalid, failing: failing)
    }
    add(
      .mount(source: rootfs, target: KernelPath(rootfs), type: "bind", flags: ["MS_BIND", "MS_REC"], data: ""),
      "pivot_root needs a mount point: the root is bound onto itself", failing: failing)
  }

  /// mount(2) that only changes flags.
  mutating func mountFlags(
    _ flags: RuntimeSpec.MountFlags, on target: KernelPath, _ reason: String, if condition: Step.Condition = .always,
    tolerating: Step.Tolerance = [], failing: Step.Failure = .plain
  ) {
    add(
      .mount(source: "", target: target, type: "", flags: flags.names, data: ""), reason, if: condition,
      tolerating: tolerating, failing: failing)
  }

  // MARK: Mounts

  mutating func makeMounts() throws(PlanError) {
    phase = .mounts
    for mount in config.mounts { try make(mount) }
  }

  /// A refusal of a mount, in runc's words.
  func mountError(_ mount: RuntimeSpec.Mount, _ message: String) -> PlanError {
    PlanError(
      "unable to start container process: error during container init: error mounting \"\(mount.source)\" to rootfs at "
        + "\"\(mount.destination)\": \(message)")
  }

  /// The destination of a mount, absolute within the root.
  func destination(of mount: RuntimeSpec.Mount) throws(PlanError) -> String {
    let path = PathText.rooted(mount.destination)
    if path == "/" {
      throw mountError(
        mount,
        "create mountpoint for \(mount.destination) mount: mountpoint \"\(rootfs)\" is on the top of rootfs \"\(rootfs)\""
      )
    }
    return path
  }

  /// Nothing but procfs may lie on /proc, and only what lxcfs emulates below it (CVE-2019-16884, CVE-2019-19921).
  func checkProc(_ mount: RuntimeSpec.Mount, _ path: String, isBind: Bool) throws(PlanError) {
    if path == "/sys", mount.type == "proc", !isBind {
      throw mountError(mount, "\"\(rootfs)\(path)\" cannot be mounted because it is of type proc")
    }
    guard PathText.isWithin(path, "/proc") else { return }
    if path == "/proc" {
      let source = PathText.clean(mount.source)
      if isBind ? source == "/proc" || source.hasPrefix("/proc/") : mount.type == "proc" { return }
      throw mountError(
        mount,
        "check proc-safety of \(mount.destination) mount: \"\(rootfs)\(path)\" cannot be mounted because it is not of type proc"
      )
    }
    if PlanBuilder.emulatedProcFiles.contains(path) { return }
    throw mountError(
      mount,
      "check proc-safety of \(mount.destination) mount: \"\(rootfs)\(path)\" cannot be mounted because it is inside /proc"
    )
  }

  private static let emulatedProcFiles: Set<String> = [
    "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime", "/proc/loadavg",
    "/proc/slabinfo", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
  ]

  private mutating func make(_ mount: RuntimeSpec.Mount) throws(PlanError) {
    let options = mount.parsedOptions
    let path = try destination(of: mount)
    let isBind = options.flags.contains(.bind)
    try checkProc(mount, path, isBind: isBind)
    let failing = Step.Failure.mounting(source: mount.source, destination: mount.destination)
    if isBind {
      makeBind(mount, options, path, failing)
    } else if mount.type == "cgroup" || mount.type == "cgroup2" && cgroups.layout.version == .unified {
      makeCgroupMount(mount, options, path, failing)
    } else {
      makeFileSystem(mount, options, path, failing)
    }
  }

  /// The folder or file on which something is mounted.
  mutating func makeMountPoint(_ path: String, file: Bool, failing: Step.Failure) {
    guard file else {
      makeFolders(path, root: rootfs, "A mount needs a folder to lie on", failing: failing)
      return
    }
    let goal = inRoot(path)
    for parent in PathText.parents(path) {
      add(
        .mkdir(path: inRoot(parent), mode: 0o755), "A mount needs a file to lie on, and that a folder",
        if: .missingOnWay(inRoot(parent), goal: goal), tolerating: .exists, failing: failing)
    }
    add(
      .createFile(path: goal, mode: 0o644), "A file can only be mounted on a file", if: .missing(goal),
      tolerating: .exists, failing: failing)
  }

  private func labelled(_ data: String) -> String {
    if linux.mountLabel.isEmpty { return data }
    return data.isEmpty ? "context=\"\(linux.mountLabel)\"" : "\(data),context=\"\(linux.mountLabel)\""
  }

  private mutating func makeFileSystem(
    _ mount: RuntimeSpec.Mount, _ options: RuntimeSpec.MountOptions, _ path: String, _ failing: Step.Failure
  ) {
    makeMountPoint(path, file: false, failing: failing)
    let isTmpfs = mount.type == "tmpfs"
    // Into tmpfs and /dev files have to be put first: they become read-only at the end.
    let flags = isTmpfs || path == "/dev" ? options.flags.subtracting(.rdonly) : options.flags
    let data = ["proc", "sysfs", "mqueue"].contains(mount.type) ? options.data : labelled(options.data)
    if isTmpfs, options.tmpcopyup {
      copyUp(mount, flags, data, path, failing)
    } else {
      add(
        .mount(source: mount.source, target: inRoot(path), type: mount.type, flags: flags.names, data: data),
        PlanBuilder.reason(mount.type, path), failing: failing, binding: isTmpfs ? .modeOfTarget : .none)
    }
    propagate(options, path, failing)
    setRecursive(options, path, failing)
  }

  /// tmpfs that begins with what the image has at its place: made aside, filled, and moved there.
  private mutating func copyUp(
    _ mount: RuntimeSpec.Mount, _ flags: RuntimeSpec.MountFlags, _ data: String, _ path: String,
    _ failing: Step.Failure
  ) {
    let aside: KernelPath = "/tmp/runctop"
    add(.mkdir(path: aside, mode: 0o700), "A place aside for tmpcopyup", tolerating: .exists, failing: failing)
    add(
      .mount(source: mount.source, target: aside, type: "tmpfs", flags: flags.names, data: data),
      "The tmpfs is made aside first: what it will cover must still be seen", failing: failing)
    add(
      .copyTree(source: inRoot(path), target: aside), "What the image has there is copied into it (tmpcopyup)",
      failing: failing)
    add(
      .mount(source: aside.path, target: inRoot(path), type: "", flags: ["MS_MOVE"], data: ""),
      "… and then it moves to its place", failing: failing)
    add(.rmdir(path: aside), "The place aside is not needed any more", tolerating: .any)
  }

  private mutating func makeBind(
    _ mount: RuntimeSpec.Mount, _ options: RuntimeSpec.MountOptions, _ path: String, _ failing: Step.Failure
  ) {
    let source =
      mount.source.utf8.first == UInt8(ascii: "/")
      ? mount.source
      : PathText.join(options.idmap ? rootfs : self.options.bundle, mount.source)
    let kind = host.kind(of: source)
    makeMountPoint(path, file: kind != nil && kind != .directory, failing: failing)
    let idMap = mapping(of: mount, options)
    if let idMap {
      attachMapped(source, options, path, idMap, failing)
    } else {
      let flags = options.flags.intersection([.bind, .rec])
      add(
        .mount(source: source, target: inRoot(path), type: "bind", flags: flags.names, data: ""),
        "What is at the source is seen here too: a volume, or a file that the engine wrote", failing: failing)
    }
    propagate(options, path, failing)
    if !options.flags.subtracting([.bind, .rec, .remount]).isEmpty || !options.cleared.isEmpty {
      let flags = options.flags.union([.bind, .remount])
      mountFlags(
        flags, on: inRoot(path),
        "A bind mount takes its flags only in a second step: read-only and the like are set by remounting it",
        failing: failing)
    }
    setRecursive(options, path, failing)
  }

  private func mapping(of mount: RuntimeSpec.Mount, _ options: RuntimeSpec.MountOptions) -> MountIDMap? {
    if !mount.uidMappings.isEmpty || !mount.gidMappings.isEmpty {
      return MountIDMap(uid: mount.uidMappings, gid: mount.gidMappings)
    }
    return options.idmap ? MountIDMap(uid: linux.uidMappings, gid: linux.gidMappings) : nil
  }

  private mutating func attachMapped(
    _ source: String, _ options: RuntimeSpec.MountOptions, _ path: String, _ idMap: MountIDMap,
    _ failing: Step.Failure
  ) {
    let recursive = options.flags.contains(.rec)
    let (before, beforePhase) = (role, phase)
    act(as: .runtime, .mounts)
    add(
      .other(
        name: "open_tree",
        arguments: ["path": .string(source), "flags": recursive ? "OPEN_TREE_CLONE|AT_RECURSIVE" : "OPEN_TREE_CLONE"]),
      "The runtime makes a copy of the mount, since it may read the source where the container may not",
      failing: failing)
    add(
      .other(
        name: "mount_setattr",
        arguments: [
          "attr_set": "MOUNT_ATTR_IDMAP", "flags": recursive && options.recursiveIDMap ? "AT_RECURSIVE" : "",
          "uid_map": JSON(idMap.uid.map(\.description)), "gid_map": JSON(idMap.gid.map(\.description)),
        ]), "Files of the host's users belong to the container's users here, without being changed", failing: failing)
    act(as: before, beforePhase)
    add(
      .moveMount(
        source: source, target: inRoot(path), type: "", attributes: [], data: "", recursive: recursive, idMap: idMap),
      "The mapped copy is attached in the container", failing: failing)
  }

  private mutating func propagate(_ options: RuntimeSpec.MountOptions, _ path: String, _ failing: Step.Failure) {
    for flags in options.propagation {
      mountFlags(
        flags, on: inRoot(path), "Whether mounts below it are seen on the other side too (propagation)",
        failing: failing)
    }
  }

  private mutating func setRecursive(_ options: RuntimeSpec.MountOptions, _ path: String, _ failing: Step.Failure) {
    if options.recursiveSet.isEmpty, options.recursiveClear.isEmpty { return }
    add(
      .mountSetattr(
        target: inRoot(path), set: options.recursiveSet, clear: options.recursiveClear, recursive: true),
      "Flags for the mount and all mounts below it (rro, rnosuid, …)", failing: failing)
  }

  private mutating func makeCgroupMount(
    _ mount: RuntimeSpec.Mount, _ options: RuntimeSpec.MountOptions, _ path: String, _ failing: Step.Failure
  ) {
    makeMountPoint(path, file: false, failing: failing)
    if cgroups.layout.version == .unified {
      add(
        .mount(
          source: mount.source, target: inRoot(path), type: "cgroup2", flags: options.flags.names, data: options.data),
        "The container sees cgroups; with a cgroup namespace, only its own",
        tolerating: has(.user) ? .permission : [], failing: failing)
      if has(.user) {
        add(
          .mount(
            source: cgroups.unified ?? "", target: inRoot(path), type: "bind",
            flags: options.flags.union(.bind).names, data: ""),
          "In a user namespace without its own cgroup namespace cgroup2 cannot be mounted: its folder is bound instead",
          if: .previousRefused, failing: failing)
      }
      propagate(options, path, failing)
      return
    }
    add(
      .mount(
        source: "tmpfs", target: inRoot(path), type: "tmpfs", flags: ["MS_NOSUID", "MS_NODEV", "MS_NOEXEC"],
        data: "mode=755"), "A folder for the hierarchies of cgroup v1", failing: failing)
    for hierarchy in cgroups.layout.hierarchies { makeHierarchyMount(hierarchy, options, path, failing) }
    for hierarchy in cgroups.layout.hierarchies where hierarchy.contains(",") {
      for controller in hierarchy.split(separator: ",") {
        add(
          .symlink(target: hierarchy, path: inRoot("\(path)/\(controller)")),
          "Controllers mounted together are found by each one's name", tolerating: .exists, failing: failing)
      }
    }
  }

  private mutating func makeHierarchyMount(
    _ hierarchy: String, _ options: RuntimeSpec.MountOptions, _ path: String, _ failing: Step.Failure
  ) {
    let target = "\(path)/\(hierarchy)"
    add(
      .mkdir(path: inRoot(target), mode: 0o755), "A mount needs a folder to lie on", tolerating: .exists,
      failing: failing)
    if linux.isNew(.cgroup) {
      var flags: RuntimeSpec.MountFlags = [.nosuid, .nodev, .noexec]
      if options.flags.contains(.rdonly) { flags.insert(.rdonly) }
      add(
        .mount(
          source: hierarchy == "systemd" ? "systemd" : "cgroup", target: inRoot(target), type: "cgroup",
          flags: flags.names, data: hierarchy == "systemd" ? "name=systemd" : hierarchy),
        "The hierarchy, as the container's cgroup namespace shows it", failing: failing)
      return
    }
    let source = cgroups.folder(in: hierarchy)
    add(
      .mount(source: source, target: inRoot(target), type: "bind", flags: ["MS_BIND", "MS_REC"], data: ""),
      "The container's own cgroup in this hierarchy", failing: failing)
    let flags = options.flags.union([.bind, .remount])
    if !flags.subtracting([.bind, .rec, .remount]).isEmpty {
      mountFlags(
        flags.union(.rec), on: inRoot(target), "A bind mount takes its flags only in a second step", failing: failing)
    }
  }

  static func reason(_ type: String, _ path: String) -> String {
    switch type {
    case "proc": "The processes of the container's PID namespace, and the kernel's settings"
    case "sysfs": "The devices and what else the kernel shows"
    case "devpts": "Terminals of the container's own"
    case "mqueue": "POSIX message queues of the container's IPC namespace"
    case "tmpfs":
      path == "/dev" ? "Device nodes: a container gets a few of its own, not the host's" : "Files in memory"
    default: "A file system of config.json"
    }
  }

  // MARK: /dev

  /// Whether the runtime fills /dev: not when the host's was bound there.
  var fillsDev: Bool {
    !config.mounts.contains {
      PathText.rooted($0.destination) == "/dev" && $0.parsedOptions.flags.contains(.bind)
    }
  }

  mutating func fillDev() {
    phase = .devices
    let failing = Step.Failure.context("configuring container /dev: error creating device nodes")
    makeDevices(failing)
    let ptmx = Step.Failure.context("configuring container /dev: error setting up ptmx")
    add(
      .unlink(path: inRoot("/dev/ptmx")), "An image's ptmx is of no use here", if: .exists(inRoot("/dev/ptmx")),
      tolerating: .missing, failing: ptmx)
    add(
      .symlink(target: "pts/ptmx", path: inRoot("/dev/ptmx")), "New terminals come from the container's own devpts",
      failing: ptmx)
    let links = Step.Failure.context("configuring container /dev: error setting up /dev symlinks")
    for (target, path) in PlanBuilder.devLinks {
      add(
        .symlink(target: target, path: inRoot(path)), "Programs expect their descriptors under /dev",
        if: target == "/proc/kcore" ? .exists("/proc/kcore") : .always, tolerating: .exists, failing: links)
    }
  }

  static let devLinks = [
    ("/proc/self/fd", "/dev/fd"), ("/proc/self/fd/0", "/dev/stdin"), ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"), ("/proc/kcore", "/dev/core"),
  ]

  /// The usual devices, then those of config.json; one of config.json replaces the usual one of its path.
  var devices: [RuntimeSpec.Device] {
    PlanBuilder.defaultDevices.filter { device in !linux.devices.contains { $0.path == device.path } } + linux.devices
  }

  mutating func makeDevices(_ failing: Step.Failure) {
    makeFolders("/dev", root: rootfs, "Device nodes are in /dev", failing: failing)
    for device in devices {
      let path = PathText.rooted(device.path)
      if path == "/dev/ptmx" { continue }
      let parent = PathText.parent(path)
      if parent != "/dev", parent != "/" {
        makeFolders(parent, root: rootfs, "The folder of a device node", failing: failing)
      }
      if has(.user) || options.rootless { bind(device, path, failing) } else { make(device, path, failing) }
    }
  }

  private mutating func make(_ device: RuntimeSpec.Device, _ path: String, _ failing: Step.Failure) {
    let mode = (device.fileMode ?? 0o666) & 0o7777
    let kind = device.type == "u" ? "c" : device.type
    add(
      .mknod(
        path: inRoot(path), kind: kind, mode: mode, major: UInt32(truncatingIfNeeded: device.major),
        minor: UInt32(truncatingIfNeeded: device.minor)),
      "A device that every container may use, or one of config.json",
      if: .missing(inRoot(path)), tolerating: .exists, failing: failing)
    add(
      .chmod(path: inRoot(path), mode: mode), "The mode, which mknod cuts by the umask", if: .previousDone,
      failing: failing)
    add(
      .chown(path: inRoot(path), uid: device.uid ?? hostRootUID, gid: device.gid ?? hostRootGID), "Its owner",
      if: .previousDone, failing: failing)
  }

  /// In a user namespace mknod is refused: the host's node is bound instead.
  private mutating func bind(_ device: RuntimeSpec.Device, _ path: String, _ failing: Step.Failure) {
    add(
      .createFile(path: inRoot(path), mode: 0), "A file for the host's device node to lie on",
      if: .missing(inRoot(path)), tolerating: .exists, failing: failing)
    add(
      .mount(source: device.path, target: inRoot(path), type: "bind", flags: ["MS_BIND"], data: ""),
      "In a user namespace nobody may make device nodes: the host's is bound", failing: failing)
  }

  // MARK: The change of root

  mutating func changeRoot() {
    phase = .pivot
    let failing = Step.Failure.context("error jailing process inside rootfs")
    if options.noPivot {
      add(
        .mount(source: rootfs, target: "/", type: "", flags: ["MS_MOVE"], data: ""),
        "Without pivot_root (--no-pivot) the new root is moved over the old one", failing: failing)
      add(.chroot(path: "."), "… and becomes the process's root", failing: failing)
      add(.chdir(path: "/"), "Nothing may stay outside, not even the working directory", failing: failing)
    } else if has(.mount) {
      pivot(detachWith: [.slave, .rec], failing)
    } else {
      add(.chroot(path: "."), "Without a mount namespace only chroot is left", failing: failing)
      add(.chdir(path: "/"), "Nothing may stay outside, not even the working directory", failing: failing)
    }
    if let flags = RuntimeSpec.MountOptions.propagation(linux.rootfsPropagation),
      flags.isDisjoint(with: [.private, .slave])
    {
      mountFlags(
        flags, on: "/", "How the root shares its mounts (rootfsPropagation)",
        failing: .context("unable to apply root propagation flags"))
    }
  }

  /// pivot_root(".", "."): the old root comes to lie over the new one and is taken away.
  mutating func pivot(detachWith flags: RuntimeSpec.MountFlags, _ failing: Step.Failure) {
    add(
      .pivotRoot(new: ".", old: "."),
      "The new root becomes the root of the mount namespace; the old one lies over it for a moment", failing: failing)
    add(
      .enterOldRoot, "To the old root, to take it away",
      failing: failing)
    mountFlags(flags, on: ".", "What is unmounted here must stay mounted on the host", failing: failing)
    add(
      .unmount(target: ".", flags: ["MNT_DETACH"]), "The host's files are gone from the container", failing: failing)
    add(.chdir(path: "/"), "Into the new root", failing: failing)
  }

  // MARK: Last touches

  /// What was writable only while the runtime filled it, and the root itself.
  mutating func makeReadOnly() {
    phase = .finalize
    for mount in config.mounts {
      let options = mount.parsedOptions
      let path = PathText.rooted(mount.destination)
      guard options.flags.contains(.rdonly), !options.flags.contains(.bind) || path == "/dev",
        mount.type == "tmpfs" || path == "/dev"
      else { continue }
      mountFlags(
        options.flags.union([.remount, .bind, .rdonly]), on: KernelPath(path),
        "It had to be filled first: now it becomes read-only")
    }
    if config.root?.readonly == true {
      mountFlags(
        [.bind, .remount, .rdonly], on: "/", "The root itself is read-only",
        failing: .context("error setting rootfs as readonly"))
    }
    add(
      .umask(process.user.umask ?? 0o22),
      "The mode of files that the program makes")
  }

  mutating func setNames() {
    if !config.hostname.isEmpty {
      add(.sethostname(config.hostname), "The name of the container's UTS namespace")
    }
    if !config.domainname.isEmpty {
      add(.setdomainname(config.domainname), "The NIS domain of the container's UTS namespace")
    }
  }

  mutating func setSysctls() {
    for (name, value) in linux.sysctl.sorted(by: { $0.key < $1.key }) {
      add(
        .writeFile(path: KernelPath("/proc/sys/" + RuntimeSpec.path(sysctl: name)), contents: value),
        "A setting of the kernel, in one of the container's own namespaces",
        failing: .context("failed to write sysctl \(name) = \"\(value)\""))
    }
  }

  mutating func makePathsReadOnly() {
    phase = .paths
    for path in linux.readonlyPaths {
      let target = KernelPath(path)
      let failing = Step.Failure.context("can't make \"\(path)\" read-only")
      add(
        .mount(source: path, target: target, type: "", flags: ["MS_BIND", "MS_REC"], data: ""),
        "Only a mount can be read-only: the path is bound onto itself", if: .exists(target), tolerating: .missing,
        failing: failing)
      add(
        .mount(
          source: path, target: target, type: "",
          flags: ["MS_RDONLY", "MS_NOSUID", "MS_NODEV", "MS_NOEXEC", "MS_REMOUNT", "MS_BIND"], data: ""),
        "What it shows of the host's kernel must not be changed from here", if: .previousDone, failing: failing)
    }
  }

  mutating func maskPaths() {
    phase = .paths
    var masked: Set<String> = []
    for path in linux.maskedPaths where masked.insert(PathText.clean(path)).inserted {
      let target = KernelPath(path)
      add(
        .mount(source: "/dev/null", target: target, type: "", flags: ["MS_BIND"], data: ""),
        "What it tells of the host is none of the container's business: /dev/null lies over it",
        if: .nonDirectory(target), failing: .context("can't mask path \"\(path)\""))
      add(
        .mount(
          source: "tmpfs", target: target, type: "tmpfs", flags: ["MS_RDONLY"],
          data: linux.mountLabel.isEmpty
            ? "nr_blocks=1,nr_inodes=1" : "nr_blocks=1,nr_inodes=1,context=\"\(linux.mountLabel)\""),
        "What it tells of the host is none of the container's business: an empty folder lies over it",
        if: .directory(target), failing: .context("can't mask dir \"\(path)\""))
    }
  }
}
