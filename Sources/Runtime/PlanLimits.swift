import OCISpec

/// The limits of a cgroup: the files that are written, in runc's order.
extension PlanBuilder {
  /// `devices`: whether the device controller is set too (`update` leaves it alone).
  mutating func setLimits(_ resources: RuntimeSpec.Resources, devices: Bool = true, failing: Step.Failure) {
    phase = .limits
    if cgroups.layout.version == .unified {
      setUnified(resources, devices, failing)
    } else {
      setHierarchies(resources, devices, failing)
    }
  }

  private mutating func write(
    _ folder: String?, _ file: String, _ value: String, _ reason: String, _ failing: Step.Failure,
    tolerating: Step.Tolerance = []
  ) {
    guard let folder else { return }
    add(
      .writeFile(path: KernelPath("\(folder)/\(file)"), contents: value), reason, tolerating: tolerating,
      failing: failing)
  }

  // MARK: v2

  private mutating func setUnified(_ r: RuntimeSpec.Resources, _ devices: Bool, _ failing: Step.Failure) {
    let path = cgroups.unified
    if let pids = r.pids {
      write(
        path, "pids.max", pids > 0 ? String(pids) : pids == 0 ? "1" : "max",
        "How many processes and threads there may be: beyond it fork fails with EAGAIN", failing)
    }
    if let swap = try? r.memory.swapOfV2() {
      write(
        path, "memory.swap.max", swap == -1 ? "max" : String(swap), "How much of it may be swapped out", failing,
        tolerating: swap <= 0 ? .missing : [])
    }
    if let limit = r.memory.limit, limit != 0 {
      write(
        path, "memory.max", limit == -1 ? "max" : String(limit),
        "How much memory: a process that needs more meets the OOM killer", failing)
    }
    if let reservation = r.memory.reservation, reservation != 0 {
      write(
        path, "memory.low", reservation == -1 ? "max" : String(reservation),
        "What is left to the container as long as the host has memory elsewhere", failing)
    }
    setUnifiedIO(r.blockIO, path, failing)
    setUnifiedCPU(r.cpu, path, failing)
    if devices { setDevices(r.devices, failing) }
    if !r.cpu.cpus.isEmpty {
      write(path, "cpuset.cpus", r.cpu.cpus, "On which CPUs its processes may run", failing)
    }
    if !r.cpu.mems.isEmpty {
      write(path, "cpuset.mems", r.cpu.mems, "From which memory nodes it may take memory", failing)
    }
    for limit in r.hugepageLimits {
      write(
        path, "hugetlb.\(limit.pageSize).max", String(limit.limit), "How many bytes of huge pages", failing)
      write(
        path, "hugetlb.\(limit.pageSize).rsvd.max", String(limit.limit), "How many of them may be reserved", failing,
        tolerating: .missing)
    }
    setRdma(r.rdma, path, failing)
    for (file, value) in r.unified.sorted(by: { $0.key < $1.key }) {
      for line in value.split(separator: "\n") {
        write(
          path, file, String(line), "Written as config.json has it (unified)",
          .context("unable to set unified resource \"\(file)\""))
      }
    }
  }

  private mutating func setUnifiedIO(_ io: RuntimeSpec.BlockIO, _ path: String?, _ failing: Step.Failure) {
    if let weight = io.weight, weight != 0 {
      write(
        path, "io.bfq.weight", String(weight), "Its share of the disks when they are busy", failing,
        tolerating: .missing)
      add(
        .writeFile(path: KernelPath((path ?? "") + "/io.weight"), contents: String(PlanBuilder.ioWeight(weight))),
        "Without the BFQ scheduler the weight has another scale", if: .previousRefused, failing: failing)
    }
    for device in io.weightDevice {
      if let weight = device.weight {
        write(
          path, "io.bfq.weight", "\(device.major):\(device.minor) \(weight)", "Its share of one disk", failing,
          tolerating: .missing)
      }
    }
    for (devices, key) in [
      (io.throttleReadBpsDevice, "rbps"), (io.throttleWriteBpsDevice, "wbps"),
      (io.throttleReadIOPSDevice, "riops"), (io.throttleWriteIOPSDevice, "wiops"),
    ] {
      for device in devices {
        write(
          path, "io.max", "\(device.major):\(device.minor) \(key)=\(device.rate)", "How fast it may read or write",
          failing)
      }
    }
  }

