import JSONTree
import OCISpec
import Runtime
import Testing

@Suite("Plan: the later verbs, and plans for people")
struct PlanLaterTests {
  private func facts(
    _ version: CgroupLayout.Version = .unified, _ change: (inout RuntimeSpec.Config) -> Void = { _ in }
  )
    -> ContainerFacts
  {
    var config = Fixture.small()
    change(&config)
    return ContainerFacts(
      id: "c1", bundle: "/b", rootfs: "/b/r", stateDirectory: "/run/runc/c1", pid: 77,
      cgroups: CgroupPaths(layout: CgroupLayout(version), inner: "/x"), config: config)
  }
  private func exec(_ facts: ContainerFacts, _ change: (inout RuntimeSpec.Process) -> Void = { _ in }) throws -> Plan {
    var process = RuntimeSpec.Process(args: ["ps"], env: ["PATH=/bin"])
    process.capabilities = .init(bounding: ["CAP_KILL"])
    change(&process)
    return try Plan.exec(facts, process, Fixture.options, host: PlanCreateTests.host)
  }

  @Test("exec joins with privileges, and gives them up before anything of the container can run")
  func exec() throws {
    let plan = try exec(facts { $0.linux?.seccomp = .init(defaultAction: .errno) })
    let index = { (matches: (KernelCall) -> Bool) -> Int? in plan.steps.firstIndex { matches($0.call) } }
    let dumpable = try #require(index { $0 == .prctl(option: "PR_SET_DUMPABLE", value: 0) })
    let setns = try #require(index { if case .setns = $0 { true } else { false } })
    let capset = try #require(index { if case .capset = $0 { true } else { false } })
    let execve = try #require(index { if case .execve = $0 { true } else { false } })
    #expect(dumpable < setns && setns < capset && capset < execve && execve == plan.count - 1)
    let kinds = plan.steps.compactMap {
      if case .setns(let kind, let path) = $0.call { "\(kind) \(path)" } else { nil }
    }
    #expect(
      kinds == [
        "ipc /proc/77/ns/ipc", "uts /proc/77/ns/uts", "network /proc/77/ns/net", "pid /proc/77/ns/pid",
        "mount /proc/77/ns/mnt",
      ])
    if case .clone(_, _, let cgroup) = try #require(plan.steps.first { $0.call.name == "clone3" }).call {
      #expect(cgroup == "/sys/fs/cgroup/x")
    }
    #expect(!plan.steps.contains { $0.call.name == "pivot_root" || $0.call.name == "sethostname" })
  }

  @Test("exec on cgroup v1 is put into every hierarchy")
  func execV1() throws {
    let plan = try exec(facts(.v1))
    let joins = plan.steps.filter {
      if case .writeFile(let path, _) = $0.call { path.path.hasSuffix("/cgroup.procs") } else { false }
    }
    #expect(joins.count == CgroupLayout.usualHierarchies.count)
    #expect(joins.allSatisfy { $0.binding == .pidOf(.exec) && $0.role == .runtime })
  }

  @Test("exec into a container with a user namespace joins it when the rights of the host are not needed any more")
  func execUser() throws {
    let plan = try exec(facts { $0.linux?.namespaces.insert(.init(.user), at: 0) })
    let kinds = plan.steps.compactMap { if case .setns(let kind, _) = $0.call { kind } else { nil } }
    #expect(kinds == [.ipc, .uts, .network, .pid, .user, .mount])
  }

  @Test("exec: what process.json must have, and a sub-cgroup that would escape")
  func execErrors() throws {
    #expect(throws: PlanError("Cwd must be an absolute path")) { try exec(facts()) { $0.cwd = "x" } }
    #expect(throws: PlanError("args must not be empty")) { try exec(facts()) { $0.args = [] } }
    #expect(throws: PlanError("bad sub cgroup path: ../../y")) {
      try Plan.exec(facts(), .init(args: ["a"]), Fixture.options, host: PlanCreateTests.host, subCgroup: "../../y")
    }
  }

  @Test("kill: PID 1 alone, or everybody where there is no PID namespace")
  func kill() {
    #expect(Plan.kill(facts(), signal: 15).steps.map(\.call) == [.kill(pid: 77, signal: 15)])
    #expect(Plan.kill(facts(), signal: 9).steps.map(\.call) == [.kill(pid: 77, signal: 9)])
    let shared: (inout RuntimeSpec.Config) -> Void = { $0.linux?.namespaces.removeAll { $0.type == .pid } }
    #expect(
      Plan.kill(facts(.unified, shared), signal: 9).steps.map(\.call)
        == [.writeFile(path: "/sys/fs/cgroup/x/cgroup.kill", contents: "1")])
    #expect(
      Plan.kill(facts(.v1, shared), signal: 9, members: [5, 6]).steps.map(\.call) == [
        .writeFile(path: "/sys/fs/cgroup/freezer/x/freezer.state", contents: "FROZEN"), .kill(pid: 5, signal: 9),
        .kill(pid: 6, signal: 9), .writeFile(path: "/sys/fs/cgroup/freezer/x/freezer.state", contents: "THAWED"),
      ])
    #expect(Plan.kill(facts(.unified, shared), signal: 15).steps.map(\.call) == [.kill(pid: 77, signal: 15)])
  }

  @Test("delete takes everything away that create made; pause and resume use the freezer of the cgroup's version")
  func delete() {
    let calls = Plan.delete(facts { $0.hooks.poststop = [.init(path: "/h")] }).steps.map(\.call)
    #expect(
      calls == [
        .rmdir(path: "/sys/fs/cgroup/x"), .unlink(path: "/run/runc/c1/exec.fifo"),
        .unlink(path: "/run/runc/c1/state.json"), .rmdir(path: "/run/runc/c1"),
        .hook(stage: "poststop", path: "/h", arguments: ["/h"], environment: [], timeout: nil),
      ])
    #expect(
      Plan.delete(facts(.v1)).steps.filter { $0.call.name == "unlinkat" }.count == CgroupLayout.usualHierarchies.count
        + 3)
    #expect(
      Plan.pause(facts()).steps.map(\.call) == [.writeFile(path: "/sys/fs/cgroup/x/cgroup.freeze", contents: "1")])
    #expect(
      Plan.resume(facts(.v1)).steps.map(\.call) == [
        .writeFile(path: "/sys/fs/cgroup/freezer/x/freezer.state", contents: "THAWED")
      ])
  }

  @Test("A plan can be printed, with and without reasons, and encoded")
  func text() throws {
    let plan = try PlanCreateTests.create(Fixture.small())
    let text = plan.text()
    #expect(text.hasPrefix("# The runtime's own notes\n"))
    #expect(text.contains("container pivot_root(new_root=., put_old=.)\n"))
    #expect(text.contains("The new root becomes the root of the mount namespace"))
    #expect(plan.text(reasons: false).split(separator: "\n").filter { !$0.hasPrefix("#") }.count == plan.count)
    #expect(text.contains("symlinkat(path={root}/dev/ptmx, target=pts/ptmx)"))
    let json = plan.json
    #expect(json["steps"]?.array?.count == plan.count)
    #expect(json["steps"]?[0]?["by"] == "runtime" && json["steps"]?[0]?["call"] == "mkdirat")
    #expect(try JSON(parsing: json.text) == json)
  }

  @Test("The explanation groups neighbours and loses nothing")
  func explanation() throws {
    let plan = try PlanCreateTests.create(Fixture.config("run-rm"))
    let explanation = plan.explanation
    #expect(explanation.sections.reduce(0) { $0 + $1.calls } == plan.count)
    #expect(explanation.sections.flatMap { $0.entries.flatMap(\.calls) } == plan.steps.map(\.call))
    let mounts = try #require(explanation.sections.first { $0.phase == .mounts })
    #expect(mounts.title == "Mounts" && mounts.entries.count < mounts.calls)
    #expect(plan.steps.allSatisfy { !$0.reason.isEmpty })
    #expect(plan.callCounts.reduce(0) { $0 + $1.count } == plan.count)
    #expect(explanation.json["sections"]?.array?.count == explanation.sections.count)
  }

  @Test("What a refusal means, in each runtime's words")
  func words() throws {
    let config = Fixture.small()
    func message(_ flavour: RuntimeFlavour, _ name: String) throws -> String {
      let plan = try PlanCreateTests.create(config, flavour: flavour)
      let index = try #require(plan.steps.firstIndex { $0.call.name == name })
      return plan.message(index, .EPERM)
    }
    #expect(
      try message(.runc, "pivot_root")
        == "unable to start container process: error during container init: error jailing process inside rootfs: pivot_root .: operation not permitted"
    )
    #expect(try message(.crun, "pivot_root") == "pivot_root: Operation not permitted")
    #expect(try message(.railcar, "pivot_root") == "failed to pivot rootfs: operation not permitted")
    #expect(try message(.runc, "mkdirat") == "container with given ID already exists")
  }

  @Test("Tolerances")
  func tolerances() {
    #expect(Step.Tolerance.permission.contains(.EROFS) && !Step.Tolerance.permission.contains(.ENOENT))
    #expect(Step.Tolerance.any.contains(.EIO) && !Step.Tolerance([]).contains(.EEXIST))
  }
}
