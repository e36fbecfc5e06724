import JSONTree
import OCISpec
import Runtime
import Testing

@Suite("Plan: drydock-runc's own way, create")
struct PlanDrydockTests {
  static let v1 = AssumedHost(cgroups: CgroupLayout(.v1), kinds: ["/run/runc": .directory])
  static let hybrid = AssumedHost(cgroups: CgroupLayout(.hybrid), kinds: ["/run/runc": .directory])

  static func plan(
    _ config: RuntimeSpec.Config, host: AssumedHost = PlanCreateTests.host, _ options: PlanOptions = Fixture.options
  ) throws -> Plan { try Plan.create(config, options, host: host, flavour: .drydock) }

  static func docker(_ change: (inout RuntimeSpec.Config) -> Void = { _ in }) throws -> RuntimeSpec.Config {
    var config = try Fixture.config("run-rm")
    change(&config)
    return config
  }

  static func position(_ plan: Plan, _ matches: (Step) -> Bool) throws -> Int {
    let index = plan.steps.firstIndex(where: matches)
    return try #require(index)
  }

  static func attachments(_ plan: Plan) -> [Runtime.Attachment] {
    plan.steps.compactMap { if case .attach(let a) = $0.call { a } else { nil } }
  }

  // MARK: Who waits for whom