  private mutating func setUnifiedCPU(_ cpu: RuntimeSpec.CPU, _ path: String?, _ failing: Step.Failure) {
    if let idle = cpu.idle {
      write(path, "cpu.idle", String(idle), "Only when nobody else wants the CPU", failing)
    }
    if let shares = cpu.shares, shares != 0 {
      write(
        path, "cpu.weight", String(PlanBuilder.cpuWeight(shares)),
        "Its share of the CPU when everybody wants it (shares of v1, converted)", failing)
    }
    if let burst = cpu.burst {
      write(path, "cpu.max.burst", String(burst), "CPU time saved up for bursts", failing, tolerating: .invalid)
    }
    let (quota, period) = (cpu.quota ?? 0, cpu.period ?? 0)
    if quota != 0 || period != 0 {
      write(
        path, "cpu.max", "\(quota > 0 ? String(quota) : "max") \(period == 0 ? 100_000 : period)",
        "How much CPU time in each period: beyond it the processes wait", failing)
      if let burst = cpu.burst {
        add(
          .writeFile(path: KernelPath((path ?? "") + "/cpu.max.burst"), contents: String(burst)),
          "A burst above the old quota is taken only now", if: .previousRefused, failing: failing)
      }
    }
  }

  // MARK: v1

  private mutating func setHierarchies(_ r: RuntimeSpec.Resources, _ devices: Bool, _ failing: Step.Failure) {
    let cpuset = cgroups.path(of: "cpuset")
    if !r.cpu.cpus.isEmpty {
      write(cpuset, "cpuset.cpus", r.cpu.cpus, "On which CPUs its processes may run", failing)
    }
    if !r.cpu.mems.isEmpty {
      write(cpuset, "cpuset.mems", r.cpu.mems, "From which memory nodes it may take memory", failing)
    }
    if devices { setDevices(r.devices, failing) }
    setMemoryOfV1(r.memory, failing)
    setCPUOfV1(r.cpu, failing)
    if let pids = r.pids {
      write(
        cgroups.path(of: "pids"), "pids.max", pids > 0 ? String(pids) : pids == 0 ? "1" : "max",
        "How many processes and threads there may be: beyond it fork fails with EAGAIN", failing)
    }
    setBlkio(r.blockIO, failing)
    let hugetlb = cgroups.path(of: "hugetlb")
    for limit in r.hugepageLimits {
      write(
        hugetlb, "hugetlb.\(limit.pageSize).limit_in_bytes", String(limit.limit), "How many bytes of huge pages",
        failing)
      write(
        hugetlb, "hugetlb.\(limit.pageSize).rsvd.limit_in_bytes", String(limit.limit),
        "How many of them may be reserved", failing, tolerating: .missing)
    }
    if let classID = r.network.classID, classID != 0 {
      write(cgroups.path(of: "net_cls"), "net_cls.classid", String(classID), "A mark for its packets", failing)
    }
    for priority in r.network.priorities {
      write(
        cgroups.path(of: "net_prio"), "net_prio.ifpriomap", "\(priority.name) \(priority.priority)",
        "How urgent its packets are", failing)
    }
    setRdma(r.rdma, cgroups.path(of: "rdma"), failing)
  }

  private mutating func setMemoryOfV1(_ memory: RuntimeSpec.Memory, _ failing: Step.Failure) {
    let path = cgroups.path(of: "memory")
    let swap = memory.limit == -1 && (memory.swap ?? 0) == 0 ? -1 : memory.swap ?? 0
    let isLater = flavour == .drydock && swap != 0
    if let limit = memory.limit, limit != 0 {
      write(
        path, "memory.limit_in_bytes", String(limit), "How much memory: a process that needs more meets the OOM killer",
        failing, tolerating: isLater ? .invalid : [])
    }
    let refused = steps.count - 1
    if swap != 0 {
      write(
        path, "memory.memsw.limit_in_bytes", String(swap), "How much memory and swap together", failing,
        tolerating: swap == -1 ? .missing : [])
      if isLater, let path, let limit = memory.limit, limit != 0 {
        add(
          .writeFile(path: KernelPath(path + "/memory.limit_in_bytes"), contents: String(limit)),
          "More than memory and swap together could have so far: now it is taken", if: .refused(refused),
          failing: failing)
      }
    }
    if let reservation = memory.reservation, reservation != 0 {
      write(
        path, "memory.soft_limit_in_bytes", String(reservation), "What it shrinks to when the host is short", failing)
    }
    if memory.disableOOMKiller == true {
      write(path, "memory.oom_control", "1", "Who needs too much waits instead of being killed", failing)
    }
    if let swappiness = memory.swappiness {
      write(path, "memory.swappiness", String(swappiness), "How readily its pages are swapped out", failing)
    }
  }

