import JSONTree
import OCISpec

/// The config.json that ctr writes: containerd's default for Linux, the image's config, then the flags
/// (containerd, pkg/oci).
struct CtrSpec {
  private(set) var json: JSONObject

  private static let capabilities: JSON = JSON(
    words(
      """
      CAP_CHOWN CAP_DAC_OVERRIDE CAP_FSETID CAP_FOWNER CAP_MKNOD CAP_NET_RAW CAP_SETGID CAP_SETUID CAP_SETFCAP \
      CAP_SETPCAP CAP_NET_BIND_SERVICE CAP_SYS_CHROOT CAP_KILL CAP_AUDIT_WRITE
      """))

  /// The default (`oci.GenerateSpec`) of a container in a namespace.
  init(namespace: String, id: String) {
    json = [
      "ociVersion": "1.2.1",
      "process": [
        "user": ["uid": 0, "gid": 0], "args": [], "cwd": "/",
        "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        "capabilities": [
          "bounding": CtrSpec.capabilities, "effective": CtrSpec.capabilities, "permitted": CtrSpec.capabilities,
        ],
        "rlimits": [["type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024]], "noNewPrivileges": true,
      ],
      "root": ["path": "rootfs"],
      "mounts": [
        CtrSpec.mount("/proc", "proc", "proc", "nosuid noexec nodev"),
        CtrSpec.mount("/dev", "tmpfs", "tmpfs", "nosuid strictatime mode=755 size=65536k"),
        CtrSpec.mount("/dev/pts", "devpts", "devpts", "nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5"),
        CtrSpec.mount("/dev/shm", "tmpfs", "shm", "nosuid noexec nodev mode=1777 size=65536k"),
        CtrSpec.mount("/dev/mqueue", "mqueue", "mqueue", "nosuid noexec nodev"),
        CtrSpec.mount("/sys", "sysfs", "sysfs", "nosuid noexec nodev ro"),
        CtrSpec.mount("/run", "tmpfs", "tmpfs", "nosuid strictatime mode=755 size=65536k"),
      ],
      "linux": [
        "resources": ["devices": [["allow": false, "access": "rwm"]]],
        "cgroupsPath": .string("/\(namespace)/\(id)"),
        "namespaces": .array(["pid", "ipc", "uts", "mount", "network"].map { ["type": $0] }),
        "maskedPaths": JSON(
          words(
            """
            /proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats \
            /proc/sched_debug /sys/firmware /sys/devices/virtual/powercap /proc/scsi
            """)),
        "readonlyPaths": JSON(words("/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger")),
      ],
    ]
  }

  private static func mount(_ target: String, _ type: String, _ source: String, _ options: String) -> JSON {
    [
      "destination": .string(target), "type": .string(type), "source": .string(source),
      "options": JSON(words(options)),
    ]
  }

  /// What the image says; `arguments` replace its command.
  mutating func apply(_ config: ImageConfig, arguments: [String]) {
    let image = config.config
    change("process") { process in
      process["env"] = JSON(merged(process["env"]?.strings ?? [], image?.env ?? []))
      let command = arguments.isEmpty ? image?.cmd ?? [] : arguments
      process["args"] = JSON((image?.entrypoint ?? []) + command)
      if let folder = image?.workingDir, !folder.isEmpty { process["cwd"] = .string(folder) }
    }
  }

  mutating func setUser(uid: Int, gid: Int, groups: [Int]) {
    change("process") { process in
      var user: JSONObject = ["uid": JSON(uid), "gid": JSON(gid)]
      if !groups.isEmpty { user["additionalGids"] = .array(groups.map { JSON($0) }) }
      process["user"] = .object(user)
    }
  }

  mutating func change(_ key: String, _ body: (inout JSONObject) -> Void) { json.change(key, body) }

  mutating func addMount(_ mount: JSON) {
    json["mounts"] = .array((json["mounts"]?.array ?? []) + [mount])
  }

  /// Without namespaces of the kinds: the host's are used.
  mutating func shareWithHost(_ kinds: [String]) {
    change("linux") { linux in
      linux["namespaces"] = .array(
        (linux["namespaces"]?.array ?? []).filter { !kinds.contains($0["type"]?.string ?? "") })
    }
  }

  mutating func setHostname(_ name: String) { json["hostname"] = .string(name) }

  /// `--with-ns net:/var/run/netns/x`.
  mutating func join(_ kind: String, _ path: String) {
    json.join(namespace: ["net": "network", "mnt": "mount"][kind] ?? kind, path: path)
  }

  /// `--privileged`.
  mutating func setPrivileged() {
    let all: JSON = JSON(CtrSpec.allCapabilities)
    change("process") { process in
      process["capabilities"] = ["bounding": all, "effective": all, "permitted": all]
      process["noNewPrivileges"] = false
    }
    change("linux") { linux in
      linux["maskedPaths"] = nil
      linux["readonlyPaths"] = nil
      linux["resources"] = ["devices": [["allow": true, "access": "rwm"]]]
    }
    json["mounts"] = .array(
      (json["mounts"]?.array ?? []).map { mount in
        guard mount["type"] == "sysfs" else { return mount }
        return CtrSpec.mount("/sys", "sysfs", "sysfs", "nosuid noexec nodev rw")
      })
  }

  private static let allCapabilities = words(
    """
    CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID CAP_SETPCAP \
    CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK CAP_IPC_OWNER \
    CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE \
    CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE CAP_AUDIT_CONTROL CAP_SETFCAP \
    CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON CAP_BPF \
    CAP_CHECKPOINT_RESTORE
    """)
}

/// Environment variables with later ones in place of earlier ones of the same name.
func merged(_ environment: [String], _ later: [String]) -> [String] {
  func name(_ entry: String) -> Substring { entry.prefix { $0 != "=" } }
  var result = environment
  for entry in later {
    if let index = result.firstIndex(where: { name($0) == name(entry) }) {
      result[index] = entry
    } else {
      result.append(entry)
    }
  }
  return result
}
