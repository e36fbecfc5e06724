import Archive
import Runtime
import Seams

/// The simulated host's files and mounts, as its root (dockerd, containerd) has them.
public struct SimHostFiles: HostFiles {
  private let kernel: SimKernel
  public init(_ kernel: SimKernel) { self.kernel = kernel }

  private func asRoot<R: Sendable>(_ body: (KernelState) throws(Errno) -> R) throws(Errno) -> R {
    try kernel.locked { state throws(Errno) in
      state.current = state.initProcess
      return try body(state)
    }
  }

  public func stat(_ path: String) -> HostFileInfo? {
    try? asRoot { state throws(Errno) in state.info(try state.resolve(path).inode) }
  }
  public func lstat(_ path: String) -> HostFileInfo? {
    try? asRoot { state throws(Errno) in state.info(try state.resolve(path, []).inode) }
  }

  public func read(_ path: String) throws(Errno) -> [UInt8] {
    try kernel.bytes(of: try asRoot { state throws(Errno) in try state.readFile(path) })
  }

  public func write(_ path: String, _ bytes: [UInt8], mode: UInt32) throws(Errno) {
    try asRoot { state throws(Errno) in
      let place = try state.createFile(KernelPath(path), mode: mode)
      if place.mount.isReadOnly { throw .EROFS }
      if place.inode.mode != mode & 0o7777, place.inode.kind == .file { try place.inode.setMode(mode & 0o7777) }
      try place.inode.truncate()
      try place.inode.write(bytes, at: 0)
    }
  }

  public func append(_ path: String, _ bytes: [UInt8]) throws(Errno) {
    try asRoot { state throws(Errno) in
      let place = try state.createFile(KernelPath(path), mode: 0o644)
      if place.mount.isReadOnly { throw .EROFS }
      try place.inode.write(bytes, at: nil)
    }
  }

  public func makeDirectory(_ path: String, mode: UInt32) throws(Errno) {
    try asRoot { state throws(Errno) in
      if let found = try? state.resolve(path) {
        guard found.inode.isDirectory else { throw .ENOTDIR }
        return
      }
      try state.mkdirs(path, mode: mode)
      let inode = try state.resolve(path).inode
      if inode.mode != mode & 0o7777 { try inode.setMode(mode & 0o7777) }
    }
  }

  public func list(_ path: String) throws(Errno) -> [String] {
    try asRoot { state throws(Errno) in try state.list(path) }
  }

  public func removeAll(_ path: String) throws(Errno) {
    try asRoot { state throws(Errno) in try state.removeAll(path) }
  }

  public func rename(_ path: String, to: String) throws(Errno) {
    try asRoot { state throws(Errno) in try state.rename(path, to) }
  }

  public func symlink(target: String, _ path: String) throws(Errno) {
    try asRoot { state throws(Errno) in try state.symlink(target, KernelPath(path)) }
  }

  public func mount(source: String, target: String, type: String, options: [String]) throws(Errno) {
    try asRoot { state throws(Errno) in
      let sorted = MountOptions(options)
      var flags = sorted.flags
      let isBind = flags.contains("MS_BIND")
      // mount(8) binds first and sets the other flags after: one call can not do both.
      let bindFlags = isBind ? flags.filter { ["MS_BIND", "MS_REC"].contains($0) } : flags
      let propagation = flags.filter { ["MS_SHARED", "MS_SLAVE", "MS_PRIVATE", "MS_UNBINDABLE"].contains($0) }
      flags.removeAll { propagation.contains($0) || ["MS_BIND", "MS_REC"].contains($0) }
      try state.mount(
        source: source, target: KernelPath(target), type: isBind ? "" : type,
        flags: bindFlags.filter { !propagation.contains($0) }, data: sorted.data.joined(separator: ","))
      if isBind, !flags.isEmpty {
        try state.mount(
          source: "", target: KernelPath(target), type: "", flags: flags + ["MS_BIND", "MS_REMOUNT"], data: "")
      }
      if !propagation.isEmpty {
        let isRecursive = sorted.flags.contains("MS_REC")
        try state.mount(
          source: "", target: KernelPath(target), type: "", flags: propagation + (isRecursive ? ["MS_REC"] : []),
          data: "")
      }
    }
  }

  public func unmount(_ path: String) throws(Errno) {
    try asRoot { state throws(Errno) in
      do throws(Errno) {
        try state.unmount(KernelPath(path), flags: ["MNT_DETACH"])
      } catch {
        if error != .EINVAL, error != .ENOENT { throw error }
      }
    }
  }

  public func resolve(_ path: String, root: String) throws(Errno) -> String {
    try asRoot { state throws(Errno) in try state.resolveText(path, inRoot: root) }
  }

