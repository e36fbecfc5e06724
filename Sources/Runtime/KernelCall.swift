import JSONTree

/// The eight kinds of Linux namespaces (namespaces(7)).
public enum NamespaceKind: String, Sendable, Hashable, CaseIterable, Codable {
  case user, pid, network, mount, ipc, uts, cgroup, time

  /// The name under `/proc/[pid]/ns/`.
  public var procName: String {
    switch self {
    case .network: "net"
    case .mount: "mnt"
    default: rawValue
    }
  }
  /// The flag of clone(2), unshare(2) and setns(2).
  public var flag: String {
    switch self {
    case .user: "CLONE_NEWUSER"
    case .pid: "CLONE_NEWPID"
    case .network: "CLONE_NEWNET"
    case .mount: "CLONE_NEWNS"
    case .ipc: "CLONE_NEWIPC"
    case .uts: "CLONE_NEWUTS"
    case .cgroup: "CLONE_NEWCGROUP"
    case .time: "CLONE_NEWTIME"
    }
  }
}

/// The five capability sets (capabilities(7)); names as `CAP_CHOWN`.
public struct CapabilitySets: Sendable, Hashable, Codable {
  public var bounding: [String]
  public var effective: [String]
  public var permitted: [String]
  public var inheritable: [String]
  public var ambient: [String]
  public init(
    bounding: [String] = [], effective: [String] = [], permitted: [String] = [], inheritable: [String] = [],
    ambient: [String] = []
  ) {
    (self.bounding, self.effective, self.permitted) = (bounding, effective, permitted)
    (self.inheritable, self.ambient) = (inheritable, ambient)
  }
}

/// One thing asked of the kernel: plain data, the same for Linux and for the model.
///
/// Paths are as the calling process sees them at that moment. Inside a root file system that is not yet pivoted to,
/// `root` + `path` are given apart, so that Linux can resolve them with openat2(2) RESOLVE_IN_ROOT.
public enum KernelCall: Sendable, Hashable {
  /// clone3(2): a child in new namespaces. The result is its pid as the caller sees it.
  case clone(namespaces: [NamespaceKind])
  /// unshare(2).
  case unshare([NamespaceKind])
  /// setns(2): joins the namespace that `path` names.
  case setns(NamespaceKind, path: String)
  /// open + write + close: id maps, sysctls, oom_score_adj, cgroup files.
  case writeFile(path: String, contents: String)
  case mkdir(path: String, mode: UInt32)
  case rmdir(path: String)
  case unlink(path: String)
  /// mknod(2): `kind` is `c`, `b` or `p`.
  case mknod(path: String, kind: String, mode: UInt32, major: UInt32, minor: UInt32)
  case symlink(target: String, path: String)
  case chown(path: String, uid: UInt32, gid: UInt32)
  case chmod(path: String, mode: UInt32)
  /// Creates an empty file: the destination of a bind mount of a file.
  case createFile(path: String, mode: UInt32)
  /// mount(2); flags by name (`MS_BIND`, `MS_REC`, …).
  case mount(source: String, target: String, type: String, flags: [String], data: String)
  /// mount_setattr(2); attributes by name (`MOUNT_ATTR_RDONLY`, …).
  case mountSetattr(target: String, attributes: [String], recursive: Bool)
  /// umount2(2); flags by name (`MNT_DETACH`).
  case unmount(target: String, flags: [String])
  case pivotRoot(new: String, old: String)
  case chroot(path: String)
  case chdir(path: String)
  case sethostname(String)
  case setdomainname(String)
  case setsid
  /// ioctl TIOCSCTTY and the new pts: the controlling terminal.
  case setControllingTerminal
  /// prlimit(2); `RLIMIT_NOFILE`.
  case setrlimit(name: String, soft: UInt64, hard: UInt64)
  case setgroups([UInt32])
  case setresgid(UInt32)
  case setresuid(UInt32)
  /// capset(2) and prctl(PR_CAPBSET_DROP, PR_CAP_AMBIENT).
  case capset(CapabilitySets)
  /// prctl(2); `PR_SET_NO_NEW_PRIVS`, `PR_SET_KEEPCAPS`, `PR_SET_DUMPABLE`, …
  case prctl(option: String, value: UInt64)
  /// seccomp(2) SECCOMP_SET_MODE_FILTER with the profile of config.json.
  case seccomp(defaultAction: String, architectures: [String], rules: Int)
  /// A netlink request in the process's network namespace: `RTM_SETLINK` lo up.
  case netlink(operation: String, attributes: [String: String])
  /// Opens the exec FIFO for writing; the process sleeps here between `create` and `start`.
  case openFIFO(path: String)
  /// execve(2).
  case execve(path: String, arguments: [String], environment: [String])
  /// kill(2); -pid is a process group.
  case kill(pid: Int, signal: Int)
  /// A hook, executed in the runtime's namespaces (or the container's): program, its arguments and environment.
  case hook(stage: String, path: String, arguments: [String], environment: [String], timeout: Int?)
  /// Any other call, by its name, with arguments for people to read (sched_setattr, ioprio_set, personality, …).
  case other(name: String, arguments: JSON)

