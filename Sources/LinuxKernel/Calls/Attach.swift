import CLinux
import Glibc
import OCISpec
import Runtime

/// A mount that is prepared where nobody sees it, and then put in its place: `Attachment`.
extension LinuxKernel {
  func attach(_ attachment: Attachment) throws(Errno) {
    let target = attachment.target
    // What roots lead to may be another mount from now on.
    defer { if target.root == nil { kept.withLock { $0.set(root: nil, -1) } } }
    var isNew = false
    let place = try place(target, makes: attachment.makes, ordinary: attachment.ordinary, isNew: &isNew)
    if !attachment.mayCoverProc, try LinuxKernel.fileSystemType(place.raw) == Linux.procSuperMagic { throw .EXDEV }
    if attachment.isBind {
      let tree = try bindTree(attachment)
      try finish(attachment, tree, place.raw)
    } else {
      try attachFileSystem(attachment, place.raw, isNew: isNew)
    }
  }

  /// Makes the copy of a bind mount's source before the process that will attach it exists: it may have fewer rights
  /// (an id mapping takes CAP_SYS_ADMIN over the file system), and another user to read the source with.
  func prepareMount(_ number: Int, _ attachment: Attachment) throws(Errno) {
    let tree = try copyOfSource(attachment)
    try changeAttributes(attachment, tree.raw)
    try propagate(attachment, tree.raw)
    let raw = tree.release()
    kept.withLock { $0.prepared.append((number, raw)) }
  }

  /// A bind mount that is attached nowhere, with its attributes; EBADF when one was prepared and is not there.
  private func bindTree(_ attachment: Attachment) throws(Errno) -> Descriptor {
    let tree: Descriptor
    if let number = attachment.prepared {
      let ready = kept.withLock { kept -> Int32? in
        guard let index = kept.prepared.firstIndex(where: { $0.number == number }) else { return nil }
        return kept.prepared.remove(at: index).tree
      }
      guard let ready else { throw .EBADF }
      tree = Descriptor(ready)
    } else {
      tree = try copyOfSource(attachment)
    }
    try changeAttributes(attachment, tree.raw)
    return tree
  }

  private func copyOfSource(_ attachment: Attachment) throws(Errno) -> Descriptor {
    let tree = try cloneTree(attachment.source, recursive: attachment.recursive)
    if let idMap = attachment.idMap {
      let namespace = try userNamespace(idMap)
      try setAttributes(tree.raw, set: .idmap, namespace: namespace.raw, recursive: attachment.recursiveIDMap)
    }
    return tree
  }

  /// Of the topmost mount.
  private func changeAttributes(_ attachment: Attachment, _ tree: Int32) throws(Errno) {
    let set = try MountAttributes(names: attachment.attributes)
    try change(tree, set: set, clear: try MountAttributes(names: attachment.cleared), recursive: false)
  }

  private func attachFileSystem(_ attachment: Attachment, _ place: Int32, isNew: Bool) throws(Errno) {
    var options = LinuxKernel.options(attachment.data)
    var attributes = try MountAttributes(names: attachment.attributes)
    var flags = attributes.flags
    // A folder that was only made now has no mode of its own: the file system has one by default.
    if attachment.modeOfTarget, !isNew, !options.contains(where: { $0.hasPrefix("mode=") }) {
      options.append("mode=" + String(try status(of: place).st_mode & 0o7777, radix: 8))
    }
    // It can be filled only while it is writable.
    let late: MountAttributes = attachment.copyUp ? attributes.intersection(.rdonly) : []
    attributes.subtract(late)
    flags.subtract(late.flags)
    // This flag of mount(2) is no option.
    let countsVersions = options.contains("iversion")
    if countsVersions {
      options.removeAll { $0 == "iversion" }
      flags.insert(.iversion)
    }
    try withFileSystem(
      type: attachment.type, source: attachment.source, options: options, attributes: attributes,
      onlyOld: countsVersions
    ) { (tree) throws(Errno) in
      if attachment.copyUp {
        try copyUp(from: place, to: tree.raw)
        if !late.isEmpty { try setAttributes(tree.raw, set: late, recursive: false) }
      }
      try finish(attachment, tree, place)
    } old: { () throws(Errno) in
      try oldMount(attachment.source, place, attachment.type, flags, options.joined(separator: ","))
      // The place leads below what has just been mounted: it is opened again.
      let mounted = try open(attachment.target, Linux.oPath)
      if attachment.copyUp {
        try copyUp(from: place, to: mounted.raw)
        if !late.isEmpty { try setAttributes(mounted.raw, set: late, recursive: false) }
      }
      try changeAttached(attachment, mounted.raw)
    }
  }