  @Test("Docker's container on v2: one clone into the cgroup, and the container's process never waits")
  func dockerOnUnified() throws {
    let plan = try PlanDrydockTests.plan(PlanDrydockTests.docker())
    let clones = plan.steps.filter { $0.call.name == "clone3" }
    #expect(clones.map(\.creates) == [.container])
    guard case .clone(let kinds, false, let cgroup) = clones[0].call else {
      Issue.record("no clone")
      return
    }
    #expect(kinds == [.mount, .uts, .ipc, .pid, .network, .time])
    #expect(cgroup?.hasPrefix("/sys/fs/cgroup/docker/") == true)
    #expect(plan.steps.filter { $0.role == .container && !$0.overlaps }.isEmpty)
    #expect(plan.steps.filter { $0.role == .runtime && !$0.overlaps }.isEmpty)
    #expect(
      !plan.steps.contains { if case .other = $0.call { true } else { false } }, "Linux must be able to do all of it")
    let last = try #require(plan.steps.last { $0.role == .container })
    #expect(last.call == .openFIFO(path: "/run/runc/c1/exec.fifo"))
  }

  @Test("… on v1: the process enters its cgroups by itself, once, when the folders are there")
  func dockerOnHierarchies() throws {
    let plan = try PlanDrydockTests.plan(
      PlanDrydockTests.docker { $0.linux?.namespaces.append(.init(.cgroup)) }, host: PlanDrydockTests.v1)
    let entries = plan.steps.enumerated().filter {
      if case .writeFile(let path, "0") = $0.element.call { path.path.hasSuffix("/tasks") } else { false }
    }
    #expect(entries.count == CgroupLayout.usualHierarchies.count)
    #expect(entries.allSatisfy { $0.element.role == .container })
    #expect(plan.steps.filter { $0.role == .container && !$0.overlaps }.count == 1)
    #expect(!entries[0].element.overlaps)
    let folder = try PlanDrydockTests.position(plan) {
      if case .mkdir(let path, _) = $0.call { path.path.hasPrefix("/sys/fs/cgroup/systemd/docker/") } else { false }
    }
    let mount = try PlanDrydockTests.position(plan) {
      if case .attach(let a) = $0.call { a.target.path == "/sys/fs/cgroup" } else { false }
    }
    let namespace = try PlanDrydockTests.position(plan) { $0.call == .unshare([.cgroup]) }
    #expect(folder < entries[0].offset && entries[entries.count - 1].offset < namespace && namespace < mount)
  }

  @Test("… on a hybrid host: born into v2, the rest by itself")
  func dockerOnHybrid() throws {
    let plan = try PlanDrydockTests.plan(PlanDrydockTests.docker(), host: PlanDrydockTests.hybrid)
    guard case .clone(_, _, let cgroup)? = plan.steps.first(where: { $0.creates == .container })?.call else {
      Issue.record("no clone")
      return
    }
    #expect(cgroup?.hasPrefix("/sys/fs/cgroup/unified/docker/") == true)
    let birth = try PlanDrydockTests.position(plan) { $0.creates == .container }
    #expect(
      plan.steps[..<birth].contains { step in
        if case .mkdir(let path, _) = step.call { path.path == cgroup } else { false }
      })
    #expect(
      !plan.steps.contains {
        if case .writeFile(let p, _) = $0.call { p.path.hasSuffix("cgroup.procs") } else { false }
      })
  }

  @Test("The notes come before anything that would have to be taken away, and again with the process")
  func notes() throws {
    for host in [PlanCreateTests.host, PlanDrydockTests.v1] {
      let plan = try PlanDrydockTests.plan(PlanDrydockTests.docker(), host: host)
      let saves = plan.steps.indices.filter { plan.steps[$0].binding == .state }
      let cgroup = try PlanDrydockTests.position(plan) { $0.phase == .cgroup }
      let birth = try PlanDrydockTests.position(plan) { $0.creates != nil }
      #expect(saves.count == 2 && saves[0] < cgroup && saves[0] < birth && birth < saves[1])
    }
  }

  @Test("Hooks wait for everything before them, and everything after them waits")
  func hooks() throws {
    let hook = RuntimeSpec.Hook(path: "/bin/hook")
    var config = try PlanDrydockTests.docker()
    config.hooks.createRuntime = [hook]
    var plan = try PlanDrydockTests.plan(config)
    var index = try PlanDrydockTests.position(plan) { $0.phase == .hooks }
    #expect(plan.steps[index].role == .runtime && !plan.steps[index].overlaps)
    #expect(
      plan.steps[..<index].contains {
        if case .attach(let a) = $0.call { a.target.path == "/etc/hosts" } else { false }
      })
    #expect(!plan.steps[index + 1].overlaps && plan.steps[index + 1].role == .container)
    let pivot = try PlanDrydockTests.position(plan) { $0.call.name == "pivot_root" }
    #expect(index < pivot)
    config.hooks = RuntimeSpec.Hooks()
    config.hooks.createContainer = [hook]
    plan = try PlanDrydockTests.plan(config)
    index = try PlanDrydockTests.position(plan) { $0.phase == .hooks }
    #expect(plan.steps[index].role == .container && !plan.steps[index].overlaps && index < pivot + 2)
    config.hooks = RuntimeSpec.Hooks()
    config.hooks.prestart = [hook]
    plan = try PlanDrydockTests.plan(config)
    index = try PlanDrydockTests.position(plan) { $0.phase == .hooks }
    #expect(plan.steps[index].role == .runtime && !plan.steps[index].overlaps && !plan.steps[index + 1].overlaps)
  }

  @Test("Limits of the process come right before it becomes another user's: its own doing, or from outside")
  func rlimits() throws {
    let limit: (inout RuntimeSpec.Config) -> Void = {
      $0.process?.rlimits = [.init(type: "RLIMIT_AS", soft: 1, hard: 1)]
      $0.process?.user = .init(uid: 1000)
    }
    var plan = try PlanDrydockTests.plan(PlanDrydockTests.docker(limit))
    let own = try PlanDrydockTests.position(plan) { $0.call == .setrlimit(name: "RLIMIT_AS", soft: 1, hard: 1) }
    var user = try PlanDrydockTests.position(plan) { $0.call == .setresuid(1000) }
    #expect(plan.steps[own].role == .container && own < user)
    plan = try PlanDrydockTests.plan(
      PlanDrydockTests.docker {
        limit(&$0)
        $0.linux?.namespaces.append(.init(.user))
        $0.linux?.uidMappings = [.init(containerID: 0, hostID: 1, size: 2000)]
        $0.linux?.gidMappings = [.init(containerID: 0, hostID: 1, size: 2000)]
      })
    let outside = try PlanDrydockTests.position(plan) {
      $0.call == .prlimit(pid: 0, name: "RLIMIT_AS", soft: 1, hard: 1)
    }
    user = try PlanDrydockTests.position(plan) { $0.call == .setresuid(1000) }
    #expect(plan.steps[outside].role == .runtime && !plan.steps[outside].overlaps && outside < user)
    #expect(plan.steps[outside].binding == .pidOf(.container) && !plan.steps[outside + 1].overlaps)
  }

  // MARK: The root

  @Test("Everything in the root is resolved within it, and done before the change of root")
  func root() throws {
    let plan = try PlanDrydockTests.plan(PlanDrydockTests.docker())
    let pivot = try PlanDrydockTests.position(plan) { $0.call == .pivotRoot(new: ".", old: ".") }
    let enter = try PlanDrydockTests.position(plan) {
      if case .chdir = $0.call { $0.role == .container } else { false }
    }
    for (index, step) in plan.steps.enumerated() where step.role == .container {
      let path: KernelPath? =
        switch step.call {
        case .attach(let a): a.target
        case .mknod(let path, _, _, _, _), .symlink(_, let path), .mask(let path, _), .makeReadOnly(let path),
          .makeFolders(let path, _), .unlink(let path):
          path
        default: nil
        }
      guard let path, index > enter else { continue }
      #expect(path.root == "." && index < pivot, "\(step.call.text)")
    }
    let after = plan.steps[(pivot + 1)...].filter { $0.role == .container }.prefix(2).map(\.call)
    #expect(after == [.unmount(target: ".", flags: ["MNT_DETACH"]), .chdir(path: "/")])
  }

  @Test("Mounts of the host that might be shared are detached from it before they are taken away")
  func propagation() throws {
    for (name, isApplied) in [("shared", true), ("slave", false), ("private", false), ("unbindable", true)] {
      let plan = try PlanDrydockTests.plan(PlanDrydockTests.docker { $0.linux?.rootfsPropagation = name })
      let pivot = try PlanDrydockTests.position(plan) { $0.call.name == "pivot_root" }
      let unmount = try PlanDrydockTests.position(plan) { $0.call.name == "umount2" }
      let slave = plan.steps[pivot..<unmount].contains {
        $0.call == .mount(source: "", target: ".", type: "", flags: ["MS_REC", "MS_SLAVE"], data: "")
      }
      // What became recursively private is nobody's peer.
      #expect(slave == (name != "unbindable"), "\(name)")
      let applied = plan.steps[unmount...].contains {
        if case .mount("", "/", _, let flags, _) = $0.call { flags == ["MS_" + name.uppercased()] } else { false }
      }
      #expect(applied == isApplied, "\(name)")
      let bind = try PlanDrydockTests.position(plan) { if case .attach = $0.call { true } else { false } }
      #expect(
        !plan.steps[..<bind].contains {
          if case .mount(_, _, _, let f, _) = $0.call { f.contains("MS_UNBINDABLE") } else { false }
        })
    }
  }

  @Test("Mounts: one call each, with all that config.json says of it")
  func mounts() throws {
    let plan = try PlanDrydockTests.plan(
      PlanDrydockTests.docker {
        $0.mounts = [
          .init(
            destination: "/a", type: "bind", source: "/srv/file.txt",
            options: ["rbind", "ro", "suid", "rslave", "rnoexec"]),
          .init(destination: "b", type: "tmpfs", source: "", options: ["tmpcopyup", "ro", "size=1m", "noatime"]),
          .init(destination: "/proc", type: "proc", source: "proc"),
        ]
      })
    let attachments = PlanDrydockTests.attachments(plan)
    let a = try #require(attachments.first { $0.target.path == "/a" })
    #expect(a.makes == .file && a.recursive && a.isBind && a.attributes == ["MOUNT_ATTR_RDONLY"])
    #expect(a.cleared == ["MOUNT_ATTR_NOSUID"] && a.propagation == [["MS_REC", "MS_SLAVE"]])
    #expect(a.recursiveSet == ["MOUNT_ATTR_NOEXEC"] && !a.mayCoverProc)
    let b = try #require(attachments.first { $0.target.path == "/b" })
    #expect(b.copyUp && b.modeOfTarget && b.makes == .directory && b.data == "size=1m")
    #expect(b.attributes == ["MOUNT_ATTR_NOATIME"], "what has to be filled is read-only later")
    #expect(
      plan.steps.contains { $0.call == .mountSetattr(target: "/b", set: ["MOUNT_ATTR_RDONLY"], recursive: false) })
    let proc = try #require(attachments.first { $0.target.path == "/proc" })
    #expect(proc.ordinary && proc.mayCoverProc)
  }

  @Test("A source that is not there is refused before anything is made")
  func missingSource() throws {
    let config = try PlanDrydockTests.docker {
      $0.mounts = [.init(destination: "/a", type: "bind", source: "/nope", options: ["bind"])]
    }
    var host = PlanCreateTests.host
    host.missing = ["/nope"]
    #expect(
      throws: PlanError(
        "unable to start container process: error during container init: error mounting \"/nope\" to rootfs at \"/a\": "
          + "stat /nope: no such file or directory")
    ) { try PlanDrydockTests.plan(config, host: host) }
  }

  @Test("In a user namespace: mounts are made ready outside, the host's nodes are bound, ids are mapped from outside")
  func userNamespace() throws {
    let map = [RuntimeSpec.IDMapping(containerID: 0, hostID: 100_000, size: 65_536)]
    let config = try PlanDrydockTests.docker {
      $0.linux?.namespaces.append(.init(.user))
      $0.linux?.uidMappings = map
      $0.linux?.gidMappings = map
      $0.mounts.append(.init(destination: "/vol", type: "bind", source: "/srv", options: ["rbind", "ridmap"]))
    }
    let plan = try PlanDrydockTests.plan(config, host: PlanDrydockTests.v1)
    let birth = try PlanDrydockTests.position(plan) { $0.creates == .container }
    var prepared: [Runtime.Attachment] = []
    for step in plan.steps[..<birth] { if case .prepareMount(_, let a) = step.call { prepared.append(a) } }
    let number = try #require(prepared.firstIndex { $0.source == "/srv" })
    #expect(prepared[number].idMap == MountIDMap(uid: map, gid: map) && prepared[number].recursiveIDMap)
    for each in prepared { #expect(each.propagation == [["MS_REC", "MS_SLAVE"]]) }
    let attached = PlanDrydockTests.attachments(plan)
    let volume = attached.first { $0.target.path == "/vol" }
    #expect(volume?.prepared == number)
    let null = attached.first { $0.target.path == "/dev/null" }
    #expect(null?.source == "/dev/null" && null?.makes == .file)
    let nodes = plan.steps.filter { if case .mknod(_, "c", _, _, _) = $0.call { true } else { false } }
    #expect(nodes.isEmpty)
    // The files of its cgroups can be opened by the runtime alone.
    let folder = try PlanDrydockTests.position(plan) {
      if case .mkdir(let path, _) = $0.call { path.path.hasPrefix("/sys/fs/cgroup/memory") } else { false }
    }
    #expect(folder < birth)
    let root = try PlanDrydockTests.position(plan) { $0.call == .setresgid(0) }
    #expect(!plan.steps[root].overlaps)
    let maps = plan.steps[birth..<root].filter { $0.binding == .procOf(.container) && $0.role == .runtime }
    #expect(maps.count == 2)
    let hides = plan.steps.filter { if case .prctl("PR_SET_DUMPABLE", _) = $0.call { true } else { false } }
    #expect(hides.isEmpty, "there is nobody to hide from")
  }

  @Test(
    "Without root: one's own id is mapped by hand, more by newuidmap and newgidmap; cgroups only where they can be had")
  func rootless() throws {
    var options = Fixture.options
    (options.rootless, options.rootlessCgroups) = (true, true)
    func config(_ size: UInt32) -> RuntimeSpec.Config {
      var config = Fixture.small()
      config.linux?.namespaces.append(.init(.user))
      config.linux?.uidMappings = [.init(containerID: 0, hostID: 1000, size: size)]
      config.linux?.gidMappings = [.init(containerID: 0, hostID: 1000, size: size)]
      config.mounts = [.init(destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"])]
      return config
    }
    let one = try PlanDrydockTests.plan(config(1), options)
    let maps = one.steps.filter { $0.binding == .procOf(.container) }.map { step -> String in
      if case .writeFile(let path, let contents) = step.call { "\(path.path)=\(contents)" } else { "" }
    }
    #expect(maps == ["/proc/{pid}/setgroups=deny", "/proc/{pid}/gid_map=0 1000 1\n", "/proc/{pid}/uid_map=0 1000 1\n"])
    #expect(!one.steps.contains { if case .setgroups = $0.call { true } else { false } })
    let many = try PlanDrydockTests.plan(config(10), options)
    #expect(
      many.steps.contains { $0.call == .runHelper(program: "newuidmap", arguments: ["{pid}", "0", "1000", "10"]) })
    #expect(
      many.steps.contains { $0.call == .runHelper(program: "newgidmap", arguments: ["{pid}", "0", "1000", "10"]) })
    // CVE-2023-25809: the host's cgroups are never left to be written.
    let tries = many.steps.filter { $0.phase == .mounts }.map(\.call.name)
    #expect(tries == ["move_mount", "move_mount", "move_mount"])
    let last = try #require(many.steps.last { $0.phase == .mounts })
    #expect(
      last.call == .mask(path: KernelPath(root: ".", "/sys/fs/cgroup"), label: "") && last.condition == .previousRefused
    )
    for step in one.steps where step.phase == .cgroup && step.call.name == "mkdirat" {
      #expect(step.tolerates.contains(.permission))
    }
    if case .clone(_, _, let cgroup)? = one.steps.first(where: { $0.creates == .container })?.call {
      #expect(cgroup == nil)
    }
  }

  @Test("Devices: made with their modes; what is there already must be that device; where none may be made, the host's")
  func devices() throws {
    let plan = try PlanDrydockTests.plan(
      PlanDrydockTests.docker {
        $0.linux?.devices = [
          .init(path: "/dev/sub/fuse", type: "c", major: 10, minor: 229, fileMode: 0o600, uid: 7, gid: 8)
        ]
      })
    let path = KernelPath(root: ".", "/dev/sub/fuse")
    let made = try PlanDrydockTests.position(plan) {
      $0.call == .mknod(path: path, kind: "c", mode: 0o600, major: 10, minor: 229)
    }
    #expect(plan.steps[made - 1].call == .makeFolders(path: KernelPath(root: ".", "/dev/sub"), mode: 0o755))
    #expect(
      plan.steps[made + 1].call == .chown(path: path, uid: 7, gid: 8) && plan.steps[made + 1].condition == .previousDone
    )
    #expect(plan.steps[made + 2].call == .checkDevice(path: path, kind: "c", major: 10, minor: 229))
    #expect(plan.steps[made + 2].condition == .refused(made))
    if case .attach(let a) = plan.steps[made + 3].call {
      #expect(a.source == "/dev/sub/fuse")
    } else {
      Issue.record("no bind")
    }
    #expect(plan.steps[made + 3].condition == .previousRefused)
    let masks = plan.steps.compactMap { if case .umask(let mask) = $0.call { mask } else { nil } }
    #expect(masks == [0, 0o22])
  }

  // MARK: Privileges

  @Test("Giving up privileges: bounding set, user, filter, capabilities, program, in this order")
  func privileges() throws {
    for (user, early) in [(UInt32(0), true), (0, false), (1000, true), (1000, false)] {
      let plan = try PlanDrydockTests.plan(
        PlanDrydockTests.docker {
          $0.process?.user = .init(uid: user, gid: user, umask: 0o77, additionalGids: [5])
          $0.process?.noNewPrivileges = !early
        })
      let names = plan.steps.filter { $0.role == .container && [.privileges, .program, .start].contains($0.phase) }
        .map { step -> String in
          switch step.call {
          case .prctl(let option, let value): "\(option)=\(value)"
          case .dropBounding: "bounding"
          default: step.call.name
          }
        }
      var expected = ["umask", "chdir", "bounding"]
      if user != 0 { expected.append("PR_SET_KEEPCAPS=1") }
      expected += ["setgroups", "setresgid", "setresuid"]
      if user != 0 { expected += ["chdir", "PR_SET_KEEPCAPS=0"] }
      if early { expected += user == 0 ? ["seccomp"] : ["capset", "seccomp"] }
      expected += ["capset", "faccessat2", "close_range"]
      if !early { expected.append("seccomp") }
      #expect(names == expected + ["openat"])
      let sets = plan.steps.compactMap { if case .capset(let sets) = $0.call { sets } else { nil } }
      #expect(sets.last?.effective.contains("CAP_SYS_ADMIN") == false)
      #expect(sets.count == 1 || sets[0].effective.contains("CAP_SYS_ADMIN"))
      let nnp = plan.steps.firstIndex { $0.call == .prctl(option: "PR_SET_NO_NEW_PRIVS", value: 1) }
      #expect((nnp == nil) == early)
    }
  }

  @Test("Capabilities: exactly what config.json says, as far as it can be had (CVE-2022-29162)")
  func capabilities() throws {
    func sets(_ capabilities: RuntimeSpec.Capabilities?) throws -> (CapabilitySets?, [String], [String]) {
      let plan = try PlanDrydockTests.plan(PlanDrydockTests.docker { $0.process?.capabilities = capabilities })
      let sets = plan.steps.compactMap { if case .capset(let sets) = $0.call { sets } else { nil } }.last
      let dropped = plan.steps.compactMap { if case .dropBounding(let names) = $0.call { names } else { nil } }.first
      let ambient = plan.steps.compactMap { if case .setAmbient(let names) = $0.call { names } else { nil } }.first
      return (sets, dropped ?? [], ambient ?? [])
    }
    let none = try sets(nil)
    #expect(none.0 == CapabilitySets() && none.1.count == CapabilityNames.all.count)
    let given = RuntimeSpec.Capabilities(
      bounding: ["CAP_CHOWN", "CAP_KILL", "CAP_NOVEL"], effective: ["CAP_CHOWN", "CAP_KILL"],
      permitted: ["CAP_CHOWN", "CAP_NOVEL"], inheritable: ["CAP_CHOWN", "CAP_FOWNER"],
      ambient: ["CAP_CHOWN", "CAP_KILL"])
    let some = try sets(given)
    #expect(
      some.0 == CapabilitySets(effective: ["CAP_CHOWN"], permitted: ["CAP_CHOWN"], inheritable: ["CAP_CHOWN"]))
    #expect(!some.1.contains("CAP_CHOWN") && !some.1.contains("CAP_KILL") && some.1.contains("CAP_SYS_ADMIN"))
    #expect(some.2 == ["CAP_CHOWN"])
    #expect(CapabilityNames.refused(given) == ["CAP_FOWNER", "CAP_KILL", "CAP_NOVEL"])
    let usual = try #require(try Fixture.config("run-rm").process?.capabilities)
    #expect(try sets(usual).0?.inheritable == [])
    #expect(CapabilityNames.refused(usual).isEmpty)
  }

  @Test("Everything that a process can be given is given")
  func attributes() throws {
    let plan = try PlanDrydockTests.plan(
      PlanDrydockTests.docker {
        $0.process?.terminal = true
        $0.process?.consoleSize = .init(height: 24, width: 80)
        $0.process?.oomScoreAdj = 5
        $0.process?.scheduler = .init(policy: "SCHED_BATCH", nice: 3)
        $0.process?.ioPriority = .init(type: "IOPRIO_CLASS_BE", priority: 4)
        $0.process?.apparmorProfile = "docker-default"
        $0.linux?.personality = .init(domain: "LINUX32")
        $0.linux?.memoryPolicy = .init(mode: "MPOL_BIND", nodes: "0")
        $0.linux?.netDevices = ["eth9": "eth0"]
        $0.linux?.resources?.cpu.cpus = "0-1"
        $0.domainname = "d"
        $0.root?.readonly = true
      }, PlanOptions(id: "c1", bundle: "/bundle", stateRoot: "/run/runc", hasConsole: true))
    let calls = plan.steps.filter { $0.role == .container }.map(\.call)
    for call: KernelCall in [
      .openTerminal(ptmx: "/dev/pts/ptmx"), .setWindowSize(rows: 24, columns: 80), .setControllingTerminal,
      .bindTerminal(path: "/dev/console"), .schedSetattr(.init(policy: "SCHED_BATCH", nice: 3)),
      .ioprioSet(.init(type: "IOPRIO_CLASS_BE", priority: 4)), .personality(.init(domain: "LINUX32")),
      .setMempolicy(.init(mode: "MPOL_BIND", nodes: "0")), .schedSetaffinity(cpus: "0-1"), .setdomainname("d"),
      .joinKeyring("_ses.c1"), .mountSetattr(target: "/", set: ["MOUNT_ATTR_RDONLY"], recursive: false),
      .writeFile(path: "/proc/thread-self/attr/apparmor/exec", contents: "exec docker-default"),
      .netlink(operation: "RTM_SETLINK", attributes: ["IFLA_IFNAME": "lo", "flags": "IFF_UP"]),
    ] { #expect(calls.contains(call), "\(call.text)") }
    let outside = plan.steps.filter { $0.role == .runtime }
    #expect(
      outside.contains { $0.call == .moveInterface("eth9", name: "eth0", pid: 0) && $0.binding == .pidOf(.container) })
    #expect(outside.contains { $0.binding == .procOf(.container) && $0.call.text.contains("oom_score_adj") })
    // A sysctl of an interface needs the interface.
    let sysctl = try PlanDrydockTests.position(plan) { $0.call.text.contains("/proc/sys/net") }
    #expect(!plan.steps[sysctl].overlaps)
    var options = PlanOptions(id: "c1", bundle: "/b", noNewKeyring: true)
    options.noPivot = true
    let other = try PlanDrydockTests.plan(PlanDrydockTests.docker(), options)
    #expect(!other.steps.contains { $0.call.name == "keyctl" || $0.call.name == "pivot_root" })
    #expect(other.steps.contains { $0.call == .chroot(path: ".") })
    #expect(other.steps.contains { $0.call == .unmount(target: "/proc", flags: ["MNT_DETACH"]) })
  }

  @Test("A seccomp agent gets its descriptor from the runtime")
  func listener() throws {
    let plan = try PlanDrydockTests.plan(
      PlanDrydockTests.docker {
        $0.process?.noNewPrivileges = true
        $0.linux?.seccomp = .init(
          defaultAction: .allow, listenerPath: "/run/agent", listenerMetadata: "m",
          syscalls: [.init(names: ["mkdir"], action: .notify)])
      })
    let index = try PlanDrydockTests.position(plan) {
      $0.call == .sendSeccompListener(socket: "/run/agent", metadata: "m")
    }
    #expect(plan.steps[index].role == .runtime && !plan.steps[index].overlaps)
    #expect(plan.steps[index].binding == .pidOf(.container))
    #expect(plan.steps[index - 1].call.name == "seccomp" && plan.steps[index + 1].call.name == "openat")
  }

  @Test("Words of refusals are runc's")
  func words() throws {
    let plan = try PlanDrydockTests.plan(PlanDrydockTests.docker())
    func message(_ errno: Errno, _ matches: (Step) -> Bool) throws -> String {
      plan.message(try PlanDrydockTests.position(plan, matches), errno)
    }
    #expect(
      try message(.EEXIST) { if case .mkdir = $0.call { $0.phase == .state } else { false } }
        == "container with given ID already exists")
    let proc: (Step) -> Bool = { if case .attach(let a) = $0.call { a.target.path == "/proc" } else { false } }
    let start =
      "unable to start container process: error during container init: error mounting \"proc\" to rootfs at \"/proc\": "
    #expect(try message(.EPERM, proc).hasPrefix(start + "mount src=proc, dst=/proc, type=proc"))
    #expect(try message(.EPERM, proc).hasSuffix(": operation not permitted"))
    #expect(try message(.ELOOP, proc) == start + "filesystem \"proc\" must be mounted on ordinary directory")
    #expect(
      plan.notFound("nope", .ENOENT, inPath: true)
        == "unable to start container process: error during container init: exec: \"nope\": executable file not found in $PATH"
    )
  }
}
