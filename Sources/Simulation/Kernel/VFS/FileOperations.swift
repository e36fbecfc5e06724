import Runtime

/// The system calls on files, with their checks, on behalf of `current`.
extension KernelState {
  private func owner(in folder: Inode) -> (uid: UInt32, gid: UInt32) {
    let credentials = credentials
    return (credentials.euid, folder.mode & 0o2000 != 0 ? folder.gid : credentials.egid)
  }

  private func add(_ name: String, _ new: NewInode, to folder: Path) throws(Errno) -> Inode {
    guard folder.inode.isDirectory else { throw .ENOTDIR }
    if name == "." || name == ".." { throw .EEXIST }
    if try folder.inode.lookup(name) != nil { throw .EEXIST }
    try mayChange(folder)
    var new = new
    (new.uid, new.gid) = owner(in: folder.inode)
    if new.kind == .directory, folder.inode.mode & 0o2000 != 0 { new.mode |= 0o2000 }
    return try folder.inode.create(name, new)
  }

  private func masked(_ mode: UInt32) -> UInt32 { mode & 0o7777 & ~(current?.umask ?? 0) }

  func mkdir(_ path: KernelPath, mode: UInt32) throws(Errno) {
    let (folder, name) = try resolveParent(path)
    _ = try add(name, NewInode(kind: .directory, mode: masked(mode), modified: seconds), to: folder)
  }

  /// mkdir -p, with its folders mode 0755.
  func mkdirs(_ path: String, mode: UInt32) throws(Errno) {
    if let found = try? resolve(path) {
      guard found.inode.isDirectory else { throw .ENOTDIR }
      return
    }
    var end = path.utf8.endIndex
    while end > path.utf8.startIndex, path.utf8[path.utf8.index(before: end)] == 0x2f {
      end = path.utf8.index(before: end)
    }
    guard let slash = path.utf8[..<end].lastIndex(of: 0x2f), slash > path.startIndex else {
      return try mkdir(KernelPath(path), mode: mode)
    }
    try mkdirs(String(path[..<slash]), mode: 0o755)
    do throws(Errno) { try mkdir(KernelPath(path), mode: mode) } catch  where error == .EEXIST {}
  }

  func mknod(_ path: KernelPath, kind: InodeKind, mode: UInt32, _ device: DeviceNumber) throws(Errno) {
    let (folder, name) = try resolveParent(path)
    if kind == .characterDevice || kind == .blockDevice {
      // Whiteouts may be made by everybody; devices only in the initial user namespace.
      if !(kind == .characterDevice && device == .whiteout), !credentials.has(.mknod, in: initUser) { throw .EPERM }
      if let process = current, kind != .fifo, device != .whiteout,
        !deviceAllowed(process, kind: kind, device, "m")
      {
        throw .EPERM
      }
    }
    var new = NewInode(kind: kind, mode: masked(mode), modified: seconds)
    new.device = device
    _ = try add(name, new, to: folder)
  }

  func symlink(_ target: String, _ path: KernelPath) throws(Errno) {
    if target.isEmpty { throw .ENOENT }
    if target.utf8.count >= 4096 { throw .ENAMETOOLONG }
    let (folder, name) = try resolveParent(path)
    var new = NewInode(kind: .symlink, mode: 0o777, modified: seconds)
    new.target = target
    _ = try add(name, new, to: folder)
  }

  /// open(2) with O_CREAT and without O_EXCL: an existing file stays as it is.
  @discardableResult
  func createFile(_ path: KernelPath, mode: UInt32) throws(Errno) -> Path {
    do throws(Errno) {
      let found = try resolve(path)
      if found.inode.isDirectory { throw .EISDIR }
      return found
    } catch  where error == .ENOENT {}
    let (folder, name) = try resolveParent(path)
    // A dangling link: the file it names is made.
    if let link = try folder.inode.lookup(name), link.kind == .symlink, case .path(let target) = try link.linkTarget() {
      let root = current?.root ?? folder
      let (place, last) = try resolveParent(target, from: folder, root: root, [])
      if try place.inode.lookup(last)?.kind == .symlink { throw .ELOOP }
      return Path(
        mount: place.mount,
        inode: try add(last, NewInode(kind: .file, mode: masked(mode), modified: seconds), to: place))
    }
    if path.path.utf8.last == 0x2f { throw .EISDIR }
    return Path(
      mount: folder.mount,
      inode: try add(name, NewInode(kind: .file, mode: masked(mode), modified: seconds), to: folder))
  }

