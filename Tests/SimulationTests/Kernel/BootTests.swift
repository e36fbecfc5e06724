import Runtime
import Testing

@testable import Simulation

@Suite struct KernelBootTests {
  @Test func theHostHasTheUsualFoldersAndMounts() throws {
    let fixture = KernelFixture()
    #expect(try fixture.files.list("/").contains("etc"))
    #expect(fixture.read("/etc/hostname") == "drydock\n")
    let mounts = fixture.mounts()
    for path in ["/", "/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/run", "/sys/fs/cgroup"] {
      #expect(mounts.contains(path), "\(path)")
    }
    #expect(fixture.read("/proc/1/comm") == "init\n")
    #expect(fixture.read("/proc/self/status")?.contains("Name:\trunc\n") == true)
    #expect(fixture.read("/sys/fs/cgroup/cgroup.controllers") == "cpuset cpu io memory hugetlb pids rdma misc\n")
  }

  @Test func aContainerStartsInItsOwnRoot() throws {
    let fixture = KernelFixture([
      "look": { process in
        #expect(process.pid == 1)
        #expect(process.hostname == "c1")
        #expect(process.workingDirectory == "/")
        let names = try process.list("/")
        #expect(names == ["bin", "dev", "etc", "proc", "sys", "usr"])
        #expect(process.mounts().map(\.target) == ["/", "/proc", "/dev", "/dev/pts", "/sys"])
        #expect(process.processes().map(\.pid) == [1])
        return 7
      }
    ])
    let pid = try fixture.makeContainer()
    #expect(try fixture.run("look", as: pid) == 7)
    #expect(fixture.kernel.status(of: pid) == nil)
  }

  @Test func theHostIsNotTouchedByWhatAContainerMounts() throws {
    let fixture = KernelFixture()
    let before = fixture.mounts()
    let pid = try fixture.makeContainer()
    #expect(fixture.mounts() == before + ["/var/lib/docker/rootfs/overlayfs/c1"])
    try fixture.files.unmount("/var/lib/docker/rootfs/overlayfs/c1")
    #expect(fixture.mounts() == before)
    // The container keeps what it has.
    #expect(fixture.read("/etc/motd", as: pid) == "hello\n")
  }

  @Test func runOnHostFindsProgramsInPath() throws {
    let fixture = KernelFixture()
    let kernel = fixture.kernel
    #expect(fixture.world.runBlocking { await kernel.runOnHost(arguments: ["true"]) } == 0)
    #expect(fixture.world.runBlocking { await kernel.runOnHost(arguments: ["nothing"]) } == 127)
  }
}
