import Runtime

/// Flags of mount(2), from their names.
struct MountRequest: OptionSet {
  let rawValue: UInt32
  static let bind = MountRequest(rawValue: 1)
  static let recursive = MountRequest(rawValue: 2)
  static let remount = MountRequest(rawValue: 4)
  static let move = MountRequest(rawValue: 8)
  static let shared = MountRequest(rawValue: 16)
  static let slave = MountRequest(rawValue: 32)
  static let `private` = MountRequest(rawValue: 64)
  static let unbindable = MountRequest(rawValue: 128)
  static let propagation: MountRequest = [.shared, .slave, .private, .unbindable]

  /// EINVAL for a name that mount(2) does not have.
  static func parse(_ names: [String]) throws(Errno) -> (request: MountRequest, flags: MountFlags) {
    var request: MountRequest = []
    var flags: MountFlags = []
    for name in names {
      switch name {
      case "MS_BIND": request.insert(.bind)
      case "MS_REC": request.insert(.recursive)
      case "MS_REMOUNT": request.insert(.remount)
      case "MS_MOVE": request.insert(.move)
      case "MS_SHARED": request.insert(.shared)
      case "MS_SLAVE": request.insert(.slave)
      case "MS_PRIVATE": request.insert(.private)
      case "MS_UNBINDABLE": request.insert(.unbindable)
      case "MS_RDONLY": flags.insert(.readOnly)
      case "MS_NOSUID": flags.insert(.noSuid)
      case "MS_NODEV": flags.insert(.noDev)
      case "MS_NOEXEC": flags.insert(.noExec)
      case "MS_NOATIME": flags.insert(.noAtime)
      case "MS_NODIRATIME": flags.insert(.noDirAtime)
      case "MS_RELATIME": flags.insert(.relAtime)
      case "MS_NOSYMFOLLOW": flags.insert(.noSymFollow)
      case "MS_STRICTATIME", "MS_SILENT", "MS_SYNCHRONOUS", "MS_DIRSYNC", "MS_MANDLOCK", "MS_LAZYTIME", "MS_I_VERSION",
        "MS_POSIXACL", "MS_KERNMOUNT", "":
        break
      default: throw .EINVAL
      }
    }
    if !flags.contains(.noAtime), !names.contains("MS_STRICTATIME") { flags.insert(.relAtime) }
    return (request, flags)
  }
}

extension KernelState {
  /// may_mount(): CAP_SYS_ADMIN over the mount namespace.
  func mayMount() throws(Errno) {
    guard let namespace = current?.namespaces?.mount else { throw .ESRCH }
    guard credentials.has(.sysAdmin, in: namespace.owner ?? initUser) else { throw .EPERM }
  }

  private func isOurs(_ mount: Mount) -> Bool { mount.namespace === current?.namespaces?.mount }

  /// mount(2).
  func mount(source: String, target: KernelPath, type: String, flags names: [String], data: String) throws(Errno) {
    let (request, flags) = try MountRequest.parse(names)
    // After pivot_root(".", ".") the old root lies over the new one, and `.` means it.
    let place = try resolve(target, target.path == "." ? [.follow, .mountpoint] : .follow)
    try mayMount()
    if request.contains(.remount) {
      try remount(place, flags, bind: request.contains(.bind), data)
    } else if request.contains(.bind) {
      try bind(source, place, recursive: request.contains(.recursive))
    } else if !request.isDisjoint(with: .propagation) {
      try changePropagation(place, request)
    } else if request.contains(.move) {
      try move(source, place)
    } else {
      let mount = try makeMount(type: type, source: source, flags: flags, data: data)
      try graft(mount, at: place, isNew: true)
    }
  }

  func graft(_ mount: Mount, at place: Path, isNew: Bool = false) throws(Errno) {
    guard isOurs(place.mount) else { throw .EINVAL }
    if place.inode.parent == nil, place.inode !== place.mount.root { throw .ENOENT }
    if isNew, place.mount.fs === mount.fs, place.inode === place.mount.root { throw .EBUSY }
    guard mount.root.isDirectory == place.inode.isDirectory else { throw .ENOTDIR }
    attach(mount, at: place)
  }

