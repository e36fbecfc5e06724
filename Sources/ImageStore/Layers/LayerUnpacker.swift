import Archive
import CLinux
import Glibc
import Seams

/// What becomes of `.wh.` names (image-spec, layer.md, "Whiteouts").
enum WhiteoutForm: Sendable, Hashable {
  /// Marks that overlayfs understands, in the folder of this layer: `opaque` is its xattr for folders.
  case overlay(opaque: String)
  /// What is named goes, in a tree that holds the layers below too.
  case removal
}

/// Writes the members of one layer into a folder. Runs on one thread.
///
/// The archive is not trusted: every name is resolved with the folder as `/` (openat2(2), RESOLVE_IN_ROOT), nothing is
/// written through a link at the end of a name, and no mount is entered. What containerd ignores is ignored: names
/// that mean the root itself, devices in a user namespace, `trusted.*` xattrs.
final class LayerUnpacker {
  private let root: OpenFile
  private let places: TreePlaces
  private let whiteouts: WhiteoutForm
  private let hasParents: Bool
  private let limits: UnpackLimits
  private let privileges: FilePrivileges
  private let folderTimes: FolderTimes
  /// Inodes that this layer made; nil when the folder was empty, since then all are.
  private var made: Set<UInt64>?
  /// Default ACLs change the modes of new files.
  private var mustSetModes: Bool
  private var entries = 0
  private var unchecked: Int64 = 0

  /// - Parameters:
  ///   - parents: the folders of the layers below, nearest first. Without any, whiteouts have nothing to hide.
  init(
    root: OpenFile, parents: [FilePath], whiteouts: WhiteoutForm, limits: UnpackLimits, privileges: FilePrivileges
  ) throws {
    (self.root, self.whiteouts, self.limits, self.privileges) = (root, whiteouts, limits, privileges)
    hasParents = !parents.isEmpty
    places = TreePlaces(root: root, parents: parents)
    folderTimes = FolderTimes(root)
    made = try root.names().isEmpty ? nil : []
    mustSetModes = try Xattrs.get("system.posix_acl_default", of: root) != nil
    places.noteMade = { [folderTimes] path, folder, times in
      try self.noteMade(folder)
      if let times { try folderTimes.add(path, accessed: times.accessed, modified: times.modified) }
    }
    try limits.check(root)
  }

  /// Writes all members.
  func unpack(_ archive: TarStream) throws {
    defer { places.noteMade = { _, _, _ in } }
    while let entry = try archive.next() {
      entries += 1
      if entries > limits.entries {
        throw EngineError(.resourceExhausted, "layer has more than \(limits.entries) entries")
      }
      try unpack(entry, archive)
    }
    try folderTimes.apply()
  }

  private func unpack(_ entry: TarEntry, _ archive: TarStream) throws {
    if privileges.isInUserNamespace, entry.kind == .characterDevice || entry.kind == .blockDevice { return }
    guard let (parentPath, name) = FilePath.cleaned(entry.name) else { return }
    let isWhiteout = name.bytes.starts(with: whiteoutPrefix)
    if isWhiteout, try isMeaningless(whiteout: name) { return }
    let parent = try places.folder(parentPath)
    if isWhiteout {
      if name.bytes.elementsEqual(opaqueName) { return try hideFolder(parentPath, parent) }
      return try hide(FilePath(name.bytes.dropFirst(whiteoutPrefix.count)), parentPath, parent, entry)
    }
    let path = parentPath.appending(name)
    switch entry.kind {
    case .file: try file(entry, archive, parent, name, path)
    case .directory: try folder(entry, parent, name, path)
    case .symlink:
      try replacing(name, in: parent) { () throws(FileError) in
        let result = FilePath(entry.link).withCString { target in name.withCString { symlinkat(target, parent.fd, $0) }
        }
        guard result == 0 else { throw FileError(errno, "symlink \(path)") }
      }
      try attributes(entry, parent, name, path, hasMode: false)
    case .hardLink:
      try link(entry, parent, name, path)
      guard let status = try parent.status(of: name) else { throw FileError(ENOENT, "lstat \(path)") }
      try attributes(entry, parent, name, path, hasMode: !status.isSymlink, now: status)
    case .characterDevice, .blockDevice, .fifo:
      let kind: UInt32 = entry.kind == .fifo ? S_IFIFO : entry.kind == .blockDevice ? S_IFBLK : S_IFCHR
      try replacing(name, in: parent) { () throws(FileError) in
        let device = entry.kind == .fifo ? 0 : clinux_makedev(entry.deviceMajor, entry.deviceMinor)
        guard name.withCString({ mknodat(parent.fd, $0, kind | entry.mode & 0o777, dev_t(device)) }) == 0 else {
          throw FileError(errno, "mknod \(path)")
        }
      }
      try attributes(entry, parent, name, path, hasMode: true)
    }
  }

