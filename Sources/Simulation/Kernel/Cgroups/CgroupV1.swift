import Runtime

/// The files of version 1 (Documentation/admin-guide/cgroup-v1): the same limits under their older names.
extension Cgroup {
  private static let files: [(controller: Controller, read: [String], write: [String])] = [
    (
      .memory,
      [
        "memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.stat", "memory.failcnt",
        "memory.memsw.usage_in_bytes",
        "memory.kmem.usage_in_bytes", "memory.kmem.tcp.usage_in_bytes",
      ],
      [
        "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.soft_limit_in_bytes", "memory.swappiness",
        "memory.oom_control", "memory.kmem.limit_in_bytes", "memory.kmem.tcp.limit_in_bytes", "memory.use_hierarchy",
        "memory.move_charge_at_immigrate",
      ]
    ),
    (
      .cpu, ["cpu.stat"],
      ["cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.rt_runtime_us", "cpu.rt_period_us"]
    ),
    (.cpuacct, ["cpuacct.stat", "cpuacct.usage_percpu", "cpuacct.usage_user", "cpuacct.usage_sys"], ["cpuacct.usage"]),
    (
      .cpuset, ["cpuset.effective_cpus", "cpuset.effective_mems"],
      ["cpuset.cpus", "cpuset.mems", "cpuset.cpu_exclusive", "cpuset.mem_exclusive"]
    ),
    (.pids, ["pids.current", "pids.events"], ["pids.max"]),
    (.freezer, ["freezer.self_freezing", "freezer.parent_freezing"], ["freezer.state"]),
    (.devices, ["devices.list"], ["devices.allow", "devices.deny"]),
    (
      .io, ["blkio.throttle.io_service_bytes", "blkio.throttle.io_serviced"],
      [
        "blkio.weight", "blkio.bfq.weight", "blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device",
        "blkio.throttle.read_iops_device", "blkio.throttle.write_iops_device",
      ]
    ),
    (.network, [], ["net_cls.classid", "net_prio.ifpriomap"]),
    (
      .hugetlb, ["hugetlb.2MB.usage_in_bytes", "hugetlb.2MB.max_usage_in_bytes", "hugetlb.2MB.failcnt"],
      ["hugetlb.2MB.limit_in_bytes"]
    ),
    (.rdma, ["rdma.current"], ["rdma.max"]),
  ]
  private static let common = ["cgroup.procs", "cgroup.clone_children", "notify_on_release", "tasks"]

  var fileNamesV1: [String] {
    Cgroup.files.filter { hierarchy.controllers.isSuperset(of: $0.controller) }.flatMap { $0.read + $0.write }
      + Cgroup.common
  }
  func isWritableV1(_ name: String) -> Bool {
    Cgroup.common.contains(name) || Cgroup.files.contains { $0.write.contains(name) }
  }

  /// What version 1 calls no limit.
  static let unlimited: Int64 = 9_223_372_036_854_771_712

  func textV1(_ name: String) throws(Errno) -> String {
    let s = settings
    switch name {
    case "cgroup.procs", "tasks": return membersText()
    case "memory.limit_in_bytes": return "\(s.memoryMax ?? Cgroup.unlimited)\n"
    case "memory.memsw.limit_in_bytes": return "\(s.swapMax ?? Cgroup.unlimited)\n"
    case "memory.usage_in_bytes", "memory.memsw.usage_in_bytes": return "\(usage.memory.total)\n"
    case "memory.max_usage_in_bytes": return "\(usage.memory.peak)\n"
    case "memory.failcnt": return "\(usage.memory.maxEvents)\n"
    case "memory.swappiness": return "\(s.swappiness)\n"
    case "memory.soft_limit_in_bytes": return "\(s.memoryLow == 0 ? Cgroup.unlimited : s.memoryLow)\n"
    case "memory.oom_control":
      return "oom_kill_disable \(s.oomKillDisabled ? 1 : 0)\nunder_oom 0\noom_kill \(usage.memory.oomKills)\n"
    case "memory.use_hierarchy": return "1\n"
    case "memory.stat":
      return "cache \(usage.memory.shared)\nrss \(usage.memory.anonymous)\nrss_huge 0\nmapped_file 0\npgfault 0\n"
        + "total_cache \(usage.memory.shared)\ntotal_rss \(usage.memory.anonymous)\ntotal_inactive_file 0\n"
    case "cpu.shares": return s.other[name].map { $0 + "\n" } ?? "1024\n"
    case "cpu.cfs_quota_us": return "\(s.cpuQuota ?? -1)\n"
    case "cpu.cfs_period_us": return "\(s.cpuPeriod)\n"
    case "cpu.stat":
      return
        "nr_periods \(usage.cpu.periods)\nnr_throttled \(usage.cpu.throttled)\nthrottled_time \(usage.cpu.throttledTime)\n"
    case "cpuacct.usage", "cpuacct.usage_user": return "\(usage.cpu.user + usage.cpu.system)\n"
    case "cpuacct.usage_sys": return "\(usage.cpu.system)\n"
    case "cpuacct.usage_percpu":
      return "\(usage.cpu.user + usage.cpu.system)\(String(repeating: " 0", count: kernel.cpus - 1))\n"
    case "cpuacct.stat": return "user \(usage.cpu.user / 10_000_000)\nsystem \(usage.cpu.system / 10_000_000)\n"
    case "cpuset.cpus": return (s.cpusetCPUs.isEmpty ? (isRoot ? effectiveCPUs : "") : s.cpusetCPUs) + "\n"
    case "cpuset.mems": return (s.cpusetMems.isEmpty ? (isRoot ? "0" : "") : s.cpusetMems) + "\n"
    case "cpuset.effective_cpus": return effectiveCPUs + "\n"
    case "cpuset.effective_mems": return "0\n"
    case "pids.current": return "\(usage.pids)\n"
    case "pids.max": return Cgroup.limit(s.pidsMax.map(Int64.init)) + "\n"
    case "pids.events": return "max \(usage.pidsEvents)\n"
    case "freezer.state": return isFrozen ? "FROZEN\n" : "THAWED\n"
    case "freezer.self_freezing": return wantsFrozen ? "1\n" : "0\n"
    case "freezer.parent_freezing": return above?.isFrozen ?? false ? "1\n" : "0\n"
    case "devices.list":
      guard let rules = deviceRules else { return "a *:* rwm\n" }
      return rules.filter(\.allow).map { $0.text + "\n" }.joined()
    case "blkio.throttle.io_service_bytes":
      return "252:0 Read \(usage.io.readBytes)\n252:0 Write \(usage.io.writtenBytes)\n"
        + "Total \(usage.io.readBytes + usage.io.writtenBytes)\n"
    case "blkio.throttle.io_serviced":
      return "252:0 Read \(usage.io.reads)\n252:0 Write \(usage.io.writes)\nTotal \(usage.io.reads + usage.io.writes)\n"
    case "net_prio.ifpriomap": return "lo 0\neth0 0\n"
    case "notify_on_release", "cgroup.clone_children", "net_cls.classid", "cpuset.cpu_exclusive",
      "cpuset.mem_exclusive",
      "memory.move_charge_at_immigrate":
      return (s.other[name] ?? "0") + "\n"
    case "devices.allow", "devices.deny": throw .EINVAL
    default:
      if name.hasPrefix("blkio.throttle.") {
        return (s.ioLimits[name] ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }.joined()
      }
      if let value = s.other[name] { return value + "\n" }
      if name.hasSuffix("weight") { return "500\n" }
      if name.hasSuffix("limit_in_bytes") { return "\(Cgroup.unlimited)\n" }
      return "0\n"
    }
  }