  private func bind(_ source: String, _ place: Path, recursive: Bool) throws(Errno) {
    if source.isEmpty { throw .EINVAL }
    let from = try resolve(source)
    if from.mount.isUnbindable { throw .EINVAL }
    if from.inode is NamespaceInode {
      let mount = Mount(kernel: self, fs: from.inode.fs, root: from.inode, source: "nsfs", flags: [])
      return try graft(mount, at: place)
    }
    guard isOurs(from.mount) else { throw .EINVAL }
    if !recursive, hasLockedChildren(from) { throw .EINVAL }
    guard from.inode.isDirectory == place.inode.isDirectory else { throw .ENOTDIR }
    try graft(bindCopy(from, recursive: recursive), at: place)
  }

  private func hasLockedChildren(_ path: Path) -> Bool {
    path.mount.children.values.contains { child in
      child.isLocked && child.mountpoint?.isBelow(path.inode) ?? false
    }
  }

  private func changePropagation(_ place: Path, _ request: MountRequest) throws(Errno) {
    let kind = request.intersection(.propagation)
    guard kind.rawValue.nonzeroBitCount == 1, place.inode === place.mount.root else { throw .EINVAL }
    guard isOurs(place.mount) else { throw .EINVAL }
    let mounts = request.contains(.recursive) ? place.mount.tree : [place.mount]
    for mount in mounts {
      if kind == .shared {
        mount.makeShared(self)
      } else if kind == .slave {
        mount.makeSlave()
        mount.isUnbindable = false
      } else {
        mount.makePrivate(unbindable: kind == .unbindable)
      }
    }
  }

  private func remount(_ place: Path, _ flags: MountFlags, bind: Bool, _ data: String) throws(Errno) {
    guard place.inode === place.mount.root, isOurs(place.mount) else { throw .EINVAL }
    let mount = place.mount
    // What a more privileged namespace forbids stays forbidden.
    if mount.isLocked {
      let kept: MountFlags = [.readOnly, .noSuid, .noDev, .noExec]
      if !mount.flags.intersection(kept).isSubset(of: flags) { throw .EPERM }
    }
    if !bind {
      guard credentials.has(.sysAdmin, in: mount.fs.userNamespace) else { throw .EPERM }
      try mount.fs.remount(data.split(separator: ",").map(String.init))
      mount.fs.isReadOnly = flags.contains(.readOnly)
    }
    mount.flags = bind ? flags : flags.subtracting(.readOnly)
  }

  private func move(_ source: String, _ place: Path) throws(Errno) {
    if source.isEmpty { throw .EINVAL }
    let from = try resolve(source)
    let mount = from.mount
    guard isOurs(mount), isOurs(place.mount), !mount.isLocked else { throw .EINVAL }
    guard from.inode === mount.root, let parent = mount.parent else { throw .EINVAL }
    guard from.inode.isDirectory == place.inode.isDirectory else { throw .EINVAL }
    if parent.isShared { throw .EINVAL }
    if place.mount.isShared, mount.tree.contains(where: \.isUnbindable) { throw .EINVAL }
    var above: Mount? = place.mount
    while let here = above {
      if here === mount { throw .ELOOP }
      above = here.parent
    }
    mount.detach()
    attach(mount, at: place, isMove: true)
  }

  /// move_mount(2) of what fsopen(2) or open_tree(2) prepared.
  func moveMount(
    source: String, target: KernelPath, type: String, attributes: [String], data: String, recursive: Bool,
    idMap: MountIDMap?
  ) throws(Errno) {
    let place = try resolve(target)
    try mayMount()
    let flags = try attributeFlags(attributes)
    let mount: Mount
    if type.isEmpty {
      let from = try resolve(source)
      if from.mount.isUnbindable { throw .EINVAL }
      guard isOurs(from.mount) || from.inode is NamespaceInode else { throw .EINVAL }
      mount = bindCopy(from, recursive: recursive)
      for each in recursive ? mount.tree : [mount] { each.flags.formUnion(flags) }
    } else {
      let isStrict = attributes.contains("MOUNT_ATTR_STRICTATIME") || flags.contains(.noAtime)
      mount = try makeMount(type: type, source: source, flags: isStrict ? flags : flags.union(.relAtime), data: data)
    }
    if let idMap {
      guard credentials.has(.sysAdmin, in: mount.fs.userNamespace) else { throw .EPERM }
      guard !idMap.uid.isEmpty, !idMap.gid.isEmpty else { throw .EINVAL }
      for each in recursive ? mount.tree : [mount] {
        if each.idMap != nil { throw .EPERM }
        each.idMap = idMap
      }
    }
    try graft(mount, at: place, isNew: !type.isEmpty)
  }

