import Runtime

/// clone(2), unshare(2) and setns(2), as far as they are about namespaces.
extension KernelState {
  /// Gives `process` new namespaces of `kinds` (the user namespace first, so that its capabilities count for the rest).
  ///
  /// - Parameters:
  ///   - network: the number in `SimNetwork` of the stack for a new network namespace.
  ///   - isClone: the process is a new one: it is in the new pid and time namespaces itself.
  func makeNamespaces(
    _ kinds: [NamespaceKind], for process: LinuxProcess, network: Int?, isClone: Bool
  ) throws(Errno) {
    guard !kinds.isEmpty, var set = process.namespaces else { return }
    if kinds.contains(.user) {
      let above = process.credentials.userNamespace
      if above.level >= 32 { throw .ENOSPC }
      // Who lives in a chroot gets no user namespace.
      guard let root = process.root, let mounts = process.namespaces?.mount, root == topmost(mounts) else {
        throw .EPERM
      }
      guard above.maps(user: process.credentials.euid, group: process.credentials.egid) else { throw .EPERM }
      let made = UserNamespace(
        self, above: above, creator: process.credentials.euid, creatorGroup: process.credentials.egid)
      enter(made, process)
    }
    let user = process.credentials.userNamespace
    for kind in kinds where kind != .user {
      guard process.credentials.has(.sysAdmin, in: user) else { throw .EPERM }
      switch kind {
      case .mount:
        set.mount.members[process.pid] = nil
        set.mount = copyNamespace(set.mount, owner: user, for: process)
        set.mount.members[process.pid] = process
      case .uts:
        set.uts = UTSNamespace(self, owner: user, hostname: set.uts.hostname, domainname: set.uts.domainname)
      case .ipc: set.ipc = IPCNamespace(self, owner: user)
      case .network:
        guard let network else { throw .EINVAL }
        set.network = NetNamespace(self, owner: user, id: network)
      case .cgroup: set.cgroup = CgroupNamespace(self, owner: user, roots: process.cgroups)
      case .time:
        if isClone {
          set.time = TimeNamespace(self, owner: user)
          set.timeForChildren = set.time
        } else {
          set.timeForChildren = TimeNamespace(self, owner: user)
        }
      case .pid:
        // A new process has been given its namespace already: its number comes from there.
        if !isClone {
          guard set.pidForChildren === set.pid else { throw .EINVAL }
          set.pidForChildren = try makePIDNamespace(set.pid, owner: user)
        }
      case .user: break
      }
    }
    process.namespaces = set
  }

  func makePIDNamespace(_ above: PIDNamespace, owner: UserNamespace) throws(Errno) -> PIDNamespace {
    if above.level >= 32 { throw .ENOSPC }
    return PIDNamespace(self, owner: owner, above: above)
  }

  /// The process has every capability in a user namespace that it has just made or joined, and none outside.
  private func enter(_ user: UserNamespace, _ process: LinuxProcess) {
    process.credentials.userNamespace = user
    process.credentials.effective = .all
    process.credentials.permitted = .all
    process.credentials.inheritable = .none
    process.credentials.ambient = .none
    process.credentials.bounding = .all
    process.credentials.keepsCapabilities = false
  }

  /// What a process that joins a mount namespace has as its root.
  func topmost(_ namespace: MountNamespace) -> Path {
    var mount = namespace.root
    while mount.root.mountCount > 0, let over = mount.child(at: mount.root) { mount = over }
    return Path(mount: mount, inode: mount.root)
  }

  /// setns(2) with the namespace that `path` names.
  func setns(_ kind: NamespaceKind, path: String) throws(Errno) {
    guard let process = current, var set = process.namespaces else { throw .ESRCH }
    let place = try resolve(path)
    guard let namespace = (place.inode as? NamespaceInode)?.namespace, namespace.kind == kind else { throw .EINVAL }
    let own = process.credentials.userNamespace
    func mayJoin(_ namespace: Namespace) throws(Errno) {
      guard process.credentials.has(.sysAdmin, in: namespace.owner ?? initUser),
        process.credentials.has(.sysAdmin, in: own)
      else { throw .EPERM }
    }
    switch namespace {
    case let user as UserNamespace:
      if user === own { throw .EINVAL }
      guard process.credentials.has(.sysAdmin, in: user) else { throw .EPERM }
      enter(user, process)
      return
    case let pids as PIDNamespace:
      try mayJoin(pids)
      guard pids.isWithin(set.pid) else { throw .EINVAL }
      set.pidForChildren = pids
    case let mounts as MountNamespace:
      try mayJoin(mounts)
      guard process.credentials.has(.sysChroot, in: own) else { throw .EPERM }
      set.mount.members[process.pid] = nil
      mounts.members[process.pid] = process
      set.mount = mounts
      let root = topmost(mounts)
      (process.root, process.cwd) = (root, root)
    case let uts as UTSNamespace:
      try mayJoin(uts)
      set.uts = uts
    case let ipc as IPCNamespace:
      try mayJoin(ipc)
      set.ipc = ipc
    case let network as NetNamespace:
      try mayJoin(network)
      set.network = network
    case let cgroup as CgroupNamespace:
      try mayJoin(cgroup)
      set.cgroup = cgroup
    case let time as TimeNamespace:
      try mayJoin(time)
      (set.time, set.timeForChildren) = (time, time)
    default: throw .EINVAL
    }
    process.namespaces = set
  }

  /// The namespace of a kind that a process is in, or (pid and time) that its children will be in.
  func namespace(_ name: String, of process: LinuxProcess) -> Namespace? {
    guard let set = process.namespaces else { return nil }
    return switch name {
    case "user": process.credentials.userNamespace
    case "pid": set.pid
    case "pid_for_children": set.pidForChildren
    case "net": set.network
    case "mnt": set.mount
    case "ipc": set.ipc
    case "uts": set.uts
    case "cgroup": set.cgroup
    case "time": set.time
    case "time_for_children": set.timeForChildren
    default: nil
    }
  }

  /// The names under `/proc/PID/ns`.
  static let namespaceNames = [
    "cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children", "user", "uts",
  ]

  func setHostname(_ name: String, domain: Bool = false) throws(Errno) {
    guard let uts = current?.namespaces?.uts else { throw .ESRCH }
    guard credentials.has(.sysAdmin, in: uts.owner ?? initUser) else { throw .EPERM }
    guard name.utf8.count <= 64 else { throw .EINVAL }
    if domain { uts.domainname = name } else { uts.hostname = name }
  }
}
