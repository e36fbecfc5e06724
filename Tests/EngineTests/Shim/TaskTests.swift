import JSONTree
import Seams
import Testing

@testable import Engine

/// Tasks from `Tasks/Create` to `Tasks/Delete`: which handoffs go to the shim and to the runtime, in the order of the
/// captures of genuine Docker; states, refusals, events.
@Suite struct TaskTests {
  let fixture = ContainerdFixture()
  let bundle = "/run/containerd/io.containerd.runtime.v2.task/moby/c1"

  func forget() { fixture.lines.forget() }

  /// Runs until nothing moves: exits are noticed, events delivered.
  func settle() { fixture.world.settle() }

  func state(_ execID: String = "") throws -> TaskProcess.Status {
    try fixture.call(Tasks.Get(containerId: "c1", execId: execID)).process.status
  }

  // MARK: The orders of the captures

  @Test func runInTheOrderOfTheCapture() throws {
    try fixture.addContainer()
    forget()
    let pid = try fixture.createTask()
    #expect(
      fixture.lines.below == [
        "containerd > shim containerd-shim start", "containerd > shim containerd.task.v3.Task/Create",
        "shim > runc runc create", "containerd > shim containerd.task.v3.Task/Connect",
      ])
    forget()
    #expect(try fixture.call(Tasks.Start(containerId: "c1")).pid == pid)
    #expect(
      fixture.lines.below == [
        "containerd > shim containerd.task.v3.Task/Start", "shim > runc runc start",
        "containerd > shim containerd.task.v3.Task/State",
      ])
    fixture.processes.finish(pid, 3)
    settle()
    forget()
    #expect(try state() == .stopped)
    let deleted = try fixture.call(Tasks.Delete(containerId: "c1"))
    #expect(deleted.exitStatus == 3)
    #expect(deleted.pid == pid)
    #expect(
      fixture.lines.below == [
        "containerd > shim containerd.task.v3.Task/State", "containerd > shim containerd.task.v3.Task/Delete",
        "shim > runc runc delete", "containerd > shim containerd.task.v3.Task/Shutdown",
        "containerd > shim containerd-shim delete", "shim > runc runc delete",
      ])
    forget()
    #expect(fixture.words(Tasks.Get(containerId: "c1")) == "no running task found: task c1 not found: not found")
    #expect(fixture.lines.below.isEmpty)
    _ = try fixture.call(Containers.Delete(id: "c1"))
    // Nothing is left: no part, no file, no mount.
    #expect(fixture.processes.parts.isEmpty)
    #expect(fixture.files.paths.isEmpty)
  }

  @Test func aCommandThatIsNotThereInTheOrderOfTheCapture() throws {
    try fixture.addContainer()
    fixture.runtime.refuse(
      "create",
      #"{"level":"error","msg":"runc create failed: unable to start container process: error during container init: exec: \"nosuchcmd\": executable file not found in $PATH","time":"2026-01-01T00:00:00Z"}"#
    )
    forget()
    #expect(
      fixture.words(Tasks.Create(containerId: "c1", rootfs: [], stdout: "/fifo/c1-stdout"))
        == "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container "
        + "process: error during container init: exec: \"nosuchcmd\": executable file not found in $PATH: unknown")
    #expect(
      fixture.lines.below == [
        "containerd > shim containerd-shim start", "containerd > shim containerd.task.v3.Task/Create",
        "shim > runc runc create", "containerd > shim containerd.task.v3.Task/Delete",
        "containerd > shim containerd.task.v3.Task/Shutdown", "containerd > shim containerd-shim delete",
        "shim > runc runc delete",
      ])
    // Who reads the output sees its end, and the container can be removed.
    #expect(fixture.fifos.channel("/fifo/c1-stdout")?.tryRead() == [])
    _ = try fixture.call(Containers.Delete(id: "c1"))
    #expect(fixture.processes.parts.isEmpty)
    #expect(fixture.files.paths.isEmpty)
  }

  @Test func execInTheOrderOfTheCapture() throws {
    try fixture.addContainer()
    _ = try fixture.createTask()
    _ = try fixture.call(Tasks.Start(containerId: "c1"))
    forget()
    _ = try fixture.call(Tasks.Exec(containerId: "c1", execId: "e1", spec: ["args": ["echo"]]))
    let pid = try fixture.call(Tasks.Start(containerId: "c1", execId: "e1")).pid
    fixture.processes.finish(pid, 0)
    settle()
    _ = try fixture.call(Tasks.Get(containerId: "c1", execId: "e1"))
    _ = try fixture.call(Tasks.DeleteProcess(containerId: "c1", execId: "e1"))
    #expect(
      fixture.lines.below == [
        "containerd > shim containerd.task.v3.Task/Exec", "containerd > shim containerd.task.v3.Task/State",
        "containerd > shim containerd.task.v3.Task/Start", "shim > runc runc exec",
        "containerd > shim containerd.task.v3.Task/State", "containerd > shim containerd.task.v3.Task/State",
        "containerd > shim containerd.task.v3.Task/State", "containerd > shim containerd.task.v3.Task/State",
        "containerd > shim containerd.task.v3.Task/Delete",
      ])
    #expect(fixture.words(Tasks.Get(containerId: "c1", execId: "e1")) == "process does not exist e1: not found")
  }

  @Test func stopInTheOrderOfTheCapture() throws {
    try fixture.addContainer()
    _ = try fixture.createTask()
    _ = try fixture.call(Tasks.Start(containerId: "c1"))
    forget()
    _ = try fixture.call(Tasks.Kill(containerId: "c1", signal: 15))
    _ = try fixture.call(Tasks.Kill(containerId: "c1", signal: 9))
    settle()
    #expect(try fixture.call(Tasks.Delete(containerId: "c1")).exitStatus == 137)
    #expect(
      fixture.lines.below == [
        "containerd > shim containerd.task.v3.Task/Kill", "shim > runc runc kill",
        "containerd > shim containerd.task.v3.Task/Kill", "shim > runc runc kill",
        "containerd > shim containerd.task.v3.Task/Delete", "shim > runc runc delete",
        "containerd > shim containerd.task.v3.Task/Shutdown", "containerd > shim containerd-shim delete",
        "shim > runc runc delete",
      ])
    #expect(fixture.words(Tasks.Kill(containerId: "c1", signal: 9)).hasSuffix("not found"))
  }

  // MARK: Command lines

  @Test func theRuntimeIsExecutedAsGenuineShimsDo() throws {
    try fixture.addContainer(options: ["root": "/run/docker/runtime-runc"])
    _ = try fixture.createTask()
    _ = try fixture.call(Tasks.Start(containerId: "c1"))
    _ = try fixture.call(Tasks.Exec(containerId: "c1", execId: "e1", terminal: true, spec: ["args": ["sh"]]))
    _ = try fixture.call(Tasks.Start(containerId: "c1", execId: "e1"))
    _ = try fixture.call(Tasks.ListPids(containerId: "c1"))
    _ = try fixture.call(Tasks.Update(containerId: "c1", resources: ["memory": ["limit": 1]]))
    _ = try fixture.call(Tasks.Kill(containerId: "c1", signal: 9, all: true))
    settle()
    _ = try fixture.call(Tasks.Delete(containerId: "c1"))
    let globals = "runc --root /run/docker/runtime-runc/moby --log \(bundle)/log.json --log-format json"
    let lines = fixture.runtime.lines.map { line in
      line.replacing(#/(runc-process|/tmp/pty)[0-9a-f]+/#) { "\($0.output.1)N" }
    }
    #expect(
      lines == [
        "\(globals) create --bundle \(bundle) --pid-file \(bundle)/init.pid c1", "\(globals) start c1",
        "\(globals) exec --process /tmp/runc-processN --console-socket /tmp/ptyN/pty.sock --detach --pid-file "
          + "\(bundle)/e1.pid c1",
        "\(globals) ps --format json c1", "\(globals) update --resources=- c1", "\(globals) kill --all c1 9",
        "\(globals) delete c1", "\(globals) delete --force c1",
      ])
    #expect(fixture.runtime.commands[0].document == ["linux": ["namespaces": [["type": "pid"]]]])
    #expect(fixture.runtime.commands[2].document == ["args": ["sh"]])
    #expect(fixture.runtime.commands[4].document == ["memory": ["limit": 1]])
  }

  @Test func otherRuntimesAndTheirRoots() throws {
    try fixture.addContainer(options: ["binary_name": "crun", "systemd_cgroup": true])
    _ = try fixture.createTask()
    #expect(
      fixture.runtime.lines[0].hasPrefix(
        "crun --root /run/containerd/runc/moby --log \(bundle)/log.json --log-format json --systemd-cgroup create"))
    try fixture.addContainer("c2")
    _ = try fixture.createTask("c2", runtimePath: "/opt/railcar")
    #expect(fixture.runtime.lines[1].hasPrefix("/opt/railcar --root"))
    #expect(fixture.lines.below.contains("shim > runc railcar create"))
  }

  @Test func shimsAreNamedAfterTheRuntime() throws {
    #expect(try TaskManager.shimBinary("io.containerd.runc.v2") == "containerd-shim-runc-v2")
    #expect(try TaskManager.shimBinary("/opt/shim") == "/opt/shim")
    #expect(throws: EngineError.self) { try TaskManager.shimBinary("runc") }
    #expect(throws: EngineError.self) { try TaskManager.shimBinary("a..b") }
  }

  @Test func theBundleHoldsTheConfig() throws {
    try fixture.addContainer(spec: ["ociVersion": "1.3.0"])
    _ = try fixture.createTask()
    #expect(fixture.files.paths == ["\(bundle)/config.json"])
    #expect(try fixture.files.read("\(bundle)/config.json") == Array(#"{"ociVersion":"1.3.0"}"#.utf8))
  }

  // MARK: Streams and terminals

  @Test func theProcessGetsTheFIFOs() throws {
    try fixture.addContainer()
    _ = try fixture.createTask()
    let stdio = fixture.runtime.commands[0].stdio
    #expect(stdio.stdout === fixture.fifos.channel("/fifo/c1-stdout"))
    #expect(stdio.stderr === fixture.fifos.channel("/fifo/c1-stderr"))
    #expect(!stdio.terminal)
    _ = try fixture.call(Tasks.CloseIO(containerId: "c1"))
    #expect(fixture.fifos.channel("/fifo/c1-stdin")?.tryRead() == [])
  }

  @Test func aTerminalHasOneStreamAndASize() throws {
    try fixture.addContainer()
    let pid = try fixture.createTask(terminal: true)
    #expect(fixture.runtime.commands[0].stdio.stderr == nil)
    #expect(fixture.runtime.commands[0].stdio.terminal)
    #expect(fixture.runtime.commands[0].option("--console-socket") != nil)
    _ = try fixture.call(Tasks.ResizePty(containerId: "c1", width: 80, height: 24))
    #expect(fixture.processes.sizes == ["\(pid) 80x24"])
  }

  @Test func outputMayGoToAFile() throws {
    try fixture.addContainer()
    _ = try fixture.call(Tasks.Create(containerId: "c1", rootfs: [], stdout: "file:///var/log/c1.log"))
    fixture.runtime.commands[0].stdio.stdout?.push(Array("hi".utf8))
    settle()
    #expect(try fixture.files.read("/var/log/c1.log") == Array("hi".utf8))
  }

  @Test func aMissingFIFOIsAnError() throws {
    try fixture.addContainer()
    #expect(
      fixture.words(Tasks.Create(containerId: "c1", rootfs: [], stdout: "/nosuch"))
        == "failed to create shim task: failed to open stdout fifo: open /nosuch: no such file or directory: unknown")
  }

  @Test func containerdsClientsMayHandMountsDown() throws {
    try fixture.addContainer()
    let mounts = [MountRecord(type: "overlay", source: "overlay", options: ["upperdir=/u"])]
    let pid = try fixture.call(Tasks.Create(containerId: "c1", rootfs: mounts)).pid
    #expect(fixture.files.mounts == ["\(bundle)/rootfs"])
    fixture.processes.finish(pid, 0)
    settle()
    _ = try fixture.call(Tasks.Delete(containerId: "c1"))
    #expect(fixture.files.mounts == [])
    #expect(
      fixture.words(Tasks.Create(containerId: "c1", rootfs: mounts + [MountRecord(type: "bind", source: "/nosuch")]))
        == "failed to create shim task: failed to mount rootfs component: no such file or directory: unknown")
    #expect(fixture.files.mounts == [])
  }

  // MARK: States and refusals

  @Test func aTaskIsCreatedRunningPausedStopped() throws {
    try fixture.addContainer()
    let pid = try fixture.createTask()
    #expect(try state() == .created)
    #expect(fixture.words(Tasks.Pause(containerId: "c1")) == "cannot pause a created container: failed precondition")
    _ = try fixture.call(Tasks.Start(containerId: "c1"))
    #expect(try state() == .running)
    #expect(fixture.words(Tasks.Start(containerId: "c1")) == "cannot start a running process: failed precondition")
    #expect(fixture.words(Tasks.Delete(containerId: "c1")) == "cannot delete a running process: failed precondition")
    #expect(fixture.words(Tasks.Resume(containerId: "c1")) == "cannot resume a running container: failed precondition")
    #expect(fixture.words(Containers.Delete(id: "c1")) == "cannot delete running task c1: failed precondition")
    #expect(fixture.words(Tasks.Create(containerId: "c1", rootfs: [])) == "task c1: already exists")
    _ = try fixture.call(Tasks.Pause(containerId: "c1"))
    #expect(try state() == .paused)
    #expect(
      fixture.words(Tasks.Exec(containerId: "c1", execId: "e", spec: .null))
        == "cannot exec in a paused state: failed precondition")
    _ = try fixture.call(Tasks.Resume(containerId: "c1"))
    fixture.processes.finish(pid, 1)
    settle()
    #expect(try state() == .stopped)
    #expect(fixture.words(Tasks.Start(containerId: "c1")) == "cannot start a stopped process: failed precondition")
    #expect(fixture.words(Tasks.Kill(containerId: "c1", signal: 15)) == "process already finished: not found")
    #expect(
      fixture.words(Tasks.Exec(containerId: "c1", execId: "e", spec: .null))
        == "cannot exec in a stopped state: failed precondition")
    #expect(fixture.words(Tasks.Create(containerId: "no", rootfs: [])).hasSuffix("not found"))
  }

  @Test func whatTheRuntimeRefusesIsPassedUp() throws {
    try fixture.addContainer()
    _ = try fixture.createTask()
    _ = try fixture.call(Tasks.Start(containerId: "c1"))
    _ = try fixture.call(Tasks.Exec(containerId: "c1", execId: "e1", spec: ["args": ["nosuch"]]))
    fixture.runtime.refuse(
      "exec",
      #"time="2026-01-01T00:00:00Z" level=error msg="exec failed: unable to start container process: exec: \"nosuch\": executable file not found in $PATH""#
    )
    #expect(
      fixture.words(Tasks.Start(containerId: "c1", execId: "e1"))
        == "OCI runtime exec failed: exec failed: unable to start container process: exec: \"nosuch\": executable file "
        + "not found in $PATH: unknown")
    _ = try fixture.call(Tasks.DeleteProcess(containerId: "c1", execId: "e1"))
    fixture.runtime.refuse("pause", "", status: 2)
    #expect(
      fixture.words(Tasks.Pause(containerId: "c1"))
        == "OCI runtime pause failed: unable to retrieve OCI runtime error (EOF): runc did not terminate successfully: "
        + "exit status 2: unknown")
    fixture.runtime.refuse("kill", "container not running")
    #expect(fixture.words(Tasks.Kill(containerId: "c1", signal: 15)) == "process already finished: not found")
  }

  @Test func anExecProcessIsSignalledByTheShimItself() throws {
    try fixture.addContainer()
    _ = try fixture.createTask()
    _ = try fixture.call(Tasks.Start(containerId: "c1"))
    _ = try fixture.call(Tasks.Exec(containerId: "c1", execId: "e1", spec: .null))
    #expect(
      fixture.words(Tasks.Kill(containerId: "c1", execId: "e1", signal: 9))
        == "process not created: failed precondition")
    #expect(fixture.words(Tasks.Exec(containerId: "c1", execId: "e1", spec: .null)) == "id e1: already exists")
    _ = try fixture.call(Tasks.Start(containerId: "c1", execId: "e1"))
    forget()
    _ = try fixture.call(Tasks.Kill(containerId: "c1", execId: "e1", signal: 10))
    settle()
    #expect(!fixture.lines.below.contains { $0.contains("runc") })
    #expect(fixture.processes.signals == ["10"])
    #expect(try state("e1") == .stopped)
    #expect(try fixture.call(Tasks.DeleteProcess(containerId: "c1", execId: "e1")).exitStatus == 138)
  }

  @Test func waitingEndsWithTheProcess() throws {
    try fixture.addContainer()
    let pid = try fixture.createTask()
    _ = try fixture.call(Tasks.Start(containerId: "c1"))
    let (api, world, processes) = (fixture.api, fixture.world, fixture.processes)
    let exit = try world.run {
      world.spawn {
        try? await world.sleep(5)
        processes.finish(pid, 42)
      }
      return try await api.call(Tasks.Wait(containerId: "c1"), namespace: "moby")
    }
    #expect(exit.exitStatus == 42)
    #expect(try fixture.call(Tasks.Wait(containerId: "c1")).exitStatus == 42)
  }

  @Test func countersAreReadWithoutTheRuntime() throws {
    try fixture.addContainer(spec: ["linux": ["cgroupsPath": "/docker/c1", "namespaces": [["type": "pid"]]]])
    _ = try fixture.createTask()
    try fixture.addContainer("c2")
    _ = try fixture.createTask("c2")
    forget()
    let metrics = try fixture.call(Tasks.Metrics(filters: ["id==c1"])).metrics
    #expect(metrics.map(\.data) == [["cpu": ["usage": 7]]])
    #expect(fixture.lines.below == ["containerd > shim containerd.task.v3.Task/Stats"])
    #expect(try fixture.call(Tasks.Metrics()).metrics.map(\.id) == ["c1", "c2"])
    #expect(fixture.lines.below.last == "shim > runc runc events")
    #expect(try fixture.call(Tasks.List()).tasks.map(\.containerId) == ["c1", "c2"])
  }

  // MARK: Events

  func events(_ count: Int, _ body: () throws -> Void) throws -> [ContainerdEvent] {
    let (api, world) = (fixture.api, fixture.world)
    let stream = try world.run { try await api.events(namespace: "moby") }
    try body()
    return try world.run {
      var events: [ContainerdEvent] = []
      for await event in stream where event.topic.hasPrefix("/tasks") {
        events.append(event)
        if events.count == count { break }
      }
      return events
    }
  }

  @Test func aLifeInEvents() throws {
    try fixture.addContainer()
    let events = try events(9) {
      let pid = try fixture.createTask()
      _ = try fixture.call(Tasks.Start(containerId: "c1"))
      _ = try fixture.call(Tasks.Exec(containerId: "c1", execId: "e1", spec: .null))
      let exec = try fixture.call(Tasks.Start(containerId: "c1", execId: "e1")).pid
      fixture.processes.finish(exec, 2)
      settle()
      _ = try fixture.call(Tasks.Pause(containerId: "c1"))
      _ = try fixture.call(Tasks.Resume(containerId: "c1"))
      fixture.processes.finish(pid, 137, outOfMemory: true)
      settle()
    }
    #expect(
      events.map(\.topic) == [
        "/tasks/create", "/tasks/start", "/tasks/exec-added", "/tasks/exec-started", "/tasks/exit", "/tasks/paused",
        "/tasks/resumed", "/tasks/oom", "/tasks/exit",
      ])
    #expect(events[4].event["id"] == "e1")
    #expect(events[4].event["exitStatus"] == 2)
    #expect(events[8].event["id"] == "c1")
    #expect(events[8].event["containerID"] == "c1")
    #expect(events[8].event["exitStatus"] == 137)
  }

  @Test func anEndDuringTheStartIsToldAfterIt() throws {
    try fixture.addContainer()
    fixture.runtime.endAtStart(0)
    let events = try events(3) {
      _ = try fixture.createTask()
      _ = try fixture.call(Tasks.Start(containerId: "c1"))
      settle()
    }
    #expect(events.map(\.topic) == ["/tasks/create", "/tasks/start", "/tasks/exit"])
    #expect(try state() == .stopped)
  }

  @Test func withoutAPIDNamespaceTheRestIsKilled() throws {
    try fixture.addContainer(spec: ["linux": ["namespaces": [["type": "mount"]]]])
    let pid = try fixture.createTask()
    _ = try fixture.call(Tasks.Start(containerId: "c1"))
    fixture.processes.finish(pid, 0)
    settle()
    #expect(fixture.runtime.lines.last?.hasSuffix("kill --all c1 9") == true)
  }

  // MARK: When parts die

  @Test func aShimThatIsGoneAfterARestartIsCleanedUp() throws {
    try fixture.addContainer()
    _ = try fixture.createTask()
    _ = try fixture.call(Tasks.Start(containerId: "c1"))
    let again = try fixture.restarted()
    #expect(fixture.runtime.lines.last?.hasSuffix("delete --force c1") == true)
    #expect(throws: EngineError.self) {
      try fixture.world.run { try await again.call(Tasks.Get(containerId: "c1"), namespace: "moby") }
    }
  }

  @Test func aShimThatLivedOnIsFoundAgain() throws {
    try fixture.addContainer()
    let pid = try fixture.createTask()
    _ = try fixture.call(Tasks.Start(containerId: "c1"))
    struct Alive: ShimAPI {
      let pid: Int
      func call<O: ShimOperation>(_ operation: O) async throws -> O.Answer {
        if let answer = ShimTask.Connect.Answer(shimPid: 1, taskPid: pid, version: "v2") as? O.Answer { return answer }
        let process = TaskProcess(containerId: "c1", id: "c1", pid: pid, status: .running)
        if let answer = ShimTask.State.Answer(process: process) as? O.Answer { return answer }
        throw EngineError(.notImplemented, O.name)
      }
    }
    let again = try fixture.restarted { _ in Alive(pid: pid) }
    let found = try fixture.world.run { try await again.call(Tasks.Get(containerId: "c1"), namespace: "moby") }
    #expect(found.process.pid == pid)
    #expect(found.process.status == .running)
  }
}
