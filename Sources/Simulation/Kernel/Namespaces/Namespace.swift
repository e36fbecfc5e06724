import Runtime

/// A namespace (namespaces(7)). It lives as long as a process is in it, a bind mount of it, or a namespace below it.
class Namespace {
  final let kind: NamespaceKind
  /// Its inode number in nsfs: `net:[4026531840]`.
  final let number: UInt64
  /// The user namespace whose capabilities govern it; nil for the initial user namespace.
  final var owner: UserNamespace?
  private weak var file: NamespaceInode?

  init(_ kernel: KernelState, _ kind: NamespaceKind, owner: UserNamespace?, number: UInt64? = nil) {
    (self.kind, self.owner) = (kind, owner)
    self.number = number ?? kernel.nextNamespaceNumber()
  }

  /// `net:[4026531840]`.
  final var text: String { "\(kind.procName):[\(number)]" }

  /// The file of nsfs that stands for it.
  final func inode(_ kernel: KernelState) -> NamespaceInode {
    if let file { return file }
    let new = NamespaceInode(kernel.nsfs, self)
    file = new
    return new
  }
}

/// A file of nsfs: what `/proc/PID/ns/*` leads to, and what `ip netns` bind-mounts.
final class NamespaceInode: Inode {
  let namespace: Namespace
  init(_ fs: FileSystem, _ namespace: Namespace) {
    self.namespace = namespace
    super.init(fs: fs, kind: .file, mode: 0o444, modified: 0)
    name = namespace.text
  }
  override func read() throws(Errno) -> FileData { throw .EINVAL }
}

/// Host names (uts_namespaces(7)).
final class UTSNamespace: Namespace {
  var hostname: String
  var domainname: String
  init(_ kernel: KernelState, owner: UserNamespace, hostname: String, domainname: String, number: UInt64? = nil) {
    (self.hostname, self.domainname) = (hostname, domainname)
    super.init(kernel, .uts, owner: owner, number: number)
  }
}

/// System V IPC and POSIX message queues (ipc_namespaces(7)).
final class IPCNamespace: Namespace {
  /// `/proc/sys/kernel/{msgmax,…}` and `/proc/sys/fs/mqueue/*`.
  var sysctls: [String: String] = [
    "kernel/msgmax": "8192", "kernel/msgmnb": "16384", "kernel/msgmni": "32000",
    "kernel/sem": "32000\t1024000000\t500\t32000",
    "kernel/shmall": "18446744073692774399", "kernel/shmmax": "18446744073692774399", "kernel/shmmni": "4096",
    "kernel/shm_rmid_forced": "0", "fs/mqueue/msg_default": "10", "fs/mqueue/msg_max": "10",
    "fs/mqueue/msgsize_default": "8192", "fs/mqueue/msgsize_max": "8192", "fs/mqueue/queues_max": "256",
  ]
  private var queues: MemoryInode?

  init(_ kernel: KernelState, owner: UserNamespace, number: UInt64? = nil) {
    super.init(kernel, .ipc, owner: owner, number: number)
  }

  deinit { if let queues { queues.fs.unpin(queues) } }

  /// The root of its one mqueue file system.
  func queueRoot(_ kernel: KernelState) -> MemoryInode {
    if let queues { return queues }
    let root = MemoryFileSystem(kernel, type: "mqueue").makeRoot(mode: 0o1777)
    root.fs.pin()
    queues = root
    return root
  }
}

/// A network stack (network_namespaces(7)). What is in it the simulated network knows by `id`.
final class NetNamespace: Namespace {
  /// Its number in `SimNetwork`; 0 is the host's.
  let id: Int
  private let deferred: DeferredQueue
  /// `/proc/sys/net/*` that were changed.
  var sysctls: [String: String] = [:]
  private var sys: Inode?

  init(_ kernel: KernelState, owner: UserNamespace, id: Int, number: UInt64? = nil) {
    (self.id, deferred) = (id, kernel.deferred)
    super.init(kernel, .network, owner: owner, number: number)
  }

  deinit {
    deferred.append(.removeNetwork(id))
    if let sys { sys.fs.unpin(sys) }
  }

