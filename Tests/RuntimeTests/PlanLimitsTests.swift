import JSONTree
import OCISpec
import Runtime
import Testing

@Suite("Plan: limits")
struct PlanLimitsTests {
  private func writes(_ version: CgroupLayout.Version, _ change: (inout RuntimeSpec.Resources) -> Void) throws
    -> [String]
  {
    var resources = RuntimeSpec.Resources()
    change(&resources)
    let facts = ContainerFacts(
      id: "c1", bundle: "/b", rootfs: "/b/r", stateDirectory: "/run/runc/c1", pid: 7,
      cgroups: CgroupPaths(layout: CgroupLayout(version), inner: "/x"), config: Fixture.small())
    return try Plan.update(facts, resources).steps.map { step in
      if case .writeFile(let path, let contents) = step.call {
        "\(path.path.split(separator: "/").last ?? "") \(contents)"
      } else {
        step.call.name
      }
    }
  }

  @Test("cgroup v2: the files, the order and the scales")
  func unified() throws {
    let found = try writes(.unified) {
      $0.pids = 100
      $0.memory = .init(limit: 1000, reservation: 500, swap: 1500)
      $0.cpu.shares = 1024
      $0.cpu.quota = 50_000
      $0.cpu.cpus = "0-1"
      $0.blockIO.weight = 500
      $0.blockIO.throttleReadBpsDevice = [.init(major: 8, minor: 0, rate: 1_048_576)]
      $0.hugepageLimits = [.init(pageSize: "2MB", limit: 4)]
      $0.rdma = ["mlx5_1": .init(hcaHandles: 3)]
      $0.unified = ["memory.high": "900", "io.latency": "8:0 target=1\n8:16 target=2"]
    }
    #expect(
      found == [
        "pids.max 100", "memory.swap.max 500", "memory.max 1000", "memory.low 500", "io.bfq.weight 500",
        "io.weight 4950", "io.max 8:0 rbps=1048576", "cpu.weight 100", "cpu.max 50000 100000", "cpuset.cpus 0-1",
        "hugetlb.2MB.max 4", "hugetlb.2MB.rsvd.max 4", "rdma.max mlx5_1 hca_handle=3", "io.latency 8:0 target=1",
        "io.latency 8:16 target=2", "memory.high 900",
      ])
  }

  @Test("cgroup v1: the files, the order and the scales")
  func v1() throws {
    let found = try writes(.v1) {
      $0.pids = 0
      $0.memory = .init(limit: -1)
      $0.memory.swappiness = 0
      $0.memory.disableOOMKiller = true
      $0.cpu.shares = 2
      $0.cpu.period = 20_000
      $0.cpu.quota = -1
      $0.cpu.realtimeRuntime = 5
      $0.cpu.mems = "0"
      $0.blockIO.weight = 500
      $0.blockIO.throttleWriteIOPSDevice = [.init(major: 8, minor: 0, rate: 9)]
      $0.network.classID = 7
      $0.network.priorities = [.init(name: "eth0", priority: 3)]
    }
    #expect(
      found == [
        "cpuset.mems 0", "memory.limit_in_bytes -1", "memory.memsw.limit_in_bytes -1", "memory.oom_control 1",
        "memory.swappiness 0", "cpu.shares 2", "cpu.cfs_period_us 20000", "cpu.cfs_quota_us -1", "cpu.rt_runtime_us 5",
        "pids.max 1", "blkio.weight 500", "blkio.throttle.write_iops_device 8:0 9", "net_cls.classid 7",
        "net_prio.ifpriomap eth0 3",
      ])
  }

  @Test(
    "CPU shares become a weight by the curve through minimum, default and maximum",
    arguments: [
      (2, 1), (1024, 100), (262_144, 10_000), (512, 59), (2048, 174), (100, 17), (10_000, 627), (1, 1),
      (300_000, 10_000),
    ] as [(UInt64, UInt64)])
  func cpuWeight(_ shares: UInt64, _ weight: UInt64) throws {
    #expect(try writes(.unified) { $0.cpu.shares = shares } == ["cpu.weight \(weight)"])
  }

  @Test("Unlimited and unset")
  func unlimited() throws {
    #expect(try writes(.unified) { $0.pids = -1 } == ["pids.max max"])
    #expect(try writes(.unified) { $0.memory = .init(limit: -1) } == ["memory.swap.max max", "memory.max max"])
    #expect(try writes(.unified) { $0.cpu.quota = -1 } == ["cpu.max max 100000"])
    #expect(try writes(.unified) { _ in }.isEmpty)
    #expect(throws: PlanError("memory+swap limit should be >= memory limit")) {
      try writes(.unified) { $0.memory = .init(limit: 10, swap: 5) }
    }
  }

  @Test("Device rules: each line as the kernel takes it, the usual devices afterwards")
  func devices() throws {
    func rules(_ list: [RuntimeSpec.DeviceCgroup]) throws -> [String] {
      var config = Fixture.small()
      config.linux?.resources = .init()
      config.linux?.resources?.devices = list
      let plan = try PlanCreateTests.create(config)
      return try #require(
        plan.steps.compactMap { step -> [String]? in
          if case .deviceProgram(_, let rules) = step.call {
            rules.map { ($0.allow ? "+" : "-") + $0.text }
          } else {
            nil
          }
        }.first)
    }
    let usual = [
      "+b *:* m", "+c *:* m", "+c 1:3 rwm", "+c 1:5 rwm", "+c 1:7 rwm", "+c 1:8 rwm", "+c 1:9 rwm", "+c 5:0 rwm",
      "+c 5:2 rwm", "+c 10:200 rwm", "+c 136:* rwm",
    ]
    #expect(try rules([]) == ["-a *:* rwm"] + usual)
    // --privileged: everything is allowed, and exceptions are denials.
    #expect(try rules([.init(allow: true, access: "rwm")]) == ["+a *:* rwm"])
    let some = try rules([
      .init(allow: false, access: "rwm"), .init(allow: true, type: "b", major: 8, minor: 0, access: "r"),
      .init(allow: true, type: "b", major: 8, minor: 0, access: "w"),
      .init(allow: true, type: "c", major: 10, minor: 229, access: "rwm"),
      .init(allow: false, type: "c", major: 10, minor: 229, access: "m"),
    ])
    #expect(some.contains("+b 8:0 rw") && some.contains("+c 10:229 rw"))
  }
}