  // MARK: Kinds

  private func file(
    _ entry: TarEntry, _ archive: TarStream, _ parent: OpenFile, _ name: FilePath, _ path: FilePath
  ) throws {
    var file = OpenFile(-1)
    try replacing(name, in: parent) { () throws(FileError) in
      file = try parent.create(name, O_WRONLY | O_EXCL, mode: entry.mode & 0o777)
    }
    do {
      if let runs = entry.sparse {
        for run in runs {
          var offset = run.offset
          try archive.content(first: run.count) { bytes in
            try file.write(bytes, at: offset)
            offset += Int64(bytes.count)
            try account(bytes.count)
          }
        }
        guard ftruncate(file.fd, off_t(entry.size)) == 0 else { throw FileError(errno, "truncate") }
      } else if entry.stored > 0 {
        try archive.content { bytes in
          try file.write(bytes)
          try account(bytes.count)
        }
      }
    } catch let error as FileError {
      throw FileError(error.errno, "\(error.operation) \(path)")
    }
    if privileges.isRoot {
      guard fchown(file.fd, entry.uid, entry.gid) == 0 else { throw ownerError(path, entry) }
    }
    for xattr in entry.xattrs where mayHave(xattr.key) {
      do { try Xattrs.set(xattr.key, xattr.value, on: file, path) } catch {
        if !isTolerable(error.errno, xattr.key) { throw error }
      }
    }
    // Giving a file away takes setuid and setgid from it, and the umask took what it takes.
    if entry.mode & (0o7000 | privileges.umask) != 0 || mustSetModes {
      guard fchmod(file.fd, entry.mode) == 0 else { throw FileError(errno, "chmod \(path)") }
    }
    guard futimens(file.fd, entry.times) == 0 else { throw FileError(errno, "chtimes \(path)") }
    try noteMade(file)
  }

  private func folder(_ entry: TarEntry, _ parent: OpenFile, _ name: FilePath, _ path: FilePath) throws {
    var hides = false
    do {
      try parent.makeFolder(name, mode: 0o700)
    } catch {
      guard error.errno == EEXIST else { throw error }
      let status = try parent.status(of: name)
      if status?.isFolder != true {
        hides = status?.isWhiteout ?? false
        try remove(name, in: parent)
        try parent.makeFolder(name, mode: 0o700)
      }
    }
    let folder = try parent.open(name, OpenFile.folder | O_NOFOLLOW, .plain)
    if privileges.isRoot {
      guard fchown(folder.fd, entry.uid, entry.gid) == 0 else { throw ownerError(path, entry) }
    }
    for xattr in entry.xattrs where mayHave(xattr.key) {
      if xattr.key == "system.posix_acl_default" { mustSetModes = true }
      do { try Xattrs.set(xattr.key, xattr.value, on: folder, path) } catch {
        if !isTolerable(error.errno, xattr.key) { throw error }
      }
    }
    // Who is not root could not fill a folder of mode 0555: it gets its own mode when it is full.
    let passable = privileges.isRoot ? entry.mode : entry.mode | 0o700
    guard fchmod(folder.fd, passable) == 0 else { throw FileError(errno, "chmod \(path)") }
    // A whiteout of this layer stood here: what the layers below have in it stays hidden.
    if hides { try markOpaque(folder, path) }
    try folderTimes.add(
      path, accessed: entry.lastAccess, modified: entry.modified, mode: passable == entry.mode ? nil : entry.mode)
    try noteMade(folder)
    places.remember(path, folder)
  }

