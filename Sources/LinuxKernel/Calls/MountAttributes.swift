import OCISpec
import Runtime

/// Attributes of a mount (mount_setattr(2)): those of mount(2)'s flags that belong to the mount, not to its file system.
struct MountAttributes: OptionSet {
  var rawValue: UInt64
  init(rawValue: UInt64) { self.rawValue = rawValue }
  static let rdonly = MountAttributes(rawValue: 0x1)
  static let nosuid = MountAttributes(rawValue: 0x2)
  static let nodev = MountAttributes(rawValue: 0x4)
  static let noexec = MountAttributes(rawValue: 0x8)
  static let noatime = MountAttributes(rawValue: 0x10)
  static let strictatime = MountAttributes(rawValue: 0x20)
  /// The field of the access time: relatime is 0 in it. It is cleared before one of its values is set.
  static let atime = MountAttributes(rawValue: 0x70)
  static let nodiratime = MountAttributes(rawValue: 0x80)
  static let idmap = MountAttributes(rawValue: 0x10_0000)
  static let nosymfollow = MountAttributes(rawValue: 0x20_0000)

  /// EINVAL for a name that is none.
  init(names: [String]) throws(Errno) {
    self = []
    for name in names {
      switch name {
      case "MOUNT_ATTR_RDONLY": insert(.rdonly)
      case "MOUNT_ATTR_NOSUID": insert(.nosuid)
      case "MOUNT_ATTR_NODEV": insert(.nodev)
      case "MOUNT_ATTR_NOEXEC": insert(.noexec)
      case "MOUNT_ATTR_RELATIME": break
      case "MOUNT_ATTR_NOATIME": insert(.noatime)
      case "MOUNT_ATTR_STRICTATIME": insert(.strictatime)
      case "MOUNT_ATTR__ATIME": formUnion(.atime)
      case "MOUNT_ATTR_NODIRATIME": insert(.nodiratime)
      case "MOUNT_ATTR_NOSYMFOLLOW": insert(.nosymfollow)
      default: throw .EINVAL
      }
    }
  }

  /// Those of mount(2)'s flags.
  init(_ flags: RuntimeSpec.MountFlags) {
    self = []
    // One by one: a table of pairs would have its type made at run time, which costs more than all the mounts' flags.
    if flags.contains(.rdonly) { insert(.rdonly) }
    if flags.contains(.nosuid) { insert(.nosuid) }
    if flags.contains(.nodev) { insert(.nodev) }
    if flags.contains(.noexec) { insert(.noexec) }
    if flags.contains(.noatime) { insert(.noatime) }
    if flags.contains(.strictatime) { insert(.strictatime) }
    if flags.contains(.nodiratime) { insert(.nodiratime) }
    if flags.contains(.nosymfollow) { insert(.nosymfollow) }
  }
  /// Everything that MS_REMOUNT|MS_BIND sets or clears.
  static let all: MountAttributes = [
    .rdonly, .nosuid, .nodev, .noexec, .atime, .nodiratime, .nosymfollow,
  ]
}

extension RuntimeSpec.MountFlags {
  /// How mounts pass on to others what is mounted below them.
  static let propagation: RuntimeSpec.MountFlags = [.shared, .slave, .private, .unbindable]

  /// Those that belong to the file system, as options of fsconfig(2).
  var fileSystemOptions: [String] {
    var options: [String] = []
    for (flag, name) in [
      (RuntimeSpec.MountFlags.synchronous, "sync"), (.dirsync, "dirsync"), (.mandlock, "mand"), (.lazytime, "lazytime"),
    ] where contains(flag) { options.append(name) }
    return options
  }

  /// The names of umount2(2)'s flags, too.
  static func ofUnmount(_ names: [String]) throws(Errno) -> Int {
    var flags = 0
    for name in names {
      switch name {
      case "MNT_FORCE": flags |= 1
      case "MNT_DETACH": flags |= 2
      case "MNT_EXPIRE": flags |= 4
      case "UMOUNT_NOFOLLOW": flags |= 8
      default: throw .EINVAL
      }
    }
    return flags
  }
}
