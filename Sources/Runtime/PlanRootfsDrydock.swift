import JSONTree
import OCISpec

/// The root file system as drydock-runc builds it: every mount is made detached and then attached, every path resolved
/// once and within the root. All of it before the change of root, so that what is bound (/dev/null, device nodes, the
/// container's cgroup) is the host's for certain.
extension PlanBuilder {
  /// What "/" gets, before anything is mounted. An unbindable root could not be bound: it becomes so at the end.
  var basePropagation: RuntimeSpec.MountFlags {
    let wanted = RuntimeSpec.MountOptions.propagation(linux.rootfsPropagation) ?? [.slave, .rec]
    return wanted.contains(.unbindable) ? [.private, .rec] : wanted
  }
  /// Whether mounts of the host might still be shared: then they must not be unmounted as they are.
  private var sharesMounts: Bool { !basePropagation.contains(.rec) || basePropagation.contains(.shared) }

  /// Detaches the mounts from the host's, and makes the root a mount of its own and the working directory.
  mutating func prepareOwnRoot() {
    act(as: .container, .rootfs)
    let failing = Step.Failure.context("error preparing rootfs")
    guard has(.mount) else {
      add(.chdir(path: rootfs), "Without a mount namespace only chroot is left", failing: failing)
      return
    }
    mountFlags(
      basePropagation, on: "/",
      "What is mounted in here must not appear on the host; as a slave, what the host mounts may appear here",
      failing: failing)
    if sharesMounts { unshareParent(failing) }
    add(
      .attach(Attachment(source: rootfs, target: KernelPath(rootfs), recursive: true)),
      "pivot_root needs a mount point: the root is bound onto itself", failing: failing)
    add(.chdir(path: rootfs), "From here on the root is where the process is", failing: failing)
  }

  private mutating func unshareParent(_ failing: Step.Failure) {
    let kind: RuntimeSpec.MountFlags = basePropagation.contains(.slave) ? .slave : .private
    mountFlags(
      kind, on: KernelPath(rootfs), "The mount that holds the root must not be shared: pivot_root would be refused",
      tolerating: rootfs == "/" ? [] : .invalid, failing: failing)
    for folder in (PathText.parents(rootfs).reversed() + ["/"]) where rootfs != "/" {
      add(
        .mount(source: "", target: KernelPath(folder), type: "", flags: kind.names, data: ""),
        "The root is no mount point itself: the one that holds it is further up", if: .previousRefused,
        tolerating: folder == "/" ? [] : .invalid, failing: failing)
    }
  }

  // MARK: Mounts

  func isBind(_ mount: RuntimeSpec.Mount) -> Bool { mount.parsedOptions.flags.contains(.bind) || mount.type == "bind" }

  private func isCgroup(_ mount: RuntimeSpec.Mount) -> Bool {
    !isBind(mount) && (mount.type == "cgroup" || mount.type == "cgroup2" && cgroups.layout.version == .unified)
  }

  /// The source of a bind mount, absolute.
  func source(of mount: RuntimeSpec.Mount) -> String {
    mount.source.utf8.first == UInt8(ascii: "/") ? mount.source : PathText.join(options.bundle, mount.source)
  }

  func idMap(of mount: RuntimeSpec.Mount) -> MountIDMap? {
    if !mount.uidMappings.isEmpty || !mount.gidMappings.isEmpty {
      return MountIDMap(uid: mount.uidMappings, gid: mount.gidMappings)
    }
    return mount.parsedOptions.idmap ? MountIDMap(uid: linux.uidMappings, gid: linux.gidMappings) : nil
  }

  mutating func attachMounts() throws(PlanError) {
    act(as: .container, .mounts)
    var hasEntered = false
    for (index, mount) in config.mounts.enumerated() {
      let path = try destination(of: mount)
      let isBind = isBind(mount)
      try checkProc(mount, path, isBind: isBind)
      if path == "/sys", !isBind, !["sysfs", "tmpfs", "bind", "none", ""].contains(mount.type) {
        throw PlanError("cannot mount \(mount.type) to /sys: a file system of type sysfs belongs there")
      }
      if isCgroup(mount), !hasEntered {
        hasEntered = true
        enterOwnCgroups()
        phase = .mounts
      }
      if isBind {
        try attachBind(mount, index, path)
      } else if isCgroup(mount) {
        attachCgroups(mount, path)
      } else {
        try attachFileSystem(mount, path)
      }
    }
    if !hasEntered { enterOwnCgroups() }
  }