  /// The root of its sysfs.
  func sysRoot(_ kernel: KernelState) -> Inode {
    if let sys { return sys }
    let root = SysFileSystem(kernel, network: id).makeRoot()
    root.fs.pin()
    sys = root
    return root
  }
}

/// A view of the cgroup tree (cgroup_namespaces(7)).
final class CgroupNamespace: Namespace {
  /// What its members see as `/`, one in each hierarchy.
  let roots: [Cgroup]
  init(_ kernel: KernelState, owner: UserNamespace, roots: [Cgroup], number: UInt64? = nil) {
    self.roots = roots
    super.init(kernel, .cgroup, owner: owner, number: number)
  }
}

/// Offsets of the boot clocks (time_namespaces(7)).
final class TimeNamespace: Namespace {
  /// Seconds added to CLOCK_MONOTONIC and CLOCK_BOOTTIME.
  var monotonic: Int64 = 0
  var boottime: Int64 = 0
  init(_ kernel: KernelState, owner: UserNamespace, number: UInt64? = nil) {
    super.init(kernel, .time, owner: owner, number: number)
  }
}

/// Process numbers (pid_namespaces(7)).
final class PIDNamespace: Namespace {
  let above: PIDNamespace?
  /// 0 is the host's.
  let level: Int
  private(set) var processes: [Int: LinuxProcess] = [:]
  private var last = 0
  /// Its pid 1 has ended: nobody can join.
  var isDead = false
  /// `/proc`, of which each pid namespace has one.
  private var procfs: Inode?
  static let maximum = 4_194_304

  init(_ kernel: KernelState, owner: UserNamespace, above: PIDNamespace?, number: UInt64? = nil) {
    self.above = above
    level = (above?.level ?? -1) + 1
    super.init(kernel, .pid, owner: owner, number: number)
  }

  /// The number that comes next.
  func next() -> Int {
    var number = last
    repeat { number = number >= PIDNamespace.maximum ? 300 : number + 1 } while processes[number] != nil
    return number
  }

  func allocate(_ process: LinuxProcess) -> Int {
    last = next()
    processes[last] = process
    return last
  }

  func release(_ pid: Int) { processes[pid] = nil }
  var initProcess: LinuxProcess? { processes[1] }
  var sorted: [LinuxProcess] { processes.sorted { $0.key < $1.key }.map(\.value) }

  /// Whether this is `ancestor` or below it.
  func isWithin(_ ancestor: PIDNamespace) -> Bool {
    var here: PIDNamespace? = self
    while let namespace = here {
      if namespace === ancestor { return true }
      here = namespace.above
    }
    return false
  }

  func procRoot(_ kernel: KernelState) -> Inode {
    if let procfs { return procfs }
    let root = ProcFileSystem(kernel, pids: self).makeRoot()
    root.fs.pin()
    procfs = root
    return root
  }

  /// Breaks the circle between the namespace and its /proc, which knows the namespace.
  func dropProc() {
    if let procfs { procfs.fs.unpin(procfs) }
    procfs = nil
  }
}

/// Mount tables (mount_namespaces(7)).
final class MountNamespace: Namespace {
  let root: Mount
  /// Processes whose mounts these are, by the host's pid.
  var members: [Int: LinuxProcess] = [:]

  init(_ kernel: KernelState, owner: UserNamespace, root: Mount, number: UInt64? = nil) {
    self.root = root
    super.init(kernel, .mount, owner: owner, number: number)
    for mount in root.tree { mount.namespace = self }
  }

  deinit {
    for mount in root.tree { mount.namespace = nil }
    root.fs.kernel.forgetWalksOfNobody()
  }
}

/// The namespaces of a process (nsproxy).
struct NamespaceSet {
  var pid: PIDNamespace
  var pidForChildren: PIDNamespace
  var network: NetNamespace
  var mount: MountNamespace
  var ipc: IPCNamespace
  var uts: UTSNamespace
  var cgroup: CgroupNamespace
  var time: TimeNamespace
  var timeForChildren: TimeNamespace
}