  public func usage(_ path: String) -> Int64 {
    (try? asRoot { state throws(Errno) in try state.usage(try state.resolve(path, []).inode, depth: 0) }) ?? 0
  }

  // MARK: Archives

  public func archive(_ path: String, root: String) throws(Errno) -> [UInt8] {
    try asRoot { state throws(Errno) in
      let (place, name) = try state.place(path, root: root)
      var writer = TarWriter()
      try state.archive(place, name, into: &writer, depth: 0)
      return writer.finish()
    }
  }

  public func extract(_ archive: [UInt8], to path: String, root: String) throws(Errno) {
    try asRoot { state throws(Errno) in
      let entries = try state.entries(of: archive)
      let base = try state.within(path, root: root)
      let inner = state.inner(base, root: root)
      for entry in entries { try state.extract(entry, into: inner, root: root) }
    }
  }
}

extension KernelState {
  /// A host path without the `root` that it may begin with.
  fileprivate func inner(_ path: String, root: String) -> String {
    guard root != "/", path.begins(with: root) else { return path }
    let rest = path.utf8.dropFirst(root.utf8.count)
    return rest.isEmpty || rest.first == UInt8(ascii: "/") ? String(Substring(rest)) : path
  }

  /// The host path of `path` in `root`, links resolved within it.
  func within(_ path: String, root: String) throws(Errno) -> String {
    try resolveText(inner(path, root: root), inRoot: root)
  }

  /// The file that `path` names within `root`, itself not followed when it is a link, and its last component.
  fileprivate func place(_ path: String, root: String) throws(Errno) -> (Inode, String) {
    let parts = inner(path, root: root).parts(at: "/").filter { $0 != "." }.map(String.init)
    guard let name = parts.last, name != ".." else {
      let text = try resolveText(parts.joined(separator: "/"), inRoot: root)
      return (try resolve(text).inode, String(text.parts(at: "/").last ?? "/"))
    }
    let folder = try resolveText(parts.dropLast().joined(separator: "/"), inRoot: root)
    return (try resolve((folder == "/" ? "" : folder) + "/" + name, []).inode, name)
  }

  func usage(_ inode: Inode, depth: Int) throws(Errno) -> Int64 {
    if let memory = inode as? MemoryInode { return memory.total().bytes }
    guard inode.isDirectory, depth < 256 else { return inode.size }
    var sum: Int64 = 4096
    for name in try inode.names() {
      if let child = try inode.lookup(name) { sum += try usage(child, depth: depth + 1) }
    }
    return sum
  }

  /// rm -rf; nothing there is no error. EBUSY for mount points.
  func removeAll(_ path: String) throws(Errno) {
    let folder: Path
    let name: String
    do throws(Errno) {
      (folder, name) = try resolveParent(path)
      guard try folder.inode.lookup(name) != nil else { return }
    } catch {
      if error == .ENOENT { return }
      throw error == .EEXIST ? .EBUSY : error
    }
    guard let child = try folder.inode.lookup(name) else { return }
    if folder.mount.isReadOnly { throw .EROFS }
    if hasMounts(child) { throw .EBUSY }
    if child.isDirectory {
      forgetWalks(through: child)
      try empty(child, depth: 0)
    }
    try folder.inode.remove(name, child)
  }

  private func hasMounts(_ inode: Inode) -> Bool {
    if inode.mountCount > 0 { return true }
    guard inode.isDirectory, let namespace = current?.namespaces?.mount else { return false }
    return namespace.root.tree.contains { $0.mountpoint?.isBelow(inode) ?? false }
  }

  private func empty(_ inode: Inode, depth: Int) throws(Errno) {
    if let memory = inode as? MemoryInode {
      memory.removeAll()
      return
    }
    guard depth < 256 else { throw .ELOOP }
    for name in try inode.names() {
      guard let child = try inode.lookup(name) else { continue }
      if child.isDirectory {
        forgetWalks(through: child)
        try empty(child, depth: depth + 1)
      }
      try inode.remove(name, child)
    }
  }

  /// An inode and all below it, folders before what is in them.
  func archive(_ inode: Inode, _ path: String, into writer: inout TarWriter, depth: Int) throws(Errno) {
    guard depth < 256, let entry = try archiveEntry(inode, path) else { return }
    writer.add(entry)
    guard inode.isDirectory else { return }
    for name in try inode.names() {
      guard let child = try inode.lookup(name) else { continue }
      try archive(child, path.isEmpty || path == "/" ? name : path + "/" + name, into: &writer, depth: depth + 1)
    }
  }