  private func labelled(_ data: String) -> String {
    if linux.mountLabel.isEmpty { return data }
    return data.isEmpty ? "context=\"\(linux.mountLabel)\"" : "\(data),context=\"\(linux.mountLabel)\""
  }

  private func failure(_ mount: RuntimeSpec.Mount) -> Step.Failure {
    .mounting(source: mount.source, destination: mount.destination)
  }

  /// The attributes of mount_setattr(2) for flags of mount(2).
  private static func attributes(of flags: RuntimeSpec.MountFlags) -> [String] {
    flags.contains(.relatime) ? attributes(flags) + ["MOUNT_ATTR_RELATIME"] : attributes(flags)
  }

  /// Flags that belong to the file system, as its options; attributes say nothing of them.
  private static func options(of flags: RuntimeSpec.MountFlags) -> [String] {
    var names: [String] = []
    if flags.contains(.synchronous) { names.append("sync") }
    if flags.contains(.dirsync) { names.append("dirsync") }
    if flags.contains(.mandlock) { names.append("mand") }
    if flags.contains(.lazytime) { names.append("lazytime") }
    if flags.contains(.iversion) { names.append("iversion") }
    return names
  }

  private mutating func attachBind(_ mount: RuntimeSpec.Mount, _ index: Int, _ path: String) throws(PlanError) {
    let options = mount.parsedOptions
    let source = source(of: mount)
    if options.flags.contains(.remount) {
      add(
        .mount(
          source: source, target: inRoot(path), type: "", flags: options.flags.union(.bind).names, data: ""),
        "A mount of the container changes its flags", failing: failure(mount))
      return
    }
    let kind = host.kind(of: source)
    if kind == nil, linux.namespace(.mount)?.path.isEmpty ?? true {
      throw mountError(mount, "stat \(source): no such file or directory")
    }
    var attachment = Attachment(
      source: source, target: inRoot(path), attributes: PlanBuilder.attributes(of: options.flags),
      cleared: PlanBuilder.attributes(of: options.cleared), recursive: options.flags.contains(.rec),
      idMap: idMap(of: mount))
    attachment.recursiveIDMap = options.recursiveIDMap
    attachment.prepared = prepared[index]
    attachment.makes = kind == .directory || kind == nil ? .directory : .file
    attachment.mayCoverProc = mayCoverProc(path)
    complete(&attachment, options)
    add(
      .attach(attachment), "What is at the source is seen here too: a volume, or a file that the engine wrote",
      failing: failure(mount))
  }

  private func mayCoverProc(_ path: String) -> Bool { PathText.isWithin(path, "/proc") }

  private func complete(_ attachment: inout Attachment, _ options: RuntimeSpec.MountOptions) {
    attachment.propagation = options.propagation.map(\.names)
    (attachment.recursiveSet, attachment.recursiveClear) = (options.recursiveSet, options.recursiveClear)
  }

  /// Into these files have to be put first: they become read-only at the end.
  private func isReadOnlyLater(_ mount: RuntimeSpec.Mount) -> Bool {
    mount.parsedOptions.flags.contains(.rdonly)
      && (mount.type == "tmpfs" && !isBind(mount) || PathText.rooted(mount.destination) == "/dev")
  }

  private mutating func attachFileSystem(_ mount: RuntimeSpec.Mount, _ path: String) throws(PlanError) {
    let options = mount.parsedOptions
    if mount.type.isEmpty { throw mountError(mount, "no type of file system is given: no such device") }
    if options.flags.contains(.remount) {
      add(
        .mount(
          source: mount.source, target: inRoot(path), type: mount.type, flags: options.flags.names, data: options.data),
        "A mount of the container changes its flags", failing: failure(mount))
      return
    }
    let flags = isReadOnlyLater(mount) ? options.flags.subtracting(.rdonly) : options.flags
    var data = ["proc", "sysfs", "mqueue"].contains(mount.type) ? options.data : labelled(options.data)
    for option in PlanBuilder.options(of: flags) { data += data.isEmpty ? option : "," + option }
    var attachment = Attachment(
      source: mount.source.isEmpty ? mount.type : mount.source, target: inRoot(path), type: mount.type,
      attributes: PlanBuilder.attributes(of: flags), data: data)
    attachment.makes = .directory
    attachment.modeOfTarget = mount.type == "tmpfs"
    attachment.copyUp = options.tmpcopyup
    attachment.ordinary = mount.type == "proc" || mount.type == "sysfs"
    attachment.mayCoverProc = mayCoverProc(path)
    complete(&attachment, options)
    add(
      .attach(attachment),
      options.tmpcopyup
        ? "Files in memory, which begin with what the image has there (tmpcopyup)"
        : PlanBuilder.reason(mount.type, path), failing: failure(mount))
  }

