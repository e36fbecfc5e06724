import Runtime

/// A place: an inode as seen through a mount.
struct Path {
  let mount: Mount
  let inode: Inode
  static func == (a: Path, b: Path) -> Bool { a.mount === b.mount && a.inode === b.inode }
}

/// Flags of one mount (not of its superblock).
struct MountFlags: OptionSet, Sendable {
  let rawValue: UInt16
  static let readOnly = MountFlags(rawValue: 1)
  static let noSuid = MountFlags(rawValue: 2)
  static let noDev = MountFlags(rawValue: 4)
  static let noExec = MountFlags(rawValue: 8)
  static let noAtime = MountFlags(rawValue: 16)
  static let noDirAtime = MountFlags(rawValue: 32)
  static let relAtime = MountFlags(rawValue: 64)
  static let noSymFollow = MountFlags(rawValue: 128)

  /// As mountinfo prints them.
  var names: [String] {
    var names = [contains(.readOnly) ? "ro" : "rw"]
    if contains(.noSuid) { names.append("nosuid") }
    if contains(.noDev) { names.append("nodev") }
    if contains(.noExec) { names.append("noexec") }
    if contains(.noAtime) { names.append("noatime") }
    if contains(.noDirAtime) { names.append("nodiratime") }
    if contains(.relAtime) { names.append("relatime") }
    if contains(.noSymFollow) { names.append("nosymfollow") }
    return names
  }
}

/// A file system (or part of one) attached somewhere: an entry of a mount table.
final class Mount {
  let id: Int
  let fs: FileSystem
  let root: Inode
  var source: String
  var flags: MountFlags
  /// What it lies on: nil for the root of a namespace, and once it is unmounted.
  ///
  /// Not retained, and so cheap: a mount that goes clears this of all its children, which it knows.
  private(set) var parent: Mount? {
    get { parentReference?.takeUnretainedValue() }
    set { parentReference = newValue.map(Unmanaged.passUnretained) }
  }
  private var parentReference: Unmanaged<Mount>?
  private(set) var mountpoint: Inode?
  private(set) var children: [ObjectIdentifier: Mount] = [:]
  /// Not retained, as `parent`: a namespace that goes clears it of all its mounts.
  var namespace: MountNamespace? {
    get { namespaceReference?.takeUnretainedValue() }
    set { namespaceReference = newValue.map(Unmanaged.passUnretained) }
  }
  private var namespaceReference: Unmanaged<MountNamespace>?
  /// Mounts that tell each other of what is mounted below them.
  private(set) var group: PeerGroup?
  /// The group that this mount only listens to.
  private(set) var master: PeerGroup?
  var isUnbindable = false
  /// It came from a more privileged mount namespace, and hides what is below it.
  var isLocked = false
  var idMap: MountIDMap?

  init(kernel: KernelState, fs: FileSystem, root: Inode, source: String, flags: MountFlags) {
    id = kernel.nextMountID()
    (self.fs, self.root, self.source, self.flags) = (fs, root, source, flags)
    fs.mounted()
  }

  deinit {
    if let mountpoint { mountpoint.mountCount -= 1 }
    for child in children.values { child.parent = nil }
    group?.remove(id)
    master?.removeSlave(id)
    fs.unmounted(root)
  }

  var isReadOnly: Bool { flags.contains(.readOnly) || fs.isReadOnly }

  // MARK: The tree

  func child(at inode: Inode) -> Mount? { children[ObjectIdentifier(inode)] }
  var sortedChildren: [Mount] { children.values.sorted { $0.id < $1.id } }

  func attach(to parent: Mount, at mountpoint: Inode) {
    self.parent = parent
    self.mountpoint = mountpoint
    mountpoint.mountCount += 1
    parent.children[ObjectIdentifier(mountpoint)] = self
    fs.kernel.forgetWalks(through: mountpoint)
  }

  func detach() {
    if let mountpoint {
      mountpoint.mountCount -= 1
      parent?.children[ObjectIdentifier(mountpoint)] = nil
      fs.kernel.forgetWalks(through: mountpoint)
    }
    parent = nil
    mountpoint = nil
  }

  /// This mount and all below it, parents first.
  var tree: [Mount] {
    var all = [self]
    var index = 0
    while index < all.count {
      if !all[index].children.isEmpty { all += all[index].sortedChildren }
      index += 1
    }
    return all
  }

  // MARK: Propagation

  var isShared: Bool { group != nil }

  func join(_ group: PeerGroup) {
    leaveGroup()
    self.group = group
    group.members.append(.init(self))
  }

  /// MS_SHARED.
  func makeShared(_ kernel: KernelState) {
    isUnbindable = false
    if group == nil { join(PeerGroup(id: kernel.nextPeerGroup())) }
  }

  func follow(_ master: PeerGroup?) {
    self.master?.removeSlave(id)
    self.master = master
    master?.slaves.append(.init(self))
  }

  private func leaveGroup() {
    group?.remove(id)
    group = nil
  }

  /// MS_SLAVE: listens to its group from now on. Without peers there is nobody to listen to but an older master.
  func makeSlave() {
    guard let group else { return }
    leaveGroup()
    guard !group.members.isEmpty else {
      // Its own slaves now listen to its master.
      for slave in group.slaves { slave.mount.follow(master) }
      return
    }
    follow(group)
  }

  /// MS_PRIVATE and MS_UNBINDABLE.
  func makePrivate(unbindable: Bool = false) {
    if group != nil { makeSlave() }
    follow(nil)
    isUnbindable = unbindable
  }
}

/// Peers: a mount or unmount below one of them happens below all (mount_namespaces(7), "Shared subtrees").
final class PeerGroup {
  struct Member {
    /// Not retained: a mount that goes leaves its groups.
    private let reference: Unmanaged<Mount>
    let id: Int
    init(_ mount: Mount) { (reference, id) = (Unmanaged.passUnretained(mount), mount.id) }
    var mount: Mount { reference.takeUnretainedValue() }
  }
  let id: Int
  fileprivate(set) var members: [Member] = []
  /// Mounts that listen.
  fileprivate(set) var slaves: [Member] = []

  init(id: Int) { self.id = id }

  fileprivate func remove(_ id: Int) {
    if let index = members.firstIndex(where: { $0.id == id }) { members.remove(at: index) }
  }
  fileprivate func removeSlave(_ id: Int) {
    if let index = slaves.firstIndex(where: { $0.id == id }) { slaves.remove(at: index) }
  }
}
