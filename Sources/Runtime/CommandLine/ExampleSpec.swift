import JSONTree
import OCISpec

/// What `spec` writes: a bundle to begin with.
public enum ExampleSpec {
  /// `unified`: the host has cgroup v2 alone. `uid`, `gid`: of the caller, who becomes root in a rootless container.
  public static func json(rootless: Bool, unified: Bool, uid: UInt32, gid: UInt32) -> JSON {
    let capabilities: JSON = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
    let process: JSON = [
      "terminal": true, "user": ["uid": 0, "gid": 0], "args": ["sh"],
      "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"], "cwd": "/",
      "capabilities": ["bounding": capabilities, "effective": capabilities, "permitted": capabilities],
      "rlimits": [["type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024]], "noNewPrivileges": true,
    ]
    var linux: JSONObject = [:]
    if rootless {
      linux["uidMappings"] = [["containerID": 0, "hostID": JSON(uid), "size": 1]]
      linux["gidMappings"] = [["containerID": 0, "hostID": JSON(gid), "size": 1]]
    } else {
      linux["resources"] = ["devices": [["allow": false, "access": "rwm"]]]
    }
    var namespaces = ["pid", rootless ? nil : "network", "ipc", "uts", "mount", unified ? "cgroup" : nil].compactMap {
      $0
    }
    if rootless { namespaces.append("user") }
    linux["namespaces"] = .array(namespaces.map { ["type": .string($0)] })
    linux["maskedPaths"] = [
      "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
      "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
    ]
    linux["readonlyPaths"] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
    return [
      "ociVersion": .string(RuntimeSpec.version), "process": process, "root": ["path": "rootfs", "readonly": true],
      "hostname": "runc", "mounts": mounts(rootless), "linux": .object(linux),
    ]
  }

  private static func mounts(_ rootless: Bool) -> JSON {
    var pts: [JSON] = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
    if !rootless { pts.append("gid=5") }
    let sys: JSON =
      rootless
      ? [
        "destination": "/sys", "type": "none", "source": "/sys",
        "options": ["rbind", "nosuid", "noexec", "nodev", "ro"],
      ]
      : [
        "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"],
      ]
    return [
      ["destination": "/proc", "type": "proc", "source": "proc"],
      [
        "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
        "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
      ],
      ["destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": .array(pts)],
      [
        "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
        "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
      ],
      [
        "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"],
      ],
      sys,
      [
        "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
        "options": ["nosuid", "noexec", "nodev", "relatime", "ro"],
      ],
    ]
  }
}