  /// To its place.
  private func finish(_ attachment: Attachment, _ tree: borrowing Descriptor, _ place: Int32) throws(Errno) {
    let set = try MountAttributes(names: attachment.recursiveSet)
    let cleared = try MountAttributes(names: attachment.recursiveClear)
    try change(tree.raw, set: set, clear: cleared, recursive: true)
    try attach(tree.raw, to: place)
    try propagate(attachment, tree.raw)
  }

  private func changeAttached(_ attachment: Attachment, _ mount: Int32) throws(Errno) {
    let set = try MountAttributes(names: attachment.recursiveSet)
    let cleared = try MountAttributes(names: attachment.recursiveClear)
    try change(mount, set: set, clear: cleared, recursive: true)
    try propagate(attachment, mount)
  }

  private func propagate(_ attachment: Attachment, _ mount: Int32) throws(Errno) {
    for names in attachment.propagation {
      let flags = RuntimeSpec.MountFlags(names: names)
      try setAttributes(
        mount, set: [], propagation: flags.intersection(.propagation), recursive: flags.contains(.rec))
    }
  }

  /// mount_setattr(2), if there is anything to change. The access time is one field: the kernel wants all of it
  /// cleared, whichever value is meant.
  func change(
    _ mount: Int32, set: MountAttributes, clear: MountAttributes, recursive: Bool
  ) throws(Errno) {
    if set.isEmpty, clear.isEmpty { return }
    var clear = clear
    if !set.isDisjoint(with: .atime) || !clear.isDisjoint(with: .atime) { clear.insert(.atime) }
    try setAttributes(mount, set: set, clear: clear, recursive: recursive)
  }

  private func copyUp(from place: Int32, to tree: Int32) throws(Errno) {
    let source = try openBelow(place, ".", O_RDONLY | O_DIRECTORY, resolve: Linux.resolveBeneath)
    let target = try openBelow(tree, ".", O_RDONLY | O_DIRECTORY, resolve: Linux.resolveBeneath)
    try copyTree(from: source, to: target)
  }

  // MARK: Hidden and read-only paths

  /// A folder is hidden by an empty one, anything else by /dev/null.
  func mask(_ path: KernelPath, label: String) throws(Errno) {
    let place = try open(path, Linux.oPath)
    if FileKind(mode: try status(of: place.raw).st_mode) == .directory {
      let tree = try emptyFolder(label)
      try attach(tree.raw, to: place.raw)
      // The next folder gets a copy of this one.
      let raw = tree.release()
      kept.withLock { $0.set(emptyFolder: (label, raw)) }
    } else {
      let null = try nullDevice()
      let tree = try cloneTree(of: null, recursive: false)
      try attach(tree.raw, to: place.raw)
    }
  }

  private func emptyFolder(_ label: String) throws(Errno) -> Descriptor {
    if let known = kept.withLock({ $0.emptyFolder?.label == label ? $0.emptyFolder?.tree : nil }),
      let copy = try? cloneTree(of: known, recursive: false)
    {
      return copy
    }
    var options = ["nr_blocks=1", "nr_inodes=1"]
    if !label.isEmpty { options.append("context=" + label) }
    return try fileSystem(type: "tmpfs", source: "tmpfs", options: options, attributes: .rdonly)
  }

  /// /dev/null, which must be the device 1:3 (CVE-2025-31133); opened once.
  private func nullDevice() throws(Errno) -> Int32 {
    let known = kept.withLock { $0.nullDevice }
    if known >= 0 { return known }
    let null = try open("/dev/null", Linux.oPath | O_NOFOLLOW)
    try check(null.raw, isDevice: "c", major: 1, minor: 3, otherwise: .ENODEV)
    let raw = null.release()
    kept.withLock { $0.nullDevice = raw }
    return raw
  }

  func makeReadOnly(_ path: KernelPath) throws(Errno) {
    let place = try open(path, Linux.oPath)
    let tree = try cloneTree(of: place.raw, recursive: true)
    try setAttributes(tree.raw, set: .rdonly, recursive: true)
    try attach(tree.raw, to: place.raw)
  }

  // MARK: Devices

  /// EEXIST when something else than this device is at `path`.
  func checkDevice(_ path: KernelPath, _ kind: String, major: UInt32, minor: UInt32) throws(Errno) {
    let file = try open(path, Linux.oPath | O_NOFOLLOW)
    try check(file.raw, isDevice: kind, major: major, minor: minor, otherwise: .EEXIST)
  }

  private func check(
    _ descriptor: Int32, isDevice kind: String, major: UInt32, minor: UInt32, otherwise: Errno
  ) throws(Errno) {
    let status = try status(of: descriptor)
    let type: mode_t
    switch kind {
    case "b": type = S_IFBLK
    case "p": type = S_IFIFO
    default: type = S_IFCHR
    }
    guard status.st_mode & S_IFMT == type else { throw otherwise }
    if type != S_IFIFO, status.st_rdev != dev_t(LinuxKernel.device(major, minor)) { throw otherwise }
  }
}
