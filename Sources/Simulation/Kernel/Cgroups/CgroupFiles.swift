import Runtime

/// A file of cgroupfs.
final class CgroupFile: Inode {
  private let cgroup: Cgroup

  init(_ cgroup: Cgroup, _ name: String) {
    self.cgroup = cgroup
    super.init(
      fs: cgroup.fs, kind: .file, mode: cgroup.isWritable(name) ? 0o644 : 0o444, uid: cgroup.uid, gid: cgroup.gid,
      modified: cgroup.modified)
    self.name = name
    parent = cgroup
    if name == "cgroup.kill" { mode = 0o200 }
  }

  override func read() throws(Errno) -> FileData {
    if cgroup.isRemoved { throw .ENODEV }
    return .bytes(Array(try (cgroup.hierarchy.isUnified ? cgroup.text(name) : cgroup.textV1(name)).utf8))
  }

  override func write(_ bytes: [UInt8], at offset: Int64?) throws(Errno) {
    if cgroup.isRemoved { throw .ENODEV }
    let text = String(decoding: bytes, as: UTF8.self).trimmed
    if cgroup.hierarchy.isUnified { try cgroup.set(name, text) } else { try cgroup.setV1(name, text) }
  }
}

/// The files of version 2 (Documentation/admin-guide/cgroup-v2.rst).
extension Cgroup {
  /// Name, controller whose file it is, whether it is in the root too, whether it can be written.
  private static let unified: [(name: String, controller: Controller, inRoot: Bool, writable: Bool)] = [
    ("cgroup.controllers", [], true, false), ("cgroup.events", [], false, false), ("cgroup.freeze", [], false, true),
    ("cgroup.kill", [], false, true), ("cgroup.max.depth", [], true, true), ("cgroup.max.descendants", [], true, true),
    ("cgroup.pressure", [], false, true), ("cgroup.procs", [], true, true), ("cgroup.stat", [], true, false),
    ("cgroup.subtree_control", [], true, true), ("cgroup.threads", [], true, true), ("cgroup.type", [], false, true),
    ("cpu.idle", .cpu, false, true), ("cpu.max", .cpu, false, true), ("cpu.max.burst", .cpu, false, true),
    ("cpu.pressure", [], true, true), ("cpu.stat", [], true, false), ("cpu.weight", .cpu, false, true),
    ("cpu.weight.nice", .cpu, false, true), ("cpuset.cpus", .cpuset, false, true),
    ("cpuset.cpus.effective", .cpuset, true, false), ("cpuset.cpus.partition", .cpuset, false, true),
    ("cpuset.mems", .cpuset, false, true), ("cpuset.mems.effective", .cpuset, true, false),
    ("hugetlb.1GB.current", .hugetlb, false, false), ("hugetlb.1GB.events", .hugetlb, false, false),
    ("hugetlb.1GB.max", .hugetlb, false, true), ("hugetlb.1GB.rsvd.max", .hugetlb, false, true),
    ("hugetlb.2MB.current", .hugetlb, false, false), ("hugetlb.2MB.events", .hugetlb, false, false),
    ("hugetlb.2MB.max", .hugetlb, false, true), ("hugetlb.2MB.rsvd.max", .hugetlb, false, true),
    ("io.bfq.weight", .io, false, true), ("io.latency", .io, false, true), ("io.max", .io, false, true),
    ("io.pressure", [], true, true), ("io.stat", .io, true, false), ("io.weight", .io, false, true),
    ("memory.current", .memory, false, false), ("memory.events", .memory, false, false),
    ("memory.events.local", .memory, false, false), ("memory.high", .memory, false, true),
    ("memory.low", .memory, false, true), ("memory.max", .memory, false, true), ("memory.min", .memory, false, true),
    ("memory.oom.group", .memory, false, true), ("memory.peak", .memory, false, false),
    ("memory.pressure", [], true, true), ("memory.reclaim", .memory, true, true),
    ("memory.stat", .memory, true, false), ("memory.swap.current", .memory, false, false),
    ("memory.swap.events", .memory, false, false), ("memory.swap.high", .memory, false, true),
    ("memory.swap.max", .memory, false, true), ("memory.swap.peak", .memory, false, false),
    ("memory.zswap.current", .memory, false, false), ("memory.zswap.max", .memory, false, true),
    ("misc.capacity", .misc, true, false), ("misc.current", .misc, false, false), ("misc.max", .misc, false, true),
    ("pids.current", .pids, false, false), ("pids.events", .pids, false, false), ("pids.max", .pids, false, true),
    ("pids.peak", .pids, false, false), ("rdma.current", .rdma, false, false), ("rdma.max", .rdma, false, true),
  ]
  private static let byName = Dictionary(uniqueKeysWithValues: unified.map { ($0.name, $0) })

