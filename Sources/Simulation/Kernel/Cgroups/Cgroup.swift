import Runtime

/// What cgroups control (cgroups(7)); the last ones are controllers of their own only in version 1.
struct Controller: OptionSet, Sendable, Hashable {
  let rawValue: UInt16
  static let cpuset = Controller(rawValue: 1)
  static let cpu = Controller(rawValue: 2)
  static let io = Controller(rawValue: 4)
  static let memory = Controller(rawValue: 8)
  static let hugetlb = Controller(rawValue: 16)
  static let pids = Controller(rawValue: 32)
  static let rdma = Controller(rawValue: 64)
  static let misc = Controller(rawValue: 128)
  static let devices = Controller(rawValue: 256)
  static let freezer = Controller(rawValue: 512)
  static let cpuacct = Controller(rawValue: 1024)
  static let network = Controller(rawValue: 2048)

  /// The names of version 2, in the order of `cgroup.controllers`.
  static let unified: [(name: String, controller: Controller)] = [
    ("cpuset", .cpuset), ("cpu", .cpu), ("io", .io), ("memory", .memory), ("hugetlb", .hugetlb), ("pids", .pids),
    ("rdma", .rdma), ("misc", .misc),
  ]
  var names: [String] { Controller.unified.filter { contains($0.controller) }.map(\.name) }
}

/// A tree of cgroups: the one of version 2, or one of version 1 with its controllers.
final class Hierarchy {
  /// Empty for version 2; of version 1 the controllers' names, `memory`, `cpu,cpuacct`.
  let name: String
  let number: Int
  let isUnified: Bool
  let controllers: Controller
  private(set) var root: Cgroup! = nil

  private init(_ kernel: KernelState, name: String, number: Int, isUnified: Bool, _ controllers: Controller) {
    (self.name, self.number, self.isUnified, self.controllers) = (name, number, isUnified, controllers)
    let fs = CgroupFileSystem(kernel, type: isUnified ? "cgroup2" : "cgroup")
    fs.pin()
    fs.options = isUnified ? ["nsdelegate", "memory_recursiveprot"] : name.split(separator: ",").map(String.init)
    root = Cgroup(fs, hierarchy: self, name: "", above: nil)
  }

  /// The hierarchies of a host. With version 1 the unified one is there too, without controllers.
  static func all(_ kernel: KernelState, version: Int) -> [Hierarchy] {
    let every: Controller = [.cpuset, .cpu, .io, .memory, .hugetlb, .pids, .rdma, .misc]
    if version != 1 {
      let core: Controller = [.devices, .freezer, .cpuacct]
      return [Hierarchy(kernel, name: "", number: 0, isUnified: true, every.union(core))]
    }
    let v1: [(String, Controller)] = [
      ("cpuset", .cpuset), ("cpu,cpuacct", [.cpu, .cpuacct]), ("blkio", .io), ("memory", .memory),
      ("devices", .devices),
      ("freezer", .freezer), ("net_cls,net_prio", .network), ("perf_event", []), ("hugetlb", .hugetlb), ("pids", .pids),
      ("rdma", .rdma), ("misc", .misc),
    ]
    return [Hierarchy(kernel, name: "", number: 0, isUnified: true, [])]
      + v1.enumerated().map { Hierarchy(kernel, name: $1.0, number: $0 + 1, isUnified: false, $1.1) }
  }
}

private final class CgroupFileSystem: FileSystem {
  override var isStable: Bool { true }
}

/// What memory is used for.
enum MemoryKind { case anonymous, sharedMemory }

/// A control group: a folder of cgroupfs, its limits, its counters, its members.
final class Cgroup: Inode {
  unowned let hierarchy: Hierarchy
  /// The one above; also of a removed cgroup, whose remaining charges it carries.
  let above: Cgroup?
  private var folders = NameTable<Cgroup>()
  private var files = NameTable<CgroupFile>()
  /// Living members, by the host's pid.
  private(set) var members: [Int: LinuxProcess] = [:]
  /// Members here and below.
  private(set) var population = 0
  private(set) var isRemoved = false
  /// Controllers given to the cgroups below (`cgroup.subtree_control`).
  var subtree: Controller = []
  var settings = CgroupSettings()
  var usage = CgroupUsage()
  /// By its own `cgroup.freeze`, or by one above.
  private(set) var isFrozen = false
  var wantsFrozen = false
  /// Devices that members may use; nil is no program, all are allowed.
  var deviceRules: [DeviceRule]?

