import Runtime
import Testing

@testable import DrydockRunc

/// How hosts mount cgroups, from the texts of their procfs.
@Suite("drydock-runc: the host's cgroups")
struct CgroupDetectionTests {
  private func layout(_ mountinfo: String, _ cgroup: String, controllers: String? = nil) -> CgroupLayout? {
    CgroupLayout(mountinfo: mountinfo, cgroup: cgroup, controllers: { _ in controllers })
  }

  /// A machine of systemd with v1 and hybrid's v2.
  private static let hybrid = """
    21 27 0:20 / /sys rw,nosuid - sysfs sysfs rw
    24 21 0:21 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,mode=755
    25 24 0:22 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate
    26 24 0:23 / /sys/fs/cgroup/systemd rw,nosuid shared:11 - cgroup cgroup rw,xattr,name=systemd
    30 24 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:15 - cgroup cgroup rw,cpu,cpuacct
    31 24 0:27 / /sys/fs/cgroup/memory rw,nosuid shared:16 - cgroup cgroup rw,memory
    32 24 0:28 / /sys/fs/cgroup/net_cls,net_prio rw,nosuid shared:17 - cgroup cgroup rw,net_cls,net_prio
    33 24 0:29 / /sys/fs/cgroup/freezer rw,nosuid shared:18 - cgroup cgroup rw,freezer
    34 24 0:30 / /sys/fs/cgroup/cpuset rw,nosuid shared:19 - cgroup cgroup rw,cpuset
    35 24 0:31 / /sys/fs/cgroup/devices rw,nosuid shared:20 - cgroup cgroup rw,devices
    """
  private static let hybridOwn = """
    8:devices:/system.slice/docker.service
    7:cpuset:/
    6:freezer:/
    5:net_cls,net_prio:/
    4:memory:/system.slice/docker.service
    3:cpu,cpuacct:/system.slice/docker.service
    1:name=systemd:/system.slice/docker.service
    0::/system.slice/docker.service
    """

  @Test("Hybrid, with controllers mounted together and a named hierarchy")
  func hybrid() throws {
    let found = try #require(layout(Self.hybrid, Self.hybridOwn))
    #expect(found.version == .hybrid && found.mountPoint == "/sys/fs/cgroup")
    #expect(
      found.hierarchies == [
        "cpuset", "devices", "memory", "cpu,cpuacct", "net_cls,net_prio", "freezer", "systemd",
      ])
    #expect(found.own == "/system.slice/docker.service")
    #expect(found.owns == ["cpuset": "/", "freezer": "/", "net_cls,net_prio": "/"])
    #expect(found.own(in: "memory") == "/system.slice/docker.service" && found.own(in: "freezer") == "/")
    let paths = CgroupPaths(layout: found, inner: "/docker/x")
    #expect(paths.path(of: "cpuacct") == "/sys/fs/cgroup/cpu,cpuacct/docker/x")
    #expect(paths.path(of: "hugetlb") == nil)
    #expect(paths.unified == "/sys/fs/cgroup/unified/docker/x")
  }

  @Test("A relative path is below the own cgroup of each hierarchy")
  func relative() throws {
    let found = try #require(layout(Self.hybrid, Self.hybridOwn))
    let paths = CgroupPaths(layout: found, inner: "/system.slice/docker.service/c", relative: "c")
    #expect(paths.path(of: "memory") == "/sys/fs/cgroup/memory/system.slice/docker.service/c")
    #expect(paths.path(of: "freezer") == "/sys/fs/cgroup/freezer/c")
    #expect(paths.unified == "/sys/fs/cgroup/unified/system.slice/docker.service/c")
  }

  @Test("Controllers mounted in another order than they are listed, and one that is not mounted")
  func order() throws {
    let found = try #require(
      layout(
        "30 24 0:26 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpuacct,cpu\n",
        "3:cpuacct,cpu:/a\n2:memory:/b\n"))
    #expect(found.version == .v1 && found.hierarchies == ["cpu,cpuacct"] && found.own == "/a")
  }

  @Test("v2 alone")
  func unified() throws {
    let found = try #require(
      layout(
        "31 21 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n",
        "0::/user.slice/user-1000.slice/session-2.scope\n", controllers: "cpuset cpu io memory pids\n"))
    #expect(found.version == .unified && found.hierarchies == [])
    #expect(found.controllers == ["cpuset", "cpu", "io", "memory", "pids"])
    #expect(found.own == "/user.slice/user-1000.slice/session-2.scope")
  }

  @Test("In a container that sees its host's paths, the mounts begin at its own cgroup")
  func nested() throws {
    let mountinfo = """
      900 890 0:26 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
      901 890 0:27 /docker/abc /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids
      """
    let found = try #require(layout(mountinfo, "4:memory:/docker/abc/inner\n3:pids:/docker/abc\n"))
    #expect(found.own(in: "memory") == "/inner" && found.own(in: "pids") == "/")
    // With a cgroup namespace: the mount's root and the own path are /.
    let namespaced = try #require(
      layout("900 890 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "0::/\n", controllers: "cpu\n"))
    #expect(namespaced.own == "/")
  }

  @Test("Paths outside what can be seen are nobody's")
  func outside() {
    #expect(CgroupLayout.own("/../sibling", root: "/") == "/")
    #expect(CgroupLayout.own("/a/b", root: "/c") == "/")
    #expect(CgroupLayout.own("/ab", root: "/a") == "/")
    #expect(CgroupLayout.own("/a", root: "/../x") == "/a")
    #expect(CgroupLayout.own("/gone (deleted)", root: "/") == "/gone")
  }

  @Test("Nothing is mounted, or the text is not procfs's")
  func nothing() {
    #expect(layout("", "") == nil)
    #expect(layout("21 27 0:20 / /sys rw - sysfs sysfs rw\n", "0::/\n") == nil)
    #expect(layout("garbage\n1 2 3 - cgroup\n1 2 3 4 5 6 7 8 9 10\n", "x\n::\n") == nil)
  }

  @Test("A mount point with a space")
  func escaped() throws {
    let found = try #require(layout(#"30 24 0:26 / /odd\040place/memory rw - cgroup cgroup rw,memory"#, "1:memory:/\n"))
    #expect(found.mountPoint == "/odd place" && found.hierarchies == ["memory"])
  }

  @Test("The quick way finds what mountinfo says on this machine")
  func here() throws {
    let quick = Host.layout()
    let mountinfo = HostFile.text("/proc/self/mountinfo") ?? ""
    let slow = layout(mountinfo, HostFile.text("/proc/self/cgroup") ?? "")
    guard let slow else { return }
    #expect(quick.version == slow.version && quick.hierarchies == slow.hierarchies && quick.own == slow.own)
    #expect(quick.owns == slow.owns)
  }
}
