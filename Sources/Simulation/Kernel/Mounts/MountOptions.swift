/// Options as mount(8) takes them, sorted into flags of mount(2) and the file system's own.
struct MountOptions {
  var flags: [String] = []
  var data: [String] = []

  private static let known: [String: String] = [
    "ro": "MS_RDONLY", "rw": "", "nosuid": "MS_NOSUID", "suid": "", "nodev": "MS_NODEV", "dev": "",
    "noexec": "MS_NOEXEC",
    "exec": "", "noatime": "MS_NOATIME", "atime": "", "nodiratime": "MS_NODIRATIME", "diratime": "",
    "relatime": "MS_RELATIME", "norelatime": "", "strictatime": "MS_STRICTATIME", "sync": "MS_SYNCHRONOUS", "async": "",
    "dirsync": "MS_DIRSYNC", "remount": "MS_REMOUNT", "bind": "MS_BIND", "move": "MS_MOVE", "shared": "MS_SHARED",
    "slave": "MS_SLAVE", "private": "MS_PRIVATE", "unbindable": "MS_UNBINDABLE", "defaults": "", "silent": "MS_SILENT",
    "loud": "", "nosymfollow": "MS_NOSYMFOLLOW", "auto": "", "noauto": "", "user": "", "nofail": "",
    "lazytime": "MS_LAZYTIME",
  ]

  /// `MS_…` names stand for themselves. `rbind`, `rshared` and the like are recursive.
  init(_ options: [String]) {
    for option in options.flatMap({ $0.has(",") ? $0.parts(at: ",").map(String.init) : [$0] }) {
      if option.hasPrefix("MS_") {
        flags.append(option)
      } else if option.utf8.count > 12 || option.has("=") {
        data.append(option)
      } else if let flag = MountOptions.known[option] {
        if !flag.isEmpty { flags.append(flag) }
      } else if option.first == "r", let flag = MountOptions.known[String(option.dropFirst())],
        ["MS_BIND", "MS_SHARED", "MS_SLAVE", "MS_PRIVATE", "MS_UNBINDABLE"].contains(flag)
      {
        flags += [flag, "MS_REC"]
      } else {
        data.append(option)
      }
    }
  }
}
