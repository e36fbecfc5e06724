import Runtime

/// What becomes of propagation when a mount is copied.
private enum CopyKind {
  /// As the original: peers of shared ones, slaves of what it follows.
  case same
  /// Peers of the original (which is shared).
  case peer
  /// Only listening to the original.
  case slave
  /// Listening to the original, and a new group of its own.
  case slaveShared
}

/// Copying, attaching and detaching trees of mounts, with propagation (mount_namespaces(7)).
extension KernelState {
  private func copy(_ mount: Mount, root: Inode? = nil, _ kind: CopyKind) -> Mount {
    let new = Mount(
      kernel: self, fs: mount.fs, root: root ?? mount.root, source: mount.source, flags: mount.flags)
    new.idMap = mount.idMap
    switch kind {
    case .same:
      if let group = mount.group { new.join(group) }
      if let master = mount.master { new.follow(master) }
    case .peer:
      if let group = mount.group { new.join(group) }
      if let master = mount.master { new.follow(master) }
    case .slave, .slaveShared:
      new.follow(mount.group ?? mount.master)
      if kind == .slaveShared { new.makeShared(self) }
    }
    return new
  }

  private func copyTree(
    _ mount: Mount, root: Inode? = nil, _ kind: CopyKind, skipUnbindable: Bool, map: inout [Int: Mount]
  ) -> Mount {
    let top = copy(mount, root: root, kind)
    map[mount.id] = top
    let within = root ?? mount.root
    for child in mount.sortedChildren {
      if skipUnbindable, child.isUnbindable { continue }
      guard let mountpoint = child.mountpoint else { continue }
      if within !== mount.root, !mountpoint.isBelow(within) { continue }
      let below = copyTree(child, kind, skipUnbindable: skipUnbindable, map: &map)
      below.isLocked = child.isLocked
      below.isUnbindable = child.isUnbindable
      below.attach(to: top, at: mountpoint)
    }
    return top
  }

  /// MS_BIND: `path`, with MS_REC all that is mounted below it.
  func bindCopy(_ path: Path, recursive: Bool) -> Mount {
    var map: [Int: Mount] = [:]
    if recursive { return copyTree(path.mount, root: path.inode, .same, skipUnbindable: true, map: &map) }
    return copy(path.mount, root: path.inode, .same)
  }

  /// CLONE_NEWNS: a copy of the caller's mount table. Where it goes to a less privileged user namespace, shared mounts
  /// become slaves, and what is mounted together cannot be taken apart.
  func copyNamespace(_ namespace: MountNamespace, owner: UserNamespace, for process: LinuxProcess) -> MountNamespace {
    var map: [Int: Mount] = [:]
    let root = copyTree(namespace.root, .same, skipUnbindable: false, map: &map)
    let new = MountNamespace(self, owner: owner, root: root)
    if owner !== namespace.owner {
      for mount in root.tree {
        mount.makeSlave()
        mount.isLocked = mount !== root
      }
    }
    if let place = process.root, let mount = map[place.mount.id] {
      process.root = Path(mount: mount, inode: place.inode)
    }
    if let place = process.cwd, let mount = map[place.mount.id] { process.cwd = Path(mount: mount, inode: place.inode) }
    return new
  }

  // MARK: Attaching

  /// Attaches a tree at `place` (attach_recursive_mnt()): on a shared mount, all its peers and slaves get one too.
  func attach(_ tree: Mount, at place: Path, isMove: Bool = false) {
    let parent = place.mount
    var copies: [(Mount, Mount, Inode)] = []
    if parent.isShared {
      for mount in tree.tree { mount.makeShared(self) }
      if let group = parent.group {
        var visited: Set<Int> = []
        propagate(tree, group, at: place.inode, except: parent, into: &copies, &visited)
      }
    }
    put(tree, on: parent, at: place.inode)
    for (copy, parent, mountpoint) in copies { put(copy, on: parent, at: mountpoint) }
  }

  private func put(_ tree: Mount, on parent: Mount, at mountpoint: Inode) {
    // What lies there already comes to lie on top.
    let covering = parent.child(at: mountpoint)
    covering?.detach()
    tree.attach(to: parent, at: mountpoint)
    if let covering { covering.attach(to: tree, at: tree.root) }
    for mount in tree.tree { mount.namespace = parent.namespace }
  }