  // MARK: cgroups in the container

  private mutating func attachCgroups(_ mount: RuntimeSpec.Mount, _ path: String) {
    if cgroups.layout.version == .unified {
      attachUnified(mount, path)
    } else {
      attachHierarchies(mount, path)
    }
  }

  private mutating func attachUnified(_ mount: RuntimeSpec.Mount, _ path: String) {
    let options = mount.parsedOptions
    var attachment = Attachment(
      source: mount.source.isEmpty ? "cgroup" : mount.source, target: inRoot(path), type: "cgroup2",
      attributes: PlanBuilder.attributes(of: options.flags), data: options.data)
    attachment.makes = .directory
    complete(&attachment, options)
    add(
      .attach(attachment), "The container sees cgroups; with a cgroup namespace, only its own",
      tolerating: has(.user) || self.options.rootlessCgroups ? [.permission, .busy] : [], failing: failure(mount))
    guard has(.user) || self.options.rootlessCgroups, let unified = cgroups.unified else { return }
    var bound = Attachment(
      source: unified, target: inRoot(path), attributes: PlanBuilder.attributes(of: options.flags), recursive: false)
    complete(&bound, options)
    add(
      .attach(bound),
      "Without a cgroup namespace cgroup2 cannot be mounted in a user namespace: the container's own folder is bound",
      if: .previousRefused, tolerating: self.options.rootlessCgroups ? [.missing, .permission] : [],
      failing: failure(mount))
    if self.options.rootlessCgroups {
      add(
        .mask(path: inRoot(path), label: linux.mountLabel),
        "It has no cgroup of its own, and the host's must not be written through /sys (CVE-2023-25809)",
        if: .previousRefused, failing: failure(mount))
    }
  }

  /// A tmpfs with a folder for each hierarchy of v1.
  private mutating func attachHierarchies(_ mount: RuntimeSpec.Mount, _ path: String) {
    let options = mount.parsedOptions
    let failing = failure(mount)
    var folder = Attachment(
      source: "tmpfs", target: inRoot(path), type: "tmpfs",
      attributes: ["MOUNT_ATTR_NOSUID", "MOUNT_ATTR_NODEV", "MOUNT_ATTR_NOEXEC"], data: labelled("mode=755"))
    folder.makes = .directory
    folder.propagation = options.propagation.map(\.names)
    add(
      .attach(folder), "A folder for the hierarchies of cgroup v1, over whatever the host's show (CVE-2023-25809)",
      failing: failing)
    for hierarchy in cgroups.layout.hierarchies {
      let target = inRoot("\(path)/\(hierarchy)")
      var attachment: Attachment
      if linux.isNew(.cgroup) {
        var flags: RuntimeSpec.MountFlags = [.nosuid, .nodev, .noexec]
        if options.flags.contains(.rdonly) { flags.insert(.rdonly) }
        let isNamed = hierarchy == "systemd"
        attachment = Attachment(
          source: isNamed ? "systemd" : "cgroup", target: target, type: "cgroup",
          attributes: PlanBuilder.attributes(of: flags), data: isNamed ? "none,name=systemd" : hierarchy)
      } else {
        attachment = Attachment(
          source: cgroups.folder(in: hierarchy), target: target, attributes: PlanBuilder.attributes(of: options.flags),
          recursive: true)
      }
      attachment.makes = .directory
      add(
        .attach(attachment),
        linux.isNew(.cgroup)
          ? "The hierarchy, as the container's cgroup namespace shows it"
          : "The container's own cgroup in this hierarchy",
        tolerating: self.options.rootlessCgroups ? [.missing, .permission, .busy] : [], failing: failing)
      guard hierarchy.utf8.contains(UInt8(ascii: ",")) else { continue }
      for controller in hierarchy.split(separator: ",") {
        add(
          .symlink(target: hierarchy, path: inRoot("\(path)/\(controller)")),
          "Controllers mounted together are found by each one's name", tolerating: .exists, failing: failing)
      }
    }
    if options.flags.contains(.rdonly) {
      add(
        .mountSetattr(target: inRoot(path), set: ["MOUNT_ATTR_RDONLY"], recursive: false),
        "It had to be filled first: now it becomes read-only", failing: failing)
    }
  }

