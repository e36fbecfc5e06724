import JSONTree
import Runtime
import Seams
import Testing

@testable import Simulation

/// cgroups(7): limits, the OOM killer, the freezer.
@Suite struct KernelCgroupTests {
  private let mega: Int64 = 1 << 20

  /// A process in the cgroup /box with limits.
  private func boxed(
    _ limits: [(String, String)], _ programs: [String: @Sendable (any SimProcess) async throws -> Int32] = [:]
  ) throws -> (KernelFixture, Int) {
    let f = KernelFixture(programs)
    try f.perform(.mkdir(path: "/sys/fs/cgroup/box", mode: 0o755))
    for (file, value) in limits {
      try f.perform(.writeFile(path: KernelPath("/sys/fs/cgroup/box/\(file)"), contents: value))
    }
    let pid = try f.child()
    try f.perform(.writeFile(path: "/sys/fs/cgroup/box/cgroup.procs", contents: "\(pid)"))
    return (f, pid)
  }

  private func box(_ f: KernelFixture, _ file: String) -> String? { f.read("/sys/fs/cgroup/box/\(file)") }

  @Test func controllersAreHandedDown() throws {
    let f = KernelFixture()
    try f.perform(.mkdir(path: "/sys/fs/cgroup/a", mode: 0o755))
    try f.perform(.mkdir(path: "/sys/fs/cgroup/a/b", mode: 0o755))
    #expect(f.read("/sys/fs/cgroup/a/memory.max") == "max\n")
    #expect(f.read("/sys/fs/cgroup/a/b/memory.max") == nil)
    try f.perform(.writeFile(path: "/sys/fs/cgroup/a/cgroup.subtree_control", contents: "+memory +pids"))
    #expect(f.read("/sys/fs/cgroup/a/b/memory.max") == "max\n")
    #expect(f.read("/sys/fs/cgroup/a/b/cgroup.controllers") == "memory pids\n")
    #expect(f.read("/sys/fs/cgroup/a/b/cpu.max") == nil)
    #expect(f.errno(.writeFile(path: "/sys/fs/cgroup/a/b/cgroup.subtree_control", contents: "+cpu")) == .ENOENT)
    // The root has no limits, and no processes live in inner cgroups.
    #expect(f.read("/sys/fs/cgroup/memory.max") == nil)
    #expect(f.errno(.writeFile(path: "/sys/fs/cgroup/a/cgroup.procs", contents: "0")) == .EBUSY)
    #expect(f.errno(.createFile(path: "/sys/fs/cgroup/a/mine", mode: 0o644)) == .EPERM)
  }

  @Test func limitsMustBeWellFormed() throws {
    let (f, _) = try boxed([])
    for (file, value) in [
      ("memory.max", "much"), ("memory.max", "-5"), ("cpu.max", "5 100000"), ("cpu.max", "10000 50"),
      ("cpu.weight", "0"),
      ("pids.max", "-1"), ("cpuset.cpus", "0-99"), ("cpuset.cpus", "x"), ("cgroup.freeze", "2"), ("io.max", "x"),
    ] {
      let error = f.errno(.writeFile(path: KernelPath("/sys/fs/cgroup/box/\(file)"), contents: value))
      #expect(error == .EINVAL || error == .ERANGE, "\(file) \(value)")
    }
    #expect(f.errno(.writeFile(path: "/sys/fs/cgroup/box/cgroup.procs", contents: "99999")) == .ESRCH)
  }

  @Test func overItsMemoryLimitAProcessIsKilled() throws {
    let (f, pid) = try boxed(
      [("memory.max", "67108864")],
      [
        "hungry": { process in
          for _ in 0..<100 { try process.allocate(1 << 20) }
          return 0
        }
      ])
    #expect(try f.run("hungry", as: pid) == 137)
    #expect(f.kernel.wasOOMKilled(pid))
    let events = box(f, "memory.events") ?? ""
    #expect(events.contains("oom_kill 1\n"))
    #expect(events.contains("oom 1\n"))
    #expect(box(f, "memory.current") == "0\n")
    #expect(f.read("/sys/fs/cgroup/memory.stat")?.contains("anon") == true)
  }

  @Test func withinItsLimitItLives() throws {
    let (f, pid) = try boxed(
      [("memory.max", "67108864")],
      [
        "modest": { process in
          for _ in 0..<10 {
            try process.allocate(32 << 20)
            process.free(32 << 20)
          }
          return 0
        }
      ])
    #expect(try f.run("modest", as: pid) == 0)
    #expect(!f.kernel.wasOOMKilled(pid))
  }

  @Test func theLargestIsTakenUnlessItsScoreSaysOtherwise() throws {
    let (f, pid) = try boxed(
      [("memory.max", "104857600")],
      [
        "parent": { process in
          let child = try process.fork(stdio: [0, 1, 2]) { child in
            try child.allocate(60 << 20)
            try await child.sleep(100 * Duration64.second)
            return 0
          }
          try await process.sleep(Duration64.second)
          try process.allocate(50 << 20)  // the child is larger
          let ended = try await process.wait(child)
          return ended.status
        }
      ])
    #expect(try f.run("parent", as: pid) == 137)
    #expect(f.kernel.wasOOMKilled(pid))
  }

