import Runtime

/// What is written into a cgroup's files. Nil is `max`.
struct CgroupSettings {
  var memoryMax: Int64?
  var memoryHigh: Int64?
  var memoryLow: Int64 = 0
  var memoryMin: Int64 = 0
  var swapMax: Int64?
  var swappiness = 60
  var oomKillsGroup = false
  var oomKillDisabled = false
  var pidsMax: Int?
  /// Microseconds.
  var cpuQuota: Int64?
  var cpuPeriod: Int64 = 100_000
  var cpuBurst: Int64 = 0
  var cpuWeight = 100
  var cpuIdle = false
  var cpusetCPUs = ""
  var cpusetMems = ""
  /// `io.max` and the throttles of version 1: by file and device.
  var ioLimits: [String: [String: String]] = [:]
  /// Files that only keep what was written: `hugetlb.2MB.max`, `io.weight`, ….
  var other: [String: String] = [:]
}

/// What a cgroup counts.
struct CgroupUsage {
  struct Memory {
    var anonymous: Int64 = 0
    var shared: Int64 = 0
    var peak: Int64 = 0
    var maxEvents = 0
    var highEvents = 0
    var ooms = 0
    var oomKills = 0
    var groupKills = 0
    var total: Int64 { anonymous + shared }
  }
  struct CPU {
    /// Nanoseconds.
    var user: UInt64 = 0
    var system: UInt64 = 0
    var periods = 0
    var throttled = 0
    var throttledTime: UInt64 = 0
    /// Tasks that use a CPU now.
    var running = 0
  }
  struct IO {
    var readBytes: Int64 = 0
    var writtenBytes: Int64 = 0
    var reads = 0
    var writes = 0
  }
  var memory = Memory()
  var cpu = CPU()
  var io = IO()
  var pids = 0
  var pidsPeak = 0
  var pidsEvents = 0
}

extension Cgroup {
  // MARK: Memory

  func chargeAnyway(_ bytes: Int64, _ kind: MemoryKind) {
    forEachAbove { cgroup in
      if kind == .anonymous { cgroup.usage.memory.anonymous += bytes } else { cgroup.usage.memory.shared += bytes }
      cgroup.usage.memory.peak = max(cgroup.usage.memory.peak, cgroup.usage.memory.total)
    }
  }

  func uncharge(_ bytes: Int64, _ kind: MemoryKind) {
    forEachAbove { cgroup in
      if kind == .anonymous { cgroup.usage.memory.anonymous -= bytes } else { cgroup.usage.memory.shared -= bytes }
    }
  }

  /// The nearest cgroup that `bytes` more would bring over its limit.
  func wouldExceed(_ bytes: Int64, machine: Int64) -> Cgroup? {
    var here: Cgroup? = self
    while let cgroup = here {
      if let limit = cgroup.isRoot ? machine : cgroup.settings.memoryMax, cgroup.usage.memory.total &+ bytes > limit {
        return cgroup
      }
      here = cgroup.above
    }
    return nil
  }

  // MARK: The disk

  func countRead(_ bytes: Int64) {
    forEachAbove { cgroup in
      cgroup.usage.io.readBytes += bytes
      cgroup.usage.io.reads += 1
    }
  }
  func countWrite(_ bytes: Int64) {
    forEachAbove { cgroup in
      cgroup.usage.io.writtenBytes += bytes
      cgroup.usage.io.writes += 1
    }
  }

  // MARK: Processes

  /// One more process. EAGAIN over the `pids.max` of this cgroup or one above.
  func chargeProcess() throws(Errno) {
    var here: Cgroup? = self
    while let cgroup = here {
      if let limit = cgroup.settings.pidsMax, cgroup.usage.pids >= limit {
        cgroup.usage.pidsEvents += 1
        throw .EAGAIN
      }
      here = cgroup.above
    }
    chargeProcessAnyway()
  }

  func chargeProcessAnyway() {
    forEachAbove { cgroup in
      cgroup.usage.pids += 1
      cgroup.usage.pidsPeak = max(cgroup.usage.pidsPeak, cgroup.usage.pids)
    }
  }
  func unchargeProcess() { forEachAbove { $0.usage.pids -= 1 } }
}

extension KernelState {
  /// Charges memory. Over a limit the OOM killer looks for a victim; ENOMEM when there is nobody to kill (any more).
  func charge(_ cgroup: Cgroup, _ bytes: Int64, _ kind: MemoryKind) throws(Errno) {
    while let exceeded = cgroup.wouldExceed(bytes, machine: memory) {
      exceeded.usage.memory.maxEvents += 1
      guard bytes <= 1 << 50, killForMemory(in: exceeded) else { throw .ENOMEM }
      // The victim may be the one that asks.
      if let current, !current.isAlive { throw .ENOMEM }
    }
    cgroup.chargeAnyway(bytes, kind)
  }