  // MARK: /dev

  mutating func makeOwnDev() {
    act(as: .container, .devices)
    add(.umask(0), "Modes of device nodes are to be as given")
    let failing = Step.Failure.context("configuring container /dev: error creating device nodes")
    add(.makeFolders(path: inRoot("/dev"), mode: 0o755), "Device nodes are in /dev", failing: failing)
    for device in devices {
      let path = PathText.rooted(device.path)
      if path == "/dev/ptmx" { continue }
      let parent = PathText.parent(path)
      if parent != "/dev", parent != "/" {
        add(
          .makeFolders(path: inRoot(parent), mode: 0o755), "The folder of a device node", failing: failing)
      }
      if has(.user) || options.rootless {
        bindNode(device, path, if: .always, failing)
      } else {
        makeNode(device, path, failing)
      }
    }
    let ptmx = Step.Failure.context("configuring container /dev: error setting up ptmx")
    add(
      .symlink(target: "pts/ptmx", path: inRoot("/dev/ptmx")), "New terminals come from the container's own devpts",
      tolerating: .exists, failing: ptmx)
    add(
      .unlink(path: inRoot("/dev/ptmx")), "An image's ptmx is of no use here", if: .previousRefused,
      tolerating: .missing, failing: ptmx)
    add(
      .symlink(target: "pts/ptmx", path: inRoot("/dev/ptmx")), "… the container's own is", if: .previousDone,
      failing: ptmx)
    let links = Step.Failure.context("configuring container /dev: error setting up /dev symlinks")
    for (target, path) in PlanBuilder.devLinks {
      add(
        .symlink(target: target, path: inRoot(path)), "Programs expect their descriptors under /dev",
        if: target == "/proc/kcore" ? .exists("/proc/kcore") : .always, tolerating: .exists, failing: links)
    }
  }

  /// What is there already has to be this device (config-linux.md, "Devices"); where the runtime may not make any, the
  /// host's is bound.
  private mutating func makeNode(_ device: RuntimeSpec.Device, _ path: String, _ failing: Step.Failure) {
    let mode = (device.fileMode ?? 0o666) & 0o7777
    let kind = device.type == "u" ? "c" : device.type
    let (major, minor) = (UInt32(truncatingIfNeeded: device.major), UInt32(truncatingIfNeeded: device.minor))
    add(
      .mknod(path: inRoot(path), kind: kind, mode: mode, major: major, minor: minor),
      "A device that every container may use, or one of config.json", tolerating: [.exists, .permission],
      failing: failing)
    let made = steps.count - 1
    if device.uid ?? 0 != 0 || device.gid ?? 0 != 0 {
      add(
        .chown(path: inRoot(path), uid: device.uid ?? 0, gid: device.gid ?? 0), "Its owner", if: .previousDone,
        failing: failing)
    }
    add(
      .checkDevice(path: inRoot(path), kind: kind, major: major, minor: minor), "What is there must be that device",
      if: .refused(made), tolerating: .missing, failing: failing)
    bindNode(device, path, if: .previousRefused, failing)
  }

  private mutating func bindNode(
    _ device: RuntimeSpec.Device, _ path: String, if condition: Step.Condition, _ failing: Step.Failure
  ) {
    var attachment = Attachment(source: PathText.rooted(device.path), target: inRoot(path))
    attachment.makes = .file
    add(
      .attach(attachment), "Who may not make device nodes (in a user namespace nobody may) gets the host's, bound",
      if: condition, failing: failing)
  }

  // MARK: Paths

