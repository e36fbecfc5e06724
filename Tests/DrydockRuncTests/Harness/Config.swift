import JSONTree

/// A `config.json` in the making: what `runc spec` writes, with a writable root and Docker's capabilities, and changed by paths.
struct Config {
  var json: JSON

  /// Reads and sets by path: `config["process.user.uid"] = 1000`. Missing objects on the way are made; nil removes.
  subscript(path: String) -> JSON? {
    get { path.split(separator: ".").reduce(json) { $0?[String($1)] } }
    set { Self.set(&json, path.split(separator: ".").map(String.init)[...], newValue) }
  }

  private static func set(_ json: inout JSON, _ path: ArraySlice<String>, _ value: JSON?) {
    guard let key = path.first else { return }
    if path.count == 1 {
      json[key] = value
    } else {
      var inner = json[key] ?? .object([:])
      set(&inner, path.dropFirst(), value)
      json[key] = inner
    }
  }

  /// Appends to the array at `path`.
  mutating func append(_ path: String, _ value: JSON) { self[path] = .array((self[path]?.array ?? []) + [value]) }

  /// The command: the words of `process.args`.
  var args: [String] {
    get { self["process.args"]?.strings ?? [] }
    set { self["process.args"] = JSON(newValue) }
  }

  /// The command as a shell's text.
  var script: String {
    get { args.last ?? "" }
    set { args = ["sh", "-c", newValue] }
  }

  mutating func mount(_ destination: String, type: String? = nil, source: String, options: [String]) {
    var mount: JSON = ["destination": .string(destination), "source": .string(source), "options": JSON(options)]
    if let type { mount["type"] = .string(type) }
    append("mounts", mount)
  }

  mutating func bind(_ source: String, to destination: String, options: [String] = []) {
    mount(destination, type: "bind", source: source, options: ["bind"] + options)
  }

  /// Adds a namespace, or gives the one of this type a path.
  mutating func namespace(_ type: String, path: String? = nil) {
    var all = (self["linux.namespaces"]?.array ?? []).filter { $0["type"]?.string != type }
    var namespace: JSON = ["type": .string(type)]
    if let path { namespace["path"] = .string(path) }
    all.append(namespace)
    self["linux.namespaces"] = .array(all)
  }

  mutating func removeNamespace(_ type: String) {
    self["linux.namespaces"] = .array((self["linux.namespaces"]?.array ?? []).filter { $0["type"]?.string != type })
  }

  /// A user namespace of its own in which ids 0 to 65535 are the host's `base` and up.
  mutating func mapUsers(base: Int = 100_000, size: Int = 65536) {
    namespace("user")
    let map: JSON = [["containerID": 0, "hostID": JSON(base), "size": JSON(size)]]
    self["linux.uidMappings"] = map
    self["linux.gidMappings"] = map
  }

  /// The same names in every capability set.
  mutating func capabilities(_ names: [String]) {
    for set in ["bounding", "effective", "permitted", "inheritable", "ambient"] {
      self["process.capabilities.\(set)"] = JSON(names)
    }
  }

  static let dockerCapabilities = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
    "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
  ]

  /// The usual container.
  init() {
    let capabilities = JSON(Self.dockerCapabilities)
    json = [
      "ociVersion": "1.0.2",
      "process": [
        "terminal": false,
        "user": ["uid": 0, "gid": 0],
        "args": ["true"],
        "env": ["PATH=/bin:/sbin:/usr/bin", "HOME=/root"],
        "cwd": "/",
        "capabilities": ["bounding": capabilities, "effective": capabilities, "permitted": capabilities],
        "rlimits": [["type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024]],
        "noNewPrivileges": true,
      ],
      "root": ["path": "rootfs", "readonly": false],
      "hostname": "drydock",
      "mounts": [
        ["destination": "/proc", "type": "proc", "source": "proc"],
        [
          "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
          "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
        ],
        [
          "destination": "/dev/pts", "type": "devpts", "source": "devpts",
          "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        ],
        [
          "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
          "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
        ],
        [
          "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"],
        ],
        [
          "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"],
        ],
      ],
      "linux": [
        "resources": ["devices": [["allow": false, "access": "rwm"]]],
        "namespaces": [
          ["type": "pid"], ["type": "network"], ["type": "ipc"], ["type": "uts"], ["type": "mount"],
        ],
        "maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi", "/sys/firmware"],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
      ],
    ]
  }
}