  private mutating func setCPUOfV1(_ cpu: RuntimeSpec.CPU, _ failing: Step.Failure) {
    let path = cgroups.path(of: "cpu")
    if let shares = cpu.shares, shares != 0 {
      write(path, "cpu.shares", String(shares), "Its share of the CPU when everybody wants it", failing)
    }
    if let period = cpu.period, period != 0 {
      write(path, "cpu.cfs_period_us", String(period), "The period over which CPU time is counted", failing)
    }
    if let burst = cpu.burst {
      write(path, "cpu.cfs_burst_us", String(burst), "CPU time saved up for bursts", failing)
    }
    if let quota = cpu.quota, quota != 0 {
      write(
        path, "cpu.cfs_quota_us", String(quota), "How much CPU time in each period: beyond it the processes wait",
        failing)
    }
    if let idle = cpu.idle {
      write(path, "cpu.idle", String(idle), "Only when nobody else wants the CPU", failing)
    }
    if let period = cpu.realtimePeriod, period != 0 {
      write(path, "cpu.rt_period_us", String(period), "The period for real-time processes", failing)
    }
    if let runtime = cpu.realtimeRuntime, runtime != 0 {
      write(path, "cpu.rt_runtime_us", String(runtime), "How much of it real-time processes may have", failing)
    }
  }

  private mutating func setBlkio(_ io: RuntimeSpec.BlockIO, _ failing: Step.Failure) {
    if io == RuntimeSpec.BlockIO() { return }
    let path = cgroups.path(of: "blkio")
    if let weight = io.weight, weight != 0 {
      write(path, "blkio.weight", String(weight), "Its share of the disks when they are busy", failing)
    }
    if let weight = io.leafWeight, weight != 0 {
      write(path, "blkio.leaf_weight", String(weight), "Its share against its own children", failing)
    }
    for device in io.weightDevice {
      if let weight = device.weight {
        write(
          path, "blkio.weight_device", "\(device.major):\(device.minor) \(weight)", "Its share of one disk", failing)
      }
      if let weight = device.leafWeight {
        write(
          path, "blkio.leaf_weight_device", "\(device.major):\(device.minor) \(weight)",
          "Its share of one disk against its own children", failing)
      }
    }
    for (devices, file) in [
      (io.throttleReadBpsDevice, "read_bps"), (io.throttleWriteBpsDevice, "write_bps"),
      (io.throttleReadIOPSDevice, "read_iops"), (io.throttleWriteIOPSDevice, "write_iops"),
    ] {
      for device in devices {
        write(
          path, "blkio.throttle.\(file)_device", "\(device.major):\(device.minor) \(device.rate)",
          "How fast it may read or write", failing)
      }
    }
  }

  private mutating func setRdma(_ rdma: [String: RuntimeSpec.Rdma], _ path: String?, _ failing: Step.Failure) {
    for (device, limit) in rdma.sorted(by: { $0.key < $1.key }) {
      var line = device
      if let handles = limit.hcaHandles { line += " hca_handle=\(handles)" }
      if let objects = limit.hcaObjects { line += " hca_object=\(objects)" }
      write(path, "rdma.max", line, "What it may have of an RDMA adapter", failing)
    }
  }

  // MARK: Scales

  /// CPU shares of v1 (2 to 262144, 1024 by default) as a weight of v2 (1 to 10000, 100): the quadratic fit through
  /// minimum, default and maximum that runc, crun and systemd share.
  static func cpuWeight(_ shares: UInt64) -> UInt64 {
    if shares <= 2 { return 1 }
    if shares >= 262_144 { return 10_000 }
    let l = Logarithm.log2(Double(shares))
    let exponent = (l * l + 125 * l) / 612 - 7.0 / 34
    // What is a whole number but for the last digits of a double is meant to be one.
    return UInt64((Logarithm.exp10(exponent) * (1 - 1e-12)).rounded(.up))
  }

  /// blkio weight of v1 (10 to 1000) as io.weight of v2 (1 to 10000).
  static func ioWeight(_ weight: UInt16) -> UInt64 {
    guard weight >= 10 else { return 1 }
    return 1 + (UInt64(weight) - 10) * 9999 / 990
  }
}

/// Two functions of libm, since this target links nothing but the standard library. Both are exact to 1e-12 in the
/// range
/// in which they are used.
enum Logarithm {
  /// For positive, normal numbers.
  static func log2(_ x: Double) -> Double { Double(x.exponent) + ln(x.significand) / ln2 }

  /// For |x| below 300.
  static func exp10(_ x: Double) -> Double {
    let scaled = x * ln10
    let whole = (scaled / ln2).rounded()
    let rest = scaled - whole * ln2
    var (term, sum) = (1.0, 1.0)
    for n in 1..<24 {
      term *= rest / Double(n)
      sum += term
    }
    return Double(sign: .plus, exponent: Int(whole), significand: 1) * sum
  }

  private static let ln2 = 0.693147180559945309417232121458
  private static let ln10 = 2.302585092994045684017991454684

  /// For 1 to 2: the series of artanh.
  private static func ln(_ x: Double) -> Double {
    let z = (x - 1) / (x + 1)
    let square = z * z
    var (power, sum) = (z, 0.0)
    for n in stride(from: 1.0, to: 60, by: 2) {
      sum += power / n
      power *= square
    }
    return 2 * sum
  }
}