  func setV1(_ name: String, _ text: String) throws(Errno) {
    switch name {
    case "cgroup.procs", "tasks": try take(text)
    case "memory.limit_in_bytes":
      let limit = try Cgroup.parseLimit(text)
      if let swap = settings.swapMax, limit ?? .max > swap { throw .EINVAL }
      if let limit, usage.memory.total > limit { throw .EBUSY }
      settings.memoryMax = limit
    case "memory.memsw.limit_in_bytes":
      let limit = try Cgroup.parseLimit(text)
      if let limit, limit < settings.memoryMax ?? .max { throw .EINVAL }
      settings.swapMax = limit
    case "memory.soft_limit_in_bytes": settings.memoryLow = try Cgroup.parseLimit(text) ?? 0
    case "memory.swappiness":
      guard let value = Int(text), (0...200).contains(value) else { throw .EINVAL }
      settings.swappiness = value
    case "memory.oom_control": settings.oomKillDisabled = try Cgroup.parseFlag(text)
    case "cpu.shares":
      guard let value = Int(text), value >= 0 else { throw .EINVAL }
      let shares = min(max(2, value), 262_144)
      settings.other[name] = String(shares)
      settings.cpuWeight = max(1, 1 + (shares - 2) * 9999 / 262_142)
    case "cpu.cfs_quota_us":
      guard let value = Int64(text), value == -1 || value >= 1000 else { throw .EINVAL }
      settings.cpuQuota = value == -1 ? nil : value
    case "cpu.cfs_period_us":
      guard let value = Int64(text), (1_000...1_000_000).contains(value) else { throw .EINVAL }
      settings.cpuPeriod = value
    case "cpuset.cpus": settings.cpusetCPUs = try parseCPUs(text, below: kernel.cpus)
    case "cpuset.mems": settings.cpusetMems = try parseCPUs(text, below: 1)
    case "pids.max": try set(name, text)
    case "freezer.state":
      switch text {
      case "FROZEN": wantsFrozen = true
      case "THAWED": wantsFrozen = false
      default: throw .EINVAL
      }
      refreshFrozen()
    case "devices.allow", "devices.deny": try changeDevices(allow: name == "devices.allow", text)
    default:
      guard isWritableV1(name) else { throw .EACCES }
      if name.hasPrefix("blkio.throttle.") { return try setDeviceLimit(name, text) }
      settings.other[name] = text
    }
  }

  /// `a`, or `c 1:3 rwm`.
  private func changeDevices(allow: Bool, _ text: String) throws(Errno) {
    let fields = text.split(separator: " ")
    guard let type = fields.first, ["a", "b", "c"].contains(type) else { throw .EINVAL }
    if type == "a" {
      deviceRules = allow ? nil : []
      return
    }
    let numbers = fields.count > 1 ? fields[1].split(separator: ":") : []
    guard numbers.count == 2, fields.count == 3 else { throw .EINVAL }
    deviceRules =
      (deviceRules ?? [DeviceRule(allow: true, type: "a", major: nil, minor: nil, access: "rwm")]) + [
        DeviceRule(
          allow: allow, type: String(type), major: Int64(numbers[0]), minor: Int64(numbers[1]),
          access: String(fields[2]))
      ]
  }
}
