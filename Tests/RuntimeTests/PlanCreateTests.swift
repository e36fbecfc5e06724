import JSONTree
import OCISpec
import Runtime
import Testing

@Suite("Plan: create")
struct PlanCreateTests {
  static let host = AssumedHost(kinds: ["/run/runc": .directory])
  static let v1 = AssumedHost(cgroups: CgroupLayout(.v1), kinds: ["/run/runc": .directory])

  static func create(
    _ config: RuntimeSpec.Config, _ options: PlanOptions = Fixture.options, host: AssumedHost = PlanCreateTests.host,
    flavour: RuntimeFlavour = .runc
  ) throws -> Plan { try Plan.create(config, options, host: host, flavour: flavour) }

  /// What is asked, in short: `role call`, with the target of mounts.
  static func brief(_ plan: Plan) -> [String] {
    plan.steps.map { step in
      switch step.call {
      case .mount(_, let target, _, _, _): "\(step.role) mount \(target.path)"
      case .writeFile(let path, _): "\(step.role) write \(path.path)"
      default: "\(step.role) \(step.call.name)"
      }
    }
  }

  static func index(_ plan: Plan, _ matches: (KernelCall) -> Bool) -> Int? {
    plan.steps.firstIndex { matches($0.call) }
  }

  @Test("Docker's container: the order in which runc asks the kernel", arguments: ["run-rm", "run-d", "build"])
  func dockerOrder(_ name: String) throws {
    let config = try Fixture.config(name)
    let root = try #require(config.root?.path)
    let id = try #require(root.split(separator: "/").last)
    let plan = try PlanCreateTests.create(config)
    let cgroup = "/sys/fs/cgroup/docker/\(id)"
    var expected = [
      "runtime mkdirat", "runtime mknodat", "runtime fchmodat",
      // The sealed copy of the binary.
      "runtime fsopen", "runtime fsconfig", "runtime fsconfig", "runtime fsmount", "runtime openat",
      // runc init, and its cgroup.
      "runtime clone3", "parent execve", "runtime write /sys/fs/cgroup/cgroup.subtree_control", "runtime mkdirat",
      "runtime write /sys/fs/cgroup/docker/cgroup.subtree_control", "runtime mkdirat",
      "runtime write \(cgroup)/cgroup.procs", "runtime sched_setaffinity",
      // nsexec.
      "parent write /proc/self/oom_score_adj", "parent prctl", "parent clone3", "child prctl", "child unshare",
      "child clone3", "child exit_group", "runtime wait4", "container prctl", "container setsid", "container setresuid",
      "container setresgid", "container setgroups", "parent exit_group", "runtime wait4",
      // The root.
      "container keyctl", "container sendmsg", "container mount /", "container mount \(root)",
    ]
    expected += [
      "/var/lib/docker/rootfs/overlayfs", "/var/lib/docker/rootfs", "/var/lib/docker", "/var/lib", "/var", "/",
    ]
    .map { "container mount \($0)" }
    expected += ["container mount \(root)"]
    for (folders, mounts) in [
      (1, ["/proc"]), (1, ["/dev"]), (2, ["/dev/pts"]), (1, ["/sys"]), (3, ["/sys/fs/cgroup"]), (2, ["/dev/mqueue"]),
      (2, ["/dev/shm"]),
    ] { expected += Array(repeating: "container mkdirat", count: folders) + mounts.map { "container mount \($0)" } }
    for file in ["/etc/resolv.conf", "/etc/hostname", "/etc/hosts"] {
      expected += ["container mkdirat", "container openat", "container mount \(file)", "container mount \(file)"]
    }
    expected += ["container mkdirat"]
    for _ in 0..<6 { expected += ["container mknodat", "container fchmodat", "container fchownat"] }
    expected += ["container unlinkat"] + Array(repeating: "container symlinkat", count: 6) + ["runtime bpf"]
    expected += [
      "container chdir", "container pivot_root", "container fchdir", "container mount .", "container umount2",
      "container chdir", "container umask", "container sethostname",
      "container write /proc/sys/net/ipv4/ip_unprivileged_port_start",
      "container write /proc/sys/net/ipv4/ping_group_range",
    ]
    for path in ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"] {
      expected += ["container mount \(path)", "container mount \(path)"]
    }
    for path in config.linux?.maskedPaths ?? [] { expected += ["container mount \(path)", "container mount \(path)"] }
    expected += [
      "runtime openat", "runtime write /run/runc/c1/state.json", "container seccomp", "container close_range",
      "container chdir",
      "container prctl", "container prctl", "container setgroups", "container setresgid", "container setresuid",
      "container prctl", "container capset", "container faccessat2", "container openat",
    ]
    let found = PlanCreateTests.brief(plan)
    for (index, step) in expected.enumerated() where index < found.count {
      #expect(found[index] == step, "step \(index + 1)")
    }
    #expect(found.count == expected.count)
  }

  @Test("Docker's container: what exactly is asked")
  func dockerArguments() throws {
    let config = try Fixture.config("run-rm")
    let root = try #require(config.root?.path)
    let calls = try PlanCreateTests.create(config).steps.map(\.call)
    #expect(calls.contains(.unshare([.mount, .uts, .ipc, .pid, .network, .time])))
    #expect(
      calls.contains(
        .mount(
          source: "tmpfs", target: KernelPath(root: root, "/dev"), type: "tmpfs",
          flags: ["MS_NOSUID", "MS_STRICTATIME"],
          data: "mode=755,size=65536k")))
    #expect(
      calls.contains(
        .mount(
          source: "sysfs", target: KernelPath(root: root, "/sys"), type: "sysfs",
          flags: ["MS_RDONLY", "MS_NOSUID", "MS_NODEV", "MS_NOEXEC"], data: "")))
    #expect(
      calls.contains(
        .mount(
          source: "/dev/null", target: "/proc/kcore", type: "", flags: ["MS_BIND"], data: "")))
    #expect(
      calls.contains(
        .mknod(path: KernelPath(root: root, "/dev/null"), kind: "c", mode: 0o666, major: 1, minor: 3)))
    let profile = try #require(config.linux?.seccomp)
    #expect(calls.contains(.seccomp(profile)))
    #expect(profile.defaultAction == .errno && profile.syscalls.count == 15)
    let dropped = try #require(calls.compactMap { if case .dropBounding(let names) = $0 { names } else { nil } }.first)
    #expect(dropped.count == 41 - 14 && dropped.contains("CAP_SYS_ADMIN") && !dropped.contains("CAP_CHOWN"))
    let rules = try #require(
      calls.compactMap { if case .deviceProgram(_, let rules) = $0 { rules } else { nil } }.first)
    #expect(rules.first == DeviceRule(allow: false, type: "a", major: nil, minor: nil, access: "rwm"))
    #expect(rules.contains(DeviceRule(allow: true, type: "c", major: 1, minor: 3, access: "rwm")))
    #expect(!rules.contains { $0.major == 10 && $0.minor == 229 })
  }

  @Test("The captured configuration of Docker 20.10 has a hook")
  func prestart() throws {
    let plan = try PlanCreateTests.create(Fixture.config("run-rm-20.10"), host: PlanCreateTests.v1)
    let hook = try #require(
      PlanCreateTests.index(plan) { if case .hook("prestart", _, _, _, _) = $0 { true } else { false } })
    let pivot = try #require(PlanCreateTests.index(plan) { if case .pivotRoot = $0 { true } else { false } })
    #expect(plan.steps[hook].role == .runtime && hook < pivot)
  }

  @Test("cgroup v1: a folder and a pid in each hierarchy, device lists, limits, and a mount of each")
  func v1() throws {
    var config = try Fixture.config("run-rm")
    config.linux?.resources?.memory = .init(limit: 1 << 20, swap: 2 << 20)
    config.linux?.resources?.cpu.shares = 512
    config.linux?.resources?.pids = 7
    let plan = try PlanCreateTests.create(config, host: PlanCreateTests.v1)
    let writes = plan.steps.compactMap { step -> (String, String)? in
      if case .writeFile(let path, let contents) = step.call { (path.path, contents) } else { nil }
    }
    #expect(writes.filter { $0.0.hasSuffix("/cgroup.procs") }.count == CgroupLayout.usualHierarchies.count)
    let written = Dictionary(writes.map { ($0.0.split(separator: "/").last.map(String.init) ?? "", $0.1) }) { $1 }
    #expect(written["memory.limit_in_bytes"] == "1048576" && written["memory.memsw.limit_in_bytes"] == "2097152")
    #expect(written["cpu.shares"] == "512" && written["pids.max"] == "7")
    let devices = writes.filter { $0.0.contains("/devices.") }
    #expect(devices.first?.0.hasSuffix("/devices.deny") == true && devices.first?.1 == "a *:* rwm")
    #expect(devices.contains { $0.0.hasSuffix("/devices.allow") && $0.1 == "c 1:3 rwm" })
    #expect(devices.contains { $0.1 == "c *:* m" } && devices.contains { $0.1 == "c 136:* rwm" })
    let cpuset = plan.steps.filter { $0.binding == .inherited }
    #expect(cpuset.count == 4)
    #expect(
      PlanCreateTests.brief(plan).filter { $0.hasPrefix("container mount /sys/fs/cgroup/") }.count
        == 2 * CgroupLayout.usualHierarchies.count)
    #expect(plan.steps.contains { $0.call.name == "symlinkat" && $0.call.text.contains("target=cpu,cpuacct") })
  }

  @Test("The cgroup's folder: absolute, relative, nameless, escaping, by systemd")
  func cgroupPaths() throws {
    func folder(_ path: String, _ layout: CgroupLayout, systemd: Bool = false) throws -> String {
      var config = Fixture.small()
      config.linux?.cgroupsPath = path
      var options = Fixture.options
      options.systemdCgroup = systemd
      return try Plan.cgroups(config, options, layout).members
    }
    let unified = CgroupLayout(.unified, own: "/system.slice/docker.service")
    #expect(try folder("/docker/x", unified) == "/sys/fs/cgroup/docker/x")
    #expect(try folder("docker/x", unified) == "/sys/fs/cgroup/system.slice/docker/x")
    #expect(try folder("docker/x", CgroupLayout(.v1, own: "/own")) == "/sys/fs/cgroup/devices/own/docker/x")
    #expect(try folder("", unified) == "/sys/fs/cgroup/system.slice/c1")
    #expect(try folder("../../../../x", unified) == "/sys/fs/cgroup/system.slice/x")
    #expect(try folder("/a/../../b//c/.", unified) == "/sys/fs/cgroup/b/c")
    #expect(
      try folder("user-1.slice:docker:x", unified, systemd: true)
        == "/sys/fs/cgroup/user.slice/user-1.slice/docker-x.scope")
    #expect(try folder("", CgroupLayout(.hybrid)) == "/sys/fs/cgroup/unified/c1")
    #expect(throws: PlanError.self) { try folder("/", unified) }
    let hybrid = CgroupPaths(layout: CgroupLayout(.hybrid), inner: "/x")
    #expect(hybrid.all.count == CgroupLayout.usualHierarchies.count + 1)
    #expect(hybrid.path(of: "cpuacct") == "/sys/fs/cgroup/cpu,cpuacct/x")
  }

  @Test("A user namespace: made first, mapped from outside, and its root owns the rest")
  func userNamespace() throws {
    var config = Fixture.small()
    config.linux?.namespaces.append(.init(.user))
    config.linux?.uidMappings = [.init(containerID: 0, hostID: 100_000, size: 65_536)]
    config.linux?.gidMappings = [.init(containerID: 0, hostID: 200_000, size: 65_536)]
    let plan = try PlanCreateTests.create(config)
    let brief = PlanCreateTests.brief(plan)
    let unshare = try #require(PlanCreateTests.index(plan) { $0 == .unshare([.user]) })
    #expect(brief[unshare + 1] == "parent write /proc/{pid}/uid_map")
    #expect(brief[unshare + 2] == "parent write /proc/{pid}/gid_map")
    #expect(plan.steps[unshare + 1].binding == .procOf(.child))
    #expect(plan.steps[unshare + 3].call == .setresuid(0) && plan.steps[unshare + 3].role == .child)
    #expect(plan.steps[unshare + 4].call == .unshare([.mount, .uts, .ipc, .pid, .network]))
    #expect(plan.steps.contains { $0.call == .chown(path: "/run/runc/c1/exec.fifo", uid: 100_000, gid: 200_000) })
    // Nobody may make device nodes there: they are bound.
    #expect(!plan.steps.contains { if case .mknod(_, "c", _, _, _) = $0.call { true } else { false } })
    #expect(
      plan.steps.contains { step in
        if case .mount("/dev/null", let target, "bind", _, _) = step.call {
          target.path == "/dev/null" && target.root != nil
        } else {
          false
        }
      })
  }

  @Test("Joined namespaces: all but the user namespace first, and nobody may look in meanwhile")
  func joins() throws {
    var config = Fixture.small()
    config.linux?.namespaces = [
      .init(.user, path: "/n/user"), .init(.network, path: "/n/net"), .init(.pid, path: "/n/pid"), .init(.mount),
    ]
    let plan = try PlanCreateTests.create(config)
    let kinds = plan.steps.compactMap { if case .setns(let kind, _) = $0.call { kind } else { nil } }
    #expect(kinds == [.network, .pid, .user])
    let dumpable = try #require(PlanCreateTests.index(plan) { $0 == .prctl(option: "PR_SET_DUMPABLE", value: 0) })
    let first = try #require(PlanCreateTests.index(plan) { if case .setns = $0 { true } else { false } })
    #expect(dumpable < first)
    #expect(!plan.steps.contains { $0.call.name == "sendmsg" }, "lo of a joined network is not ours")
  }

  @Test("A read-only bind takes its flags in a second step; propagation and recursive flags follow")
  func binds() throws {
    var config = Fixture.small()
    config.mounts = [
      .init(
        destination: "/data", type: "bind", source: "/srv/data", options: ["rbind", "ro", "nosuid", "rslave", "rro"]),
      .init(destination: "etc/file.conf", type: "bind", source: "file.conf", options: ["bind"]),
    ]
    let plan = try PlanCreateTests.create(config)
    let root = "/bundle/rootfs"
    let target = KernelPath(root: root, "/data")
    let first = try #require(
      PlanCreateTests.index(plan) {
        $0 == .mount(source: "/srv/data", target: target, type: "bind", flags: ["MS_BIND", "MS_REC"], data: "")
      })
    #expect(
      plan.steps[first + 1].call
        == .mount(source: "", target: target, type: "", flags: ["MS_REC", "MS_SLAVE"], data: ""))
    #expect(
      plan.steps[first + 2].call
        == .mount(
          source: "", target: target, type: "",
          flags: ["MS_RDONLY", "MS_NOSUID", "MS_REMOUNT", "MS_BIND", "MS_REC"], data: ""))
    #expect(
      plan.steps[first + 3].call
        == .mountSetattr(target: target, set: ["MOUNT_ATTR_RDONLY"], clear: [], recursive: true))
    // A relative source belongs to the bundle, a relative destination to the root; a file needs a file.
    let file = KernelPath(root: root, "/etc/file.conf")
    #expect(plan.steps.contains { $0.call == .createFile(path: file, mode: 0o644) })
    #expect(
      plan.steps.contains {
        $0.call == .mount(source: "/bundle/file.conf", target: file, type: "bind", flags: ["MS_BIND"], data: "")
      })
  }

  @Test("tmpfs: read-only only at the end, the mode of what it covers, tmpcopyup")
  func tmpfs() throws {
    var config = Fixture.small()
    config.mounts = [
      .init(destination: "/run", type: "tmpfs", source: "tmpfs", options: ["ro", "nodev"]),
      .init(destination: "/var", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"]),
    ]
    let plan = try PlanCreateTests.create(config)
    let mount = try #require(
      plan.steps.first { if case .mount(_, let t, "tmpfs", _, _) = $0.call { t.path == "/run" } else { false } })
    #expect(mount.binding == .modeOfTarget)
    if case .mount(_, _, _, let flags, _) = mount.call { #expect(flags == ["MS_NODEV"]) }
    let pivot = try #require(PlanCreateTests.index(plan) { if case .pivotRoot = $0 { true } else { false } })
    let remount = try #require(
      PlanCreateTests.index(plan) {
        $0
          == .mount(
            source: "", target: "/run", type: "", flags: ["MS_RDONLY", "MS_NODEV", "MS_REMOUNT", "MS_BIND"], data: "")
      })
    #expect(remount > pivot)
    let copy = try #require(PlanCreateTests.index(plan) { if case .copyTree = $0 { true } else { false } })
    #expect(
      plan.steps[copy + 1].call
        == .mount(
          source: "/tmp/runctop", target: .init(root: "/bundle/rootfs", "/var"), type: "", flags: ["MS_MOVE"], data: "")
    )
  }

  @Test("An idmapped mount is prepared by the runtime and moved by the container")
  func idmap() throws {
    var config = Fixture.small()
    let map: [RuntimeSpec.IDMapping] = [.init(containerID: 0, hostID: 1000, size: 1)]
    config.mounts = [
      .init(destination: "/d", source: "/s", options: ["rbind", "idmap"], uidMappings: map, gidMappings: map)
    ]
    let plan = try PlanCreateTests.create(config)
    let move = try #require(PlanCreateTests.index(plan) { if case .moveMount = $0 { true } else { false } })
    #expect(plan.steps[move].role == .container && plan.steps[move - 1].role == .runtime)
    if case .moveMount(_, _, _, _, _, let recursive, let idMap) = plan.steps[move].call {
      #expect(recursive && idMap == MountIDMap(uid: map, gid: map))
    }
  }

  @Test("Nothing may be mounted over or in /proc but procfs and what lxcfs emulates")
  func procSafety() throws {
    let start = "unable to start container process: error during container init: error mounting "
    for (mount, message) in [
      (
        RuntimeSpec.Mount(destination: "/proc", type: "tmpfs", source: "tmpfs"),
        "\"tmpfs\" to rootfs at \"/proc\": check proc-safety of /proc mount: \"/bundle/rootfs/proc\" cannot be mounted because it is not of type proc"
      ),
      (
        .init(destination: "/proc/../proc/sys", type: "bind", source: "/x", options: ["bind"]),
        "\"/x\" to rootfs at \"/proc/../proc/sys\": check proc-safety of /proc/../proc/sys mount: \"/bundle/rootfs/proc/sys\" cannot be mounted because it is inside /proc"
      ),
      (
        .init(destination: "/", type: "tmpfs", source: "tmpfs"),
        "\"tmpfs\" to rootfs at \"/\": create mountpoint for / mount: mountpoint \"/bundle/rootfs\" is on the top of rootfs \"/bundle/rootfs\""
      ),
    ] {
      var config = Fixture.small()
      config.mounts = [mount]
      #expect(throws: PlanError(start + message)) { try PlanCreateTests.create(config) }
    }
    var config = Fixture.small()
    config.mounts = [
      .init(destination: "/proc", type: "proc", source: "proc"),
      .init(destination: "/proc/cpuinfo", source: "/lxcfs/cpuinfo", options: ["bind"]),
    ]
    _ = try PlanCreateTests.create(config)
  }

  @Test("seccomp before the privileges go, or at the very end with no_new_privs")
  func seccompPlace() throws {
    var config = Fixture.small()
    config.linux?.seccomp = .init(defaultAction: .errno)
    config.process?.capabilities = .init(bounding: ["CAP_KILL"])
    for noNewPrivileges in [false, true] {
      config.process?.noNewPrivileges = noNewPrivileges
      for flavour in [RuntimeFlavour.runc, .railcar] {
        let plan = try PlanCreateTests.create(config, flavour: flavour)
        let filter = try #require(PlanCreateTests.index(plan) { if case .seccomp = $0 { true } else { false } })
        let capset = try #require(PlanCreateTests.index(plan) { if case .capset = $0 { true } else { false } })
        #expect((filter > capset) == noNewPrivileges)
        #expect(plan.steps.contains { $0.call == .prctl(option: "PR_SET_NO_NEW_PRIVS", value: 1) } == noNewPrivileges)
      }
    }
  }

  @Test("The user: groups, then group, then user, with capabilities kept across")
  func user() throws {
    var config = Fixture.small()
    config.process?.user = .init(uid: 1000, gid: 50, umask: 0o77, additionalGids: [5, 6])
    config.process?.capabilities = .init(
      bounding: ["CAP_KILL"], effective: ["CAP_KILL", "CAP_UNHEARD_OF"], ambient: ["CAP_KILL"])
    let plan = try PlanCreateTests.create(config)
    let calls = plan.steps.map(\.call)
    let order: [KernelCall] = [
      .prctl(option: "PR_SET_KEEPCAPS", value: 1), .setgroups([5, 6]), .setresgid(50), .setresuid(1000),
      .chdir(path: "/"), .prctl(option: "PR_SET_KEEPCAPS", value: 0), .capset(.init(effective: ["CAP_KILL"])),
      .setAmbient(["CAP_KILL"]),
    ]
    let start = try #require(calls.firstIndex(of: order[0]))
    #expect(Array(calls[start..<(start + order.count)]) == order)
    // The second chdir is only for a folder that the runtime could not enter.
    let chdirs = plan.steps.indices.filter {
      plan.steps[$0].call == .chdir(path: "/") && plan.steps[$0].phase == .privileges
    }
    #expect(chdirs.count == 2 && plan.steps[chdirs[1]].condition == .refused(chdirs[0]))
    #expect(calls.contains(.umask(0o77)))
  }

  @Test("Without pivot_root, without a mount namespace, and with a read-only root")
  func roots() throws {
    var config = Fixture.small()
    config.root?.readonly = true
    var options = Fixture.options
    options.noPivot = true
    let moved = try PlanCreateTests.create(config, options).steps.map(\.call)
    #expect(moved.contains(.mount(source: "/bundle/rootfs", target: "/", type: "", flags: ["MS_MOVE"], data: "")))
    #expect(moved.contains(.chroot(path: ".")) && !moved.contains(.pivotRoot(new: ".", old: ".")))
    #expect(
      moved.contains(
        .mount(source: "", target: "/", type: "", flags: ["MS_RDONLY", "MS_REMOUNT", "MS_BIND"], data: "")))
    config.linux?.namespaces.removeAll { $0.type == .mount }
    let chrooted = try PlanCreateTests.create(config).steps.map(\.call)
    #expect(chrooted.contains(.chroot(path: ".")) && !chrooted.contains(.pivotRoot(new: ".", old: ".")))
    #expect(throws: PlanError("invalid rootfs: stat /bundle/rootfs: no such file or directory")) {
      try PlanCreateTests.create(Fixture.small(), host: AssumedHost(missing: ["/bundle/rootfs"]))
    }
  }

  @Test("A terminal, rlimits set from outside, time offsets, labels, scheduler")
  func attributes() throws {
    var config = Fixture.small()
    config.linux?.namespaces.append(.init(.time))
    config.linux?.timeOffsets = ["monotonic": .init(secs: 5), "boottime": .init(secs: 7, nanosecs: 8)]
    config.linux?.personality = .init(domain: "LINUX32")
    config.process?.terminal = true
    config.process?.consoleSize = .init(height: 24, width: 80)
    config.process?.rlimits = [.init(type: "RLIMIT_NOFILE", soft: 1, hard: 2)]
    config.process?.apparmorProfile = "docker-default"
    config.process?.scheduler = .init(policy: "SCHED_BATCH", nice: 5)
    config.process?.ioPriority = .init(type: "IOPRIO_CLASS_IDLE", priority: 0)
    #expect(throws: PlanError("cannot allocate tty if runc will detach without setting console socket")) {
      try PlanCreateTests.create(config)
    }
    var options = Fixture.options
    options.hasConsole = true
    let plan = try PlanCreateTests.create(config, options)
    let names = plan.steps.map(\.call.name)
    for name in ["sched_setattr", "ioprio_set", "personality", "ioctl"] { #expect(names.contains(name)) }
    #expect(plan.steps.contains { $0.call == .openTerminal(ptmx: "/dev/pts/ptmx") })
    #expect(plan.steps.contains { $0.call == .setControllingTerminal })
    let limit = try #require(plan.steps.first { $0.call.name == "prlimit64" })
    #expect(limit.role == .runtime && limit.binding == .pidOf(.container))
    let offsets = try #require(
      plan.steps.first {
        if case .writeFile(let path, _) = $0.call { path.path.hasSuffix("timens_offsets") } else { false }
      })
    #expect(offsets.role == .parent)
    #expect(offsets.call == .writeFile(path: "/proc/{pid}/timens_offsets", contents: "boottime 7 8\nmonotonic 5 0\n"))
    #expect(
      plan.steps.contains {
        $0.call == .writeFile(path: "/proc/thread-self/attr/apparmor/exec", contents: "exec docker-default")
      })
  }

  @Test("Devices: one of config.json replaces the usual one, and ptmx is never made")
  func devices() throws {
    var config = Fixture.small()
    config.linux?.devices = [
      .init(path: "/dev/null", type: "c", major: 1, minor: 3, fileMode: 0o600, uid: 7),
      .init(path: "/dev/ptmx", type: "c", major: 5, minor: 2),
      .init(path: "/dev/dri/card0", type: "c", major: 226, minor: 0), .init(path: "/run/pipe", type: "p"),
    ]
    let plan = try PlanCreateTests.create(config)
    let nodes = plan.steps.compactMap { step -> (String, UInt32)? in
      if case .mknod(let path, _, let mode, _, _) = step.call, path.root != nil { (path.path, mode) } else { nil }
    }
    #expect(
      nodes.map(\.0) == [
        "/dev/random", "/dev/full", "/dev/tty", "/dev/zero", "/dev/urandom", "/dev/null", "/dev/dri/card0", "/run/pipe",
      ])
    #expect(nodes[5].1 == 0o600)
    #expect(plan.steps.contains { $0.call == .mkdir(path: .init(root: "/bundle/rootfs", "/dev/dri"), mode: 0o755) })
    config.mounts = [.init(destination: "/dev", source: "/dev", options: ["rbind"])]
    #expect(!(try PlanCreateTests.create(config).steps.contains { $0.phase == .devices }))
  }
}
