import Runtime

/// How a path is to be resolved.
struct WalkFlags: OptionSet {
  let rawValue: UInt8
  /// A symbolic link at the end is followed.
  static let follow = WalkFlags(rawValue: 1)
  /// umount2(2): what lies on the last component is meant, also of `.`.
  static let mountpoint = WalkFlags(rawValue: 2)
  /// Files whose content stands for others (`/proc/PID/ns/*`, `cwd`, `root`, `fd`) are not jumped to.
  static let noJumps = WalkFlags(rawValue: 4)
  /// Nobody's permissions count (the kernel's own walks).
  static let trusted = WalkFlags(rawValue: 8)
}

/// path_resolution(7).
extension KernelState {
  static let maximumLinks = 40

  /// The place that `path` names, as `current` sees it.
  func resolve(_ path: String, _ flags: WalkFlags = .follow) throws(Errno) -> Path {
    guard let process = current, let root = process.root, let cwd = process.cwd else { throw .ESRCH }
    return try resolve(path, from: cwd, root: root, flags)
  }

  /// The same within another root (openat2(2) RESOLVE_IN_ROOT; unless `jumping`, with RESOLVE_NO_MAGICLINKS).
  func resolve(_ path: KernelPath, _ flags: WalkFlags = .follow, jumping: Bool = false) throws(Errno) -> Path {
    guard let rootPath = path.root else { return try resolve(path.path, flags) }
    let root = try resolve(rootPath, .follow)
    guard root.inode.isDirectory else { throw .ENOTDIR }
    return try resolve(
      path.path.isEmpty ? "." : path.path, from: root, root: root, jumping ? flags : flags.union(.noJumps))
  }

  /// Whether `path` is there without a link, a dot or a doubled slash on the way: then it is its own resolution.
  func isPlain(_ path: String, in root: Path) -> Bool {
    let bytes = path.utf8.span
    guard bytes.count > 0, bytes.count < 4096, bytes[bytes.count - 1] != 0x2f else { return false }
    var previous: UInt8 = 0x2f
    for index in bytes.indices {
      let byte = bytes[index]
      if previous == 0x2f, byte == 0x2e || (byte == 0x2f && index > 0) { return false }
      previous = byte
    }
    var links = 0
    guard let place = try? walk(bytes, from: root, root: root, [], &links) else { return false }
    return links == 0 && place.inode.kind != .symlink
  }

  func resolve(_ path: String, from start: Path, root: Path, _ flags: WalkFlags) throws(Errno) -> Path {
    if path.isEmpty { throw .ENOENT }
    if path.utf8.count >= 4096 { throw .ENAMETOOLONG }
    var links = 0
    let bytes = path.utf8.span
    guard bytes[0] == 0x2f, !flags.contains(.trusted), mayRememberWalks
    else { return try walk(bytes, from: start, root: root, flags, &links) }
    // The folder is often the one of the last calls: then only the last component is left to walk.
    var last = bytes.count - 1
    while last > 0, bytes[last] != 0x2f { last -= 1 }
    guard last > 1 else { return try walk(bytes, from: start, root: root, flags, &links) }
    // Who may read every folder need not be asked at each.
    let flags = flags.union(.trusted)
    let folder = try folder(bytes.extracting(0..<last), root: root, flags)
    return try walk(bytes.extracting(last + 1..<bytes.count), from: folder, root: root, flags, &links, isWhole: false)
  }

  /// The place of a folder by its absolute path, which is remembered.
  private func folder(_ path: Span<UInt8>, root: Path, _ flags: WalkFlags) throws(Errno) -> Path {
    if let known = walks.find(path, root) { return known }
    var links = 0
    var trail = WalkTrail()
    let place: Path
    if let above = walks.findAbove(path, root) {
      trail = above.trail
      place = try walk(
        path.extracting(above.length..<path.count), from: above.place, root: root, flags.union(.follow), &links,
        trail: &trail, isWhole: false)
    } else {
      place = try walk(path, from: root, root: root, flags.union(.follow), &links, trail: &trail)
    }
    if links == 0, trail.isStable, place.inode.isDirectory { rememberWalk(path, root, place, trail) }
    return place
  }