  @Test func aProtectedProcessIsNotTaken() throws {
    let (f, pid) = try boxed(
      [("memory.max", "104857600")],
      [
        "greedy": { process in
          do { try process.allocate(200 << 20) } catch { return error as? Errno == .ENOMEM ? 12 : 1 }
          return 0
        }
      ])
    try f.perform(.writeFile(path: KernelPath("/proc/\(pid)/oom_score_adj"), contents: "-1000"))
    #expect(try f.run("greedy", as: pid) == 12)
  }

  @Test func filesInATmpfsAreMemoryToo() throws {
    let (f, pid) = try boxed([("memory.max", "1048576")])
    let child = try f.perform(.clone(namespaces: [.mount]), as: pid)
    try f.mount("", "/", "", ["MS_REC", "MS_PRIVATE"], as: child)
    try f.mount("tmpfs", "/mnt", "tmpfs", as: child)
    try f.perform(.createFile(path: "/mnt/a", mode: 0o644), as: child)
    try f.perform(.writeFile(path: "/mnt/a", contents: String(repeating: "x", count: 500_000)), as: child)
    #expect(box(f, "memory.stat")?.contains("shmem 503808\n") == true)
    try f.perform(.unlink(path: "/mnt/a"), as: child)
    #expect(box(f, "memory.current") == "0\n")
  }

  @Test func overPidsMaxForkFails() throws {
    let (f, pid) = try boxed(
      [("pids.max", "3")],
      [
        "forker": { process in
          var made: Int32 = 0
          for _ in 0..<10 {
            do {
              _ = try process.fork(stdio: [0, 1, 2]) {
                try await $0.sleep(Duration64.second); return 0
              }
              made += 1
            } catch {
              #expect(error as? Errno == .EAGAIN)
              return made
            }
          }
          return 99
        }
      ])
    #expect(try f.run("forker", as: pid) == 2)
    #expect(box(f, "pids.events") == "max 1\n")
  }

  @Test func aFrozenCgroupStandsStill() throws {
    let (f, pid) = try boxed(
      [],
      [
        "ticker": { process in
          for _ in 0..<5 { try await process.sleep(Duration64.second) }
          return 0
        }
      ])
    try f.perform(.execve(path: "/usr/local/bin/ticker", arguments: ["ticker"], environment: []), as: pid)
    f.settle()
    try f.perform(.writeFile(path: "/sys/fs/cgroup/box/cgroup.freeze", contents: "1"))
    #expect(box(f, "cgroup.events") == "populated 1\nfrozen 1\n")
    #expect(f.kernel.status(of: pid) == .stopped)
    f.world.advance(100 * Duration64.second)
    #expect(f.kernel.status(of: pid) == .stopped)
    try f.perform(.writeFile(path: "/sys/fs/cgroup/box/cgroup.freeze", contents: "0"))
    #expect(f.status(of: pid) == 0)
    #expect(f.world.now >= 104 * Duration64.second)
    #expect(box(f, "cgroup.events") == "populated 0\nfrozen 0\n")
  }

  @Test func frozenProcessesCanBeKilled() throws {
    let (f, pid) = try boxed([])
    try f.perform(.execve(path: "/usr/local/bin/sleeper", arguments: ["sleeper"], environment: []), as: pid)
    try f.perform(.writeFile(path: "/sys/fs/cgroup/box/cgroup.freeze", contents: "1"))
    try f.perform(.kill(pid: pid, signal: 9))
    #expect(f.status(of: pid) == 137)
  }

  @Test func cgroupKillKillsAllBelow() throws {
    let (f, pid) = try boxed([])
    let second = try f.perform(.clone(namespaces: [.pid]), as: pid)
    try f.perform(.writeFile(path: "/sys/fs/cgroup/box/cgroup.kill", contents: "1"))
    #expect(f.status(of: pid) == 137)
    #expect(f.kernel.status(of: second) == nil)
    #expect(f.kernel.members(cgroup: "/box") == [])
  }

  @Test func aCpuQuotaMakesWorkLast() throws {
    let (f, pid) = try boxed(
      [("cpu.max", "50000 100000")],
      [
        "busy": { process in
          let start = process.unixTime
          try await process.compute(2 * Duration64.second)
          return Int32((process.unixTime - start) / Duration64.second)
        }
      ])
    #expect(try f.run("busy", as: pid) == 4)
    let stat = box(f, "cpu.stat") ?? ""
    #expect(stat.contains("usage_usec 2000000\n"))
    #expect(stat.contains("throttled_usec 2000000\n"))
  }

