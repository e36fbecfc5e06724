import CLinux
import Glibc
import OCISpec
import Runtime

/// Mounting. Every target is opened once and then used by its descriptor.
extension LinuxKernel {
  /// What mount(2) does for these flags, by the calls that came after it.
  func mount(
    source: String, target: KernelPath, type: String, flags names: [String], data: String
  ) throws(Errno) {
    let flags = RuntimeSpec.MountFlags(names: names)
    // What roots lead to may be another mount from now on.
    defer { if target.root == nil { kept.withLock { $0.set(root: nil, -1) } } }
    let place = try openTarget(target)
    if flags.contains(.move) {
      let tree = try open(KernelPath(source), Linux.oPath)
      try attach(tree.raw, to: place.raw)
    } else if flags.contains([.remount, .bind]) {
      try remount(place.raw, MountAttributes(flags))
    } else if flags.contains(.bind) {
      let tree = try cloneTree(source, recursive: flags.contains(.rec))
      try attach(tree.raw, to: place.raw)
    } else if !flags.isDisjoint(with: .propagation) {
      try setAttributes(
        place.raw, set: [], propagation: flags.intersection(.propagation), recursive: flags.contains(.rec))
    } else if flags.contains(.remount) {
      try oldMount(source, place.raw, type, flags, data)
    } else {
      try withFileSystem(
        type: type, source: source, options: flags.fileSystemOptions + LinuxKernel.options(data),
        attributes: MountAttributes(flags), onlyOld: flags.contains(.iversion)
      ) { (tree) throws(Errno) in
        try attach(tree.raw, to: place.raw)
      } old: { () throws(Errno) in
        try oldMount(source, place.raw, type, flags, data)
      }
    }
  }

  /// A bind mount (`type` is empty) or a file system, prepared and then attached.
  func moveMount(
    source: String, target: KernelPath, type: String, attributes names: [String], data: String, recursive: Bool,
    idMap: MountIDMap?
  ) throws(Errno) {
    let attributes = try MountAttributes(names: names)
    defer { if target.root == nil { kept.withLock { $0.set(root: nil, -1) } } }
    guard type.isEmpty else {
      let place = try openTarget(target)
      try withFileSystem(
        type: type, source: source, options: LinuxKernel.options(data), attributes: attributes
      ) { (tree) throws(Errno) in
        try attach(tree.raw, to: place.raw)
      } old: { () throws(Errno) in
        try oldMount(source, place.raw, type, attributes.flags, data)
      }
      return
    }
    let tree = try cloneTree(source, recursive: recursive)
    if let idMap {
      let namespace = try userNamespace(idMap)
      try setAttributes(tree.raw, set: .idmap, namespace: namespace.raw, recursive: recursive)
    }
    try change(tree.raw, set: attributes, clear: [], recursive: false)
    let place = try openTarget(target)
    try attach(tree.raw, to: place.raw)
  }

  func mountSetattr(_ target: KernelPath, set: [String], clear: [String], recursive: Bool) throws(Errno) {
    let place = try openTarget(target)
    let set = try MountAttributes(names: set)
    try change(place.raw, set: set, clear: try MountAttributes(names: clear), recursive: recursive)
  }

  func unmount(_ target: KernelPath, _ names: [String]) throws(Errno) {
    let flags = try RuntimeSpec.MountFlags.ofUnmount(names)
    guard target.root != nil else {
      try system(with: target.path) { clinux_call(Int(SYS_umount2), $0, flags, 0, 0, 0, 0) }
      return
    }
    let place = try open(target, Linux.oPath)
    try system(with: "/proc/self/fd/\(place.raw)") { clinux_call(Int(SYS_umount2), $0, flags, 0, 0, 0, 0) }
  }

  /// Where something is to be mounted; links are followed, within the root.
  func openTarget(_ target: KernelPath) throws(Errno) -> Descriptor { try open(target, Linux.oPath) }

  /// The attributes of a mount become just these (MS_REMOUNT|MS_BIND).
  ///
  /// What a mount brought along into a user namespace is locked (EPERM): then nothing is cleared.
  private func remount(_ mount: Int32, _ attributes: MountAttributes) throws(Errno) {
    do throws(Errno) {
      let clear = MountAttributes.all.subtracting(attributes).union(.atime)
      try setAttributes(mount, set: attributes, clear: clear, recursive: false)
    } catch {
      guard error == .EPERM else { throw error }
      try change(mount, set: attributes, clear: [], recursive: false)
    }
  }

  /// A new file system, mounted nowhere, for `body` to attach. `old` does the whole by mount(2), for what the new API
  /// cannot do.
  func withFileSystem(
    type: String, source: String, options: [String], attributes: MountAttributes, onlyOld: Bool = false,
    _ body: (borrowing Descriptor) throws(Errno) -> Void, old: () throws(Errno) -> Void
  ) throws(Errno) {
    kept.withLock { $0.detail = nil }
    var options = options
    // Read-only belongs to the file system, too, except where others have the same one: there only the mount is.
    if attributes.contains(.rdonly), !LinuxKernel.sharedFileSystems.contains(type) { options.append("ro") }
    // fsconfig(2) takes no longer strings.
    if onlyOld || options.contains(where: { $0.utf8.count > 240 }) || source.utf8.count > 255 { return try old() }
    let tree: Descriptor
    do throws(Errno) {
      tree = try fileSystem(type: type, source: source, options: options, attributes: attributes)
    } catch {
      // A hierarchy of cgroup v1 that is just going away has mount(2) wait for it.
      guard error == .ENOSYS || error == .EOPNOTSUPP || type == "cgroup" && error == .EBUSY else { throw error }
      return try old()
    }
    try body(tree)
  }
  private static let sharedFileSystems: Set<String> = [
    "proc", "sysfs", "cgroup", "cgroup2", "mqueue", "devpts", "tmpfs", "devtmpfs", "debugfs", "tracefs", "securityfs",
    "bpf",
  ]

  /// mount(2), on a descriptor's link in procfs.
  func oldMount(
    _ source: String, _ place: Int32, _ type: String, _ flags: RuntimeSpec.MountFlags, _ data: String
  ) throws(Errno) {
    if source.utf8.contains(0) || type.utf8.contains(0) || data.utf8.contains(0) { throw .EINVAL }
    try system(with: "/proc/self/fd/\(place)") { target in
      source.withCString { source in
        type.withCString { type in
          data.withCString { data in
            clinux_call(
              Int(SYS_mount), Int(bitPattern: source), target, Int(bitPattern: type), Int(flags.rawValue),
              Int(bitPattern: data), 0)
          }
        }
      }
    }
  }
}

extension MountAttributes {
  /// As flags of mount(2).
  var flags: RuntimeSpec.MountFlags {
    var flags: RuntimeSpec.MountFlags = []
    if contains(.rdonly) { flags.insert(.rdonly) }
    if contains(.nosuid) { flags.insert(.nosuid) }
    if contains(.nodev) { flags.insert(.nodev) }
    if contains(.noexec) { flags.insert(.noexec) }
    if contains(.noatime) { flags.insert(.noatime) }
    if contains(.strictatime) { flags.insert(.strictatime) }
    if contains(.nodiratime) { flags.insert(.nodiratime) }
    if contains(.nosymfollow) { flags.insert(.nosymfollow) }
    return flags
  }
}