  var fileNames: [String] { hierarchy.isUnified ? Cgroup.unified.map(\.name) : fileNamesV1 }

  func isPresent(_ name: String) -> Bool {
    guard hierarchy.isUnified else { return fileNamesV1.contains(name) }
    guard let file = Cgroup.byName[name] else { return false }
    if isRoot { return file.inRoot }
    return file.controller.isEmpty || enabled.isSuperset(of: file.controller)
  }

  func isWritable(_ name: String) -> Bool {
    hierarchy.isUnified ? Cgroup.byName[name]?.writable ?? false : isWritableV1(name)
  }

  /// `max`, or the number.
  static func limit(_ value: Int64?) -> String { value.map(String.init) ?? "max" }

  /// Members in the reader's pid namespace: those that it cannot see are 0.
  func membersText() -> String {
    let pids = kernel.current?.pidNamespace ?? kernel.initPID!
    return members.values.sorted { $0.pid < $1.pid }.map { "\($0.number(in: pids))\n" }.joined()
  }

  func text(_ name: String) throws(Errno) -> String {
    let s = settings
    switch name {
    case "cgroup.controllers": return enabled.names.joined(separator: " ") + "\n"
    case "cgroup.subtree_control": return subtree.names.joined(separator: " ") + "\n"
    case "cgroup.procs", "cgroup.threads": return membersText()
    case "cgroup.events": return "populated \(population > 0 ? 1 : 0)\nfrozen \(isFrozen ? 1 : 0)\n"
    case "cgroup.freeze": return wantsFrozen ? "1\n" : "0\n"
    case "cgroup.type": return "domain\n"
    case "cgroup.kill": throw .EINVAL
    case "cgroup.max.depth", "cgroup.max.descendants": return (s.other[name] ?? "max") + "\n"
    case "cgroup.stat": return "nr_descendants \(whole.count - 1)\nnr_dying_descendants 0\n"
    case "cgroup.pressure": return (s.other[name] ?? "1") + "\n"
    case "cpu.pressure", "memory.pressure", "io.pressure":
      return "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    case "cpu.max": return "\(Cgroup.limit(s.cpuQuota)) \(s.cpuPeriod)\n"
    case "cpu.max.burst": return "\(s.cpuBurst)\n"
    case "cpu.idle": return s.cpuIdle ? "1\n" : "0\n"
    case "cpu.weight": return "\(s.cpuIdle ? 0 : s.cpuWeight)\n"
    case "cpu.weight.nice": return "0\n"
    case "cpu.stat": return cpuStat()
    case "cpuset.cpus": return s.cpusetCPUs + "\n"
    case "cpuset.mems": return s.cpusetMems + "\n"
    case "cpuset.cpus.effective": return effectiveCPUs + "\n"
    case "cpuset.mems.effective": return "0\n"
    case "cpuset.cpus.partition": return "member\n"
    case "io.max":
      return (s.ioLimits["io.max"] ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }.joined()
    case "io.stat":
      let io = usage.io
      if io.reads == 0, io.writes == 0 { return "" }
      return
        "252:0 rbytes=\(io.readBytes) wbytes=\(io.writtenBytes) rios=\(io.reads) wios=\(io.writes) dbytes=0 dios=0\n"
    case "io.weight", "io.bfq.weight":
      return (s.other[name].map { $0.contains(" ") ? $0 : "default \($0)" } ?? "default 100") + "\n"
    case "io.latency": return s.other[name].map { $0 + "\n" } ?? ""
    case "memory.current": return "\(usage.memory.total)\n"
    case "memory.peak": return "\(usage.memory.peak)\n"
    case "memory.max": return Cgroup.limit(s.memoryMax) + "\n"
    case "memory.high": return Cgroup.limit(s.memoryHigh) + "\n"
    case "memory.low": return "\(s.memoryLow)\n"
    case "memory.min": return "\(s.memoryMin)\n"
    case "memory.swap.max": return Cgroup.limit(s.swapMax) + "\n"
    case "memory.swap.high", "memory.zswap.max": return (s.other[name] ?? "max") + "\n"
    case "memory.swap.current", "memory.swap.peak", "memory.zswap.current": return "0\n"
    case "memory.swap.events": return "high 0\nmax 0\nfail 0\n"
    case "memory.oom.group": return s.oomKillsGroup ? "1\n" : "0\n"
    case "memory.events", "memory.events.local":
      let m = usage.memory
      return "low 0\nhigh \(m.highEvents)\nmax \(m.maxEvents)\noom \(m.ooms)\noom_kill \(m.oomKills)\n"
        + "oom_group_kill \(m.groupKills)\n"
    case "memory.stat": return memoryStat()
    case "memory.reclaim": throw .EINVAL
    case "pids.current": return "\(usage.pids)\n"
    case "pids.max": return Cgroup.limit(s.pidsMax.map(Int64.init)) + "\n"
    case "pids.peak": return "\(usage.pidsPeak)\n"
    case "pids.events": return "max \(usage.pidsEvents)\n"
    case "misc.capacity", "misc.current", "misc.max", "rdma.current": return ""
    case "rdma.max": return s.other[name].map { $0 + "\n" } ?? ""
    default:
      if name.hasPrefix("hugetlb.") {
        if name.hasSuffix(".events") { return "max 0\n" }
        if name.hasSuffix(".current") { return "0\n" }
        return (s.other[name] ?? "max") + "\n"
      }
      throw .ENOENT
    }
  }