  /// unlinkat(2).
  func unlink(_ path: KernelPath, folder isFolder: Bool) throws(Errno) {
    if isFolder {
      let last = path.path.parts(at: "/").last
      if last == nil { throw .EBUSY }
      if last == "." { throw .EINVAL }
      if last == ".." { throw .ENOTEMPTY }
    }
    let (folder, name): (Path, String)
    do throws(Errno) { (folder, name) = try resolveParent(path) } catch { throw error == .EEXIST ? .EISDIR : error }
    guard let child = try folder.inode.lookup(name) else { throw .ENOENT }
    try mayRemove(child, from: folder)
    if isFolder {
      guard child.isDirectory else { throw .ENOTDIR }
      if child.mountCount > 0, isMountpoint(child, of: folder.mount) { throw .EBUSY }
      if let cgroup = child as? Cgroup {
        forgetWalks(through: child)
        return try removeCgroup(cgroup)
      }
      guard try child.isEmpty() else { throw .ENOTEMPTY }
      forgetWalks(through: child)
    } else {
      if child.isDirectory { throw .EISDIR }
      if child.mountCount > 0, isMountpoint(child, of: folder.mount) { throw .EBUSY }
    }
    try folder.inode.remove(name, child)
    if child.mountCount > 0 { detachMounts(on: child) }
  }

  /// Something is mounted there in this mount namespace: since Linux 3.18 others do not count.
  private func isMountpoint(_ inode: Inode, of mount: Mount) -> Bool {
    guard let namespace = mount.namespace else { return false }
    return namespace.root.tree.contains { $0.mountpoint === inode }
  }

  func rename(_ from: String, _ to: String) throws(Errno) {
    let (oldFolder, oldName) = try resolveParent(from)
    let (newFolder, newName) = try resolveParent(to)
    guard oldFolder.mount === newFolder.mount else { throw .EXDEV }
    if [".", ".."].contains(oldName) || [".", ".."].contains(newName) { throw .EBUSY }
    guard let child = try oldFolder.inode.lookup(oldName) else { throw .ENOENT }
    let replaced = try newFolder.inode.lookup(newName)
    if replaced === child { return }
    if child.isDirectory, newFolder.inode.isBelow(child) { throw .EINVAL }
    if !child.isDirectory, from.utf8.last == 0x2f || to.utf8.last == 0x2f { throw .ENOTDIR }
    try mayRemove(child, from: oldFolder)
    if let replaced {
      try mayRemove(replaced, from: newFolder)
      if child.isDirectory, !replaced.isDirectory { throw .ENOTDIR }
      if !child.isDirectory, replaced.isDirectory { throw .EISDIR }
      if replaced.isDirectory, try !replaced.isEmpty() { throw .ENOTEMPTY }
      if replaced.mountCount > 0, isMountpoint(replaced, of: newFolder.mount) { throw .EBUSY }
    } else {
      try mayChange(newFolder)
    }
    if child.mountCount > 0, isMountpoint(child, of: oldFolder.mount) { throw .EBUSY }
    if child.isDirectory { forgetWalks() }
    try oldFolder.inode.rename(oldName, child, to: newFolder.inode, as: newName, replacing: replaced)
  }

  func link(_ from: String, _ to: String) throws(Errno) {
    let source = try resolve(from, [])
    let (folder, name) = try resolveParent(to)
    if try folder.inode.lookup(name) != nil { throw .EEXIST }
    guard source.mount === folder.mount else { throw .EXDEV }
    if source.inode.isDirectory { throw .EPERM }
    try mayChange(folder)
    try folder.inode.link(name, source.inode)
  }

  func readLink(_ path: String) throws(Errno) -> String {
    let place = try resolve(path, [])
    switch try place.inode.linkTarget() {
    case .path(let text): return text
    case .jump(let target): return jumpText(place.inode, target)
    }
  }

  /// The text of a link of `/proc/PID`.
  private func jumpText(_ link: Inode, _ target: Path) -> String {
    if let file = target.inode as? NamespaceInode { return file.namespace.text }
    if let pid = link as? ProcLink, let text = pid.text { return text }
    return pathText(target, root: current?.root)
  }

  func chmod(_ path: KernelPath, mode: UInt32) throws(Errno) {
    let place = try resolve(path)
    try mayChangeAttributes(place)
    var mode = mode & 0o7777
    // setgid goes when a stranger to the group sets it.
    if mode & 0o2000 != 0, !credentials.isMember(of: place.inode.gid), !isPrivileged(.fsetid, over: place.inode) {
      mode &= ~0o2000
    }
    try place.inode.setMode(mode)
  }

