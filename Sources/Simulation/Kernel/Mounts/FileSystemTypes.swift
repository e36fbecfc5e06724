import Runtime

extension KernelState {
  /// The file systems of `/proc/filesystems`; which a user namespace may mount, and which need no device.
  static let fileSystemTypes: [(name: String, inUserNamespace: Bool, isVirtual: Bool)] = [
    ("sysfs", true, true), ("tmpfs", true, true), ("bdev", false, true), ("proc", true, true), ("cgroup", true, true),
    ("cgroup2", true, true), ("devtmpfs", false, true), ("debugfs", false, true), ("tracefs", false, true),
    ("securityfs", false, true), ("bpf", true, true), ("pipefs", false, true), ("ramfs", true, true),
    ("devpts", true, true), ("ext4", false, false), ("overlay", true, true), ("mqueue", true, true),
  ]

  /// A new mount of a file system (fsopen(2), fsmount(2)).
  func makeMount(type: String, source: String, flags: MountFlags, data: String) throws(Errno) -> Mount {
    guard let process = current, let namespaces = process.namespaces else { throw .ESRCH }
    guard let known = KernelState.fileSystemTypes.first(where: { $0.name == type }) else { throw .ENODEV }
    let user = process.credentials.userNamespace
    if !user.isInitial, !known.inUserNamespace { throw .EPERM }
    if !user.isInitial {
      // proc and sysfs show a pid and a network namespace: only their owners may mount them.
      if type == "proc", !process.credentials.has(.sysAdmin, in: namespaces.pid.owner ?? initUser) { throw .EPERM }
      if type == "sysfs", !process.credentials.has(.sysAdmin, in: namespaces.network.owner ?? initUser) {
        throw .EPERM
      }
      if type == "mqueue", !process.credentials.has(.sysAdmin, in: namespaces.ipc.owner ?? initUser) { throw .EPERM }
      if type.hasPrefix("cgroup"), !process.credentials.has(.sysAdmin, in: namespaces.cgroup.owner ?? initUser) {
        throw .EPERM
      }
    }
    let root = try makeRoot(type: type, source: source, data: data, namespaces, user)
    var mountFlags = flags
    if flags.contains(.readOnly), !["proc", "sysfs", "cgroup2", "cgroup", "mqueue"].contains(type) {
      root.fs.isReadOnly = true
      mountFlags.remove(.readOnly)
    }
    return Mount(kernel: self, fs: root.fs, root: root, source: source.isEmpty ? "none" : source, flags: mountFlags)
  }

  private func makeRoot(
    type: String, source: String, data: String, _ namespaces: NamespaceSet, _ user: UserNamespace
  ) throws(Errno) -> Inode {
    switch type {
    case "tmpfs", "ramfs":
      let options = try TmpfsOptions(data, memory: memory)
      let fs = MemoryFileSystem(
        self, type: type, limit: type == "tmpfs" ? options.size : nil, userNamespace: user)
      fs.inodeLimit = options.inodes
      fs.options = tmpfsOptions(options, data)
      // The root belongs to who mounts, unless an option says otherwise.
      let own = (credentials.euid, credentials.egid)
      guard let uid = options.uid == nil ? own.0 : options.uid.flatMap(user.kernelUser),
        let gid = options.gid == nil ? own.1 : options.gid.flatMap(user.kernelGroup)
      else { throw .EINVAL }
      return fs.makeRoot(mode: type == "tmpfs" ? options.mode : 0o755, uid: uid, gid: gid)
    case "overlay": return try makeOverlay(data, user)
    case "proc": return namespaces.pidForChildren.procRoot(self)
    case "sysfs": return namespaces.network.sysRoot(self)
    case "mqueue": return namespaces.ipc.queueRoot(self)
    case "cgroup2":
      guard let index = hierarchies.firstIndex(where: \.isUnified) else { throw .EBUSY }
      return namespaces.cgroup.roots[index]
    case "cgroup":
      let wanted = data.split(separator: ",").map(String.init).filter { !$0.isEmpty && $0 != "xattr" }
      guard
        let index = hierarchies.firstIndex(where: { hierarchy in
          !hierarchy.isUnified
            && (hierarchy.name.split(separator: ",").map(String.init) == wanted
              || wanted.contains("name=\(hierarchy.name)"))
        })
      else { throw wanted.isEmpty ? .EINVAL : .EBUSY }
      return namespaces.cgroup.roots[index]
    case "devpts": return try DeviceTerminals(self, data: data, userNamespace: user).makeRoot()
    case "devtmpfs": return devtmpfs
    case "ext4":
      // A block device is needed, and there is but one.
      let device = try resolve(source)
      guard device.inode.kind == .blockDevice else { throw Errno(15, "ENOTBLK", "block device required") }
      return disk
    default: return FixedFolder(FileSystem(self, type: type), mode: 0o755)
    }
  }

