import JSONTree
import OCISpec
import Runtime
import Testing

@Suite("Plan: runtimes that go other ways")
struct PlanFlavourTests {
  private func plan(_ flavour: RuntimeFlavour, _ change: (inout RuntimeSpec.Config) -> Void = { _ in }) throws -> Plan {
    var config = try Fixture.config("run-rm")
    change(&config)
    return try PlanCreateTests.create(
      config, host: flavour == .railcar ? PlanCreateTests.v1 : PlanCreateTests.host, flavour: flavour)
  }
  private func withoutTime(_ config: inout RuntimeSpec.Config) {
    config.linux?.namespaces.removeAll { $0.type == .time }
  }

  @Test("crun: one clone into the cgroup, no re-exec, mounts that are moved to their place")
  func crun() throws {
    let plan = try plan(.crun, withoutTime)
    let names = plan.steps.map(\.call.name)
    #expect(names.filter { $0 == "clone3" }.count == 1)
    #expect(!names.contains("execve") && !names.contains("mount_setattr"))
    let clone = try #require(plan.steps.first { $0.call.name == "clone3" })
    if case .clone(let namespaces, _, let cgroup) = clone.call {
      #expect(namespaces == [.network, .uts, .ipc, .pid] && cgroup?.hasPrefix("/sys/fs/cgroup/docker/") == true)
    }
    #expect(clone.creates == .container)
    #expect(names.filter { $0 == "fsopen" }.count == 7 && names.filter { $0 == "open_tree" }.count == 3)
    #expect(plan.steps.contains { $0.call == .unshare([.mount]) })
    // Paths are covered before the root changes, within the new root.
    let cover = try #require(
      PlanCreateTests.index(plan) { if case .moveMount("/dev/null", _, _, _, _, _, _) = $0 { true } else { false } })
    let pivot = try #require(PlanCreateTests.index(plan) { if case .pivotRoot = $0 { true } else { false } })
    #expect(cover < pivot)
    #expect(plan.steps.last?.call == .awaitFIFO(path: "/run/runc/c1/exec.fifo"))
  }

  @Test("crun needs a second process for a time namespace")
  func crunTime() throws {
    let plan = try plan(.crun)
    let clones = plan.steps.filter { $0.call.name == "clone3" }
    #expect(clones.map(\.creates) == [.child, .container])
    if case .clone(let namespaces, _, _) = clones[0].call { #expect(namespaces == [.network, .uts, .ipc]) }
    #expect(plan.steps.contains { $0.call == .unshare([.pid, .time]) && $0.role == .child })
  }

  @Test("crun limits itself, its children inherit it; runc limits its child from outside")
  func rlimits() throws {
    let limit: (inout RuntimeSpec.Config) -> Void = {
      $0.process?.rlimits = [.init(type: "RLIMIT_CORE", soft: 0, hard: 0)]
    }
    #expect(
      try plan(.crun, limit).steps.contains {
        $0.call == .setrlimit(name: "RLIMIT_CORE", soft: 0, hard: 0) && $0.role == .runtime
      })
    #expect(try plan(.runc, limit).steps.contains { $0.call.name == "prlimit64" && $0.binding == .pidOf(.container) })
  }

  @Test("crun has seccomp with no_new_privs only after start")
  func crunSeccomp() throws {
    var config = try Fixture.config("run-rm")
    config.process?.noNewPrivileges = true
    let create = try PlanCreateTests.create(config, flavour: .crun)
    #expect(!create.steps.contains { $0.call.name == "seccomp" })
    let facts = ContainerFacts(
      id: "c1", bundle: "/b", rootfs: "/b/r", stateDirectory: "/run/crun/c1", pid: 7,
      cgroups: CgroupPaths(layout: CgroupLayout(.unified), inner: "/x"), config: config)
    let start = Plan.start(facts, flavour: .crun)
    #expect(start.steps.map(\.call.name) == ["write", "unlinkat", "close_range", "seccomp", "execve"])
    #expect(Plan.start(facts).steps.map(\.call.name) == ["openat", "unlinkat", "close_range", "execve"])
  }

  @Test("railcar: an init of its own is PID 1, the program waits for a trigger; no time namespaces")
  func railcar() throws {
    let plan = try plan(.railcar)
    #expect(plan.steps.filter { $0.call.name == "clone3" }.map(\.creates) == [.parent, .child, .container])
    #expect(plan.steps.contains { $0.call == .unshare([.mount, .uts, .ipc, .pid, .network]) })
    let pivot = try #require(PlanCreateTests.index(plan) { if case .pivotRoot = $0 { true } else { false } })
    #expect(plan.steps[pivot + 1].call == .unmount(target: "/", flags: ["MNT_DETACH"]))
    #expect(plan.steps.last?.call == .awaitFIFO(path: "/run/runc/c1/trigger-socket"))
    // The limits are set before the namespaces are made.
    let unshare = try #require(PlanCreateTests.index(plan) { if case .unshare = $0 { true } else { false } })
    let limit = try #require(plan.steps.firstIndex { $0.phase == .limits && $0.role == .runtime })
    #expect(limit < unshare)
  }

  @Test("The flavours differ in what they ask, and end in the same sets")
  func difference() throws {
    let plans = try RuntimeFlavour.allCases.map { try plan($0) }
    #expect(Set(plans).count == 4)
    for plan in plans {
      #expect(plan.steps.contains { if case .capset(let sets) = $0.call { sets.effective.count == 14 } else { false } })
      #expect(plan.steps.contains { $0.call == .sethostname("2cdff35c90f6") })
      #expect(plan.steps.contains { if case .seccomp = $0.call { true } else { false } })
    }
    #expect(plans[1].callCounts.first { $0.name == "move_mount" }?.count ?? 0 > 10)
    #expect(plans[0].callCounts.first { $0.name == "move_mount" } == nil)
  }

  @Test("A flavour is known by the executable's name")
  func names() {
    #expect(RuntimeFlavour(executable: "/usr/bin/crun") == .crun)
    #expect(RuntimeFlavour(executable: "railcar") == .railcar)
    #expect(RuntimeFlavour(executable: "/usr/local/bin/drydock-runc") == .drydock)
    #expect(RuntimeFlavour.drydock.defaultRoot == "/run/drydock-runc")
    #expect(RuntimeFlavour.drydock.verbs.contains("plan") && !RuntimeFlavour.drydock.verbs.contains("restore"))
    #expect(RuntimeFlavour(executable: "/opt/runc-1.5") == .runc)
  }
}
