import Handoff
import JSONTree
import OCISpec
import Runtime
import Seams
import Testing

@testable import Engine

@Suite("runc: the life of a container")
struct RuncLifeTests {
  @Test("create, start, kill, delete: nothing remains", arguments: RuntimeFlavour.allCases)
  func wholeLife(_ flavour: RuntimeFlavour) async throws {
    let fixture = RuncFixture(flavour)
    let created = try await fixture.create()
    #expect(created.status == 0, "\(created.stderr)")
    let pid = try #require(created.pid)
    #expect(try await fixture.status() == "created")
    #expect(fixture.kernel.members(cgroup: fixture.cgroup).contains(pid))
    #expect(fixture.kernel.alive().contains(pid))

    #expect(try await fixture.run("start", ["c1"]).status == 0)
    #expect(try await fixture.status() == "running")

    #expect(try await fixture.run("kill", ["c1", "KILL"]).status == 0)
    #expect(try await fixture.status() == "stopped")
    #expect(try await fixture.run("delete", ["c1"]).status == 0)
    #expect(!fixture.kernel.exists(fixture.directory))
    #expect(!fixture.kernel.exists(fixture.cgroup))
    let gone = try await fixture.run("state", ["c1"])
    #expect(gone.status == 1)
    #expect(
      gone.stderr
        == [
          "runc": "container does not exist\n", "crun": "container `c1` does not exist\n",
          "railcar": "instance c1 doesn't exist\n", "drydock-runc": "container does not exist\n",
        ][flavour.rawValue])
  }

  @Test("The program is executed by start, not by create")
  func programWaits() async throws {
    let fixture = RuncFixture()
    let pid = try #require(try await fixture.create().pid)
    let isExecve = { (call: KernelCall) -> Bool in if case .execve = call { true } else { false } }
    #expect(!fixture.kernel.calls.contains { isExecve($0.call) })
    _ = try await fixture.run("start", ["c1"])
    let process = fixture.kernel.state.withLock { $0.processes[pid] }
    #expect(process?.program == "/bin/true")
    #expect(process?.environment == ["PATH=/usr/bin:/bin", "A=2", "HOME=/root"])
  }

  @Test("HOME comes from the container's /etc/passwd, unless the configuration has one")
  func home() async throws {
    for (process, home) in [
      (["user": ["uid": 1000, "gid": 1000]] as JSONObject, "HOME=/home/app"),
      (["user": ["uid": 77, "gid": 0]], "HOME=/"), (["env": ["PATH=/bin", "HOME=/x"]], "HOME=/x"),
      (["env": ["PATH=/bin", "HOME="]], "HOME=/root"),
    ] {
      let fixture = RuncFixture()
      let created = try await fixture.create("c1", RuncFixture.config(process: process))
      let pid = try #require(created.pid)
      _ = try await fixture.run("start", ["c1"])
      let environment = fixture.kernel.state.withLock { $0.processes[pid]?.environment ?? [] }
      #expect(environment.last == home)
      #expect(environment.filter { $0.hasPrefix("HOME=") }.count == 1)
    }
  }

  @Test("A container can be started once, in runc's words")
  func startTwice() async throws {
    let fixture = RuncFixture()
    _ = try await fixture.create()
    _ = try await fixture.run("start", ["c1"])
    let again = try await fixture.run("start", ["c1"])
    #expect(again.status == 1)
    #expect(again.stderr == "cannot start an already running container\n")
    _ = try await fixture.run("kill", ["c1", "9"])
    #expect(try await fixture.run("start", ["c1"]).stderr == "cannot start a container that has stopped\n")
  }

  @Test("What does not fit the container's state is refused, in runc's words")
  func refusals() async throws {
    let fixture = RuncFixture()
    #expect(try await fixture.run("start", ["nobody"]).stderr == "container does not exist\n")
    #expect(try await fixture.run("kill", ["nobody"]).stderr == "container does not exist\n")
    #expect(try await fixture.run("delete", ["nobody"]).stderr == "container does not exist\n")
    #expect(try await fixture.run("delete", ["--force", "nobody"]).status == 0)
    #expect(try await fixture.run("state", ["a/b"]).stderr == "invalid container ID format\n")
    #expect(try await fixture.run("state", [".."]).stderr == "invalid container ID format\n")

    _ = try await fixture.create()
    let twice = try await fixture.create()
    #expect(twice.stderr == "runc create failed: container with given ID already exists\n")
    #expect(twice.status == 1)
    _ = try await fixture.run("start", ["c1"])
    let busy = try await fixture.run("delete", ["c1"])
    #expect(busy.stderr == "cannot delete container c1 that is not stopped: running\n")
    #expect(try await fixture.run("resume", ["c1"]).stderr == "container not paused\n")
    #expect(try await fixture.run("kill", ["c1", "NOSUCH"]).stderr == "unknown signal \"NOSUCH\"\n")
    _ = try await fixture.run("kill", ["c1", "SIGKILL"])
    #expect(try await fixture.run("kill", ["c1", "15"]).stderr == "container not running\n")
    #expect(try await fixture.run("kill", ["--all", "c1", "15"]).status == 0)
    #expect(try await fixture.run("pause", ["c1"]).stderr == "container not running\n")
    let exec = try await fixture.run("exec", ["c1", "true"])
    #expect(exec.stderr == "exec failed: cannot exec in a stopped container\n")
    #expect(exec.status == 255)
  }

  @Test("delete --force kills first; a created container needs no force")
  func deleteForce() async throws {
    let fixture = RuncFixture()
    let pid = try #require(try await fixture.create().pid)
    #expect(try await fixture.run("delete", ["c1"]).status == 0)
    #expect(fixture.kernel.status(of: pid) != .running)
    #expect(!fixture.kernel.exists(fixture.cgroup))

    let second = try #require(try await fixture.create().pid)
    _ = try await fixture.run("start", ["c1"])
    #expect(try await fixture.run("delete", ["--force", "c1"]).status == 0)
    #expect(fixture.kernel.status(of: second) != .running)
    #expect(!fixture.kernel.exists(fixture.directory))
    #expect(!fixture.kernel.exists(fixture.cgroup))
  }

  @Test("pause freezes the cgroup, resume thaws it, and state says so")
  func pauseResume() async throws {
    let fixture = RuncFixture()
    _ = try await fixture.create()
    _ = try await fixture.run("start", ["c1"])
    #expect(try await fixture.run("pause", ["c1"]).status == 0)
    #expect(fixture.kernel.contents(fixture.cgroup + "/cgroup.freeze") == "1")
    #expect(try await fixture.status() == "paused")
    let exec = try await fixture.run("exec", ["c1", "true"])
    #expect(exec.stderr == "exec failed: cannot exec in a paused container (use --ignore-paused to override)\n")
    #expect(try await fixture.run("resume", ["c1"]).status == 0)
    #expect(try await fixture.status() == "running")
  }

  @Test("Without a PID namespace of its own, SIGKILL goes to the whole cgroup")
  func sharedPIDs() async throws {
    let fixture = RuncFixture()
    let config = RuncFixture.config(namespaces: ["mount", "uts", "ipc", "network"])
    _ = try await fixture.create("c1", config)
    _ = try await fixture.run("start", ["c1"])
    fixture.kernel.clearCalls()
    _ = try await fixture.run("kill", ["c1", "KILL"])
    #expect(
      fixture.kernel.calls.map(\.call) == [.writeFile(path: "/sys/fs/cgroup/docker/c1/cgroup.kill", contents: "1")])
    #expect(fixture.kernel.members(cgroup: fixture.cgroup).isEmpty)
  }

  @Test("Another process of the runtime finds everything in the state directory")
  func otherProcess() async throws {
    let fixture = RuncFixture()
    let config = RuncFixture.config()
    try fixture.kernel.write("/bundle/config.json", Array(config.text.utf8), mode: 0o644)
    let pid = try #require(try await fixture.create().pid)
    let state = try JSON(parsing: try #require(fixture.kernel.contents(fixture.directory + "/state.json")))
    #expect(state["init_process_pid"]?.int == pid)
    #expect(state["cgroup_paths"]?[""]?.string == fixture.cgroup)
    #expect(state["namespace_paths"]?["NEWPID"]?.string == "/proc/\(pid)/ns/pid")

    let other = fixture.another()
    #expect(try await fixture.run("start", ["c1"], with: other).status == 0)
    #expect(fixture.kernel.state.withLock { $0.processes[pid]?.program } == "/bin/true")
    #expect(try await fixture.run("exec", ["--detach", "c1", "true"], with: fixture.another()).status == 0)
    #expect(try await fixture.run("delete", ["--force", "c1"], with: fixture.another()).status == 0)
    #expect(!fixture.kernel.exists(fixture.cgroup))
  }

  @Test("run waits for the end, tells the status, and takes everything down")
  func run() async throws {
    let fixture = RuncFixture()
    fixture.kernel.state.withLock { $0.diesOnExec = true }
    let result = try await fixture.run("run", ["-b", "/bundle", "c1"], document: RuncFixture.config())
    #expect(result.status == 7)
    #expect(!fixture.kernel.exists(fixture.directory))
    #expect(!fixture.kernel.exists(fixture.cgroup))
    #expect(fixture.kernel.alive().isEmpty)
  }

  @Test("railcar's own init is PID 1: it hands signals on and ends as the program ends")
  func railcarInit() async throws {
    let fixture = RuncFixture(.railcar)
    let pid = try #require(try await fixture.create().pid)
    _ = try await fixture.run("start", ["c1"])
    let program = try #require(
      fixture.kernel.state.withLock { state in state.processes.first { $0.value.program != nil }?.key })
    #expect(program != pid)
    #expect(fixture.kernel.state.withLock { $0.processes[program]?.parent } == pid)
    _ = try await fixture.run("kill", ["c1", "TERM"])
    #expect(await fixture.kernel.wait(pid) == 143)
  }

  @Test("railcar has no exec, pause and update")
  func railcarVerbs() async throws {
    let fixture = RuncFixture(.railcar)
    for verb in ["exec", "pause", "resume", "update", "events", "list", "spec"] {
      let result = try await fixture.run(verb, ["c1"])
      #expect(result.status == 1)
      #expect(result.stderr.hasPrefix("error: The subcommand '\(verb)' wasn't recognized"))
    }
  }
}