  private func tmpfsOptions(_ options: TmpfsOptions, _ data: String) -> [String] {
    var shown: [String] = []
    if let size = options.size, options.isSizeGiven { shown.append("size=\(size / 1024)k") }
    if let inodes = options.inodes { shown.append("nr_inodes=\(inodes)") }
    if options.mode != 0o1777 { shown.append("mode=\(String(options.mode, radix: 8))") }
    if let uid = options.uid, uid != 0 { shown.append("uid=\(uid)") }
    if let gid = options.gid, gid != 0 { shown.append("gid=\(gid)") }
    return shown + ["inode64"]
  }

  /// overlayfs: `lowerdir=A:B,upperdir=C,workdir=D`. `\:` and `\,` stand for the characters themselves.
  private func makeOverlay(_ data: String, _ user: UserNamespace) throws(Errno) -> Inode {
    var lowers: [Path] = []
    var upper: Path?
    var work: Path?
    var shown: [String] = []
    for option in KernelState.split(data, at: ",") {
      guard let equals = option.utf8.firstIndex(of: UInt8(ascii: "=")) else {
        if ["index", "metacopy", "userxattr", "volatile", "nfs_export"].contains(option) || option.isEmpty {
          if !option.isEmpty { shown.append(option) }
          continue
        }
        throw .EINVAL
      }
      let value = String(option[option.index(after: equals)...])
      switch option[..<equals] {
      case "lowerdir":
        for text in KernelState.split(value, at: ":") where !text.isEmpty { lowers.append(try folder(text)) }
      case "lowerdir+": lowers.append(try folder(value))
      case "upperdir": upper = try folder(value)
      case "workdir": work = try folder(value)
      case "index", "metacopy", "redirect_dir", "xino", "uuid", "nfs_export", "verity": break
      default: throw .EINVAL
      }
      shown.append(option)
    }
    guard !lowers.isEmpty, (upper == nil) == (work == nil) else { throw .EINVAL }
    if let upper, let work {
      guard upper.mount === work.mount, !upper.inode.isBelow(work.inode), !work.inode.isBelow(upper.inode) else {
        throw .EINVAL
      }
      if upper.mount.isReadOnly { throw .EROFS }
      if try work.inode.lookup("work") == nil {
        _ = try work.inode.create("work", NewInode(kind: .directory, mode: 0, modified: seconds))
      }
    }
    return OverlayFileSystem(self, upper: upper, work: work, lowers: lowers, options: shown, userNamespace: user)
      .makeRoot()
  }

  private func folder(_ path: String) throws(Errno) -> Path {
    let place = try resolve(path)
    guard place.inode.isDirectory else { throw .ENOTDIR }
    return place
  }

  /// Splits at `separator`, but not behind a backslash.
  static func split(_ text: String, at separator: Character) -> [String] {
    if !text.has("\\") {
      return text.parts(at: separator.unicodeScalars.first ?? ",", omittingEmpty: false).map(String.init)
    }
    var parts: [String] = [""]
    var isEscaped = false
    for character in text {
      if isEscaped {
        parts[parts.count - 1].append(character)
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else if character == separator {
        parts.append("")
      } else {
        parts[parts.count - 1].append(character)
      }
    }
    return parts
  }
}