  /// One member of an archive; nil for what archives do not hold (sockets).
  func archiveEntry(_ inode: Inode, _ path: String) throws(Errno) -> ArchiveEntry? {
    var entry = ArchiveEntry(
      path: path, mode: inode.mode, uid: inode.uid, gid: inode.gid, modified: inode.modified, xattrs: inode.xattrs)
    switch inode.kind {
    case .file:
      if case .bytes(let bytes) = try inode.read() { entry.content = bytes }
      if inode.size != Int64(entry.content.count), !(inode is GeneratedFile) { entry.declaredSize = inode.size }
    case .directory: entry.kind = .directory
    case .symlink:
      entry.kind = .symlink
      if case .path(let target) = try inode.linkTarget() { entry.linkTarget = target }
    case .characterDevice, .blockDevice:
      entry.kind = inode.kind == .blockDevice ? .blockDevice : .characterDevice
      (entry.deviceMajor, entry.deviceMinor) = (inode.device.major, inode.device.minor)
    case .fifo: entry.kind = .fifo
    case .socket: return nil
    }
    return entry
  }

  /// The members of an archive. The last one is remembered: every container's init layer is unpacked from the same.
  fileprivate func entries(of archive: [UInt8]) throws(Errno) -> [ArchiveEntry] {
    if let lastArchive, lastArchive.bytes == archive { return lastArchive.entries }
    var entries: [ArchiveEntry] = []
    var reader = TarReader(archive)
    do throws(ArchiveError) { while let entry = try reader.next() { entries.append(entry) } } catch { throw .EINVAL }
    lastArchive = archive.count <= 1 << 16 ? (archive, entries) : nil
    return entries
  }

  /// Unpacks one member below `base`, which is a host path in `root`: no link leads out of it.
  fileprivate func extract(_ entry: ArchiveEntry, into base: String, root: String) throws(Errno) {
    let parts = entry.path.parts(at: "/").filter { $0 != "." }.map(String.init)
    if parts.contains("..") { throw .EINVAL }
    guard let name = parts.last else { return }
    let above = base + "/" + parts.dropLast().joined(separator: "/")
    let folderPath = try within(above, root: root)
    if (try? resolve(folderPath).inode.isDirectory) != true { try mkdirs(folderPath, mode: 0o755) }
    let folder = try resolve(folderPath)
    if folder.mount.isReadOnly { throw .EROFS }
    let existing = try folder.inode.lookup(name)
    if entry.kind == .directory, let existing, existing.isDirectory {
      try existing.setMode(entry.mode)
      try existing.setOwner(uid: entry.uid, gid: entry.gid)
      return
    }
    if let existing {
      if existing.isDirectory != (entry.kind == .directory) { throw existing.isDirectory ? .EISDIR : .ENOTDIR }
      if existing.mountCount > 0, entry.kind == .file {
        // A file that something is mounted on keeps its inode: the content is written through.
        let place = try resolve(folderPath + "/" + name)
        if place.mount.isReadOnly { throw .EROFS }
        try place.inode.truncate()
        return try place.inode.write(entry.content, at: 0)
      }
      try folder.inode.remove(name, existing)
    }
    if entry.kind == .hardLink {
      let target = try within(base + "/" + entry.linkTarget, root: root)
      return try folder.inode.link(name, try resolve(target, []).inode)
    }
    var new = NewInode(
      kind: InodeKind(entry.kind), mode: entry.mode, uid: entry.uid, gid: entry.gid, modified: entry.modified,
      content: entry.content, declaredSize: entry.declaredSize)
    new.target = entry.linkTarget
    new.device = DeviceNumber(major: entry.deviceMajor, minor: entry.deviceMinor)
    new.xattrs = entry.xattrs
    _ = try folder.inode.create(name, new)
  }
}

/// FIFOs on the simulated host.
public struct SimFIFOs: FIFOs {
  private let kernel: SimKernel
  public init(_ kernel: SimKernel) { self.kernel = kernel }

  public func make(_ path: String) throws {
    try kernel.locked { state throws(Errno) in
      state.current = state.initProcess
      if let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash != path.startIndex {
        try state.mkdirs(String(path[..<slash]), mode: 0o700)
      }
      do throws(Errno) {
        try state.mknod(KernelPath(path), kind: .fifo, mode: 0o700, .whiteout)
      } catch  where error == .EEXIST {
        guard try state.resolve(path).inode.kind == .fifo else { throw .EEXIST }
      }
    }
  }

  public func channel(_ path: String) -> ByteChannel? {
    kernel.look { state in
      state.current = state.initProcess
      return (try? state.resolve(path))?.inode.fifo?.channel
    }
  }

  public func remove(_ path: String) {
    kernel.look { state in
      state.current = state.initProcess
      try? state.unlink(KernelPath(path), folder: false)
    }
  }
}