  private func cpuStat() -> String {
    let cpu = usage.cpu
    var text =
      "usage_usec \((cpu.user + cpu.system) / 1000)\nuser_usec \(cpu.user / 1000)\nsystem_usec \(cpu.system / 1000)\n"
    text += "nice_usec 0\n"
    if !isRoot, has(.cpu) {
      text += "nr_periods \(cpu.periods)\nnr_throttled \(cpu.throttled)\nthrottled_usec \(cpu.throttledTime / 1000)\n"
      text += "nr_bursts 0\nburst_usec 0\n"
    }
    return text
  }

  private func memoryStat() -> String {
    let m = usage.memory
    return "anon \(m.anonymous)\nfile \(m.shared)\nkernel 0\nkernel_stack 0\npagetables 0\npercpu 0\nsock 0\n"
      + "shmem \(m.shared)\nfile_mapped 0\nfile_dirty 0\nfile_writeback 0\nswapcached 0\ninactive_anon \(m.anonymous)\n"
      + "active_anon 0\ninactive_file 0\nactive_file 0\nunevictable 0\nslab 0\npgfault 0\npgmajfault 0\n"
  }

  var effectiveCPUs: String {
    var here: Cgroup? = self
    while let cgroup = here {
      if !cgroup.settings.cpusetCPUs.isEmpty { return cgroup.settings.cpusetCPUs }
      here = cgroup.above
    }
    return CPUList.text(Array(0..<kernel.cpus))
  }

  // MARK: Writing

  /// `max` or a number of bytes, in whole pages. EINVAL for anything else.
  static func parseLimit(_ text: String) throws(Errno) -> Int64? {
    if text == "max" || text == "-1" { return nil }
    guard let value = Int64(text), value >= 0 else { throw .EINVAL }
    return value / 4096 * 4096
  }

  static func parseFlag(_ text: String) throws(Errno) -> Bool {
    switch text {
    case "0": return false
    case "1": return true
    default: throw .ERANGE
    }
  }