  init(_ fs: FileSystem, hierarchy: Hierarchy, name: String, above: Cgroup?) {
    (self.hierarchy, self.above) = (hierarchy, above)
    super.init(fs: fs, kind: .directory, mode: 0o755, modified: fs.kernel.seconds)
    self.name = name
    parent = above
    if let above { isFrozen = above.isFrozen }
  }

  var isRoot: Bool { above == nil }
  /// The controllers whose files are here.
  var enabled: Controller { above?.subtree ?? hierarchy.controllers }
  func has(_ controller: Controller) -> Bool {
    hierarchy.isUnified ? isRoot || enabled.contains(controller) : hierarchy.controllers.contains(controller)
  }

  /// `/docker/4f5…` from the root of the hierarchy.
  var path: String {
    var parts: [String] = []
    var here = self
    while let above = here.above {
      parts.append(here.name)
      here = above
    }
    return parts.isEmpty ? "/" : parts.reversed().map { "/" + $0 }.joined()
  }

  /// The path as a cgroup namespace shows it: `/../..` leads out of it.
  func path(in namespace: CgroupNamespace) -> String {
    guard let root = namespace.roots.first(where: { $0.hierarchy === hierarchy }), !root.isRoot else { return path }
    let own = path.parts(at: "/").map(String.init)
    let base = root.path.parts(at: "/").map(String.init)
    var common = 0
    while common < own.count, common < base.count, own[common] == base[common] { common += 1 }
    let parts = Array(repeating: "..", count: base.count - common) + own[common...]
    return "/" + parts.joined(separator: "/")
  }

  // MARK: The folder

  override func lookup(_ name: Span<UInt8>, _ hash: UInt32) throws(Errno) -> Inode? {
    if let found = folders.find(name, hash) { return found }
    if let found = files.find(name, hash) { return isPresent(found.name) ? found : nil }
    let text = nameString(name)
    guard isPresent(text) else { return nil }
    let file = CgroupFile(self, text)
    files.insert(text, file)
    return file
  }

  override func names() throws(Errno) -> [String] { (fileNames.filter(isPresent) + folders.names).sorted() }
  override func isEmpty() throws(Errno) -> Bool { folders.isEmpty }

  override func create(_ name: String, _ new: NewInode) throws(Errno) -> Inode {
    guard new.kind == .directory else { throw .EPERM }
    if isRemoved { throw .ENODEV }
    if name.utf8.contains(0x0a) { throw .EINVAL }
    let made = Cgroup(fs, hierarchy: hierarchy, name: name, above: self)
    (made.uid, made.gid) = (new.uid, new.gid)
    folders.insert(name, made)
    links += 1
    return made
  }

  /// rmdir(2).
  override func remove(_ name: String, _ child: Inode) throws(Errno) {
    guard let cgroup = child as? Cgroup else { throw .EPERM }
    if cgroup.population > 0 || !cgroup.folders.isEmpty { throw .EBUSY }
    folders.remove(name)
    links -= 1
    cgroup.isRemoved = true
    cgroup.parent = nil
    FileSystem.drop(cgroup)
  }

  var subfolders: [Cgroup] { folders.isEmpty ? [] : folders.entries.map(\.value).sorted { $0.name < $1.name } }

  /// A cgroup below by its path; nil when there is none.
  func find(_ path: String) -> Cgroup? {
    var here = self
    for part in path.parts(at: "/") {
      guard let next = here.folders[String(part)] else { return nil }
      here = next
    }
    return here
  }

  override func takeChildren() -> [Inode] {
    let all: [Inode] = files.entries.map(\.value)
    files.removeAll()
    return all
  }

  func tearDown() {
    for folder in folders.entries { folder.value.tearDown() }
    folders.removeAll()
    FileSystem.drop(self)
    members = [:]
  }

  // MARK: Members

