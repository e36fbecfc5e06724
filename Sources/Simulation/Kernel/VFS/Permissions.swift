import Runtime

/// What somebody wants of an inode.
struct Access: OptionSet {
  let rawValue: UInt32
  static let execute = Access(rawValue: 1)
  static let write = Access(rawValue: 2)
  static let read = Access(rawValue: 4)
}

extension KernelState {
  /// The credentials that count now.
  var credentials: Credentials { current?.credentials ?? Credentials(userNamespace: initUser) }

  /// inode_permission(): owner, group, others; then the capabilities (capabilities(7)).
  func mayRead(_ inode: Inode, _ access: Access) throws(Errno) {
    guard let process = current else { return }
    let mode = inode.mode
    var bits: UInt32
    if process.credentials.euid == inode.uid {
      bits = mode >> 6
    } else if process.credentials.isMember(of: inode.gid) {
      bits = mode >> 3
    } else {
      bits = mode
    }
    bits &= 7
    if bits & access.rawValue == access.rawValue { return }
    let credentials = process.credentials
    guard credentials.userNamespace.maps(user: inode.uid, group: inode.gid) else { throw .EACCES }
    if inode.isDirectory {
      if !access.contains(.write), credentials.effective.contains(.dacReadSearch) { return }
      if credentials.effective.contains(.dacOverride) { return }
      throw .EACCES
    }
    if access == .read, credentials.effective.contains(.dacReadSearch) { return }
    if !access.contains(.execute) || mode & 0o111 != 0, credentials.effective.contains(.dacOverride) { return }
    throw .EACCES
  }

  /// To write a file's content, or a folder's entries.
  func mayWrite(_ path: Path) throws(Errno) {
    switch path.inode.kind {
    case .file, .directory, .symlink: if path.mount.isReadOnly { throw .EROFS }
    default: break
    }
    try mayRead(path.inode, .write)
  }

  /// To add to, or take from, a folder.
  func mayChange(_ folder: Path) throws(Errno) {
    try mayRead(folder.inode, [.write, .execute])
    if folder.mount.isReadOnly { throw .EROFS }
  }

  /// The sticky bit: only owners remove.
  func mayRemove(_ child: Inode, from folder: Path) throws(Errno) {
    try mayRead(folder.inode, [.write, .execute])
    if folder.inode.mode & 0o1000 != 0 {
      let credentials = credentials
      if credentials.euid != child.uid, credentials.euid != folder.inode.uid, !isPrivileged(.fowner, over: child) {
        throw .EPERM
      }
    }
    if folder.mount.isReadOnly { throw .EROFS }
  }

  /// capable_wrt_inode_uidgid(): a capability counts where the inode's owners have a name.
  func isPrivileged(_ capability: Capability, over inode: Inode) -> Bool {
    let credentials = credentials
    return credentials.effective.contains(capability)
      && credentials.userNamespace.maps(user: inode.uid, group: inode.gid)
  }

  /// Attributes: the owner's, or CAP_FOWNER's.
  func mayChangeAttributes(_ path: Path) throws(Errno) {
    if path.mount.isReadOnly { throw .EROFS }
    guard credentials.euid == path.inode.uid || isPrivileged(.fowner, over: path.inode) else { throw .EPERM }
  }
}
