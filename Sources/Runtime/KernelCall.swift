import JSONTree
import OCISpec

/// The eight kinds of Linux namespaces (namespaces(7)), by runtime-spec's names.
public typealias NamespaceKind = RuntimeSpec.NamespaceKind

extension RuntimeSpec.NamespaceKind {
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

/// The capability sets of a thread that capset(2) changes (capabilities(7)); names as `CAP_CHOWN`.
public struct CapabilitySets: Sendable, Hashable {
  public var effective: [String]
  public var permitted: [String]
  public var inheritable: [String]
  public init(effective: [String] = [], permitted: [String] = [], inheritable: [String] = []) {
    (self.effective, self.permitted, self.inheritable) = (effective, permitted, inheritable)
  }
}

/// A path as the kernel is to resolve it.
public struct KernelPath: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
  /// The folder that is `/` while `path` is resolved, links and `..` included (openat2(2) RESOLVE_IN_ROOT).
  /// Nil: `path` is resolved as the calling process sees it.
  public var root: String?
  public var path: String

  public init(_ path: String) { (root, self.path) = (nil, path) }
  public init(root: String, _ path: String) { (self.root, self.path) = (root, path) }
  public init(stringLiteral path: String) { self.init(path) }

  /// Both together, as text: not for resolving.
  public var description: String {
    guard let root, root != "/", root != "." else { return path }
    if path.isEmpty || path == "/" { return root }
    return path.utf8.first == UInt8(ascii: "/") ? root + path : "\(root)/\(path)"
  }
}

/// A range of an id mapping: a line of `/proc/PID/uid_map` (user_namespaces(7)).
public typealias IDRange = RuntimeSpec.IDMapping

/// The id mappings of an idmapped mount (mount_setattr(2) MOUNT_ATTR_IDMAP).
public struct MountIDMap: Sendable, Hashable {
  public var uid: [IDRange]
  public var gid: [IDRange]
  public init(uid: [IDRange], gid: [IDRange]) { (self.uid, self.gid) = (uid, gid) }
}

/// One rule of a cgroup's device controller, in force before those that come earlier.
public struct DeviceRule: Sendable, Hashable {
  public var allow: Bool
  /// `a`, `b` or `c`.
  public var type: String
  /// Nil is any.
  public var major: Int64?
  public var minor: Int64?
  /// Of `r`, `w`, `m`.
  public var access: String
  public init(allow: Bool, type: String, major: Int64?, minor: Int64?, access: String) {
    (self.allow, self.type, self.major, self.minor, self.access) = (allow, type, major, minor, access)
  }
  /// As `devices.allow` and `devices.deny` of cgroup v1 take it: `c 1:3 rwm`.
  public var text: String {
    "\(type) \(major.map(String.init) ?? "*"):\(minor.map(String.init) ?? "*") \(access)"
  }
}