  func adopt(_ process: LinuxProcess) {
    members[process.pid] = process
    forEachAbove { $0.population += 1 }
  }
  func abandon(_ process: LinuxProcess) {
    if members.removeValue(forKey: process.pid) != nil { forEachAbove { $0.population -= 1 } }
  }

  /// This one and all below it.
  var whole: [Cgroup] {
    var all = [self]
    var index = 0
    while index < all.count {
      all += all[index].subfolders
      index += 1
    }
    return all
  }
  /// Members here and below, by pid.
  var allMembers: [LinuxProcess] {
    if folders.isEmpty { return members.values.sorted { $0.pid < $1.pid } }
    return whole.flatMap { $0.members.values }.sorted { $0.pid < $1.pid }
  }

  func forEachAbove(_ body: (Cgroup) -> Void) {
    var here: Cgroup? = self
    while let cgroup = here {
      body(cgroup)
      here = cgroup.above
    }
  }

  /// The rule of inner cgroups: who gives controllers on has no processes.
  func mayTakeProcesses() throws(Errno) {
    if isRemoved { throw .ENODEV }
    if hierarchy.isUnified, !isRoot, !subtree.isDisjoint(with: [.memory, .io, .hugetlb, .rdma, .misc]) { throw .EBUSY }
  }

  /// Freezes or thaws what `cgroup.freeze` here and above says; who may go on is woken.
  func refreshFrozen() {
    let frozen = wantsFrozen || above?.isFrozen ?? false
    guard frozen != isFrozen else { return }
    isFrozen = frozen
    if !frozen { for member in members.values.sorted(by: { $0.pid < $1.pid }) { kernel.wake(member) } }
    for folder in subfolders { folder.refreshFrozen() }
  }

  /// How many of its members, here and below, the OOM killer has taken.
  var oomKills: Int { usage.memory.oomKills }
}

extension KernelState {
  func removeCgroup(_ cgroup: Cgroup) throws(Errno) {
    guard let above = cgroup.above else { throw .EBUSY }
    try above.remove(cgroup.name, cgroup)
  }

  /// Writing `cgroup.procs`: the process moves here.
  func move(_ process: LinuxProcess, to cgroup: Cgroup) throws(Errno) {
    try cgroup.mayTakeProcesses()
    guard let index = process.cgroups.firstIndex(where: { $0.hierarchy === cgroup.hierarchy }) else { return }
    let old = process.cgroups[index]
    if old === cgroup { return }
    old.abandon(process)
    cgroup.adopt(process)
    process.cgroups[index] = cgroup
    if cgroup.hierarchy.controllers.contains(.pids) {
      old.unchargeProcess()
      cgroup.chargeProcessAnyway()
    }
    if cgroup.hierarchy.controllers.contains(.memory) {
      // Version 2 leaves memory where it was charged; here it goes along, so that the numbers add up.
      old.uncharge(process.memory, .anonymous)
      cgroup.chargeAnyway(process.memory, .anonymous)
      process.oomKillsBefore = cgroup.oomKills
    }
    if process.computing > 0, cgroup.hierarchy.controllers.contains(.cpu) {
      old.forEachAbove { $0.usage.cpu.running -= process.computing }
      cgroup.forEachAbove { $0.usage.cpu.running += process.computing }
    }
    if !process.isHeld { wake(process) }
  }

  /// Whether the device programs of a process's cgroups let it `access` (one of `r`, `w`, `m`) a device.
  func deviceAllowed(_ process: LinuxProcess, kind: InodeKind, _ device: DeviceNumber, _ access: String) -> Bool {
    guard let cgroup = process.cgroup(.devices) else { return true }
    let type = kind == .blockDevice ? "b" : "c"
    var here: Cgroup? = cgroup
    while let group = here {
      if let rules = group.deviceRules {
        let rule = rules.last { rule in
          (rule.type == "a" || rule.type == type) && rule.access.contains(access)
            && (rule.major == nil || rule.major == Int64(device.major))
            && (rule.minor == nil || rule.minor == Int64(device.minor))
        }
        if !(rule?.allow ?? false) { return false }
      }
      here = group.above
    }
    return true
  }
}
