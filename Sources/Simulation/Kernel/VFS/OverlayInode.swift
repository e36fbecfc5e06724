import Runtime

/// An overlayfs instance (Documentation/filesystems/overlayfs.rst): read-only lower folders, nearest first, and an upper
/// one that takes every change.
final class OverlayFileSystem: FileSystem {
  let upper: Path?
  let work: Path?
  let lowers: [Path]

  init(
    _ kernel: KernelState, upper: Path?, work: Path?, lowers: [Path], options: [String], userNamespace: UserNamespace
  ) {
    (self.upper, self.work, self.lowers) = (upper, work, lowers)
    super.init(kernel, type: "overlay", userNamespace: userNamespace)
    self.options = options
    isReadOnly = upper == nil
  }

  func makeRoot() -> OverlayInode {
    OverlayInode(self, upper: upper?.inode, lowers: lowers.map(\.inode), kind: .directory)
  }

  override var isStable: Bool { true }
  override func usage() -> (total: Int64, used: Int64) { (upper ?? lowers.first)?.inode.fs.usage() ?? (0, 0) }
}

private let opaque = "trusted.overlay.opaque"

/// An inode of the union. What it shows is the upper inode, or else the nearest lower one; a folder shows all together.
final class OverlayInode: Inode {
  private(set) var upper: Inode?
  private let lowers: [Inode]
  private var table = NameTable<OverlayInode>()

  /// - Parameter attributes: the inode whose owner and mode count, where it is not the nearest.
  init(_ fs: OverlayFileSystem, upper: Inode?, lowers: [Inode], kind: InodeKind, attributes: Inode? = nil) {
    (self.upper, self.lowers) = (upper, lowers)
    let shown = upper ?? lowers.first
    let named = attributes ?? shown
    super.init(
      fs: fs, kind: kind, mode: named?.mode ?? 0o755, uid: named?.uid ?? 0, gid: named?.gid ?? 0,
      modified: named?.modified ?? 0)
    device = shown?.device ?? .whiteout
    links = shown?.links ?? 1
  }

  private var overlay: OverlayFileSystem { unsafeDowncast(fs, to: OverlayFileSystem.self) }
  /// The inode whose content this one shows.
  private var shown: Inode? { upper ?? lowers.first }

  override var size: Int64 { shown?.size ?? 0 }
  override var fifo: FIFO? { shown?.fifo }

  override func lookup(_ name: Span<UInt8>, _ hash: UInt32) throws(Errno) -> Inode? {
    guard kind == .directory else { throw .ENOTDIR }
    if let found = table.find(name, hash) { return found }
    let up = try upper?.lookup(name, hash)
    if let up, up.isWhiteout { return nil }
    var below: [Inode] = []
    if up == nil || (up?.isDirectory == true && up?.xattr(opaque) == nil), upper?.xattr(opaque) == nil {
      for lower in lowers {
        guard let found = try lower.lookup(name, hash) else { continue }
        if found.isWhiteout { break }
        if !found.isDirectory {
          if up == nil && below.isEmpty { below.append(found) }
          break
        }
        below.append(found)
        if found.xattr(opaque) != nil { break }
      }
    }
    guard let first = up ?? below.first else { return nil }
    return adopt(
      nameString(name),
      OverlayInode(
        overlay, upper: up, lowers: below, kind: first.kind,
        attributes: first.isImplied ? try attributes(of: name, hash) : nil))
  }

  /// The folder below that a layer means which names only what is in it.
  private func attributes(of name: Span<UInt8>, _ hash: UInt32) throws(Errno) -> Inode? {
    for lower in lowers {
      guard let found = try lower.lookup(name, hash) else { continue }
      if !found.isDirectory { return nil }
      if !found.isImplied { return found }
    }
    return nil
  }

  @discardableResult
  private func adopt(_ name: String, _ child: OverlayInode) -> OverlayInode {
    child.parent = self
    child.name = name
    table.insert(name, child)
    return child
  }

  /// Whether a layer below shows something under `name`.
  private func isBelow(_ name: String) throws(Errno) -> Bool {
    if upper?.xattr(opaque) != nil { return false }
    for lower in lowers {
      if let found = try lower.lookup(name) { return !found.isWhiteout }
    }
    return false
  }

  override func names() throws(Errno) -> [String] {
    guard kind == .directory else { throw .ENOTDIR }
    var seen: Set<String> = []
    var names: [String] = []
    var layers = lowers
    if let upper {
      if upper.xattr(opaque) != nil { layers = [] }
      layers.insert(upper, at: 0)
    }
    for layer in layers {
      for name in try layer.names() where seen.insert(name).inserted {
        if let found = try layer.lookup(name), !found.isWhiteout { names.append(name) }
      }
    }
    return names.sorted()
  }

  override func takeChildren() -> [Inode] {
    if table.isEmpty { return [] }
    defer { table.removeAll() }
    return table.entries.map(\.value)
  }

  // MARK: Copy-up

  /// Brings the inode, and the folders above it, to the upper layer.
  func copyUp() throws(Errno) {
    if upper != nil { return }
    guard overlay.upper != nil else { throw .EROFS }
    guard let folder = parent as? OverlayInode, let lower = lowers.first else { throw .ENOENT }
    try folder.copyUp()
    guard let target = folder.upper else { throw .EROFS }
    var new = NewInode(kind: kind, mode: mode, uid: uid, gid: gid, modified: modified, device: device)
    new.xattrs = lower.xattrs
    new.xattrs[opaque] = nil
    switch kind {
    case .file:
      if case .bytes(let bytes) = try lower.read() { new.content = bytes }
      if lower.size != Int64(new.content.count) { new.declaredSize = lower.size }
    case .symlink:
      if case .path(let text) = try lower.linkTarget() { new.target = text }
    default: break
    }
    upper = try target.create(name, new)
  }

