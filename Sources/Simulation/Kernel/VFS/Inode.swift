import Runtime

/// What an inode is (inode(7)).
enum InodeKind: UInt8, Sendable {
  case file, directory, symlink, fifo, characterDevice, blockDevice, socket
}

/// The number of a device node.
struct DeviceNumber: Sendable, Hashable {
  var major: UInt32
  var minor: UInt32
  static let whiteout = DeviceNumber(major: 0, minor: 0)
}

/// What a new inode is made of.
struct NewInode {
  var kind: InodeKind
  var mode: UInt32
  var uid: UInt32 = 0
  var gid: UInt32 = 0
  var modified: Int64
  var content: [UInt8] = []
  var declaredSize: Int64?
  var target = ""
  var device = DeviceNumber.whiteout
  var xattrs: [String: [UInt8]] = [:]
}

/// What a file gives when it is read.
enum FileData: Sendable {
  case bytes([UInt8])
  /// A file whose content only the network stack knows: read once the kernel's lock is free.
  case network(NetworkFile, namespace: Int)
}

/// Where a symbolic link leads.
enum LinkTarget {
  case path(String)
  /// A link of `/proc/PID` that jumps to a place, whatever its text says.
  case jump(Path)
}

/// An object of a file system. What the file systems do differently they override; whoever calls has checked
/// permissions (`VFS/FileOperations.swift`).
class Inode {
  final let fs: FileSystem
  final let number: UInt64
  final let kind: InodeKind
  /// Permission bits with setuid, setgid, sticky.
  final var mode: UInt32
  /// The kernel's own number (kuid), not one of a user namespace.
  final var uid: UInt32
  final var gid: UInt32
  /// Seconds since 1970.
  final var modified: Int64
  final var links: Int
  /// Where it was found last: with `name`, what getcwd(2) and mountinfo print. Nil once it is removed.
  ///
  /// A folder holds its children and they hold it: `remove` and `FileSystem.drop` take that circle apart.
  final var parent: Inode?
  final var name = ""
  /// How many mounts, in all mount namespaces, lie on it.
  final var mountCount = 0
  /// A remembered path may go through it (`WalkCache`).
  final var isOnWalks = false
  final var device = DeviceNumber.whiteout

  init(fs: FileSystem, kind: InodeKind, mode: UInt32, uid: UInt32 = 0, gid: UInt32 = 0, modified: Int64) {
    self.fs = fs
    number = fs.nextNumber()
    self.kind = kind
    (self.mode, self.uid, self.gid, self.modified) = (mode, uid, gid, modified)
    links = kind == .directory ? 2 : 1
  }

  final var isDirectory: Bool { kind == .directory }
  final var isWhiteout: Bool { kind == .characterDevice && device == .whiteout }
  final var kernel: KernelState { fs.kernel }

  /// Bytes that the file says it has.
  var size: Int64 { 0 }
  /// True when attributes are to be taken from the layer below: an archive named something in this folder, not itself.
  var isImplied: Bool { false }

  // MARK: Folders

  /// What it holds stays under its name, also where the file system does not promise that.
  var keepsNames: Bool { false }
  func lookup(_ name: Span<UInt8>, _ hash: UInt32) throws(Errno) -> Inode? { throw .ENOTDIR }
  /// Sorted.
  func names() throws(Errno) -> [String] { throw .ENOTDIR }
  func create(_ name: String, _ new: NewInode) throws(Errno) -> Inode { throw .EPERM }
  /// A hard link.
  func link(_ name: String, _ inode: Inode) throws(Errno) { throw .EPERM }
  /// Takes `child` out; a folder is empty.
  func remove(_ name: String, _ child: Inode) throws(Errno) { throw .EPERM }
  /// Moves `child` to `folder`, in the same file system, replacing what has that name there.
  func rename(_ name: String, _ child: Inode, to folder: Inode, as newName: String, replacing: Inode?) throws(Errno) {
    throw .EPERM
  }
  /// Nothing but `.` and `..`.
  func isEmpty() throws(Errno) -> Bool { try names().isEmpty }
  /// Lets go of the inodes below, which it hands over.
  func takeChildren() -> [Inode] { [] }

