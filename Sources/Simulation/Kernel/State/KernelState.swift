import Archive
import Runtime
import Seams

/// Everything that the model of Linux knows: the part behind the lock.
///
/// Only `SimKernel` makes one, and touches it only with its lock held; that is what `@unchecked Sendable` stands on (the
/// compiler cannot follow a graph of objects through a Mutex and generic closures).
final class KernelState: @unchecked Sendable {
  let world: SimWorld
  let programs: ProgramTable
  let cpus: Int
  /// Bytes of RAM.
  let memory: Int64
  let deferred = DeferredQueue()
  /// The process that asks.
  var current: LinuxProcess?

  // Set by `boot`, before anybody else sees the state.
  private(set) var initUser: UserNamespace! = nil
  private(set) var initPID: PIDNamespace! = nil
  private(set) var nsfs: FileSystem! = nil
  /// Where links of `/proc/PID/ns` lead.
  private(set) var nsfsMount: Mount! = nil
  private(set) var disk: MemoryInode! = nil
  private(set) var devtmpfs: MemoryInode! = nil
  private(set) var hierarchies: [Hierarchy] = []
  private(set) var hostNamespaces: NamespaceSet! = nil
  private(set) var initProcess: LinuxProcess! = nil

  /// `/proc/sys` where it is the whole machine's.
  var sysctls = Sysctl.machine
  /// Processes of each user (kuid), for RLIMIT_NPROC.
  var processesOfUser: [UInt32: Int] = [:]
  private(set) var endings = Endings()
  var localSockets = LocalSockets()
  var seccompCache: [SeccompFilter] = []
  var walks = WalkCache()
  /// What was unpacked last.
  var lastArchive: (bytes: [UInt8], entries: [ArchiveEntry])?
  /// What is in `/proc` and in `/proc/PID`, told once.
  var procMakers: NameTable<FixedFolder.Maker>?
  var processMakers: NameTable<FixedFolder.Maker>?
  /// Processes made since boot.
  var forks = 0
  /// Terminals that processes hold, by serial number.
  var terminals: [Int: Terminal] = [:]
  /// The names of the interfaces of a network namespace: asked of the network stack, which calls nobody.
  var interfaceNames: (@Sendable (Int) -> [String])?
  private var counters = Counters()

  private struct Counters {
    var namespace: UInt64 = 4_026_532_176
    var mount = 20
    var peerGroup = 0
    var minor = 20
    var pipe = 21_000
    var terminal = 0
  }

  init(world: SimWorld, programs: ProgramTable, cpus: Int, memory: Int64) {
    (self.world, self.programs, self.cpus, self.memory) = (world, programs, cpus, memory)
  }

  /// Brings the machine up to the point where its first process runs.
  func boot(hostname: String, cgroupVersion: Int) {
    let user = UserNamespace(self, above: nil, creator: 0, creatorGroup: 0, number: 4_026_531_837)
    initUser = user
    initPID = PIDNamespace(self, owner: user, above: nil, number: 4_026_531_836)
    nsfs = FileSystem(self, type: "nsfs")
    nsfsMount = Mount(kernel: self, fs: nsfs, root: user.inode(self), source: "nsfs", flags: [])
    hierarchies = Hierarchy.all(self, version: cgroupVersion)
    let disk = MemoryFileSystem(self, type: "ext4", isMemory: false, capacity: 64 << 30, firstInode: 2)
    self.disk = disk.makeRoot(mode: 0o755)
    disk.pin()
    let devices = MemoryFileSystem(self, type: "devtmpfs")
    devices.options = ["size=\(memory / 2048)k", "mode=755"]
    devtmpfs = devices.makeRoot(mode: 0o755)
    devices.pin()
    let rootfs = MemoryFileSystem(self, type: "rootfs", isMemory: false)
    let bottom = Mount(kernel: self, fs: rootfs, root: rootfs.makeRoot(mode: 0o755), source: "rootfs", flags: [])
    let top = Mount(kernel: self, fs: disk, root: self.disk, source: "/dev/vda1", flags: .relAtime)
    top.attach(to: bottom, at: bottom.root)
    let mounts = MountNamespace(self, owner: user, root: bottom, number: 4_026_531_841)
    let time = TimeNamespace(self, owner: user, number: 4_026_531_834)
    hostNamespaces = NamespaceSet(
      pid: initPID, pidForChildren: initPID,
      network: NetNamespace(self, owner: user, id: 0, number: 4_026_531_840), mount: mounts,
      ipc: IPCNamespace(self, owner: user, number: 4_026_531_839),
      uts: UTSNamespace(self, owner: user, hostname: hostname, domainname: "(none)", number: 4_026_531_838),
      cgroup: CgroupNamespace(self, owner: user, roots: hierarchies.map(\.root), number: 4_026_531_835),
      time: time, timeForChildren: time)
    let process = LinuxProcess(
      self, driver: .idle, pidNamespace: initPID, credentials: Credentials(userNamespace: user), comm: "init",
      arguments: ["/sbin/init"], environment: ["HOME=/", "TERM=linux"])
    process.namespaces = hostNamespaces
    mounts.members[process.pid] = process
    (process.root, process.cwd) = (Path(mount: top, inode: top.root), Path(mount: top, inode: top.root))
    for hierarchy in hierarchies { hierarchy.root.adopt(process) }
    process.cgroups = hierarchies.map(\.root)
    process.cgroup(.pids)?.chargeProcessAnyway()
    processesOfUser[0] = 1
    initProcess = process
  }