/// One thing asked of the kernel: plain data, the same for Linux and for the model.
///
/// Paths are as the calling process sees them at that moment. Inside a root file system that is not yet pivoted to they
/// are `KernelPath`s with a root, so that Linux resolves them with openat2(2) RESOLVE_IN_ROOT, and never by string.
///
/// Boxed (`indirect`): plans, their performers and traces hand calls around, and only a reference moves.
public indirect enum KernelCall: Sendable, Hashable {
  /// clone3(2): a child in new namespaces. The result is its pid (the host's number). `siblings`: CLONE_PARENT, the
  /// child
  /// becomes one of the caller's parent. `cgroup`: CLONE_INTO_CGROUP, the folder of cgroup v2 that it starts in.
  case clone(namespaces: [NamespaceKind], siblings: Bool = false, cgroup: String? = nil)
  /// unshare(2).
  case unshare([NamespaceKind])
  /// setns(2): joins the namespace that `path` names.
  case setns(NamespaceKind, path: String)
  /// open + write + close: id maps, sysctls, oom_score_adj, cgroup files.
  case writeFile(path: KernelPath, contents: String)
  /// mkdirat(2). The parent exists.
  case mkdir(path: KernelPath, mode: UInt32)
  case rmdir(path: KernelPath)
  case unlink(path: KernelPath)
  /// mknod(2): `kind` is `c`, `b` or `p`.
  case mknod(path: KernelPath, kind: String, mode: UInt32, major: UInt32, minor: UInt32)
  case symlink(target: String, path: KernelPath)
  case chown(path: KernelPath, uid: UInt32, gid: UInt32)
  case chmod(path: KernelPath, mode: UInt32)
  /// Creates an empty file: the destination of a bind mount of a file.
  case createFile(path: KernelPath, mode: UInt32)
  /// mount(2); flags by name (`MS_BIND`, `MS_REC`, …).
  case mount(source: String, target: KernelPath, type: String, flags: [String], data: String)
  /// move_mount(2): attaches what open_tree(2) (`type` empty: a bind mount of `source`) or fsopen(2) and fsmount(2)
  /// prepared; attributes by name (`MOUNT_ATTR_RDONLY`, …). The preparing calls are `.other`; this one mounts.
  case moveMount(
    source: String, target: KernelPath, type: String, attributes: [String], data: String, recursive: Bool = false,
    idMap: MountIDMap? = nil)
  /// mount_setattr(2): sets and clears attributes by name (`MOUNT_ATTR_RDONLY`, …).
  case mountSetattr(target: KernelPath, set: [String], clear: [String] = [], recursive: Bool)
  /// umount2(2); flags by name (`MNT_DETACH`).
  case unmount(target: KernelPath, flags: [String])
  /// Copies what is below `source` into `target` (tmpfs with `tmpcopyup`).
  case copyTree(source: KernelPath, target: KernelPath)
  /// pivot_root(2). With `.` for both (runc, crun), the old root comes to lie over the new one; `mount("", ".", MS_REC
  /// |
  /// MS_SLAVE)` and `umount2(".", MNT_DETACH)`, which follow, mean that old root.
  case pivotRoot(new: String, old: String)
  case chroot(path: String)
  /// Never through a magic link of procfs (`/proc/self/fd/N`), and never to where getcwd(3) cannot say the way:
  /// ENOENT (CVE-2024-21626).
  case chdir(path: String)
  case sethostname(String)
  case setdomainname(String)
  case setsid
  /// ioctl TIOCSCTTY and the new pts: the controlling terminal.
  case setControllingTerminal
  /// A pseudo-terminal of the devpts at `ptmx` for the calling process: posix_openpt(3), dup3(2) to 0, 1 and 2; the
  /// other
  /// end goes over the console socket. The process's stdio (`ContainerKernel.attach`) becomes the terminal's far end.
  /// The result is the terminal's number n: `/dev/pts/n`.
  case openTerminal(ptmx: String)
  /// prlimit(2) of the calling process; `RLIMIT_NOFILE`. `UInt64.max` is RLIM_INFINITY.
  case setrlimit(name: String, soft: UInt64, hard: UInt64)
  /// prlimit(2) of another process.
  case prlimit(pid: Int, name: String, soft: UInt64, hard: UInt64)
  case setgroups([UInt32])
  case setresgid(UInt32)
  case setresuid(UInt32)
  /// prctl(2) PR_CAPBSET_DROP, once for each.
  case dropBounding([String])
  /// capset(2).
  case capset(CapabilitySets)
  /// prctl(2) PR_CAP_AMBIENT: CLEAR_ALL, then RAISE for each.
  case setAmbient([String])
  /// prctl(2); `PR_SET_NO_NEW_PRIVS`, `PR_SET_KEEPCAPS`, `PR_SET_DUMPABLE`, …
  case prctl(option: String, value: UInt64)
  /// seccomp(2) SECCOMP_SET_MODE_FILTER with the profile of config.json.
  case seccomp(RuntimeSpec.Seccomp)
  /// bpf(2): BPF_PROG_LOAD and BPF_PROG_ATTACH of a BPF_CGROUP_DEVICE program (cgroup v2's device controller).
  /// The last rule that matches a device decides.
  case deviceProgram(cgroup: String, rules: [DeviceRule])
  /// A netlink request in the process's network namespace: `RTM_SETLINK` lo up.
  case netlink(operation: String, attributes: [String: String])
  /// Opens the exec FIFO (made by `mknod` with kind `p`) for writing; the process sleeps here between `create` and
  /// `start`: the answer comes at once, the process only counts as sleeping. The path is the host's: the process opens
  /// again, through /proc/self/fd, a descriptor that it has inherited (O_PATH), and its own root does not matter.
  case openFIFO(path: String)
  /// Opens the exec FIFO for reading: who sleeps at its other end goes on (its `execve` is performed next).
  /// EAGAIN when nobody sleeps there.
  case readFIFO(path: String)
  /// crun's way: opens the exec FIFO for reading and sleeps in select(2); as `openFIFO` otherwise.
  case awaitFIFO(path: String)
  /// Opens the exec FIFO for writing and writes a byte: who sleeps in `awaitFIFO` goes on; as `readFIFO` otherwise.
  case writeFIFO(path: String)
  /// execve(2) of the container's program. The runtime's executing itself again (`runc init`) is `.other`.
  case execve(path: String, arguments: [String], environment: [String])
  /// exit_group(2) of the calling process; its parent has to wait for it.
  case exit(status: Int32)
  /// wait4(2) for a child that has ended or is just ending.
  case wait(pid: Int)
  /// kill(2); -pid is a process group.
  case kill(pid: Int, signal: Int)
  /// A hook, executed in the runtime's namespaces (or the container's): program, its arguments and environment.
  case hook(stage: String, path: String, arguments: [String], environment: [String], timeout: Int?)
  /// close_range(2) from `first` on; `cloexec`: they are closed by execve only (CLOSE_RANGE_CLOEXEC).
  case closeRange(first: Int, cloexec: Bool)
  /// umask(2).
  case umask(UInt32)
  /// prctl(2) PR_SET_NAME.
  case setProcessName(String)
  /// keyctl(2) KEYCTL_JOIN_SESSION_KEYRING.
  case joinKeyring(String)
  /// sched_setattr(2) of the calling process.
  case schedSetattr(RuntimeSpec.Scheduler)
  /// ioprio_set(2) IOPRIO_WHO_PGRP of the calling process.
  case ioprioSet(RuntimeSpec.IOPriority)
  /// sched_setaffinity(2) of the calling process: a list as `0-3,7`.
  case schedSetaffinity(cpus: String)
  /// personality(2).
  case personality(RuntimeSpec.Personality)
  /// set_mempolicy(2).
  case setMempolicy(RuntimeSpec.MemoryPolicy)
  /// ioctl(2) TIOCSWINSZ of the terminal that `openTerminal` opened.
  case setWindowSize(rows: UInt16, columns: UInt16)
  /// Looks for a program as execvp(3) does: `file` itself when it has a slash, else in every folder of `path` (`PATH`).
  /// It must be a file that the calling process may execute. Whoever performs it keeps what was found for
  /// `Binding.foundProgram`; refused with the errno of what was found but cannot be executed, or ENOENT.
  case lookUp(file: String, path: String)
  /// The notify descriptor of the filter that the role of the step's binding has installed goes to the seccomp agent
  /// that listens at the unix socket: sendmsg(2) SCM_RIGHTS, with the container's process state (config-linux.md,
  /// "The Container Process State") and `metadata` in it.
  case sendSeccompListener(socket: String, metadata: String)
  /// RTM_SETLINK: an interface of the caller's network namespace moves to that of process `pid` (binding), under a
  /// name and with its addresses (config-linux.md, "Network Devices"); there it is brought up.
  case moveInterface(String, name: String, pid: Int)
  /// pidfd_open(2) and one setns(2): all of these namespaces of a process at once, or none. The kernel takes the user
  /// namespace first, so that the others are joined with its capabilities. A PID namespace counts for children.
  case joinNamespaces(of: Int, [NamespaceKind])
  /// fork(2), execve(2), wait4(2) of a helper with set-user-ID or file capabilities (newuidmap(1)), which is looked up
  /// in PATH; an argument `{pid}` is the pid of the role of the step's binding. EPERM when it does not exit with 0.
  case runHelper(program: String, arguments: [String])
  /// fchdir(2) to the root that `pivotRoot` has just replaced: its descriptor was opened before.
  case enterOldRoot
  /// move_mount(2), with everything that comes before it: see `Attachment`.
  case attach(Attachment)
  /// open_tree(2) OPEN_TREE_CLONE of a bind mount's source, and mount_setattr(2) for its id mappings, attributes and
  /// propagation: by the runtime, before it makes the container's process, which inherits the descriptor, and which may
  /// reach the source no more and has no right to map its ids. The mount is kept under this number.
  case prepareMount(Int, Attachment)
  /// A path is hidden, as what it is at that moment, by one descriptor: a folder by an empty, read-only tmpfs (with
  /// `label` as its SELinux context), anything else by the host's /dev/null, which has to be the device 1:3. ENOENT
  /// when nothing is there.
  case mask(path: KernelPath, label: String)
  /// A path becomes read-only: a recursive bind mount of itself with MOUNT_ATTR_RDONLY, by one descriptor. ENOENT when
  /// nothing is there.
  case makeReadOnly(path: KernelPath)
  /// The terminal that `openTerminal` opened is bound to a path, by its descriptor. An empty file is made there when
  /// nothing is.
  case bindTerminal(path: KernelPath)
  /// mkdirat(2) for each folder that is missing, from the top (mode 0755, the last one `mode`), each opened by
  /// descriptor before the next. EEXIST, ENOTDIR where something else stands in the way.
  case makeFolders(path: KernelPath, mode: UInt32)
  /// fstat(2) of what mknod found at its place: EEXIST when it is not this device.
  case checkDevice(path: KernelPath, kind: String, major: UInt32, minor: UInt32)
  /// Any other call, by its name, with arguments for people to read: only in plans of the simulated kernel.
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
    case .createFile, .openFIFO, .readFIFO, .openTerminal: "openat"
    case .awaitFIFO: "read"
    case .writeFIFO: "write"
    case .mount: "mount"
    case .mountSetattr: "mount_setattr"
    case .moveMount: "move_mount"
    case .copyTree: "copy_file_range"
    case .unmount: "umount2"
    case .pivotRoot: "pivot_root"
    case .chroot: "chroot"
    case .chdir: "chdir"
    case .sethostname: "sethostname"
    case .setdomainname: "setdomainname"
    case .setsid: "setsid"
    case .setControllingTerminal: "ioctl"
    case .setrlimit, .prlimit: "prlimit64"
    case .setgroups: "setgroups"
    case .setresgid: "setresgid"
    case .setresuid: "setresuid"
    case .capset: "capset"
    case .prctl, .dropBounding, .setAmbient: "prctl"
    case .seccomp: "seccomp"
    case .deviceProgram: "bpf"
    case .exit: "exit_group"
    case .wait: "wait4"
    case .netlink: "sendmsg"
    case .execve: "execve"
    case .kill: "kill"
    case .hook, .runHelper: "execve"
    case .closeRange: "close_range"
    case .umask: "umask"
    case .setProcessName: "prctl"
    case .joinKeyring: "keyctl"
    case .schedSetattr: "sched_setattr"
    case .ioprioSet: "ioprio_set"
    case .schedSetaffinity: "sched_setaffinity"
    case .personality: "personality"
    case .setMempolicy: "set_mempolicy"
    case .setWindowSize: "ioctl"
    case .lookUp: "faccessat2"
    case .sendSeccompListener, .moveInterface: "sendmsg"
    case .joinNamespaces: "setns"
    case .enterOldRoot: "fchdir"
    case .prepareMount: "open_tree"
    case .attach, .mask, .makeReadOnly, .bindTerminal: "move_mount"
    case .makeFolders: "mkdirat"
    case .checkDevice: "fstat"
    case .other(let name, _): name
    }
  }
}
