import JSONTree
import OCISpec
import Runtime
import Testing

@Suite("Plan: drydock-runc's own way, exec and the other verbs")
struct PlanExecDrydockTests {
  private func facts(
    _ layout: CgroupLayout = CgroupLayout(.unified), _ change: (inout RuntimeSpec.Config) -> Void = { _ in }
  ) throws -> ContainerFacts {
    var config = try Fixture.config("run-rm")
    change(&config)
    return ContainerFacts(
      id: "c1", bundle: "/b", rootfs: "/b/r", stateDirectory: "/run/drydock-runc/c1", pid: 77,
      cgroups: CgroupPaths(layout: layout, inner: "/docker/c1"), config: config)
  }

  private func exec(
    _ facts: ContainerFacts, options: PlanOptions = Fixture.options, sub: String = "", subs: [String: String] = [:],
    _ change: (inout RuntimeSpec.Process) -> Void = { _ in }
  ) throws -> Plan {
    var process = RuntimeSpec.Process(args: ["sh"], env: ["PATH=/bin"])
    change(&process)
    return try Plan.exec(
      facts, process, options, host: AssumedHost(cgroups: facts.cgroups.layout), flavour: .drydock, subCgroup: sub,
      subCgroups: subs)
  }

  @Test(
    "Who is born in the PID namespace has the container's root already: another one has joined before (CVE-2016-9962)")
  func exec() throws {
    let plan = try exec(facts())
    let runtime = plan.steps.filter { $0.role == .runtime }.map(\.call)
    #expect(runtime == [.clone(namespaces: [], cgroup: "/sys/fs/cgroup/docker/c1"), .wait(pid: 0)])
    let joiner = plan.steps.filter { $0.role == .child }.map(\.call)
    #expect(
      joiner == [
        .prctl(option: "PR_SET_DUMPABLE", value: 0),
        .joinNamespaces(of: 77, [.ipc, .uts, .network, .pid, .time, .mount]), .clone(namespaces: [], siblings: true),
        .exit(status: 0),
      ])
    #expect(plan.steps.compactMap(\.creates) == [.child, .exec])
    #expect(plan.steps.first { $0.role == .exec }?.call == .setsid)
    // Nothing keeps it waiting.
    #expect(plan.steps.filter { $0.role == .exec && !$0.overlaps }.isEmpty)
    #expect(plan.steps.last?.call.name == "execve" && plan.steps.last?.binding == .foundProgram)
    #expect(!plan.steps.contains { if case .other = $0.call { true } else { false } })
  }

  @Test("With a user namespace it becomes root in it, with root and without")
  func users() throws {
    let user: (inout RuntimeSpec.Config) -> Void = { $0.linux?.namespaces.append(.init(.user)) }
    let plan = try exec(facts(CgroupLayout(.unified), user))
    let join = try #require(plan.steps.firstIndex { $0.role == .child && $0.call.name == "setns" })
    #expect(plan.steps[join].call.text.contains("CLONE_NEWUSER"))
    #expect(plan.steps[join + 1].call == .setresgid(0) && plan.steps[join + 2].call == .setresuid(0))
    var options = Fixture.options
    (options.rootless, options.rootlessCgroups) = (true, true)
    let rootless = try exec(facts(CgroupLayout(.unified), user), options: options)
    #expect(rootless.steps.compactMap(\.creates) == [.child, .exec])
    let all = try #require(rootless.steps.first { $0.role == .child && $0.call.name == "setns" })
    #expect(all.call.text.contains("CLONE_NEWUSER") && all.call.text.contains("CLONE_NEWPID"))
    let hidden = try #require(rootless.steps.firstIndex { $0.call == .prctl(option: "PR_SET_DUMPABLE", value: 0) })
    let joined = try #require(rootless.steps.firstIndex { $0.call == all.call })
    #expect(rootless.steps[hidden].role == .child && hidden < joined)
  }

  @Test("cgroups of v1 are entered before the container's mounts hide them")
  func hierarchies() throws {
    let plan = try exec(facts(CgroupLayout(.v1)))
    let entries = plan.steps.indices.filter {
      if case .writeFile(let path, "0") = plan.steps[$0].call { path.path.hasSuffix("/docker/c1/tasks") } else { false }
    }
    #expect(entries.count == CgroupLayout.usualHierarchies.count)
    let join = try #require(
      plan.steps.firstIndex {
        if case .joinNamespaces(_, let kinds) = $0.call { kinds.contains(.mount) } else { false }
      })
    #expect(entries.allSatisfy { plan.steps[$0].role == .child && $0 < join })
  }

  @Test("--cgroup: below the container's, and nowhere else")
  func subCgroups() throws {
    let unified = try exec(facts(), sub: "/a/b")
    #expect(unified.steps.contains { $0.call == .clone(namespaces: [], cgroup: "/sys/fs/cgroup/docker/c1/a/b") })
    let v1 = try exec(facts(CgroupLayout(.v1)), subs: ["memory": "m"])
    func enters(_ path: String) -> Bool {
      v1.steps.contains { $0.call == .writeFile(path: KernelPath("/sys/fs/cgroup/\(path)/tasks"), contents: "0") }
    }
    #expect(enters("memory/docker/c1/m") && enters("pids/docker/c1"))
    #expect(throws: PlanError("bad sub cgroup path: ../c2")) { try exec(facts(), sub: "../c2") }
    #expect(throws: PlanError.self) { try exec(facts(CgroupLayout(.v1)), subs: ["memory": "../../other"]) }
    #expect(throws: PlanError.self) { try exec(facts(CgroupLayout(.v1)), subs: ["nope": "a"]) }
    #expect(throws: PlanError.self) { try exec(facts(), subs: ["memory": "a"]) }
  }

  @Test("A container with cgroups of its own: its first process's takes the new one")
  func busyCgroup() throws {
    var facts = try facts()
    facts.initCgroup = "/sys/fs/cgroup/docker/c1/init.scope"
    let plan = try exec(facts)
    let clones = plan.steps.filter { $0.creates == .child }
    #expect(clones.count == 2 && clones[0].tolerates == .busy && clones[1].condition == .previousRefused)
    #expect(clones[1].call == .clone(namespaces: [], cgroup: "/sys/fs/cgroup/docker/c1/init.scope"))
  }

  @Test("CPU affinity before the cgroup and after; limits before the user; the filter last of all")
  func processAttributes() throws {
    let plan = try exec(facts()) {
      $0.execCPUAffinity = .init(initial: "0", final: "1")
      $0.rlimits = [.init(type: "RLIMIT_NOFILE", soft: 3, hard: 3)]
      $0.terminal = true
      $0.noNewPrivileges = true
      $0.oomScoreAdj = 9
    }
    let initial = try #require(plan.steps.firstIndex { $0.call == .schedSetaffinity(cpus: "0") })
    let birth = try #require(plan.steps.firstIndex { $0.creates == .exec })
    #expect(plan.steps[initial].role == .runtime && initial < birth)
    #expect(plan.steps.contains { $0.call == .schedSetaffinity(cpus: "1") && $0.role == .exec })
    let limit = try #require(
      plan.steps.firstIndex { $0.call == .setrlimit(name: "RLIMIT_NOFILE", soft: 3, hard: 3) })
    let user = try #require(plan.steps.firstIndex { $0.call == .setresuid(0) && $0.phase == .privileges })
    #expect(plan.steps[limit].role == .exec && limit < user)
    #expect(plan.steps.suffix(3).map(\.call.name) == ["close_range", "seccomp", "execve"])
    #expect(plan.steps.contains { if case .openTerminal = $0.call { $0.role == .exec } else { false } })
    #expect(!plan.steps.contains { if case .bindTerminal = $0.call { true } else { false } })
    #expect(plan.steps.contains { $0.binding == .procOf(.exec) && $0.call.text.contains("oom_score_adj") })
  }

  @Test("start, kill, delete")
  func later() throws {
    let facts = try facts(CgroupLayout(.v1)) {
      $0.hooks.startContainer = [.init(path: "/h")]
      $0.hooks.poststop = [.init(path: "/h")]
    }
    let start = Plan.start(facts, flavour: .drydock)
    #expect(start.steps.map(\.role) == [.runtime, .runtime, .container, .container])
    #expect(start.steps.map(\.call.name) == ["openat", "unlinkat", "execve", "execve"])
    let delete = Plan.delete(facts, kills: true, flavour: .drydock)
    #expect(delete.steps.first?.call == .kill(pid: 77, signal: 9))
    let folders = delete.steps.compactMap { step -> String? in
      if case .rmdir(let path) = step.call { path.path } else { nil }
    }
    #expect(folders == facts.cgroups.all + ["/run/drydock-runc/c1"])
    #expect(delete.steps.last?.call.name == "execve" && delete.steps.last?.phase == .hooks)
    #expect(!delete.steps.contains { $0.call.name == "umount2" })
    // Without a mount namespace there is something to take away on the host.
    let shared = try self.facts { $0.linux?.namespaces.removeAll { $0.type == .mount } }
    let unmounts = Plan.delete(shared, flavour: .drydock).steps.filter { $0.call.name == "umount2" }
    #expect(unmounts.count == shared.config.mounts.count)
  }

  @Test("update: more memory than memory and swap could have so far takes two steps")
  func update() throws {
    var resources = RuntimeSpec.Resources()
    (resources.memory.limit, resources.memory.swap) = (200, 400)
    let plan = try Plan.update(facts(CgroupLayout(.v1)), resources, flavour: .drydock)
    #expect(
      plan.steps.map { $0.call.text.split(separator: "/").last.map(String.init) ?? "" } == [
        "memory.limit_in_bytes, data=200)", "memory.memsw.limit_in_bytes, data=400)",
        "memory.limit_in_bytes, data=200)",
      ])
    #expect(plan.steps[2].condition == .refused(0) && plan.steps[0].tolerates == .invalid)
  }
}