  /// To a name of this layer; a link itself, not what it leads to.
  private func link(_ entry: TarEntry, _ parent: OpenFile, _ name: FilePath, _ path: FilePath) throws {
    guard let (targetParent, target) = FilePath.cleaned(entry.link) else { throw FileError(EPERM, "link / \(path)") }
    let from = try root.open(targetParent, OpenFile.place, .inRoot)
    try replacing(name, in: parent) { () throws(FileError) in
      let result = target.withCString { target in name.withCString { linkat(from.fd, target, parent.fd, $0, 0) } }
      guard result == 0 else { throw FileError(errno, "link \(targetParent.appending(target)) \(path)") }
    }
  }

  /// Makes something under a name that must be free; whoever has it goes first.
  private func replacing(_ name: FilePath, in parent: OpenFile, _ make: () throws(FileError) -> Void) throws {
    do { try make() } catch {
      guard error.errno == EEXIST else { throw error }
      try remove(name, in: parent)
      try make()
    }
  }

  private func remove(_ name: FilePath, in parent: OpenFile) throws(FileError) {
    guard let status = try parent.status(of: name) else { return }
    if status.isFolder || status.isSymlink { places.forget() }
    try removeTree(name, in: parent)
  }

  // MARK: Attributes

  /// Of what cannot be opened without side effects.
  ///
  /// - Parameter now: of a link, what its file has got from its first name. What is right stays: giving a file away,
  ///   even to its owner, takes its capabilities.
  private func attributes(
    _ entry: TarEntry, _ parent: OpenFile, _ name: FilePath, _ path: FilePath, hasMode: Bool, now: stat? = nil
  ) throws {
    if privileges.isRoot, now?.st_uid != entry.uid || now?.st_gid != entry.gid {
      let result = name.withCString { fchownat(parent.fd, $0, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) }
      guard result == 0 else { throw ownerError(path, entry) }
    }
    for xattr in entry.xattrs where mayHave(xattr.key) {
      let result = Xattrs.path(parent, name).withCString { path in
        xattr.value.withUnsafeBytes { clinux_lsetxattr(path, xattr.key, $0.baseAddress, $0.count) }
      }
      if result >= 0 || isTolerable(Int32(-result), xattr.key) { continue }
      // Only files and folders can have these (xattr(7)).
      if result == -Int(EPERM), xattr.key.hasPrefix("user."), entry.kind != .hardLink || !hasMode { continue }
      throw FileError(result: result, "setxattr \(path) \(xattr.key)")
    }
    if hasMode, now.map({ $0.st_mode & 0o7777 != entry.mode }) ?? true {
      let result = name.withCString { fchmodat(parent.fd, $0, entry.mode, AT_SYMLINK_NOFOLLOW) }
      guard result == 0 else { throw FileError(errno, "chmod \(path)") }
    }
    let result = name.withCString { utimensat(parent.fd, $0, entry.times, AT_SYMLINK_NOFOLLOW) }
    guard result == 0 else { throw FileError(errno, "chtimes \(path)") }
    if made != nil, let status = try parent.status(of: name) { made?.insert(UInt64(status.st_ino)) }
  }

  /// File systems that have none, and what only root may set.
  private func isTolerable(_ errno: Int32, _ xattr: String) -> Bool {
    errno == EOPNOTSUPP || (errno == EPERM && !privileges.isRoot && !xattr.hasPrefix("user."))
  }

  private func mayHave(_ xattr: String) -> Bool {
    if xattr.hasPrefix("trusted.") { return false }
    // In a user namespace these are overlayfs' own.
    if case .overlay(let opaque) = whiteouts, opaque.hasPrefix("user."), xattr.hasPrefix("user.overlay.") {
      return false
    }
    return true
  }

  private func ownerError(_ path: FilePath, _ entry: TarEntry) -> EngineError {
    let error = FileError(errno, "failed to Lchown \"\(path)\" for UID \(entry.uid), GID \(entry.gid)")
    let hint =
      error.errno == EINVAL && privileges.isInUserNamespace
      ? " (Hint: try increasing the number of subordinate IDs in /etc/subuid and /etc/subgid)" : ""
    return EngineError(.unknown, error.description + hint)
  }

  private func noteMade(_ file: OpenFile) throws(FileError) {
    if made != nil { made?.insert(UInt64(try file.status().st_ino)) }
  }

  /// Looks at the disk every now and then.
  private func account(_ bytes: Int) throws {
    unchecked += Int64(bytes)
    if unchecked < 32 << 20 { return }
    unchecked = 0
    try limits.check(root)
  }

  // MARK: Whiteouts