  mutating func coverOwnPaths() {
    phase = .paths
    for path in linux.readonlyPaths {
      add(
        .makeReadOnly(path: inRoot(path)), "What it shows of the host's kernel must not be changed from here",
        tolerating: .missing, failing: .context("can't make \"\(path)\" read-only"))
    }
    // A bind of the host's /sys that is read-only by itself alone (`rbind,ro`, as `spec --rootless` has it) shows the
    // host's cgroups, which lie mounted below it, as they are (CVE-2023-25809).
    let showsHost = config.mounts.contains {
      PathText.rooted($0.destination) == "/sys" && $0.parsedOptions.flags.isSuperset(of: [.bind, .rec, .rdonly])
    }
    if showsHost, has(.user) {
      add(
        .makeReadOnly(path: inRoot("/sys/fs/cgroup")), "The host's cgroups below /sys must not be changed from here",
        tolerating: .missing, failing: .context("can't make \"/sys/fs/cgroup\" read-only"))
    }
    var masked: Set<String> = []
    for path in linux.maskedPaths where masked.insert(PathText.clean(path)).inserted {
      add(
        .mask(path: inRoot(path), label: linux.mountLabel),
        "What it tells of the host is none of the container's business: nothing lies over it", tolerating: .missing,
        failing: .context("can't mask path \"\(path)\""))
    }
  }

  // MARK: The change of root

  mutating func pivotOwnRoot() {
    act(as: .container, .pivot)
    let failing = Step.Failure.context("error jailing process inside rootfs")
    if !has(.mount) {
      add(.chroot(path: "."), "Without a mount namespace only chroot is left", failing: failing)
    } else if options.noPivot {
      hideHostProc()
      add(
        .mount(source: rootfs, target: "/", type: "", flags: ["MS_MOVE"], data: ""),
        "Without pivot_root (--no-pivot) the new root is moved over the old one", failing: failing)
      add(.chroot(path: "."), "… and becomes the process's root", failing: failing)
    } else {
      add(
        .pivotRoot(new: ".", old: "."),
        "The new root becomes the root of the mount namespace; the old one lies over it for a moment",
        failing: failing)
      if sharesMounts {
        add(.enterOldRoot, "To the old root, to take it away", failing: failing)
        mountFlags(
          [.slave, .rec], on: ".", "What is unmounted here must stay mounted on the host", failing: failing)
      }
      add(
        .unmount(target: ".", flags: ["MNT_DETACH"]), "The host's files are gone from the container", failing: failing)
    }
    add(.chdir(path: "/"), "Nothing may stay outside, not even the working directory", failing: failing)
    if has(.mount), let flags = RuntimeSpec.MountOptions.propagation(linux.rootfsPropagation),
      flags.isDisjoint(with: [.private, .slave])
    {
      mountFlags(
        flags, on: "/", "How the root shares its mounts (rootfsPropagation)",
        failing: .context("unable to apply root propagation flags"))
    }
  }

  /// Below a root that was only moved the host's procfs and sysfs would still be mounted, and whoever may mount in the
  /// container could have them whole.
  private mutating func hideHostProc() {
    for folder in ["/proc", "/sys"] {
      mountFlags([.slave, .rec], on: KernelPath(folder), "What goes here must stay on the host", tolerating: .any)
      add(
        .unmount(target: KernelPath(folder), flags: ["MNT_DETACH"]),
        "The host's must not be found below the new root", tolerating: .any)
      add(
        .mask(path: KernelPath(folder), label: ""), "What is locked cannot be taken away, but covered",
        if: .previousRefused, tolerating: .any)
    }
  }

  /// Without a mount namespace the mounts are the host's, and `delete` has to take them away.
  mutating func leaveMounts() {
    for mount in config.mounts.reversed() {
      add(
        .unmount(
          target: KernelPath(root: rootfs, PathText.rooted(mount.destination)),
          flags: ["MNT_DETACH"]),
        "Without a mount namespace of its own the container's mounts lie on the host", tolerating: .any)
    }
  }

  // MARK: Afterwards

  /// What was writable only while it was filled, and the root itself.
  mutating func makeOwnMountsReadOnly() {
    phase = .finalize
    for mount in config.mounts where isReadOnlyLater(mount) {
      add(
        .mountSetattr(
          target: KernelPath(PathText.rooted(mount.destination)), set: ["MOUNT_ATTR_RDONLY"], recursive: false),
        "It had to be filled first: now it becomes read-only", failing: failure(mount))
    }
    if config.root?.readonly == true {
      add(
        .mountSetattr(target: "/", set: ["MOUNT_ATTR_RDONLY"], recursive: false), "The root itself is read-only",
        failing: .context("error setting rootfs as readonly"))
    }
  }
}