  private func upperFolder() throws(Errno) -> Inode {
    try copyUp()
    guard let upper else { throw .EROFS }
    return upper
  }

  override func create(_ name: String, _ new: NewInode) throws(Errno) -> Inode {
    let folder = try upperFolder()
    var new = new
    if let whiteout = try folder.lookup(name) {
      try folder.remove(name, whiteout)
      if new.kind == .directory { new.xattrs[opaque] = [UInt8(ascii: "y")] }
    }
    let made = try folder.create(name, new)
    modified = new.modified
    if new.kind == .directory { links += 1 }
    return adopt(name, OverlayInode(overlay, upper: made, lowers: [], kind: new.kind))
  }

  override func link(_ name: String, _ inode: Inode) throws(Errno) {
    guard let inode = inode as? OverlayInode, inode.fs === fs else { throw .EXDEV }
    let folder = try upperFolder()
    try inode.copyUp()
    guard let source = inode.upper else { throw .EROFS }
    if let whiteout = try folder.lookup(name) { try folder.remove(name, whiteout) }
    try folder.link(name, source)
    inode.links += 1
    adopt(name, inode)
  }

  override func remove(_ name: String, _ child: Inode) throws(Errno) {
    let folder = try upperFolder()
    if let found = try folder.lookup(name) {
      // An upper folder may still hold whiteouts, which nobody sees.
      if found.isDirectory {
        for inner in try found.names() {
          if let whiteout = try found.lookup(inner) { try found.remove(inner, whiteout) }
        }
      }
      try folder.remove(name, found)
    }
    if try isBelow(name) { try makeWhiteout(name, in: folder) }
    table.remove(name)
    child.links -= child.isDirectory ? 2 : 1
    if child.links <= 0 || (child.parent === self && child.name == name) { child.parent = nil }
    modified = kernel.seconds
  }

  private func makeWhiteout(_ name: String, in folder: Inode) throws(Errno) {
    _ = try folder.create(name, NewInode(kind: .characterDevice, mode: 0, modified: kernel.seconds))
  }

  override func rename(
    _ name: String, _ child: Inode, to folder: Inode, as newName: String, replacing: Inode?
  ) throws(Errno) {
    guard let target = folder as? OverlayInode, let child = child as? OverlayInode, target.fs === fs else {
      throw .EXDEV
    }
    // Without redirect_dir, a folder that has anything below cannot move: mv(1) copies it.
    if child.isDirectory, !child.lowers.isEmpty { throw .EXDEV }
    let from = try upperFolder()
    let to = try target.upperFolder()
    try child.copyUp()
    guard let moved = child.upper else { throw .EROFS }
    let hides = try target.isBelow(newName)
    if let old = try to.lookup(newName) {
      if old.isDirectory {
        for inner in try old.names() { if let whiteout = try old.lookup(inner) { try old.remove(inner, whiteout) } }
      }
      try to.remove(newName, old)
    }
    try from.rename(name, moved, to: to, as: newName, replacing: nil)
    if child.isDirectory, hides { try moved.setXattr(opaque, [UInt8(ascii: "y")]) }
    if try isBelow(name) { try makeWhiteout(name, in: from) }
    if let replacing {
      replacing.links -= replacing.isDirectory ? 2 : 1
      replacing.parent = nil
    }
    table.remove(name)
    target.adopt(newName, child)
    modified = kernel.seconds
    target.modified = modified
  }

  // MARK: Files

  override func read() throws(Errno) -> FileData {
    guard kind == .file, let shown else { throw kind == .directory ? .EISDIR : .EINVAL }
    return try shown.read()
  }
  override func write(_ bytes: [UInt8], at offset: Int64?) throws(Errno) {
    try copyUp()
    try upper?.write(bytes, at: offset)
    modified = kernel.seconds
  }
  override func truncate() throws(Errno) {
    try copyUp()
    try upper?.truncate()
    modified = kernel.seconds
  }
  override func linkTarget() throws(Errno) -> LinkTarget {
    guard let shown else { throw .EINVAL }
    return try shown.linkTarget()
  }

  // MARK: Attributes

  override func setMode(_ mode: UInt32) throws(Errno) {
    try copyUp()
    try upper?.setMode(mode)
    self.mode = mode
  }
  override func setOwner(uid: UInt32, gid: UInt32) throws(Errno) {
    try copyUp()
    try upper?.setOwner(uid: uid, gid: gid)
    (self.uid, self.gid) = (uid, gid)
  }
  override func setModified(_ time: Int64) throws(Errno) {
    try copyUp()
    try upper?.setModified(time)
    modified = time
  }
  override func xattr(_ name: String) -> [UInt8]? {
    name.utf8.starts(with: "trusted.overlay.".utf8) ? nil : shown?.xattr(name)
  }
  override func setXattr(_ name: String, _ value: [UInt8]?) throws(Errno) {
    try copyUp()
    try upper?.setXattr(name, value)
  }
  override var xattrs: [String: [UInt8]] {
    var all = shown?.xattrs ?? [:]
    all[opaque] = nil
    return all
  }
}