  /// Names that aufs kept for itself, other than the mark of opaque folders. Throws for names that hide nothing.
  private func isMeaningless(whiteout name: FilePath) throws -> Bool {
    if name.bytes.elementsEqual(opaqueName) { return false }
    if name.bytes.starts(with: whiteoutPrefix + whiteoutPrefix) { return true }
    let hidden = FilePath(name.bytes.dropFirst(whiteoutPrefix.count))
    if hidden.isEmpty || hidden == "." || hidden == ".." {
      throw EngineError(.invalidArgument, "invalid whiteout name: \(name): invalid archive")
    }
    return false
  }

  private func isMade(_ status: stat) -> Bool { made?.contains(UInt64(status.st_ino)) ?? true }

  /// Hides what the layers below have under a name. What this layer has there itself stays, in either order.
  private func hide(_ name: FilePath, _ parentPath: FilePath, _ parent: OpenFile, _ entry: TarEntry) throws {
    let path = parentPath.appending(name)
    if let status = try parent.status(of: name) {
      if isMade(status) {
        guard status.isFolder else { return }
        return try hideFolder(path, try parent.open(name, OpenFile.place | O_NOFOLLOW, .plain))
      }
      try remove(name, in: parent)
    }
    guard case .overlay = whiteouts, hasParents else { return }
    guard name.withCString({ mknodat(parent.fd, $0, S_IFCHR, 0) }) == 0 else {
      throw FileError(errno, "failed to convert whiteout file \"\(path)\": mknod \(path)")
    }
    if privileges.isRoot {
      let result = name.withCString { fchownat(parent.fd, $0, entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) }
      guard result == 0 else { throw ownerError(path, entry) }
    }
    if made != nil, let status = try parent.status(of: name) { made?.insert(UInt64(status.st_ino)) }
  }

  /// Hides all that the layers below have in a folder.
  private func hideFolder(_ path: FilePath, _ folder: OpenFile) throws {
    if made != nil { try removeOthers(in: folder, depth: 0) }
    guard case .overlay = whiteouts, hasParents else { return }
    if path.isEmpty { return try hideRoots() }
    try markOpaque(try folder.open("", OpenFile.folder, .plain), path)
  }

  /// Overlayfs merges the roots whatever their marks say: each name there gets a whiteout.
  private func hideRoots() throws {
    for below in try places.parentFolders() {
      for name in try below.names() where try root.status(of: name) == nil {
        guard name.withCString({ mknodat(root.fd, $0, S_IFCHR, 0) }) == 0 else {
          throw FileError(errno, "failed to convert whiteout file \".wh..wh..opq\": mknod \(name)")
        }
        if made != nil, let status = try root.status(of: name) { made?.insert(UInt64(status.st_ino)) }
      }
    }
  }

  private func markOpaque(_ folder: OpenFile, _ path: FilePath) throws(FileError) {
    guard case .overlay(let opaque) = whiteouts, hasParents else { return }
    try Xattrs.set(opaque, [UInt8(ascii: "y")], on: folder, path)
  }

  /// Removes what this layer did not make.
  private func removeOthers(in folder: OpenFile, depth: Int) throws(FileError) {
    for name in try folder.names() {
      guard let status = try folder.status(of: name) else { continue }
      if !isMade(status) {
        try remove(name, in: folder)
      } else if status.isFolder, depth < 256 {
        try removeOthers(in: try folder.open(name, OpenFile.folder | O_NOFOLLOW, .plain), depth: depth + 1)
      }
    }
  }
}

private let whiteoutPrefix = Array(".wh.".utf8)
private let opaqueName = Array(".wh..wh..opq".utf8)

extension TarEntry {
  /// An access is never before the change.
  fileprivate var lastAccess: TarTime {
    guard let accessed else { return modified }
    return (accessed.seconds, accessed.nanoseconds) < (modified.seconds, modified.nanoseconds) ? modified : accessed
  }

  /// Access and change, for utimensat(2).
  fileprivate var times: [timespec] { [lastAccess.bounded, modified.bounded] }
}

extension TarTime {
  /// What containerd sets: times before 1970 or after 2262, which Go cannot count in nanoseconds, become 1970.
  var bounded: timespec {
    guard seconds >= 0, seconds <= Int64.max / 1_000_000_000 - 1 else { return timespec(tv_sec: 0, tv_nsec: 0) }
    return timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds))
  }
}