  /// The mounts that hear of something at `inode` below a member of `group`.
  private func propagate(
    _ source: Mount, _ group: PeerGroup, at inode: Inode, except origin: Mount?,
    into copies: inout [(Mount, Mount, Inode)], _ visited: inout Set<Int>
  ) {
    guard visited.insert(group.id).inserted else { return }
    func isReached(_ mount: Mount) -> Bool {
      mount.namespace != nil && inode.isBelow(mount.root) && mount.fs === inode.fs
    }
    var map: [Int: Mount] = [:]
    for member in group.members {
      let mount = member.mount
      guard mount !== origin, isReached(mount) else { continue }
      copies.append((copyTree(source, .peer, skipUnbindable: true, map: &map), mount, inode))
    }
    for slave in group.slaves {
      let mount = slave.mount
      guard let ownGroup = mount.group else {
        if isReached(mount) {
          copies.append((copyTree(source, .slave, skipUnbindable: true, map: &map), mount, inode))
        }
        continue
      }
      if visited.contains(ownGroup.id) { continue }
      // One of the slave group listens to the source; its peers and slaves follow it.
      let first = ownGroup.members.map(\.mount).first(where: isReached)
      guard let first else {
        propagate(source, ownGroup, at: inode, except: nil, into: &copies, &visited)
        continue
      }
      let relay = copyTree(source, .slaveShared, skipUnbindable: true, map: &map)
      copies.append((relay, first, inode))
      propagate(relay, ownGroup, at: inode, except: first, into: &copies, &visited)
    }
  }

  /// Every mount, other than `mount`, that hears of events below it.
  private func listeners(of mount: Mount) -> [Mount] {
    guard let group = mount.group else { return [] }
    var found: [Mount] = []
    var visited: Set<Int> = []
    var pending = [group]
    while let group = pending.popLast() {
      guard visited.insert(group.id).inserted else { continue }
      for member in group.members where member.mount !== mount { found.append(member.mount) }
      for slave in group.slaves {
        if let own = slave.mount.group { pending.append(own) } else { found.append(slave.mount) }
      }
    }
    return found
  }

  // MARK: Detaching

  /// Unmounts a mount and all below it, and propagates that (umount_tree()).
  func unmountTree(_ top: Mount) {
    for mount in top.tree.reversed() {
      if let parent = mount.parent, let mountpoint = mount.mountpoint {
        for listener in listeners(of: parent) {
          guard let copy = listener.child(at: mountpoint), copy.root === mount.root, copy.fs === mount.fs else {
            continue
          }
          if copy.children.isEmpty { take(copy) }
        }
      }
      take(mount)
    }
  }

  private func take(_ mount: Mount) {
    // What was tucked on top of its root comes down again.
    let covering = mount.child(at: mount.root)
    let parent = mount.parent
    let mountpoint = mount.mountpoint
    mount.detach()
    mount.makePrivate()
    mount.namespace = nil
    if let covering, let parent, let mountpoint {
      covering.detach()
      covering.attach(to: parent, at: mountpoint)
    }
  }

  /// The folder below mounts of other namespaces has been removed: they go.
  func detachMounts(on inode: Inode) {
    for namespace in mountNamespaces() {
      for mount in namespace.root.tree where mount.mountpoint === inode { unmountTree(mount) }
    }
  }

  /// The mount namespaces that processes are in, the initial one first.
  private func mountNamespaces() -> [MountNamespace] {
    var seen: Set<UInt64> = []
    var all: [MountNamespace] = []
    for process in initPID.sorted {
      if let namespace = process.namespaces?.mount, seen.insert(namespace.number).inserted { all.append(namespace) }
    }
    return all
  }

  /// Whether somebody works within the mount: an open file, a root or a working directory.
  func isBusy(_ mount: Mount) -> Bool {
    for process in initPID.processes.values where process.isAlive {
      if process.root?.mount === mount || process.cwd?.mount === mount { return true }
      for file in process.files.values where file.path?.mount === mount { return true }
    }
    return false
  }
}