  func set(_ name: String, _ text: String) throws(Errno) {
    switch name {
    case "cgroup.procs", "cgroup.threads": try take(text)
    case "cgroup.subtree_control": try setSubtree(text)
    case "cgroup.freeze":
      wantsFrozen = try Cgroup.parseFlag(text)
      refreshFrozen()
    case "cgroup.kill":
      guard text == "1" else { throw .ERANGE }
      for member in allMembers { kernel.signal(member, Signal.kill, from: nil, force: true) }
    case "cgroup.type": guard text == "threaded" else { throw .EINVAL }; throw .EOPNOTSUPP
    case "cgroup.max.depth", "cgroup.max.descendants":
      guard text == "max" || Int(text).map({ $0 >= 0 }) ?? false else { throw .EINVAL }
      settings.other[name] = text
    case "cpu.max":
      let fields = text.parts(at: " ")
      guard (1...2).contains(fields.count) else { throw .EINVAL }
      var period = settings.cpuPeriod
      if fields.count == 2 {
        guard let value = Int64(fields[1]), (1_000...1_000_000).contains(value) else { throw .EINVAL }
        period = value
      }
      var quota: Int64?
      if fields[0] != "max" {
        guard let value = Int64(fields[0]), value >= 1000, value < 1 << 44 else { throw .EINVAL }
        quota = value
      }
      (settings.cpuQuota, settings.cpuPeriod) = (quota, period)
    case "cpu.max.burst":
      guard let value = Int64(text), value >= 0, value <= settings.cpuQuota ?? 0 else { throw .EINVAL }
      settings.cpuBurst = value
    case "cpu.idle": settings.cpuIdle = try Cgroup.parseFlag(text)
    case "cpu.weight":
      guard let value = Int(text), (1...10_000).contains(value) else { throw .ERANGE }
      settings.cpuWeight = value
    case "cpu.weight.nice":
      guard let value = Int(text), (-20...19).contains(value) else { throw .ERANGE }
    case "cpuset.cpus": settings.cpusetCPUs = try parseCPUs(text, below: kernel.cpus)
    case "cpuset.mems": settings.cpusetMems = try parseCPUs(text, below: 1)
    case "cpuset.cpus.partition": guard ["member", "root", "isolated"].contains(text) else { throw .EINVAL }
    case "io.max": try setDeviceLimit(name, text)
    case "io.weight", "io.bfq.weight":
      let number = text.parts(at: " ").last.flatMap { Int($0) } ?? 0
      guard (1...10_000).contains(number) else { throw .EINVAL }
      settings.other[name] = text
    case "memory.max":
      settings.memoryMax = try Cgroup.parseLimit(text)
      // What is there already and does not fit is reclaimed, which is to say killed.
      while let limit = settings.memoryMax, usage.memory.total > limit, kernel.killForMemory(in: self) {}
    case "memory.high": settings.memoryHigh = try Cgroup.parseLimit(text)
    case "memory.low": settings.memoryLow = try Cgroup.parseLimit(text) ?? .max
    case "memory.min": settings.memoryMin = try Cgroup.parseLimit(text) ?? .max
    case "memory.swap.max": settings.swapMax = try Cgroup.parseLimit(text)
    case "memory.oom.group": settings.oomKillsGroup = try Cgroup.parseFlag(text)
    case "memory.reclaim": throw .EAGAIN
    case "pids.max":
      if text == "max" {
        settings.pidsMax = nil
      } else {
        guard let value = Int(text), value >= 0, value <= PIDNamespace.maximum else { throw .EINVAL }
        settings.pidsMax = value
      }
    default:
      guard isWritable(name) else { throw .EACCES }
      settings.other[name] = text
    }
  }

  func parseCPUs(_ text: String, below limit: Int) throws(Errno) -> String {
    if text.isEmpty { return "" }
    guard let list = CPUList.parse(text) else { throw .EINVAL }
    guard list.allSatisfy({ $0 < limit }) else { throw .EINVAL }
    return CPUList.text(list)
  }

  func setDeviceLimit(_ file: String, _ text: String) throws(Errno) {
    let fields = text.split(separator: " ", maxSplits: 1).map(String.init)
    guard fields.count == 2, fields[0].contains(":") else { throw .EINVAL }
    guard fields[0].split(separator: ":").allSatisfy({ UInt32($0) != nil }) else { throw .ENODEV }
    settings.ioLimits[file, default: [:]][fields[0]] = fields[1]
  }

  /// A pid, as the writer's namespace numbers it; 0 is the writer.
  func take(_ text: String) throws(Errno) {
    guard let pid = Int(text), pid >= 0 else { throw .EINVAL }
    guard let writer = kernel.current else { throw .ESRCH }
    guard let process = pid == 0 ? writer : writer.pidNamespace.processes[pid], process.isAlive else { throw .ESRCH }
    try kernel.move(process, to: self)
  }

  private func setSubtree(_ text: String) throws(Errno) {
    var new = subtree
    for word in text.parts(at: " ") {
      guard let entry = Controller.unified.first(where: { $0.name == word.dropFirst() }) else { throw .EINVAL }
      switch word.first {
      case "+":
        guard enabled.contains(entry.controller) else { throw .ENOENT }
        new.insert(entry.controller)
      case "-":
        if subfolders.contains(where: { $0.subtree.contains(entry.controller) }) { throw .EBUSY }
        new.remove(entry.controller)
      default: throw .EINVAL
      }
    }
    let added = new.subtracting(subtree)
    if !isRoot, !members.isEmpty, !added.isDisjoint(with: [.memory, .io, .hugetlb, .rdma, .misc]) { throw .EBUSY }
    subtree = new
  }
}