  // MARK: Files

  func read() throws(Errno) -> FileData { throw .EINVAL }
  /// Writes at `offset`; nil appends.
  func write(_ bytes: [UInt8], at offset: Int64?) throws(Errno) { throw .EINVAL }
  func truncate() throws(Errno) {}
  func linkTarget() throws(Errno) -> LinkTarget { throw .EINVAL }
  /// The pipe behind a FIFO.
  var fifo: FIFO? { nil }

  // MARK: Attributes

  func setMode(_ mode: UInt32) throws(Errno) { self.mode = mode }
  func setOwner(uid: UInt32, gid: UInt32) throws(Errno) { (self.uid, self.gid) = (uid, gid) }
  func setModified(_ time: Int64) throws(Errno) { modified = time }
  func xattr(_ name: String) -> [UInt8]? { nil }
  func setXattr(_ name: String, _ value: [UInt8]?) throws(Errno) { throw .EOPNOTSUPP }
  var xattrs: [String: [UInt8]] { [:] }

  final func lookup(_ name: String) throws(Errno) -> Inode? {
    let span = name.utf8.span
    return try lookup(span, nameHash(span))
  }

  /// Whether this is `folder` or below it, in the same file system.
  final func isBelow(_ folder: Inode) -> Bool {
    var inode: Inode? = self
    while let here = inode {
      if here === folder { return true }
      inode = here.parent
    }
    return false
  }
}

/// A superblock: an instance of a file system.
class FileSystem {
  unowned let kernel: KernelState
  /// `tmpfs`, `overlay`, …
  let type: String
  /// The minor number of its anonymous device.
  let minor: Int
  /// MS_RDONLY of the superblock.
  var isReadOnly = false
  /// What mountinfo shows behind `rw`.
  var options: [String] = []
  /// The user namespace in which it was mounted: its capabilities count for device nodes and setuid.
  let userNamespace: UserNamespace
  private var lastNumber: UInt64
  /// Mounts that show it.
  private(set) var mounts = 0
  /// A namespace, or the host, keeps it also while nobody has mounted it.
  private(set) var isPinned = false
  /// Names stay where they are until they are removed or renamed, so that paths can be remembered.
  var isStable: Bool { false }

  init(_ kernel: KernelState, type: String, userNamespace: UserNamespace? = nil, firstInode: UInt64 = 1) {
    self.kernel = kernel
    self.type = type
    minor = kernel.nextDeviceMinor()
    self.userNamespace = userNamespace ?? kernel.initUser
    lastNumber = firstInode - 1
  }

  final func nextNumber() -> UInt64 {
    lastNumber += 1
    return lastNumber
  }

  // MARK: Its life

  final func mounted() { mounts += 1 }

  /// A mount of it is gone; `root` is what that showed. With the last one the whole tree goes.
  final func unmounted(_ root: Inode) {
    mounts -= 1
    guard mounts == 0, !isPinned else { return }
    var top = root
    while let above = top.parent { top = above }
    FileSystem.drop(top)
  }

  /// It stays while nobody has mounted it.
  final func pin() { isPinned = true }

  /// What kept it is gone.
  final func unpin(_ root: Inode) {
    isPinned = false
    if mounts == 0 { FileSystem.drop(root) }
  }

  /// Takes a tree of inodes apart.
  static func drop(_ root: Inode) {
    var pending = [root]
    while let inode = pending.popLast() {
      for child in inode.takeChildren() {
        child.parent = nil
        if child.isOnWalks { root.kernel.forgetWalks(through: child) }
        if child.isDirectory { pending.append(child) }
      }
    }
  }

  /// Bytes for statfs(2).
  func usage() -> (total: Int64, used: Int64) { (0, 0) }
  /// MS_REMOUNT with options for the superblock.
  func remount(_ options: [String]) throws(Errno) {}
}
