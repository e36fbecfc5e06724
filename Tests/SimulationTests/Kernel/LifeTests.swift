import Runtime
import Seams
import Testing

@testable import Simulation

/// The clock under the kernel, and the end of both.
@Suite struct KernelLifeTests {
  @Test func sleepersWakeInTheOrderOfTheirTimes() {
    let world = SimWorld(seed: 1)
    let log = ByteChannel()
    for (name, delay) in [(3, 30), (1, 10), (2, 20), (4, 30)] as [(UInt8, UInt64)] {
      world.spawn {
        try? await world.sleep(delay)
        log.push([name])
      }
    }
    world.run(until: { false })
    var order: [UInt8] = []
    while let bytes = log.tryRead(), !bytes.isEmpty { order += bytes }
    #expect(order == [1, 2, 3, 4])
    #expect(world.now == 30)
  }

  @Test func cancelledSleepersWakeAtOnceAndDoNotMoveTheClock() {
    let world = SimWorld(seed: 1)
    let log = ByteChannel()
    var tasks: [Task<Void, Never>] = []
    for _ in 0..<500 {
      tasks.append(
        world.spawn {
          do { try await world.sleep(Duration64.second) } catch { log.push([1]) }
        })
    }
    world.run(until: { false }, limit: 0)
    for task in tasks { task.cancel() }
    #expect(world.run(until: { false }) == .idle)
    #expect(world.now == 0)
    var count = 0
    while let bytes = log.tryRead(), !bytes.isEmpty { count += bytes.count }
    #expect(count == 500)
  }

  @Test func sleepingForeverNeverEnds() {
    let world = SimWorld(seed: 1)
    world.spawn { try? await world.sleep(.max) }
    world.spawn { try? await world.sleep(5) }
    #expect(world.run(until: { false }) == .idle)
    #expect(world.now == 5)
    world.advance(10)
    #expect(world.now == 15)
  }

  @Test func aKernelThatIsSwitchedOffGoesWithAllItHas() throws {
    weak var gone: SimKernel?
    do {
      let f = KernelFixture()
      gone = f.kernel
      let pid = try f.makeContainer()
      try f.perform(
        .execve(path: "/usr/local/bin/sleeper", arguments: ["sleeper"], environment: ["PATH=/usr/local/bin"]), as: pid)
      f.settle()
      f.kernel.powerOff()
      f.settle()
      #expect(f.kernel.status(of: pid) == nil)
    }
    #expect(gone == nil)
  }

  @Test func theStateFallsApart() throws {
    let world = SimWorld(seed: 1)
    weak var gone: KernelState?
    weak var disk: Inode?
    do {
      let state = KernelState(world: world, programs: ProgramTable(), cpus: 2, memory: 1 << 30)
      gone = state
      state.boot(hostname: "h", cgroupVersion: 2)
      state.current = state.initProcess
      state.furnish(hostname: "h")
      disk = state.disk
      let child = try state.fork(state.initProcess, namespaces: [.mount, .pid, .ipc, .uts], driver: .runtime)
      state.current = child
      try state.mount(source: "t", target: "/mnt", type: "tmpfs", flags: [], data: "")
      _ = try state.readFile("/proc/self/status")
      state.tearDown()
    }
    #expect(disk == nil)
    #expect(gone == nil)
  }

  @Test func usersHaveALimitOfProcesses() throws {
    let f = KernelFixture([
      "forker": { process in
        var made: Int32 = 0
        do {
          while made < 20 {
            _ = try process.fork(stdio: [0, 1, 2]) {
              try await $0.sleep(Duration64.second); return 0
            }
            made += 1
          }
        } catch { #expect(error as? Errno == .EAGAIN) }
        return made
      }
    ])
    let pid = try f.child()
    try f.perform(.setrlimit(name: "RLIMIT_NPROC", soft: 4, hard: 4), as: pid)
    try f.perform(.setresuid(1000), as: pid)
    #expect(try f.run("forker", as: pid) == 3)
  }

  @Test func theDiskCountsForTheCgroup() throws {
    let (f, status) = try KernelFixture.hosted { process in
      let fd = try process.open("/root/file", .write)
      try await process.write(fd, [UInt8](repeating: 1, count: 10_000))
      return 0
    }
    #expect(status == 0)
    #expect(f.read("/sys/fs/cgroup/system.slice/containerd.service/io.stat")?.contains("wbytes=12288") == true)
  }

  @Test func timeNamespacesShiftTheUptime() throws {
    let f = KernelFixture()
    let pid = try f.child()
    try f.perform(.unshare([.time]), as: pid)
    try f.perform(.writeFile(path: KernelPath("/proc/\(pid)/timens_offsets"), contents: "boottime 86400 0\n"), as: pid)
    let child = try f.perform(.clone(namespaces: []), as: pid)
    let own = Double(f.read("/proc/uptime", as: child)?.split(separator: " ").first ?? "") ?? 0
    let host = Double(f.read("/proc/uptime")?.split(separator: " ").first ?? "") ?? 0
    #expect(own - host == 86_400)
  }
}