  /// Lets go of everything, so that the circles between processes, namespaces and cgroups fall apart.
  func tearDown() {
    for process in initPID.processes.values {
      process.release()
      process.children = []
      process.parent = nil
    }
    for process in initPID.processes.values { process.leave() }
    for hierarchy in hierarchies { hierarchy.root.tearDown() }
    initPID.dropProc()
    forgetWalks()
    disk.fs.unpin(disk)
    devtmpfs.fs.unpin(devtmpfs)
    FileSystem.drop(disk)
    FileSystem.drop(devtmpfs)
    (hostNamespaces, initProcess, current, hierarchies) = (nil, nil, nil, [])
    _ = deferred.take()
  }

  // MARK: Clocks

  /// Nanoseconds since the session started.
  var now: UInt64 { world.now }
  /// Seconds since 1970.
  var seconds: Int64 { Int64(world.unixTime / Duration64.second) }
  /// Nanoseconds since the machine started, some time before the session.
  var uptime: UInt64 { world.now &+ KernelState.bootedBefore }
  /// As the time namespace of `current` shifts it.
  var uptimeSeen: UInt64 {
    let offset = current?.namespaces?.time.boottime ?? 0
    let shift = UInt64(offset.magnitude) &* Duration64.second
    return offset < 0 ? (uptime > shift ? uptime - shift : 0) : uptime &+ shift
  }
  static let bootedBefore = 312 * Duration64.second

  // MARK: Numbers

  func nextNamespaceNumber() -> UInt64 {
    counters.namespace += 1
    return counters.namespace
  }
  func nextMountID() -> Int {
    counters.mount += 1
    return counters.mount
  }
  func nextPeerGroup() -> Int {
    counters.peerGroup += 1
    return counters.peerGroup
  }
  func nextDeviceMinor() -> Int {
    counters.minor += 1
    return counters.minor
  }
  func nextTerminalSerial() -> Int {
    counters.terminal += 1
    return counters.terminal
  }
  func nextPipeNumber() -> Int {
    counters.pipe += 1
    return counters.pipe
  }

  // MARK: Processes

  /// The process with the host's number `pid`.
  func process(_ pid: Int) throws(Errno) -> LinuxProcess {
    guard let process = initPID.processes[pid] else { throw .ESRCH }
    return process
  }

  var rootCgroup: Cgroup { hierarchies.first { $0.controllers.contains(.memory) }?.root ?? hierarchies[0].root }

  func remember(_ ending: Endings.Ending, of pid: Int) { endings.add(pid, ending) }
}

/// How processes ended that nobody can ask any more: the newest few thousand.
struct Endings {
  struct Ending: Sendable {
    var status: Int
    var wasOOMKilled: Bool
  }
  private var known: [Int: Ending] = [:]
  private var order: [Int] = []
  private var oldest = 0
  static let limit = 8192

  mutating func add(_ pid: Int, _ ending: Ending) {
    if known.updateValue(ending, forKey: pid) == nil { order.append(pid) }
    if order.count - oldest > Endings.limit {
      known[order[oldest]] = nil
      oldest += 1
      if oldest > Endings.limit {
        order.removeFirst(oldest)
        oldest = 0
      }
    }
  }
  subscript(pid: Int) -> Ending? { known[pid] }
}
