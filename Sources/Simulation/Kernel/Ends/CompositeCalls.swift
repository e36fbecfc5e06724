import Runtime

/// The calls that stand for several system calls on one descriptor.
extension KernelState {
  /// Nil when `call` is none of them.
  func performComposite(_ call: KernelCall, _ process: LinuxProcess) throws(Errno) {
    switch call {
    case .attach(let attachment): try attach(attachment)
    case .mask(let path, let label):
      if try resolve(path).inode.isDirectory {
        let data = "nr_blocks=1,nr_inodes=1" + (label.isEmpty ? "" : ",context=\"\(label)\"")
        try moveMount(
          source: "tmpfs", target: path, type: "tmpfs", attributes: ["MOUNT_ATTR_RDONLY"], data: data, recursive: false,
          idMap: nil)
      } else {
        guard try resolve("/dev/null").inode.device == DeviceNumber(major: 1, minor: 3) else { throw .ENODEV }
        try moveMount(
          source: "/dev/null", target: path, type: "", attributes: [], data: "", recursive: false, idMap: nil)
      }
    case .makeReadOnly(let path):
      let mount = bindCopy(try resolve(path), recursive: true)
      for each in mount.tree { each.flags.insert(.readOnly) }
      try graft(mount, at: try resolve(path))
    case .bindTerminal(let path):
      guard let terminal = process.files[0]?.terminal else { throw .ENOTTY }
      _ = try createFile(path, mode: 0o620)
      try mount(
        source: "/dev/pts/\(terminal.number)", target: path, type: "", flags: ["MS_BIND"], data: "")
    case .makeFolders(let path, let mode): try makeFolders(path, mode: mode)
    case .checkDevice(let path, let kind, let major, let minor):
      let found = try resolve(path, []).inode
      let kinds: [InodeKind: String] = [.characterDevice: "c", .blockDevice: "b", .fifo: "p"]
      guard kinds[found.kind] == (kind == "u" ? "c" : kind) else { throw .EEXIST }
      guard kind == "p" || found.device == DeviceNumber(major: major, minor: minor) else { throw .EEXIST }
    case .joinNamespaces(let pid, let kinds):
      let order: [NamespaceKind] = [.user, .uts, .ipc, .pid, .cgroup, .network, .time, .mount]
      for kind in order where kinds.contains(kind) { try setns(kind, path: "/proc/\(pid)/ns/\(kind.procName)") }
    case .umask(let mask): process.umask = mask & 0o777
    case .setProcessName(let name): process.comm = String(name.prefix(15))
    default: break
    }
  }

  /// mkdir -p within a root.
  private func makeFolders(_ path: KernelPath, mode: UInt32) throws(Errno) {
    do throws(Errno) {
      guard try resolve(path).inode.isDirectory else { throw .ENOTDIR }
      return
    } catch  where error == .ENOENT {}
    var parts = path.path.split(separator: "/")
    guard !parts.isEmpty else { throw .ENOENT }
    parts.removeLast()
    if !parts.isEmpty {
      let parent = (path.path.utf8.first == 0x2f ? "/" : "") + parts.joined(separator: "/")
      var above = path
      above.path = parent
      try makeFolders(above, mode: 0o755)
    }
    do throws(Errno) { try mkdir(path, mode: mode) } catch  where error == .EEXIST {}
  }

  private func makeTarget(_ attachment: Attachment) throws(Errno) {
    switch attachment.makes {
    case .nothing: break
    case .directory:
      do throws(Errno) { _ = try resolve(attachment.target) } catch  where error == .ENOENT {
        try makeFolders(attachment.target, mode: 0o755)
      }
    case .file:
      do throws(Errno) { _ = try resolve(attachment.target) } catch  where error == .ENOENT {
        var folder = attachment.target
        let parts = folder.path.split(separator: "/").dropLast()
        folder.path = "/" + parts.joined(separator: "/")
        if !parts.isEmpty { try makeFolders(folder, mode: 0o755) }
        _ = try createFile(attachment.target, mode: 0o644)
      }
    }
  }

  private func attach(_ attachment: Attachment) throws(Errno) {
    try makeTarget(attachment)
    let target = attachment.target
    if attachment.ordinary, try resolve(target, []).inode.kind == .symlink { throw .ELOOP }
    let place = try resolve(target)
    if !attachment.mayCoverProc, place.mount.fs is ProcFileSystem { throw .EXDEV }
    var data = attachment.data
    if attachment.modeOfTarget, !data.hasPrefix("mode="), !data.contains(",mode=") {
      let mode = "mode=0" + String(place.inode.mode & 0o7777, radix: 8)
      data = data.isEmpty ? mode : "\(mode),\(data)"
    }
    try moveMount(
      source: attachment.source, target: target, type: attachment.type,
      attributes: attachment.isBind ? [] : attachment.attributes, data: data, recursive: attachment.recursive,
      idMap: attachment.idMap)
    if attachment.copyUp { try copyChildren(place.inode, try resolve(target).inode, depth: 0) }
    if attachment.isBind, !attachment.attributes.isEmpty || !attachment.cleared.isEmpty {
      try setMountAttributes(target, set: attachment.attributes, clear: attachment.cleared, recursive: false)
    }
    for flags in attachment.propagation {
      try mount(source: "", target: target, type: "", flags: flags, data: "")
    }
    if !attachment.recursiveSet.isEmpty || !attachment.recursiveClear.isEmpty {
      try setMountAttributes(
        target, set: attachment.recursiveSet, clear: attachment.recursiveClear, recursive: true)
    }
  }
}