  @Test func busyCgroupsShareByWeight() throws {
    let f = KernelFixture([
      "busy": { process in
        let start = process.unixTime
        try await process.compute(Duration64.second)
        return Int32((process.unixTime - start) / (100 * Duration64.millisecond))
      }
    ])
    var pids: [Int] = []
    for (name, weight) in [("heavy", "300"), ("light", "100")] {
      try f.perform(.mkdir(path: KernelPath("/sys/fs/cgroup/\(name)"), mode: 0o755))
      try f.perform(.writeFile(path: KernelPath("/sys/fs/cgroup/\(name)/cpu.weight"), contents: weight))
      try f.perform(.writeFile(path: KernelPath("/sys/fs/cgroup/\(name)/cpuset.cpus"), contents: "0"))
      let pid = try f.child()
      try f.perform(.writeFile(path: KernelPath("/sys/fs/cgroup/\(name)/cgroup.procs"), contents: "\(pid)"))
      try f.perform(.execve(path: "/usr/local/bin/busy", arguments: ["busy"], environment: []), as: pid)
      pids.append(pid)
    }
    let heavy = f.status(of: pids[0])
    let light = f.status(of: pids[1])
    #expect(heavy < light)
  }

  @Test func rmdirRefusesWhileSomebodyIsThere() throws {
    let (f, pid) = try boxed([])
    #expect(f.errno(.rmdir(path: "/sys/fs/cgroup/box")) == .EBUSY)
    try f.perform(.exit(status: 0), as: pid)
    try f.perform(.rmdir(path: "/sys/fs/cgroup/box"))
    #expect(f.read("/sys/fs/cgroup/box/cgroup.procs") == nil)
    #expect(f.kernel.statistics(cgroup: "/box") == nil)
  }

  @Test func cloneCanStartInACgroup() throws {
    let f = KernelFixture()
    try f.perform(.mkdir(path: "/sys/fs/cgroup/box", mode: 0o755))
    let pid = try f.perform(.clone(namespaces: [], cgroup: "/sys/fs/cgroup/box"))
    #expect(f.kernel.members(cgroup: "/sys/fs/cgroup/box") == [pid])
  }

  @Test func deviceProgramsDecide() throws {
    let (f, pid) = try boxed([])
    let rules = [
      DeviceRule(allow: false, type: "a", major: nil, minor: nil, access: "rwm"),
      DeviceRule(allow: true, type: "c", major: 1, minor: 3, access: "rw"),
    ]
    try f.perform(.deviceProgram(cgroup: "/sys/fs/cgroup/box", rules: rules))
    #expect(f.errno(.writeFile(path: "/dev/null", contents: "x"), as: pid) == nil)
    #expect(f.errno(.writeFile(path: "/dev/zero", contents: "x"), as: pid) == .EPERM)
    #expect(f.errno(.mknod(path: "/tmp/null", kind: "c", mode: 0o666, major: 1, minor: 3), as: pid) == .EPERM)
    #expect(f.errno(.writeFile(path: "/dev/zero", contents: "x")) == nil)
  }

  @Test func statisticsHaveRuncsForm() throws {
    let (f, _) = try boxed([("memory.max", "104857600"), ("pids.max", "10")])
    let data = try #require(f.kernel.statistics(cgroup: "/box"))
    #expect(data["memory"]?["usage"]?["limit"]?.int == 104_857_600)
    #expect(data["pids"]?["limit"]?.int == 10)
    #expect(data["pids"]?["current"]?.int == 1)
    #expect(data["cpu"]?["usage"]?["total"]?.int == 0)
  }

  @Test func versionOneHasItsOwnTreesAndNames() throws {
    let f = KernelFixture(cgroupVersion: 1)
    #expect(f.mounts().contains("/sys/fs/cgroup/memory"))
    try f.perform(.mkdir(path: "/sys/fs/cgroup/memory/box", mode: 0o755))
    try f.perform(.mkdir(path: "/sys/fs/cgroup/pids/box", mode: 0o755))
    try f.perform(.writeFile(path: "/sys/fs/cgroup/memory/box/memory.limit_in_bytes", contents: "67108864"))
    let pid = try f.child()
    try f.perform(.writeFile(path: "/sys/fs/cgroup/memory/box/cgroup.procs", contents: "\(pid)"))
    let text = f.read("/proc/self/cgroup", as: pid) ?? ""
    #expect(text.contains(":memory:/box\n"))
    #expect(text.contains(":pids:/system.slice/containerd.service\n"))
    #expect(f.read("/sys/fs/cgroup/cpu/cpu.shares") == "1024\n")
    #expect(
      f.errno(.writeFile(path: "/sys/fs/cgroup/memory/box/memory.memsw.limit_in_bytes", contents: "1024")) == .EINVAL)
    try f.perform(.writeFile(path: "/sys/fs/cgroup/devices/devices.deny", contents: "c 1:5 rwm"))
    #expect(f.errno(.writeFile(path: "/dev/zero", contents: "x"), as: pid) == .EPERM)
  }
}