  /// chown(2); -1 (`UInt32.max`) leaves an id as it is.
  func chown(_ path: KernelPath, uid: UInt32, gid: UInt32, follow: Bool = true) throws(Errno) {
    let place = try resolve(path, follow ? .follow : [])
    if place.mount.isReadOnly { throw .EROFS }
    let credentials = credentials
    let inode = place.inode
    var (newUser, newGroup) = (inode.uid, inode.gid)
    if uid != .max {
      guard let id = credentials.userNamespace.kernelUser(uid) else { throw .EINVAL }
      newUser = id
    }
    if gid != .max {
      guard let id = credentials.userNamespace.kernelGroup(gid) else { throw .EINVAL }
      newGroup = id
    }
    if !isPrivileged(.chown, over: inode) {
      guard newUser == inode.uid, credentials.euid == inode.uid,
        newGroup == inode.gid || credentials.isMember(of: newGroup)
      else { throw .EPERM }
    }
    try inode.setOwner(uid: newUser, gid: newGroup)
    if inode.kind == .file, inode.mode & 0o6000 != 0, !credentials.effective.contains(.fsetid) {
      try inode.setMode(inode.mode & ~0o6000)
    }
  }

  func touch(_ path: String) throws(Errno) {
    let place = try createFile(KernelPath(path), mode: 0o666)
    if place.mount.isReadOnly { throw .EROFS }
    if credentials.euid != place.inode.uid, !isPrivileged(.fowner, over: place.inode) {
      try mayRead(place.inode, .write)
    }
    try place.inode.setModified(seconds)
  }

  func chdir(_ path: String) throws(Errno) {
    let place = try resolve(path)
    guard place.inode.isDirectory else { throw .ENOTDIR }
    try mayRead(place.inode, .execute)
    current?.cwd = place
  }

  func chroot(_ path: String) throws(Errno) {
    let place = try resolve(path)
    guard place.inode.isDirectory else { throw .ENOTDIR }
    try mayRead(place.inode, .execute)
    guard credentials.has(.sysChroot, in: credentials.userNamespace) else { throw .EPERM }
    current?.root = place
  }

  func list(_ path: String) throws(Errno) -> [String] {
    let place = try resolve(path)
    guard place.inode.isDirectory else { throw .ENOTDIR }
    try mayRead(place.inode, .read)
    return try place.inode.names()
  }

  /// The whole of a file: open, read, close.
  func readFile(_ path: String) throws(Errno) -> FileData {
    let place = try resolve(path)
    if place.inode.isDirectory { throw .EISDIR }
    try mayRead(place.inode, .read)
    switch place.inode.kind {
    case .file: return try place.inode.read()
    case .characterDevice, .blockDevice:
      try mayOpenDevice(place, "r")
      return .bytes([])
    case .fifo: throw .EAGAIN
    default: throw .ENXIO
    }
  }

  /// open + write + close of an existing file, as `echo … > path` does it but without O_CREAT.
  func writeFile(_ path: KernelPath, _ bytes: [UInt8]) throws(Errno) {
    let place = try resolve(path)
    if place.inode.isDirectory { throw .EISDIR }
    try mayWrite(place)
    if place.inode.kind == .characterDevice || place.inode.kind == .blockDevice {
      return try mayOpenDevice(place, "w")
    }
    try place.inode.truncate()
    try place.inode.write(bytes, at: 0)
  }

  /// A device node can be opened where neither the mount (nodev) nor the cgroup's device program forbids it.
  func mayOpenDevice(_ path: Path, _ access: String) throws(Errno) {
    if path.mount.flags.contains(.noDev) || !path.inode.fs.userNamespace.isInitial { throw .EACCES }
    if let process = current, !deviceAllowed(process, kind: path.inode.kind, path.inode.device, access) { throw .EPERM }
  }

  func stat(_ inode: Inode) -> SimStat {
    let users = credentials.userNamespace
    let kind: SimStat.Kind =
      switch inode.kind {
      case .file: .file
      case .directory: .directory
      case .symlink: .symlink
      case .fifo: .fifo
      case .characterDevice: .characterDevice
      case .blockDevice: .blockDevice
      case .socket: .socket
      }
    let isDevice = inode.kind == .characterDevice || inode.kind == .blockDevice
    return SimStat(
      kind: kind, mode: inode.mode, uid: users.user(inode.uid), gid: users.group(inode.gid), size: inode.size,
      links: inode.links, modified: inode.modified,
      inode: (inode as? NamespaceInode)?.namespace.number ?? inode.number,
      device: isDevice ? (inode.device.major, inode.device.minor) : nil)
  }
}
