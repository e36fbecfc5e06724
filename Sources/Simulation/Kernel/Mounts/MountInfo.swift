import Runtime

extension KernelState {
  /// The mounts that a process can see, in the order of mountinfo, each with its path below the process's root.
  func visibleMounts(_ process: LinuxProcess) -> [(mount: Mount, path: String)] {
    guard let root = process.root else { return [] }
    var found: [(Mount, String)] = []
    var pending: [(Mount, String)] = [(root.mount, "/")]
    if root.inode !== root.mount.root {
      // A chroot into the middle of a mount: what lies below it counts.
      pending = root.mount.sortedChildren.compactMap { child in
        guard let point = child.mountpoint, point.isBelow(root.inode) else { return nil }
        return (child, pathText(Path(mount: root.mount, inode: point), root: root))
      }
    }
    while let (mount, path) = pending.popLast() {
      found.append((mount, path))
      for child in mount.children.values {
        guard let mountpoint = child.mountpoint else { continue }
        let below = relative(mountpoint, to: mount.root)
        pending.append((child, below.isEmpty ? path : path == "/" ? below : path + below))
      }
    }
    return found.sorted { $0.0.id < $1.0.id }
  }

  /// The path of `inode` below `root`: empty for the root itself.
  private func relative(_ inode: Inode, to root: Inode) -> String {
    var parts: [String] = []
    var here = inode
    while here !== root, let parent = here.parent {
      parts.append(here.name)
      here = parent
    }
    return parts.reversed().map { "/" + $0 }.joined()
  }

  /// `/proc/PID/mountinfo` (proc_pid_mountinfo(5)).
  func mountInfo(_ process: LinuxProcess) -> String {
    var text = ""
    for (mount, path) in visibleMounts(process) {
      text += "\(mount.id) \(mount.parent?.id ?? mount.id) 0:\(mount.fs.minor) \(escape(rootText(mount, process)))"
      text += " \(escape(path)) \(mount.flags.names.joined(separator: ","))"
      if let group = mount.group { text += " shared:\(group.id)" }
      if let master = mount.master { text += " master:\(master.id)" }
      if mount.isUnbindable { text += " unbindable" }
      text += " - \(mount.fs.type) \(escape(mount.source)) \(superOptions(mount).joined(separator: ","))\n"
    }
    return text
  }

  /// The fourth field: of cgroup mounts it is relative to the reader's cgroup namespace.
  private func rootText(_ mount: Mount, _ process: LinuxProcess) -> String {
    if let cgroup = mount.root as? Cgroup, let namespace = process.namespaces?.cgroup {
      return cgroup.path(in: namespace)
    }
    return pathText(inFileSystem: mount.root)
  }

  private func superOptions(_ mount: Mount) -> [String] {
    [mount.fs.isReadOnly ? "ro" : "rw"] + mount.fs.options
  }

  /// `/proc/PID/mounts` (fstab(5)).
  func mountLines(_ process: LinuxProcess) -> [SimMountInfo] {
    visibleMounts(process).map { mount, path in
      var options = mount.flags.names
      if mount.fs.isReadOnly { options[0] = "ro" }
      if mount.idMap != nil { options.append("idmapped") }
      return SimMountInfo(
        source: mount.source, target: path, type: mount.fs.type, options: options + mount.fs.options)
    }
  }

  func mountsText(_ process: LinuxProcess) -> String {
    mountLines(process).map {
      "\(escape($0.source)) \(escape($0.target)) \($0.type) \($0.options.joined(separator: ",")) 0 0\n"
    }.joined()
  }

  /// Blanks, tabs, newlines and backslashes as octal.
  private func escape(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 == 32 || $0 == 9 || $0 == 10 || $0 == 92 }) else { return text }
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case " ": out += "\\040"
      case "\t": out += "\\011"
      case "\n": out += "\\012"
      case "\\": out += "\\134"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}