  private func attributeFlags(_ names: [String]) throws(Errno) -> MountFlags {
    var flags: MountFlags = []
    for name in names {
      switch name {
      case "MOUNT_ATTR_RDONLY": flags.insert(.readOnly)
      case "MOUNT_ATTR_NOSUID": flags.insert(.noSuid)
      case "MOUNT_ATTR_NODEV": flags.insert(.noDev)
      case "MOUNT_ATTR_NOEXEC": flags.insert(.noExec)
      case "MOUNT_ATTR_NOATIME": flags.insert(.noAtime)
      case "MOUNT_ATTR_NODIRATIME": flags.insert(.noDirAtime)
      case "MOUNT_ATTR_RELATIME": flags.insert(.relAtime)
      case "MOUNT_ATTR_NOSYMFOLLOW": flags.insert(.noSymFollow)
      case "MOUNT_ATTR_STRICTATIME", "MOUNT_ATTR_IDMAP", "MOUNT_ATTR__ATIME": break
      default: throw .EINVAL
      }
    }
    return flags
  }

  /// mount_setattr(2).
  func setMountAttributes(_ target: KernelPath, set: [String], clear: [String], recursive: Bool) throws(Errno) {
    let place = try resolve(target)
    try mayMount()
    guard place.inode === place.mount.root, isOurs(place.mount) else { throw .EINVAL }
    let adds = try attributeFlags(set)
    let takes = try attributeFlags(clear)
    let mounts = recursive ? place.mount.tree : [place.mount]
    for mount in mounts where mount.isLocked {
      let locked: MountFlags = [.readOnly, .noSuid, .noDev, .noExec]
      if !mount.flags.intersection(locked).isDisjoint(with: takes) { throw .EPERM }
    }
    for mount in mounts { mount.flags = mount.flags.subtracting(takes).union(adds) }
  }

  /// umount2(2).
  func unmount(_ target: KernelPath, flags: [String]) throws(Errno) {
    var follow: WalkFlags = [.follow, .mountpoint]
    var isLazy = false
    for flag in flags {
      switch flag {
      case "MNT_DETACH": isLazy = true
      case "UMOUNT_NOFOLLOW": follow.remove(.follow)
      case "MNT_FORCE", "MNT_EXPIRE", "": break
      default: throw .EINVAL
      }
    }
    let place = try resolve(target, follow)
    try mayMount()
    let mount = place.mount
    guard place.inode === mount.root, isOurs(mount) else { throw .EINVAL }
    if mount.isLocked { throw .EINVAL }
    guard mount.parent != nil, mount !== mount.namespace?.root else { throw isLazy ? .EINVAL : .EBUSY }
    if !isLazy {
      if !mount.children.isEmpty || isBusy(mount) { throw .EBUSY }
      if current?.root.map({ $0.mount === mount && $0.inode === mount.root }) ?? false { throw .EBUSY }
    }
    unmountTree(mount)
  }

  /// pivot_root(2), with its refusals in the kernel's order.
  func pivotRoot(new newPath: String, old oldPath: String) throws(Errno) {
    try mayMount()
    guard let process = current, let root = process.root else { throw .ESRCH }
    let new = try resolve(newPath)
    guard new.inode.isDirectory else { throw .ENOTDIR }
    let old = try resolve(oldPath)
    guard old.inode.isDirectory else { throw .ENOTDIR }
    let rootMount = root.mount
    if old.mount.isShared || new.mount.parent?.isShared ?? false || rootMount.parent?.isShared ?? false {
      throw .EINVAL
    }
    guard isOurs(rootMount), isOurs(new.mount), !new.mount.isLocked else { throw .EINVAL }
    if new.mount === rootMount || old.mount === rootMount { throw .EBUSY }
    guard root.inode === rootMount.root, let rootParent = rootMount.parent, let rootPoint = rootMount.mountpoint else {
      throw .EINVAL
    }
    guard new.inode === new.mount.root, new.mount.parent != nil else { throw .EINVAL }
    guard isReachable(old, from: new), isReachable(new, from: root) else { throw .EINVAL }
    // What cannot be taken away is the root, whichever mount that is.
    if rootMount.isLocked { (new.mount.isLocked, rootMount.isLocked) = (true, false) }
    new.mount.detach()
    rootMount.detach()
    rootMount.attach(to: old.mount, at: old.inode)
    new.mount.attach(to: rootParent, at: rootPoint)
    // Everybody whose root or working directory was the old root moves along.
    for member in process.namespaces?.mount.members.values.map({ $0 }) ?? [] {
      if let place = member.root, place == root { member.root = new }
      if let place = member.cwd, place == root { member.cwd = new }
    }
  }
}