  /// Whether the permissions of folders on the way do not matter to `current`.
  private var mayRememberWalks: Bool {
    guard let credentials = current?.credentials else { return false }
    return credentials.userNamespace.isInitial
      && (credentials.effective.contains(.dacReadSearch) || credentials.effective.contains(.dacOverride))
  }

  private func walk(
    _ path: Span<UInt8>, from start: Path, root: Path, _ flags: WalkFlags, _ links: inout Int, isWhole: Bool = true
  ) throws(Errno) -> Path {
    var trail = WalkTrail(isKept: false)
    return try walk(path, from: start, root: root, flags, &links, trail: &trail, isWhole: isWhole)
  }

  /// The folder that a new file is to be made in (or an old one removed from), and the file's name.
  func resolveParent(_ path: String) throws(Errno) -> (folder: Path, name: String) {
    guard let process = current, let root = process.root, let cwd = process.cwd else { throw .ESRCH }
    return try resolveParent(path, from: cwd, root: root, [])
  }

  func resolveParent(_ path: KernelPath) throws(Errno) -> (folder: Path, name: String) {
    guard let rootPath = path.root else { return try resolveParent(path.path) }
    let root = try resolve(rootPath, .follow)
    guard root.inode.isDirectory else { throw .ENOTDIR }
    return try resolveParent(path.path, from: root, root: root, .noJumps)
  }

  func resolveParent(
    _ path: String, from start: Path, root: Path, _ flags: WalkFlags
  ) throws(Errno) -> (folder: Path, name: String) {
    var end = path.utf8.endIndex
    let utf8 = path.utf8
    while end > utf8.startIndex, utf8[utf8.index(before: end)] == 0x2f { end = utf8.index(before: end) }
    if end == utf8.startIndex {
      if path.isEmpty { throw .ENOENT }
      throw .EEXIST
    }
    var begin = end
    while begin > utf8.startIndex, utf8[utf8.index(before: begin)] != 0x2f { begin = utf8.index(before: begin) }
    let name = String(path[begin..<end])
    guard name.utf8.count <= 255 else { throw .ENAMETOOLONG }
    var above = begin
    while above > utf8.startIndex, utf8[utf8.index(before: above)] == 0x2f { above = utf8.index(before: above) }
    let folder: Path
    if begin == utf8.startIndex {
      folder = start
    } else if above == utf8.startIndex {
      folder = root
    } else if utf8[utf8.startIndex] == 0x2f, mayRememberWalks {
      if path.utf8.count >= 4096 { throw .ENAMETOOLONG }
      folder = try self.folder(
        path.utf8.span.extracting(0..<utf8.distance(from: utf8.startIndex, to: above)), root: root, flags)
    } else {
      folder = try resolve(String(path[..<begin]), from: start, root: root, flags.union(.follow))
    }
    guard folder.inode.isDirectory else { throw .ENOTDIR }
    return (folder, name)
  }

