import Handoff
import JSONTree
import OCISpec
import Runtime
import Seams
import Testing

@testable import Engine

@Suite("runc: exec, update and the questions")
struct RuncExecTests {
  private func running(_ flavour: RuntimeFlavour = .runc) async throws -> (RuncFixture, Int) {
    let fixture = RuncFixture(flavour)
    let pid = try #require(try await fixture.create().pid)
    _ = try await fixture.run("start", ["c1"])
    fixture.kernel.clearCalls()
    return (fixture, pid)
  }

  @Test(
    "exec brings a process into the container, with the privileges of its process.json",
    arguments: [
      RuntimeFlavour.runc, .crun,
    ])
  func exec(_ flavour: RuntimeFlavour) async throws {
    let (fixture, pid) = try await running(flavour)
    let document: JSON = [
      "args": ["true"], "cwd": "/", "env": ["PATH=/bin"], "user": ["uid": 1000, "gid": 1000],
      "capabilities": ["bounding": ["CAP_KILL"], "effective": [], "permitted": []],
    ]
    let result = try await fixture.run(
      "exec", ["--process", "/tmp/p", "--detach", "--pid-file", "/run/e.pid", "c1"], document: document)
    #expect(result.status == 0, "\(result.stderr)")
    let exec = try #require(result.pid)
    #expect(fixture.kernel.contents("/run/e.pid") == String(exec))
    #expect(fixture.kernel.members(cgroup: fixture.cgroup).contains(exec))
    let process = fixture.kernel.state.withLock { $0.processes[exec] }
    #expect(process?.program == "/bin/true")
    #expect(process?.environment == ["PATH=/bin", "HOME=/home/app"])
    let calls = fixture.kernel.calls.filter { $0.pid == exec }.map(\.call)
    #expect(calls.contains(.setresuid(1000)))
    let drop = try #require(calls.firstIndex { $0.name == "capset" })
    let execve = try #require(calls.firstIndex { if case .execve = $0 { true } else { false } })
    #expect(drop < execve)
    let joined = fixture.kernel.calls.compactMap { call -> String? in
      if case .setns(_, let path) = call.call { path } else { nil }
    }
    #expect(joined == ["ipc", "uts", "net", "pid", "mnt"].map { "/proc/\(pid)/ns/\($0)" })
    // The helpers on the way are gone.
    #expect(fixture.kernel.alive().sorted() == [pid, exec].sorted())
  }

