import JSONTree
import Seams

/// A mount that dockerd adds to those that every container has.
struct SpecMount: Sendable, Hashable {
  /// On the host; `tmpfs` for one.
  var source: String
  var destination: String
  var isWritable = true
  /// tmpfs options, comma separated.
  var data = ""
  var propagation = ""
  var nonRecursive = false
  var readOnlyNonRecursive = false
  var readOnlyForceRecursive = false

  /// Shallow destinations first, so that what is mounted below another is not hidden by it.
  static func sorted(_ mounts: [SpecMount]) -> [SpecMount] {
    func depth(_ mount: SpecMount) -> Int { mount.destination.utf8.reduce(0) { $0 + ($1 == 0x2f ? 1 : 0) } }
    // Swift's sort is stable in practice only; the index makes it so by right.
    return mounts.enumerated().sorted { (depth($0.element), $0.offset) < (depth($1.element), $1.offset) }.map(\.element)
  }
}

extension ContainerSpec {
  /// What every container has mounted (moby's DefaultLinuxSpec).
  static let defaultMounts: [(destination: String, type: String, source: String, options: [String])] = [
    ("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
    ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    (
      "/dev/pts", "devpts", "devpts",
      ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
    ),
    ("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
    ("/sys/fs/cgroup", "cgroup", "cgroup", ["ro", "nosuid", "noexec", "nodev"]),
    ("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
    ("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777"]),
  ]

  /// `mounts` of the spec, and the propagation that the root needs for them.
  func mountMembers() throws(EngineError) -> (mounts: JSON, rootPropagation: String?) {
    let host = details.hostConfig
    let own = SpecMount.sorted(mounts)
    let destinations = Set(own.map(\.destination))
    let hasOwnDev = destinations.contains("/dev")
    var result: [JSON] = []
    result.reserveCapacity(own.count + 8)
    func add(_ destination: String, _ type: String, _ source: String, _ options: [String]) {
      result.append([
        "destination": .string(destination), "type": .string(type), "source": .string(source),
        "options": JSON(options),
      ])
    }
    for mount in ContainerSpec.defaultMounts where !destinations.contains(mount.destination) {
      if hasOwnDev, mount.destination.hasPrefix("/dev/") { continue }
      var options = mount.options
      switch mount.destination {
      case "/dev/shm":
        if host.ipcMode.isNone { continue }
        options.append("size=\(host.shmSize)")
      case "/sys": if host.privileged { options.removeAll { $0 == "ro" } }
      case "/sys/fs/cgroup":
        if details.security.writableCgroups ?? host.privileged { options.removeAll { $0 == "ro" } }
      default: break
      }
      if host.readonlyRootfs, mount.destination == "/sys" || mount.destination == "/sys/fs/cgroup",
        !options.contains("ro"), !host.privileged
      {
        options.append("ro")
      }
      add(mount.destination, mount.type, mount.source, options)
    }
    if usesInit {
      var options = ["bind", "ro"]
      if host.readonlyRootfs { options = ["bind", "ro"] }
      add(ContainerSpec.initDestination, "bind", configuration.initPath, options)
    }
    var rootPropagation: String?
    for mount in own {
      if mount.source == "tmpfs" {
        let options = try ContainerSpec.mergeTmpfs(
          ["noexec", "nosuid", "nodev", MountParser.defaultPropagation]
            + mount.data.split(separator: ",").map(String.init))
        add(mount.destination, "tmpfs", "tmpfs", options)
        continue
      }
      switch mount.propagation {
      case "shared", "rshared": rootPropagation = "shared"
      case "slave", "rslave": if rootPropagation == nil { rootPropagation = "rslave" }
      default: break
      }
      var options = [mount.nonRecursive ? "bind" : "rbind"]
      if !mount.isWritable {
        if mount.readOnlyNonRecursive, mount.readOnlyForceRecursive {
          throw EngineError(.unknown, "mount options conflict: ReadOnlyNonRecursive && ReadOnlyForceRecursive")
        }
        options.append(mount.readOnlyNonRecursive ? "ro" : "rro")
      }
      if !mount.propagation.isEmpty { options.append(mount.propagation) }
      add(mount.destination, "bind", mount.source, options)
    }
    return (.array(result), rootPropagation)
  }

  /// tmpfs options with the later ones winning over those they contradict (moby/sys/mount, MergeTmpfsOptions).
  static func mergeTmpfs(_ options: [String]) throws(EngineError) -> [String] {
    /// Flags that exclude each other have the same group.
    let groups: [String: String] = [
      "ro": "rw", "rw": "rw", "suid": "suid", "nosuid": "suid", "dev": "dev", "nodev": "dev", "exec": "exec",
      "noexec": "exec", "sync": "sync", "async": "sync", "dirsync": "dirsync", "mand": "mand", "nomand": "mand",
      "atime": "atime", "noatime": "atime", "diratime": "diratime", "nodiratime": "diratime", "bind": "bind",
      "rbind": "bind", "unbindable": "propagation", "runbindable": "propagation", "private": "propagation",
      "rprivate": "propagation", "shared": "propagation", "rshared": "propagation", "slave": "propagation",
      "rslave": "propagation", "relatime": "relatime", "norelatime": "relatime", "strictatime": "strictatime",
      "nostrictatime": "strictatime", "remount": "remount", "defaults": "defaults",
    ]
    let values: Set<String> = ["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"]
    var seen: Set<String> = []
    var merged: [String] = []
    for option in options.reversed() where option != "defaults" {
      if let group = groups[option] {
        if seen.insert(group).inserted { merged.append(option) }
        continue
      }
      let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, values.contains(parts[0]) else {
        throw EngineError(.unknown, "invalid tmpfs option [\"\(option)\"]")
      }
      if seen.insert(parts[0]).inserted { merged.append(option) }
    }
    return merged.reversed()
  }
}
