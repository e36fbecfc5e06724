extension RuntimeSpec {
  /// Flags of mount(2), combined. The bits are Linux's.
  public struct MountFlags: OptionSet, Sendable, Hashable {
    public var rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let rdonly = MountFlags(rawValue: 1)
    public static let nosuid = MountFlags(rawValue: 2)
    public static let nodev = MountFlags(rawValue: 4)
    public static let noexec = MountFlags(rawValue: 8)
    public static let synchronous = MountFlags(rawValue: 16)
    public static let remount = MountFlags(rawValue: 32)
    public static let mandlock = MountFlags(rawValue: 64)
    public static let dirsync = MountFlags(rawValue: 128)
    public static let nosymfollow = MountFlags(rawValue: 256)
    public static let noatime = MountFlags(rawValue: 1024)
    public static let nodiratime = MountFlags(rawValue: 2048)
    public static let bind = MountFlags(rawValue: 4096)
    public static let move = MountFlags(rawValue: 8192)
    public static let rec = MountFlags(rawValue: 16384)
    public static let silent = MountFlags(rawValue: 32768)
    public static let unbindable = MountFlags(rawValue: 1 << 17)
    public static let `private` = MountFlags(rawValue: 1 << 18)
    public static let slave = MountFlags(rawValue: 1 << 19)
    public static let shared = MountFlags(rawValue: 1 << 20)
    public static let relatime = MountFlags(rawValue: 1 << 21)
    public static let iversion = MountFlags(rawValue: 1 << 23)
    public static let strictatime = MountFlags(rawValue: 1 << 24)
    public static let lazytime = MountFlags(rawValue: 1 << 25)

    private static let table: [(MountFlags, String)] = [
      (.rdonly, "MS_RDONLY"), (.nosuid, "MS_NOSUID"), (.nodev, "MS_NODEV"), (.noexec, "MS_NOEXEC"),
      (.synchronous, "MS_SYNCHRONOUS"), (.remount, "MS_REMOUNT"), (.mandlock, "MS_MANDLOCK"),
      (.dirsync, "MS_DIRSYNC"), (.nosymfollow, "MS_NOSYMFOLLOW"), (.noatime, "MS_NOATIME"),
      (.nodiratime, "MS_NODIRATIME"), (.bind, "MS_BIND"), (.move, "MS_MOVE"), (.rec, "MS_REC"),
      (.silent, "MS_SILENT"), (.unbindable, "MS_UNBINDABLE"), (.private, "MS_PRIVATE"), (.slave, "MS_SLAVE"),
      (.shared, "MS_SHARED"), (.relatime, "MS_RELATIME"), (.iversion, "MS_I_VERSION"),
      (.strictatime, "MS_STRICTATIME"), (.lazytime, "MS_LAZYTIME"),
    ]
    /// The names, in the order in which runc prints them.
    public var names: [String] {
      var names: [String] = []
      for (flag, name) in MountFlags.table where contains(flag) { names.append(name) }
      return names
    }
    /// The flags of these names; what is unknown is passed over.
    public init(names: [String]) {
      self = []
      for name in names { if let flag = MountFlags.table.first(where: { $0.1 == name }) { insert(flag.0) } }
    }
  }

  /// What the options of a mount say: flags to set and to clear, propagation, recursive attributes, and the rest, which
  /// is for the file system.
  public struct MountOptions: Sendable, Hashable {
    public var flags: MountFlags = []
    public var cleared: MountFlags = []
    /// One mount(2) each, in order.
    public var propagation: [MountFlags] = []
    /// Attributes of mount_setattr(2) with AT_RECURSIVE, by name.
    public var recursiveSet: [String] = []
    public var recursiveClear: [String] = []
    public var tmpcopyup = false
    /// `idmap` or `ridmap` was given.
    public var idmap = false
    public var recursiveIDMap = false
    /// Comma-separated.
    public var data = ""

    /// Reads options as runc does: what is no flag is data.
    public init(_ options: [String]) {
      for option in options {
        switch option {
        // What Docker writes, first.
        case "nosuid": set(.nosuid)
        case "noexec": set(.noexec)
        case "nodev": set(.nodev)
        case "ro": set(.rdonly)
        case "rbind": set([.bind, .rec])
        case "bind": set(.bind)
        case "rprivate": propagation.append([.private, .rec])
        default: if !readRare(option) { append(data: option) }
        }
      }
    }

    private mutating func set(_ flag: MountFlags) {
      flags.formUnion(flag)
      cleared.subtract(flag)
    }
    private mutating func clear(_ flag: MountFlags) {
      flags.subtract(flag)
      cleared.formUnion(flag)
    }
    private mutating func append(data option: String) {
      if data.isEmpty { data = option } else { data += "," + option }
    }

    private mutating func readRare(_ option: String) -> Bool {
      // No flag has a value.
      if option.utf8.contains(UInt8(ascii: "=")) { return false }
      if let (flag, clears) = MountOptions.flag(option) {
        if clears { clear(flag) } else { set(flag) }
      } else if let flag = MountOptions.propagationFlags(option) {
        propagation.append(flag)
      } else if let (attribute, clears) = MountOptions.recursiveAttribute(option) {
        if clears {
          recursiveSet.removeAll { $0 == attribute }
          if !recursiveClear.contains(attribute) { recursiveClear.append(attribute) }
        } else {
          recursiveClear.removeAll { $0 == attribute }
          if !recursiveSet.contains(attribute) { recursiveSet.append(attribute) }
        }
        // The access-time attributes are one field: setting one clears the field first (mount_setattr(2)).
        if attribute.hasSuffix("ATIME"), attribute != "MOUNT_ATTR_NODIRATIME",
          !recursiveClear.contains("MOUNT_ATTR__ATIME")
        {
          recursiveClear.append("MOUNT_ATTR__ATIME")
        }
      } else {
        switch option {
        case "defaults": break
        case "tmpcopyup": tmpcopyup = true
        case "idmap": (idmap, recursiveIDMap) = (true, false)
        case "ridmap": (idmap, recursiveIDMap) = (true, true)
        default: return false
        }
      }
      return true
    }

    /// A flag, and whether it is cleared. Switches: a dictionary would have to be made first, at each start.
    private static func flag(_ option: String) -> (MountFlags, Bool)? {
      switch option {
      case "async": (.synchronous, true)
      case "atime": (.noatime, true)
      case "bind": (.bind, false)
      case "dev": (.nodev, true)
      case "diratime": (.nodiratime, true)
      case "dirsync": (.dirsync, false)
      case "exec": (.noexec, true)
      case "iversion": (.iversion, false)
      case "lazytime": (.lazytime, false)
      case "loud": (.silent, true)
      case "mand": (.mandlock, false)
      case "noatime": (.noatime, false)
      case "nodev": (.nodev, false)
      case "nodiratime": (.nodiratime, false)
      case "noexec": (.noexec, false)
      case "noiversion": (.iversion, true)
      case "nolazytime": (.lazytime, true)
      case "nomand": (.mandlock, true)
      case "norelatime": (.relatime, true)
      case "nostrictatime": (.strictatime, true)
      case "nosuid": (.nosuid, false)
      case "nosymfollow": (.nosymfollow, false)
      case "rbind": ([.bind, .rec], false)
      case "relatime": (.relatime, false)
      case "remount": (.remount, false)
      case "ro": (.rdonly, false)
      case "rw": (.rdonly, true)
      case "silent": (.silent, false)
      case "strictatime": (.strictatime, false)
      case "suid": (.nosuid, true)
      case "sync": (.synchronous, false)
      case "symfollow": (.nosymfollow, true)
      default: nil
      }
    }
    private static func propagationFlags(_ option: String) -> MountFlags? {
      switch option {
      case "rprivate": [.private, .rec]
      case "private": .private
      case "rslave": [.slave, .rec]
      case "slave": .slave
      case "rshared": [.shared, .rec]
      case "shared": .shared
      case "runbindable": [.unbindable, .rec]
      case "unbindable": .unbindable
      default: nil
      }
    }
    private static func recursiveAttribute(_ option: String) -> (String, Bool)? {
      switch option {
      case "rro": ("MOUNT_ATTR_RDONLY", false)
      case "rrw": ("MOUNT_ATTR_RDONLY", true)
      case "rnosuid": ("MOUNT_ATTR_NOSUID", false)
      case "rsuid": ("MOUNT_ATTR_NOSUID", true)
      case "rnodev": ("MOUNT_ATTR_NODEV", false)
      case "rdev": ("MOUNT_ATTR_NODEV", true)
      case "rnoexec": ("MOUNT_ATTR_NOEXEC", false)
      case "rexec": ("MOUNT_ATTR_NOEXEC", true)
      case "rnodiratime": ("MOUNT_ATTR_NODIRATIME", false)
      case "rdiratime": ("MOUNT_ATTR_NODIRATIME", true)
      case "rrelatime": ("MOUNT_ATTR_RELATIME", false)
      case "rnorelatime": ("MOUNT_ATTR_RELATIME", true)
      case "rnoatime": ("MOUNT_ATTR_NOATIME", false)
      case "ratime": ("MOUNT_ATTR_NOATIME", true)
      case "rstrictatime": ("MOUNT_ATTR_STRICTATIME", false)
      case "rnostrictatime": ("MOUNT_ATTR_STRICTATIME", true)
      case "rnosymfollow": ("MOUNT_ATTR_NOSYMFOLLOW", false)
      case "rsymfollow": ("MOUNT_ATTR_NOSYMFOLLOW", true)
      default: nil
      }
    }
    private static let names: [String] = [
      "async", "atime", "bind", "dev", "diratime", "dirsync", "exec", "iversion", "lazytime", "loud", "mand", "noatime",
      "nodev", "nodiratime", "noexec", "noiversion", "nolazytime", "nomand", "norelatime", "nostrictatime", "nosuid",
      "nosymfollow", "rbind", "relatime", "remount", "ro", "rw", "silent", "strictatime", "suid", "sync", "symfollow",
      "rprivate", "private", "rslave", "slave", "rshared", "shared", "runbindable", "unbindable", "rro", "rrw",
      "rnosuid", "rsuid", "rnodev", "rdev", "rnoexec", "rexec", "rnodiratime", "rdiratime", "rrelatime", "rnorelatime",
      "rnoatime", "ratime", "rstrictatime", "rnostrictatime", "rnosymfollow", "rsymfollow",
    ]

    /// The flags of a propagation's name (`rslave`); nil when it is none.
    public static func propagation(_ name: String) -> MountFlags? { propagationFlags(name) }

    /// Every option that is not for the file system, sorted: what `features` lists.
    public static let knownNames: [String] =
      (names + ["defaults", "tmpcopyup"]).sorted()
  }
}