  /// One path, link by link. `links` counts over the whole resolution.
  ///
  /// - Parameters:
  ///   - trail: collects what was passed.
  ///   - isWhole: a `/` at the beginning means the root; false for the rest of a path.
  private func walk(
    _ bytes: Span<UInt8>, from start: Path, root: Path, _ flags: WalkFlags, _ links: inout Int,
    trail: inout WalkTrail, isWhole: Bool = true
  ) throws(Errno) -> Path {
    let count = bytes.count
    var index = 0
    var mount = start.mount
    var inode = start.inode
    if isWhole, count > 0, bytes[0] == 0x2f { (mount, inode) = (root.mount, root.inode) }
    while true {
      while index < count, bytes[index] == 0x2f { index += 1 }
      if index == count { break }
      guard inode.isDirectory else { throw .ENOTDIR }
      if !flags.contains(.trusted) { try mayRead(inode, .execute) }
      let begin = index
      var hash: UInt64 = 0xcbf2_9ce4_8422_2325
      while index < count {
        let byte = bytes[index]
        if byte == 0x2f { break }
        hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
        index += 1
      }
      let length = index - begin
      if length <= 2, bytes[begin] == 0x2e {
        if length == 1 { continue }
        if bytes[begin + 1] == 0x2e {
          trail.pass(inode)
          (mount, inode) = above(mount, inode, root: root)
          continue
        }
      }
      if length > 255 { throw .ENAMETOOLONG }
      let name = bytes.extracting(begin..<index)
      guard let child = try inode.lookup(name, UInt32(truncatingIfNeeded: hash ^ (hash >> 32))) else { throw .ENOENT }
      if child.kind == .symlink {
        // The last component stays a link, unless it is to be followed or a slash comes behind it.
        let isLast = index == count
        if isLast, !flags.contains(.follow) { return Path(mount: mount, inode: child) }
        if mount.flags.contains(.noSymFollow) { throw .ELOOP }
        links += 1
        if links > KernelState.maximumLinks { throw .ELOOP }
        switch try child.linkTarget() {
        case .path(let target):
          if target.utf8.count >= 4096 { throw .ENAMETOOLONG }
          let place = try walk(
            target.utf8.span, from: Path(mount: mount, inode: inode), root: root, flags.union(.follow), &links)
          (mount, inode) = (place.mount, place.inode)
        case .jump(let place):
          if flags.contains(.noJumps) { throw .ELOOP }
          (mount, inode) = (place.mount, place.inode)
        }
        continue
      }
      trail.pass(inode)
      inode = child
      while inode.mountCount > 0, let over = mount.child(at: inode) {
        trail.pass(inode)
        (mount, inode) = (over, over.root)
      }
    }
    trail.pass(inode)
    if flags.contains(.mountpoint) {
      while inode.mountCount > 0, let over = mount.child(at: inode) { (mount, inode) = (over, over.root) }
    }
    if count > 0, bytes[count - 1] == 0x2f, !inode.isDirectory { throw .ENOTDIR }
    return Path(mount: mount, inode: inode)
  }

  /// `..`: never above the root; from the root of a mount to where it lies.
  private func above(_ mount: Mount, _ inode: Inode, root: Path) -> (Mount, Inode) {
    var mount = mount
    var inode = inode
    while true {
      if mount === root.mount, inode === root.inode { return (mount, inode) }
      if inode !== mount.root { break }
      guard let parent = mount.parent, let mountpoint = mount.mountpoint else { return (mount, inode) }
      (mount, inode) = (parent, mountpoint)
    }
    inode = inode.parent ?? inode
    while inode.mountCount > 0, let over = mount.child(at: inode) { (mount, inode) = (over, over.root) }
    return (mount, inode)
  }

  /// Whether `path` can be reached from `root` by going down.
  func isReachable(_ path: Path, from root: Path) -> Bool {
    var mount = path.mount
    var inode = path.inode
    while mount !== root.mount {
      guard let parent = mount.parent, let mountpoint = mount.mountpoint else { return false }
      (mount, inode) = (parent, mountpoint)
    }
    return inode.isBelow(root.inode)
  }

  /// The path as getcwd(2) prints it, seen from `root`.
  func pathText(_ path: Path, root: Path?) -> String {
    var mount = path.mount
    var inode = path.inode
    var parts: [String] = []
    while true {
      if let root, mount === root.mount, inode === root.inode { break }
      if inode === mount.root {
        guard let parent = mount.parent, let mountpoint = mount.mountpoint else { break }
        (mount, inode) = (parent, mountpoint)
        continue
      }
      guard let parent = inode.parent else {
        parts.insert(inode.name + " (deleted)", at: 0)
        break
      }
      parts.append(inode.name)
      inode = parent
    }
    if parts.isEmpty { return "/" }
    var text = ""
    for part in parts.reversed() {
      text += "/"
      text += part
    }
    return text
  }

  /// The path of an inode below the root of its file system, as mountinfo's fourth field has it.
  func pathText(inFileSystem inode: Inode) -> String {
    if inode is NamespaceInode { return inode.name }
    var parts: [String] = []
    var here = inode
    while let parent = here.parent {
      parts.append(here.name)
      here = parent
    }
    return parts.isEmpty ? "/" : parts.reversed().map { "/" + $0 }.joined()
  }
}