  /// The system call's name, as a trace shows it.
  public var name: String {
    switch self {
    case .clone: "clone3"
    case .unshare: "unshare"
    case .setns: "setns"
    case .writeFile: "write"
    case .mkdir: "mkdirat"
    case .rmdir, .unlink: "unlinkat"
    case .mknod: "mknodat"
    case .symlink: "symlinkat"
    case .chown: "fchownat"
    case .chmod: "fchmodat"
    case .createFile, .openFIFO: "openat"
    case .mount: "mount"
    case .mountSetattr: "mount_setattr"
    case .unmount: "umount2"
    case .pivotRoot: "pivot_root"
    case .chroot: "chroot"
    case .chdir: "chdir"
    case .sethostname: "sethostname"
    case .setdomainname: "setdomainname"
    case .setsid: "setsid"
    case .setControllingTerminal: "ioctl"
    case .setrlimit: "prlimit64"
    case .setgroups: "setgroups"
    case .setresgid: "setresgid"
    case .setresuid: "setresuid"
    case .capset: "capset"
    case .prctl: "prctl"
    case .seccomp: "seccomp"
    case .netlink: "sendmsg"
    case .execve: "execve"
    case .kill: "kill"
    case .hook: "execve"
    case .other(let name, _): name
    }
  }
}

extension KernelCall: JSONWritable {
  /// The arguments, by name.
  public var json: JSON {
    switch self {
    case .clone(let kinds): ["flags": JSON(kinds.map(\.flag))]
    case .unshare(let kinds): ["flags": JSON(kinds.map(\.flag))]
    case .setns(let kind, let path): ["path": .string(path), "nstype": .string(kind.flag)]
    case .writeFile(let path, let contents): ["path": .string(path), "data": .string(contents)]
    case .mkdir(let path, let mode): ["path": .string(path), "mode": octal(mode)]
    case .rmdir(let path): ["path": .string(path), "flags": "AT_REMOVEDIR"]
    case .unlink(let path): ["path": .string(path)]
    case .mknod(let path, let kind, let mode, let major, let minor):
      ["path": .string(path), "kind": .string(kind), "mode": octal(mode), "dev": .string("\(major):\(minor)")]
    case .symlink(let target, let path): ["target": .string(target), "path": .string(path)]
    case .chown(let path, let uid, let gid): ["path": .string(path), "uid": JSON(uid), "gid": JSON(gid)]
    case .chmod(let path, let mode): ["path": .string(path), "mode": octal(mode)]
    case .createFile(let path, let mode): ["path": .string(path), "flags": "O_CREAT|O_CLOEXEC", "mode": octal(mode)]
    case .mount(let source, let target, let type, let flags, let data):
      [
        "source": .string(source), "target": .string(target), "type": .string(type), "flags": JSON(flags),
        "data": .string(data),
      ]
    case .mountSetattr(let target, let attributes, let recursive):
      ["path": .string(target), "flags": recursive ? "AT_RECURSIVE" : "", "attr_set": JSON(attributes)]
    case .unmount(let target, let flags): ["target": .string(target), "flags": JSON(flags)]
    case .pivotRoot(let new, let old): ["new_root": .string(new), "put_old": .string(old)]
    case .chroot(let path), .chdir(let path): ["path": .string(path)]
    case .sethostname(let name), .setdomainname(let name): ["name": .string(name)]
    case .setsid: [:]
    case .setControllingTerminal: ["request": "TIOCSCTTY"]
    case .setrlimit(let name, let soft, let hard):
      ["resource": .string(name), "rlim_cur": limit(soft), "rlim_max": limit(hard)]
    case .setgroups(let groups): ["list": .array(groups.map { JSON($0) })]
    case .setresgid(let id): ["gid": JSON(id)]
    case .setresuid(let id): ["uid": JSON(id)]
    case .capset(let sets):
      [
        "bounding": JSON(sets.bounding), "effective": JSON(sets.effective), "permitted": JSON(sets.permitted),
        "inheritable": JSON(sets.inheritable), "ambient": JSON(sets.ambient),
      ]
    case .prctl(let option, let value): ["option": .string(option), "arg2": JSON(value)]
    case .seccomp(let action, let architectures, let rules):
      [
        "operation": "SECCOMP_SET_MODE_FILTER", "defaultAction": .string(action), "architectures": JSON(architectures),
        "rules": JSON(rules),
      ]
    case .netlink(let operation, let attributes):
      ["type": .string(operation), "attributes": JSON(attributes)]
    case .openFIFO(let path): ["path": .string(path), "flags": "O_WRONLY|O_CLOEXEC"]
    case .execve(let path, let arguments, let environment):
      ["path": .string(path), "argv": JSON(arguments), "envp": JSON(environment)]
    case .kill(let pid, let signal): ["pid": JSON(pid), "sig": JSON(signal)]
    case .hook(let stage, let path, let arguments, let environment, let timeout):
      [
        "hook": .string(stage), "path": .string(path), "argv": JSON(arguments), "envp": JSON(environment),
        "timeout": timeout.map { JSON($0) } ?? nil,
      ]
    case .other(_, let arguments): arguments
    }
  }
  public func write(to writer: inout JSONWriter) { writer.write(json) }
}

private func octal(_ mode: UInt32) -> JSON { .string("0" + String(mode, radix: 8)) }
private func limit(_ value: UInt64) -> JSON { value == .max ? "RLIM_INFINITY" : .int(Int64(clamping: value)) }
