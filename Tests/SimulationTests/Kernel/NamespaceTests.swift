import Runtime
import Testing

@testable import Simulation

/// namespaces(7) of all eight kinds.
@Suite struct KernelNamespaceTests {
  private func link(_ f: KernelFixture, _ pid: Int, _ name: String) -> String? {
    f.kernel.look { kernel in
      kernel.current = kernel.initProcess
      return try? kernel.readLink("/proc/\(pid)/ns/\(name)")
    }
  }

  @Test func cloneGivesOnlyWhatIsAskedFor() throws {
    let f = KernelFixture()
    let pid = try f.child([.uts, .ipc])
    #expect(link(f, f.runtime, "uts") == "uts:[4026531838]")
    #expect(link(f, pid, "uts") != link(f, f.runtime, "uts"))
    #expect(link(f, pid, "ipc") != link(f, f.runtime, "ipc"))
    for name in ["mnt", "pid", "net", "user", "cgroup", "time"] {
      #expect(link(f, pid, name) == link(f, f.runtime, name), "\(name)")
    }
  }

  @Test func everyKindCanBeMade() throws {
    let f = KernelFixture()
    let pid = try f.child(NamespaceKind.allCases)
    for kind in NamespaceKind.allCases { #expect(link(f, pid, kind.procName) != link(f, f.runtime, kind.procName)) }
    #expect(f.errno(.clone(namespaces: [.network]), as: pid) == nil)
  }

  @Test func hostNamesAreTheNamespacesOwn() throws {
    let f = KernelFixture()
    let pid = try f.child([.uts])
    try f.perform(.sethostname("inside"), as: pid)
    #expect(f.read("/proc/sys/kernel/hostname", as: pid) == "inside\n")
    #expect(f.read("/proc/sys/kernel/hostname") == "drydock\n")
    try f.perform(.writeFile(path: "/proc/sys/kernel/domainname", contents: "example.com\n"), as: pid)
    #expect(f.read("/proc/sys/kernel/domainname", as: pid) == "example.com\n")
  }

  @Test func unprivilegedProcessesMakeUserNamespacesOnly() throws {
    let f = KernelFixture()
    let pid = try f.child()
    try f.perform(.setresuid(1000), as: pid)
    #expect(f.errno(.unshare([.uts]), as: pid) == .EPERM)
    #expect(f.errno(.clone(namespaces: [.pid]), as: pid) == .EPERM)
    #expect(f.errno(.sethostname("x"), as: pid) == .EPERM)
    // With a user namespace of its own it may do the rest in there.
    try f.perform(.unshare([.user, .uts, .mount]), as: pid)
    try f.perform(.sethostname("mine"), as: pid)
    try f.mount("tmpfs", "/mnt", "tmpfs", as: pid)
    #expect(f.read("/proc/self/status", as: pid)?.contains("CapEff:\t000001ffffffffff") == true)
    // But not what belongs to the machine.
    #expect(f.errno(.mount(source: "/dev/vda1", target: "/mnt", type: "ext4", flags: [], data: ""), as: pid) == .EPERM)
    #expect(f.errno(.mknod(path: "/tmp/null", kind: "c", mode: 0o666, major: 1, minor: 3), as: pid) == .EPERM)
    #expect(f.errno(.writeFile(path: "/proc/sys/kernel/panic", contents: "1"), as: pid) == .EACCES)
  }

  // MARK: pid

  @Test func pidNamespacesNumberFromOne() throws {
    let f = KernelFixture()
    let outer = try f.child([.pid])
    let inner = try f.perform(.clone(namespaces: [.pid]), as: outer)
    #expect(f.read("/proc/\(inner)/status")?.contains("NSpid:\t\(inner)\t2\t1\n") == true)
    #expect(f.read("/proc/\(outer)/status")?.contains("NSpid:\t\(outer)\t1\n") == true)
  }

  @Test func aProcSeesOnlyItsNamespace() throws {
    let f = KernelFixture()
    let pid = try f.child([.pid, .mount])
    let second = try f.perform(.clone(namespaces: []), as: pid)
    #expect(f.read("/proc/\(pid)/comm", as: pid) != nil)  // still the host's /proc
    try f.mount("proc", "/mnt", "proc", as: pid)
    #expect(f.read("/mnt/1/comm", as: pid) == "runc\n")
    #expect(f.read("/mnt/2/status", as: pid)?.contains("PPid:\t1\n") == true)
    #expect(f.read("/mnt/3/comm", as: pid) == nil)
    #expect(f.read("/mnt/\(second)/comm", as: pid) == nil)
    #expect(f.read("/mnt/self/status", as: second)?.contains("Pid:\t2\n") == true)
  }

  @Test func unsharingAPidNamespaceIsForTheChildren() throws {
    let f = KernelFixture()
    let pid = try f.child()
    let own = link(f, pid, "pid")
    try f.perform(.unshare([.pid]), as: pid)
    #expect(link(f, pid, "pid") == own)
    #expect(link(f, pid, "pid_for_children") != own)
    let child = try f.perform(.clone(namespaces: []), as: pid)
    #expect(f.read("/proc/\(child)/status")?.contains("NSpid:\t\(child)\t1\n") == true)
    #expect(f.errno(.unshare([.pid]), as: pid) == .EINVAL)
  }

  @Test func whenPidOneEndsAllEnd() throws {
    let f = KernelFixture()
    let first = try f.child([.pid])
    let second = try f.perform(.clone(namespaces: []), as: first)
    let third = try f.perform(.clone(namespaces: []), as: second)
    try f.perform(.exit(status: 3), as: first)
    #expect(f.kernel.status(of: second) == nil)
    #expect(f.kernel.status(of: third) == nil)
    #expect(f.status(of: first) == 3)
  }

  @Test func nobodyCanJoinADeadPidNamespace() throws {
    let f = KernelFixture()
    let first = try f.child([.pid])
    let joiner = try f.child()
    try f.perform(.setns(.pid, path: "/proc/\(first)/ns/pid"), as: joiner)
    try f.perform(.exit(status: 0), as: first)
    #expect(f.errno(.clone(namespaces: []), as: joiner) == .ENOMEM)
  }

  // MARK: setns

  @Test func setnsJoinsWhatAPathNames() throws {
    let f = KernelFixture()
    let container = try f.makeContainer()
    let joiner = try f.child()
    for kind in [NamespaceKind.ipc, .uts, .network, .pid, .cgroup, .mount] {
      try f.perform(.setns(kind, path: "/proc/\(container)/ns/\(kind.procName)"), as: joiner)
    }
    #expect(f.read("/etc/motd", as: joiner) == "hello\n")
    let executed = try f.perform(.clone(namespaces: []), as: joiner)
    #expect(f.read("/proc/2/comm", as: executed) == "runc\n")
    #expect(f.read("/proc/\(executed)/status")?.contains("NSpid:\t\(executed)\t2\n") == true)
  }

  @Test func setnsRefuses() throws {
    let f = KernelFixture()
    let other = try f.child([.uts, .pid, .user])
    let pid = try f.child()
    #expect(f.errno(.setns(.ipc, path: "/proc/\(other)/ns/uts"), as: pid) == .EINVAL)
    #expect(f.errno(.setns(.uts, path: "/etc/hostname"), as: pid) == .EINVAL)
    #expect(f.errno(.setns(.uts, path: "/proc/99999/ns/uts"), as: pid) == .ENOENT)
    #expect(f.errno(.setns(.user, path: "/proc/self/ns/user"), as: pid) == .EINVAL)
    // Only downwards.
    let inner = try f.child([.pid])
    #expect(f.errno(.setns(.pid, path: "/proc/\(f.runtime)/ns/pid"), as: inner) == .EINVAL)
    try f.perform(.setresuid(1000), as: pid)
    #expect(f.errno(.setns(.uts, path: "/proc/\(other)/ns/uts"), as: pid) == .EACCES)
  }

  @Test func aBindMountKeepsANamespaceAlive() throws {
    let f = KernelFixture()
    let pid = try f.child([.network])
    let id = try #require(f.kernel.networkNamespace(of: pid))
    try f.files.write("/run/netns/kept", [], mode: 0o444)
    try f.mount("/proc/\(pid)/ns/net", "/run/netns/kept", "", ["MS_BIND"])
    try f.perform(.exit(status: 0), as: pid)
    _ = f.status(of: pid)
    #expect(f.kernel.network.interfaces(in: id).map(\.name) == ["lo"])
    let joiner = try f.child()
    try f.perform(.setns(.network, path: "/run/netns/kept"), as: joiner)
    #expect(f.kernel.networkNamespace(of: joiner) == id)
    try f.perform(.exit(status: 0), as: joiner)
    try f.perform(.unmount(target: "/run/netns/kept", flags: []))
    // With the last reference the stack goes.
    #expect(f.kernel.network.interfaces(in: id).isEmpty)
  }

  @Test func sysctlsOfTheNetworkAreTheNamespacesOwn() throws {
    let f = KernelFixture()
    let pid = try f.child([.network])
    let path: KernelPath = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
    try f.perform(.writeFile(path: path, contents: "0"), as: pid)
    #expect(f.read(path.path, as: pid) == "0\n")
    #expect(f.read(path.path) == "1024\n")
    #expect(f.errno(.writeFile(path: path, contents: "many"), as: pid) == .EINVAL)
    #expect(f.errno(.writeFile(path: "/proc/sys/net/ipv4/nothing", contents: "1"), as: pid) == .ENOENT)
    try f.perform(.writeFile(path: "/proc/sys/net/ipv4/ping_group_range", contents: "0 2147483647"), as: pid)
    #expect(f.read("/proc/sys/net/ipv4/ping_group_range", as: pid) == "0\t2147483647\n")
  }

  @Test func cgroupNamespacesHideWhatIsAbove() throws {
    let f = KernelFixture()
    try f.perform(.mkdir(path: "/sys/fs/cgroup/box", mode: 0o755))
    let pid = try f.child()
    try f.perform(.writeFile(path: "/sys/fs/cgroup/box/cgroup.procs", contents: "\(pid)"))
    #expect(f.read("/proc/self/cgroup", as: pid) == "0::/box\n")
    try f.perform(.unshare([.cgroup]), as: pid)
    #expect(f.read("/proc/self/cgroup", as: pid) == "0::/\n")
    #expect(f.read("/proc/\(f.runtime)/cgroup", as: pid) == "0::/../system.slice/containerd.service\n")
    try f.mount("cgroup", "/mnt", "cgroup2", as: pid)
    #expect(f.read("/mnt/cgroup.procs", as: pid) == "\(pid)\n")
  }

  @Test func aCgroupNamespaceOfCloneBeginsWhereTheChildStarts() throws {
    let f = KernelFixture()
    try f.perform(.mkdir(path: "/sys/fs/cgroup/box", mode: 0o755))
    let pid = try f.perform(.clone(namespaces: [.cgroup, .mount], cgroup: "/sys/fs/cgroup/box"))
    #expect(f.read("/proc/self/cgroup", as: pid) == "0::/\n")
    try f.mount("cgroup", "/mnt", "cgroup2", as: pid)
    #expect(f.read("/mnt/cgroup.procs", as: pid) == "\(pid)\n")
  }

  // MARK: user

  @Test func idMapsAreWrittenOnceByWhoMay() throws {
    let f = KernelFixture()
    let pid = try f.child([.user])
    #expect(f.read("/proc/self/status", as: pid)?.contains("Uid:\t65534\t65534\t65534\t65534\n") == true)
    try f.perform(.writeFile(path: KernelPath("/proc/\(pid)/uid_map"), contents: "0 100000 65536\n"))
    try f.perform(.writeFile(path: KernelPath("/proc/\(pid)/gid_map"), contents: "0 100000 65536\n"))
    #expect(f.errno(.writeFile(path: KernelPath("/proc/\(pid)/uid_map"), contents: "0 0 1\n")) == .EPERM)
    try f.perform(.setresuid(0), as: pid)
    #expect(f.kernel.info(pid)?.uid == 100_000)
    #expect(f.read("/proc/self/uid_map", as: pid) == "         0     100000      65536\n")
    #expect(f.errno(.setresuid(70_000), as: pid) == .EINVAL)
    // Its files on the host belong to the mapped user; the host's root is nobody here.
    try f.perform(.createFile(path: "/tmp/made", mode: 0o644), as: pid)
    #expect(f.files.stat("/tmp/made")?.uid == 100_000)
    #expect(f.errno(.writeFile(path: "/etc/hostname", contents: "x"), as: pid) == .EACCES)
  }

  @Test func whoIsNotPrivilegedMapsOnlyHimself() throws {
    let f = KernelFixture()
    let pid = try f.child()
    try f.perform(.setresgid(1000), as: pid)
    try f.perform(.setresuid(1000), as: pid)
    let child = try f.perform(.clone(namespaces: [.user]), as: pid)
    let uidMap = KernelPath("/proc/\(child)/uid_map")
    let gidMap = KernelPath("/proc/\(child)/gid_map")
    #expect(f.errno(.writeFile(path: uidMap, contents: "0 0 65536"), as: pid) == .EPERM)
    #expect(f.errno(.writeFile(path: gidMap, contents: "0 1000 1"), as: pid) == .EPERM)  // setgroups is still allowed
    try f.perform(.writeFile(path: uidMap, contents: "0 1000 1"), as: pid)
    try f.perform(.writeFile(path: KernelPath("/proc/\(child)/setgroups"), contents: "deny"), as: pid)
    try f.perform(.writeFile(path: gidMap, contents: "0 1000 1"), as: pid)
    #expect(f.errno(.setgroups([0]), as: child) == .EPERM)
    #expect(f.errno(.writeFile(path: uidMap, contents: "x"), as: pid) == .EPERM)
  }

  @Test func malformedMapsAreInvalid() throws {
    let f = KernelFixture()
    let pid = try f.child([.user])
    for text in ["", "0 1", "0 0 0", "a b c", "0 0 10\n5 100 10", "4294967295 0 2"] {
      #expect(f.errno(.writeFile(path: KernelPath("/proc/\(pid)/uid_map"), contents: text)) == .EINVAL, "\(text)")
    }
  }
}