  /// The OOM killer (mm/oom_kill.c): who has most memory, by `oom_score_adj` made larger or smaller.
  func killForMemory(in cgroup: Cgroup) -> Bool {
    cgroup.forEachAbove { $0.usage.memory.ooms += 1 }
    if cgroup.settings.oomKillDisabled { return false }
    let limit = cgroup.isRoot ? memory : cgroup.settings.memoryMax ?? memory
    var victim: LinuxProcess?
    var most = Int64.min
    for process in cgroup.allMembers where process.isAlive && process !== initProcess {
      guard process.oomScoreAdjust != -1000 else { continue }
      let score = process.memory + Int64(process.oomScoreAdjust) * (limit / 1000)
      if score > most { (victim, most) = (process, score) }
    }
    guard let victim else { return false }
    var doomed = [victim]
    if let group = victim.memoryCgroup, group.settings.oomKillsGroup {
      doomed = group.allMembers.filter { $0.oomScoreAdjust != -1000 }
      group.forEachAbove { $0.usage.memory.groupKills += 1 }
    }
    for process in doomed where process.isAlive {
      process.memoryCgroup?.forEachAbove { $0.usage.memory.oomKills += 1 }
      terminate(process, Signal.kill)
    }
    return true
  }

  /// Memory for `current`.
  func allocate(_ bytes: Int64) throws(Errno) {
    guard let process = current, bytes >= 0 else { throw .EINVAL }
    try charge(process.memoryCgroup ?? rootCgroup, bytes, .anonymous)
    process.memory += bytes
  }

  func free(_ bytes: Int64) {
    guard let process = current else { return }
    let bytes = min(max(0, bytes), process.memory)
    process.memory -= bytes
    process.memoryCgroup?.uncharge(bytes, .anonymous)
  }

  // MARK: CPU

  /// How much of one CPU a task of `process` gets now, from 0 to 1: the machine's CPUs are shared by weight, and no cgroup
  /// gets more than its quota. The least is 0.001, so that every task ends.
  func cpuShare(_ process: LinuxProcess) -> Double {
    guard let cgroup = process.cgroup(.cpu) else { return 1 }
    var share = 1.0
    let running = hierarchies.first { $0.controllers.contains(.cpu) }?.root.usage.cpu.running ?? 1
    let usable = min(cpus, cpuCount(of: process))
    if running > usable {
      // Siblings compete level by level; what the busy ones weigh decides.
      var here = cgroup
      share = Double(usable) / Double(max(1, here.members.values.reduce(0) { $0 + $1.computing }))
      while let above = here.above {
        var all = above.members.values.reduce(0.0) { $0 + Double($1.computing) * 100 }
        for sibling in above.subfolders where sibling.usage.cpu.running > 0 {
          all += Double(sibling.settings.cpuWeight)
        }
        share *= Double(here.settings.cpuWeight) / max(Double(here.settings.cpuWeight), all)
        here = above
      }
      share = min(1, share)
    }
    var here: Cgroup? = cgroup
    while let group = here {
      if let quota = group.settings.cpuQuota {
        share = min(share, Double(quota) / Double(group.settings.cpuPeriod) / Double(max(1, group.usage.cpu.running)))
      }
      here = group.above
    }
    return max(0.001, share)
  }

  /// A task begins or ends to use a CPU.
  func computing(_ process: LinuxProcess, _ change: Int) {
    process.computing += change
    process.cgroup(.cpu)?.forEachAbove { $0.usage.cpu.running += change }
  }

  /// A task has used `used` nanoseconds of CPU in `passed` nanoseconds.
  func account(_ process: LinuxProcess, used: UInt64, passed: UInt64) {
    process.cpuTime += used
    (process.cgroup(.cpuacct) ?? process.cgroup(.cpu))?.forEachAbove { $0.usage.cpu.user += used }
    process.cgroup(.cpu)?.forEachAbove { cgroup in
      guard cgroup.settings.cpuQuota != nil else { return }
      let periods = Int(passed / (UInt64(max(1, cgroup.settings.cpuPeriod)) * 1000)) + 1
      cgroup.usage.cpu.periods += periods
      if passed > used {
        cgroup.usage.cpu.throttled += periods
        cgroup.usage.cpu.throttledTime += passed - used
      }
    }
  }

  /// sched_getaffinity(2): the CPUs of its cpuset.
  func cpuCount(of process: LinuxProcess) -> Int {
    var here = process.cgroup(.cpuset)
    while let cgroup = here {
      if !cgroup.settings.cpusetCPUs.isEmpty {
        return max(1, CPUList.parse(cgroup.settings.cpusetCPUs)?.filter { $0 < cpus }.count ?? cpus)
      }
      here = cgroup.above
    }
    return cpus
  }
}

/// Lists of CPUs and memory nodes: `0-2,7` (cpuset(7)).
enum CPUList {
  /// Nil when malformed.
  static func parse(_ text: String) -> [Int]? {
    var all: Set<Int> = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false)
      guard ends.count <= 2, let first = Int(ends[0]), let last = ends.count == 2 ? Int(ends[1]) : first,
        first >= 0, first <= last, last < 8192
      else { return nil }
      all.formUnion(first...last)
    }
    return all.sorted()
  }

  /// `0-2,7`.
  static func text(_ numbers: [Int]) -> String {
    var parts: [String] = []
    var index = 0
    while index < numbers.count {
      var end = index
      while end + 1 < numbers.count, numbers[end + 1] == numbers[end] + 1 { end += 1 }
      parts.append(index == end ? "\(numbers[index])" : "\(numbers[index])-\(numbers[end])")
      index = end + 1
    }
    return parts.joined(separator: ",")
  }
}