  @Test("exec by flags takes the container's process and changes it")
  func execFlags() async throws {
    let (fixture, _) = try await running()
    let result = try await fixture.run(
      "exec",
      [
        "--detach", "--user", "1000:50", "--cwd", "/bin", "--env", "X=1", "--cap", "CAP_SYS_ADMIN", "c1", "true", "-c",
        "--flag",
      ])
    let pid = try #require(result.pid)
    let calls = fixture.kernel.calls.filter { $0.pid == pid }.map(\.call)
    #expect(calls.contains(.setresuid(1000)) && calls.contains(.setresgid(50)) && calls.contains(.chdir(path: "/bin")))
    #expect(
      calls.contains { call in
        if case .execve("/bin/true", ["true", "-c", "--flag"], let environment) = call {
          environment.contains("X=1")
        } else {
          false
        }
      })
    #expect(
      calls.contains { call in
        if case .capset(let sets) = call {
          sets.effective == ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN"]
        } else {
          false
        }
      })
    #expect(try await fixture.run("exec", ["c1"]).stderr == "exec failed: process args cannot be empty\n")
    #expect(
      try await fixture.run("exec", ["--user", "root", "c1", "true"]).stderr
        == "exec failed: bad uid: strconv.Atoi: parsing \"root\": invalid syntax\n")
  }

  @Test("exec waits for the end without --detach")
  func execWaits() async throws {
    let (fixture, pid) = try await running()
    fixture.kernel.state.withLock { $0.diesOnExec = true }
    #expect(try await fixture.run("exec", ["c1", "true"]).status == 7)
    #expect(fixture.kernel.status(of: pid) == .running)
  }

  @Test("An exec that fails at any call leaves the container as it was")
  func execFailsAnywhere() async throws {
    let (model, _) = try await running()
    _ = try await model.run("exec", ["--detach", "c1", "true"])
    let total = model.kernel.calls.count
    for index in 0..<total {
      let (fixture, pid) = try await running()
      fixture.kernel.state.withLock { $0.refuseAt = (index, .EIO) }
      let result = try await fixture.run("exec", ["--detach", "c1", "true"])
      let survivors = fixture.kernel.alive().filter { $0 != pid && $0 != result.pid }
      #expect(survivors.isEmpty, "\(index) \(model.kernel.calls[index].call.name)")
      #expect(fixture.kernel.status(of: pid) == .running)
      if result.status != 0 {
        #expect(result.status == 255)
        #expect(result.stderr.hasPrefix("exec failed: unable to start container process: "), "\(result.stderr)")
      }
    }
  }

  @Test("exec: a program that is not there")
  func execNotFound() async throws {
    let (fixture, pid) = try await running()
    let result = try await fixture.run("exec", ["--detach", "c1", "nosuch"])
    #expect(
      result.stderr
        == "exec failed: unable to start container process: exec: \"nosuch\": executable file not found in $PATH\n")
    #expect(fixture.kernel.alive() == [pid])
  }

  @Test("update writes the limits again and remembers them")
  func update() async throws {
    let (fixture, _) = try await running()
    #expect(try await fixture.run("update", ["--memory", "128m", "--memory-swap", "256m", "c1"]).status == 0)
    #expect(fixture.kernel.contents(fixture.cgroup + "/memory.max") == "134217728")
    #expect(fixture.kernel.contents(fixture.cgroup + "/memory.swap.max") == "134217728")
    #expect(!fixture.kernel.calls.contains { $0.call.name == "bpf" })
    _ = try await fixture.run("update", ["c1"], document: ["cpu": ["quota": 50_000]])
    #expect(fixture.kernel.contents(fixture.cgroup + "/cpu.max") == "50000 100000")
    _ = try await fixture.run("update", ["--cpu-period", "20000", "c1"])
    #expect(fixture.kernel.contents(fixture.cgroup + "/cpu.max") == "50000 20000")
    #expect(
      try await fixture.run("update", ["--memory", "lots", "c1"]).stderr
        == "invalid value for memory: invalid size: 'lots'\n")
    #expect(
      try await fixture.run("update", ["--memory-swap", "1m", "c1"]).stderr
        == "memory+swap limit should be >= memory limit\n")
  }

  @Test("A failed update is taken back")
  func updateFails() async throws {
    let (fixture, _) = try await running()
    fixture.kernel.state.withLock { $0.refuseAt = (2, .EINVAL) }
    // memory.swap.max, memory.max, cpu.max
    let result = try await fixture.run(
      "update", ["--memory", "128m", "--memory-swap", "256m", "--cpu-quota", "1000", "c1"])
    #expect(result.status == 1)
    #expect(fixture.kernel.contents(fixture.cgroup + "/memory.max") == "67108864")
  }

  @Test("state, list and ps print what runc prints")
  func questions() async throws {
    let (fixture, pid) = try await running()
    let state = try await fixture.run("state", ["c1"])
    #expect(
      state.stdout == """
        {
          "ociVersion": "1.3.0",
          "id": "c1",
          "pid": \(pid),
          "status": "running",
          "bundle": "/bundle",
          "rootfs": "/bundle/rootfs",
          "created": "2026-01-01T00:00:00Z",
          "annotations": {
            "a": "b"
          },
          "owner": ""
        }
        """)
    let list = try await fixture.run("list", [])
    #expect(
      list.stdout == """
        ID          PID         STATUS      BUNDLE      CREATED                OWNER
        c1          \(pid)         running     /bundle     2026-01-01T00:00:00Z   root

        """)
    #expect(try await fixture.run("list", ["-q"]).stdout == "c1\n")
    #expect(try await fixture.run("ps", ["--format", "json", "c1"]).stdout == "[\(pid)]\n")
    let ps = try await fixture.run("ps", ["c1"]).stdout
    #expect(ps.hasPrefix("UID          PID    PPID  C STIME TTY          TIME CMD\nroot"))
    #expect(ps.contains("/bin/true"))
    let events = try await fixture.run("events", ["--stats", "c1"]).stdout
    #expect(try JSON(parsing: events)["data"]?["pids"]?["current"]?.int == 1)
    _ = try await fixture.run("kill", ["c1", "KILL"])
    #expect(try await fixture.run("events", ["--stats", "c1"]).stderr == "container with id c1 is not running\n")
    #expect(try JSON(parsing: try await fixture.run("state", ["c1"]).stdout)["pid"]?.int == 0)
  }

  @Test("spec writes a bundle's configuration that the runtime itself accepts")
  func spec() async throws {
    let fixture = RuncFixture()
    #expect(try await fixture.run("spec", ["--bundle", "/bundle"]).status == 0)
    let text = try #require(fixture.kernel.contents("/bundle/config.json"))
    let config = try RuntimeSpec.Config(parsing: Array(text.utf8))
    try config.validate()
    #expect(
      try await fixture.run("spec", ["--bundle", "/bundle"]).stderr
        == "File config.json exists. Remove it first\n")
  }

  @Test("features and --version")
  func features() async throws {
    let fixture = RuncFixture()
    let features = try JSON(parsing: try await fixture.run("features", []).stdout)
    #expect(features["ociVersionMax"]?.string == "1.3.0")
    #expect(features["linux"]?["capabilities"]?.array?.count == 41)
    #expect(features["mountOptions"]?.strings?.contains("rro") == true)
    #expect(try await fixture.run("--version", []).stdout.hasPrefix("runc version 1.5.0\nspec: 1.3.0\n"))
    #expect(fixture.kernel.calls.isEmpty)
  }

  @Test("Every call to the kernel is a recorded handoff, with its answer")
  func recorded() async throws {
    let fixture = RuncFixture()
    _ = try await fixture.create()
    var calls: [Int: String] = [:]
    var answered = 0
    for record in fixture.trace.records {
      switch record.event {
      case .call(let call):
        #expect(call.from == .runc && call.to == .kernel && call.via == .syscall)
        calls[call.id] = call.op
      case .return(let answer):
        #expect(calls[answer.id] != nil)
        answered += 1
      default: Issue.record("unexpected record")
      }
    }
    // One look-up of the program is recorded that is no performed call.
    #expect(calls.count == fixture.kernel.calls.count + 1)
    #expect(answered == calls.count)
    #expect(calls.values.contains("pivot_root"))
  }
}
