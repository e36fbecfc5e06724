import Handoff
import JSONTree
import Seams
import Testing

@testable import Simulation

@Suite("The stack containerd: ctr, and docker's words in its own")
struct ContainerdTests {
  static let alpine = "docker.io/library/alpine:latest"
  private func machine() throws -> StackFixture {
    let ctr = try StackFixture("containerd")
    try ctr.native("images pull \(ContainerdTests.alpine)")
    _ = ctr.spine()
    return ctr
  }

  private func short(_ lines: [String]) -> [String] {
    lines.map { $0.replacing("containerd.services.", with: "").replacing("containerd.task.v3.", with: "") }
  }

  @Test("images pull: containerd does it all after one Transfer, call by call as captured")
  func pull() throws {
    let ctr = try StackFixture("containerd")
    let answer = try ctr.native("images pull \(ContainerdTests.alpine)")
    #expect(answer.status == 0)
    #expect(answer.output.contains("Completed pull from OCI Registry (docker.io/library/alpine:latest)"))
    let calls = ctr.handoffs { $0.to != .kernel && !$0.op.hasPrefix("GET /token") && !$0.op.contains("location") }
    #expect(
      short(calls) == [
        "ctr > containerd introspection.v1.Introspection/Server", "ctr > containerd leases.v1.Leases/Create",
        "ctr > containerd streaming.v1.Streaming/Stream", "ctr > containerd streaming.v1.Streaming/Stream",
        "ctr > containerd transfer.v1.Transfer/Transfer", "containerd > registry HEAD /v2/{name}/manifests/{reference}",
        // Docker Hub wants a token first, and its images have an index: the captured registry had neither.
        "containerd > registry HEAD /v2/{name}/manifests/{reference}",
        "containerd > registry GET /v2/{name}/manifests/{reference}",
        "containerd > registry GET /v2/{name}/manifests/{reference}",
        "containerd > registry GET /v2/{name}/blobs/{digest}", "containerd > registry GET /v2/{name}/blobs/{digest}",
        "ctr > containerd leases.v1.Leases/Delete",
      ])
  }

  /// What `ctr run` changes, in order; the capture has it up to the shim's start, which failed there.
  static let run = [
    "ctr > containerd snapshots.v1.Snapshots/Prepare", "ctr > containerd containers.v1.Containers/Create",
    "ctr > containerd tasks.v1.Tasks/Create", "containerd > shim containerd-shim start",
    "containerd > shim Task/Create", "shim > runc runc create",
  ]
  static let start = [
    "ctr > containerd tasks.v1.Tasks/Start", "containerd > shim Task/Start", "shim > runc runc start",
  ]
  static let end = [
    "ctr > containerd tasks.v1.Tasks/Delete", "containerd > shim Task/Delete", "shim > runc runc delete",
    "containerd > shim Task/Shutdown", "containerd > shim containerd-shim delete", "shim > runc runc delete",
  ]
  static let removal = [
    "ctr > containerd snapshots.v1.Snapshots/Remove", "ctr > containerd containers.v1.Containers/Delete",
  ]

  @Test("run --rm: snapshot, container, task, and all of it deleted by the client")
  func run() throws {
    let ctr = try machine()
    let before = ctr.traces
    let answer = try ctr.native("run --rm \(ContainerdTests.alpine) c1 sh -c", "echo out; echo err >&2; exit 5")
    #expect(answer == ("out\n", "err\n", 5))
    #expect(
      short(ctr.spine()) == ContainerdTests.run + ContainerdTests.start + ContainerdTests.end + ContainerdTests.removal)
    #expect(ctr.traces == before)
    #expect(try ctr.native("c ls -q").output.isEmpty)
  }

  @Test("the calls up to the task are the captured ones, reads too")
  func reads() throws {
    let ctr = try machine()
    try ctr.native("run --rm \(ContainerdTests.alpine) c1 true")
    let calls = short(ctr.handoffs()).filter { $0.hasPrefix("ctr") && !$0.contains("content.v1") }.map {
      String($0.split(separator: "/")[1])
    }
    #expect(
      calls.prefix(17).joined(separator: " ")
        == "Server Get Get Stat Create Get Plugins Prepare Mounts Create Delete Get Get Mounts Get Get Create")
    // It waits before it starts.
    #expect(calls.dropFirst(17).prefix(2) == ["Wait", "Start"])
  }

  @Test("a command that is not there: runc's words, and what was made is deleted again, as captured")
  func badCommand() throws {
    let ctr = try machine()
    let before = ctr.traces
    let answer = try ctr.native("run --rm \(ContainerdTests.alpine) c1 nosuch")
    #expect(answer.status == 1)
    #expect(
      answer.error
        == "ctr: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container "
        + "process: error during container init: exec: \"nosuch\": executable file not found in $PATH: unknown\n")
    #expect(short(ctr.spine()).suffix(2) == ContainerdTests.removal)
    #expect(ctr.traces == before)
  }

  @Test("tasks: detached, listed, executed in, paused, killed, deleted; the container stays until it is removed")
  func tasks() throws {
    let ctr = try machine()
    let before = ctr.traces
    #expect(try ctr.native("run -d --env A=b \(ContainerdTests.alpine) c1 sleep 1000").status == 0)
    #expect(try ctr.native("t ls").output.hasPrefix("TASK    PID"))
    #expect(try ctr.native("t ls").output.contains("RUNNING"))
    #expect(
      try ctr.native("c ls").output.contains(
        "c1           docker.io/library/alpine:latest    io.containerd.runc.v2    \n"))
    #expect(try ctr.native("t exec --exec-id e1 c1 sh -c", "echo $A; exit 4") == ("b\n", "", 4))
    #expect(try ctr.native("t exec c1 true").error == "ctr: exec id must be provided: invalid argument\n")
    #expect(try ctr.native("t pause c1").status == 0)
    #expect(try ctr.native("t ls").output.contains("PAUSED"))
    #expect(try ctr.native("t resume c1").status == 0)
    #expect(try ctr.native("t ps c1").output.hasPrefix("PID"))
    #expect(try ctr.native("t metrics c1").output.contains("METRIC"))
    #expect(try ctr.native("c rm c1").error.contains("cannot delete a non stopped container"))
    #expect(try ctr.native("t kill -s KILL c1").status == 0)
    #expect(try ctr.native("t ls").output.contains("STOPPED"))
    #expect(try ctr.native("t rm c1").status == 137)
    #expect(try ctr.native("t start -d c1").status == 0)
    #expect(try ctr.native("t rm -f c1").status == 137)
    #expect(try ctr.native("snapshots ls").output.contains("c1 "))
    #expect(try ctr.native("c rm c1").status == 0)
    #expect(ctr.traces == before)
  }

  @Test("what ctr writes into config.json: containerd's defaults, the image's config, the flags")
  func spec() throws {
    let ctr = try machine()
    ctr.keeper.clear()
    try ctr.native(
      "run --rm --user 1000:1000 --cwd /tmp --net-host --memory-limit 1048576 --read-only --mount "
        + "type=bind,src=/etc,dst=/host,options=rbind:ro \(ContainerdTests.alpine) c1 true")
    let config = try #require(ctr.lastConfig)
    #expect(config["process"]?["args"] == ["true"])
    #expect(config["process"]?["user"] == ["uid": 1000, "gid": 1000])
    #expect(config["process"]?["cwd"] == "/tmp")
    #expect(config["root"]?["readonly"] == true)
    #expect(config["linux"]?["cgroupsPath"] == "/default/c1")
    #expect(config["linux"]?["resources"]?["memory"]?["limit"] == 1_048_576)
    let kinds = (config["linux"]?["namespaces"]?.array ?? []).compactMap { $0["type"]?.string }
    #expect(kinds == ["pid", "ipc", "uts", "mount"])
    #expect(config["mounts"]?.array?.contains { $0["destination"] == "/host" } == true)
    #expect(try ctr.native("run --rm --user nobody \(ContainerdTests.alpine) c2 id -u").output == "65534\n")
    #expect(try ctr.native("run --rm --privileged \(ContainerdTests.alpine) c3 true").status == 0)
    #expect(try ctr.native("run --rm -t \(ContainerdTests.alpine) c4 tty").output.hasPrefix("/dev/"))
  }

  @Test("docker run --rm goes the way of ctr run --rm, with a network by CNI")
  func dockerRun() throws {
    let ctr = try machine()
    let before = ctr.traces
    let answer = try ctr.run("alpine", ["echo", "hi"], rm: true)
    #expect(answer.output == "hi\n")
    #expect(
      short(ctr.spine()) == ContainerdTests.run + ["ctr > cni cni ADD"] + ContainerdTests.start + ContainerdTests.end
        + ["ctr > cni cni DEL"] + ContainerdTests.removal)
    #expect(ctr.traces == before)
  }

  @Test("docker's create, start, exec, stop, start, rm: the container is containerd's until it is removed")
  func dockerLife() throws {
    let ctr = try machine()
    let before = ctr.traces
    let id = try ctr.run("alpine", ["sleep", "1000"], detached: true, name: "web").id
    #expect(try ctr.native("c ls -q").output == id + "\n")
    _ = ctr.spine()
    #expect(try ctr.exec("web", ["echo", "in"]).output == "in\n")
    #expect(
      short(ctr.spine()) == [
        "ctr > containerd tasks.v1.Tasks/Exec", "containerd > shim Task/Exec", "ctr > containerd tasks.v1.Tasks/Start",
        "containerd > shim Task/Start", "shim > runc runc exec", "ctr > containerd tasks.v1.Tasks/DeleteProcess",
        "containerd > shim Task/Delete",
      ])
    #expect(try ctr.send("POST", "/containers/{id}/stop", ["id": "web"], ["t": "1"]).status == 204)
    #expect(
      short(ctr.spine()) == [
        "ctr > containerd tasks.v1.Tasks/Kill", "containerd > shim Task/Kill", "shim > runc runc kill",
        "ctr > containerd tasks.v1.Tasks/Kill", "containerd > shim Task/Kill", "shim > runc runc kill",
      ] + ContainerdTests.end + ["ctr > cni cni DEL"])
    #expect(try ctr.native("c ls -q").output == id + "\n")
    _ = ctr.spine()
    #expect(try ctr.send("POST", "/containers/{id}/start", ["id": "web"]).status == 204)
    #expect(short(ctr.spine()) == ContainerdTests.run.suffix(4) + ["ctr > cni cni ADD"] + ContainerdTests.start)
    #expect(try ctr.send("DELETE", "/containers/{id}", ["id": "web"], ["force": "1"]).status == 204)
    #expect(short(ctr.spine()).suffix(2) == ContainerdTests.removal)
    #expect(try ctr.native("c ls -q").output.isEmpty)
    #expect(ctr.traces == before)
    // What was only created has a snapshot and nothing else.
    #expect(try ctr.send("POST", "/containers/create", body: ["Image": "alpine"]).status == 201)
    #expect(short(ctr.spine()) == ["ctr > containerd snapshots.v1.Snapshots/Prepare"])
  }

  @Test("images are the same for both clients")
  func images() throws {
    let ctr = try machine()
    #expect(try ctr.send("GET", "/images/json").json[0]?["RepoTags"]?[0] == "alpine:latest")
    try ctr.pull("busybox")
    #expect(
      short(ctr.spine()).filter { $0.hasPrefix("ctr") }
        == ["ctr > containerd images.v1.Images/List", "ctr > containerd transfer.v1.Transfer/Transfer"].suffix(1))
    #expect(
      try ctr.native("i ls -q").output == "docker.io/library/alpine:latest\ndocker.io/library/busybox:latest\n")
    #expect(try ctr.native("i tag \(ContainerdTests.alpine) example.com/a:1").status == 0)
    #expect(try ctr.native("i rm example.com/a:1 \(ContainerdTests.alpine)").status == 0)
    #expect(try ctr.send("GET", "/images/json").json.array?.count == 1)
    #expect(try ctr.native("i check").output.contains("complete (3/3)"))
    #expect(try ctr.native("-n other i ls -q").output.isEmpty)
    #expect(try ctr.native("ns ls -q").output == "default\nother\n")
  }

  @Test("what ctr has made docker lists, inspects, stops and removes; more of it is ctr's")
  func foreign() throws {
    let ctr = try machine()
    let before = ctr.traces
    try ctr.native("run -d \(ContainerdTests.alpine) c1 sleep 1000")
    try ctr.run("alpine", ["sleep", "2000"], detached: true, name: "web")
    let listed = try ctr.send("GET", "/containers/json").json
    #expect(listed.array?.compactMap { $0["Names"]?[0]?.string } == ["/web", "/c1"])
    #expect(listed[1]?["Status"]?.string?.hasPrefix("Up ") == true)
    #expect(try ctr.send("GET", "/containers/{id}/json", ["id": "c1"]).json["State"]?["Running"] == true)
    #expect(try ctr.send("POST", "/containers/{id}/pause", ["id": "c1"]).status == 501)
    #expect(try ctr.send("DELETE", "/containers/{id}", ["id": "c1"]).status == 409)
    #expect(try ctr.send("POST", "/containers/{id}/stop", ["id": "c1"], ["t": "1"]).status == 204)
    #expect(try ctr.send("POST", "/containers/{id}/stop", ["id": "c1"]).status == 304)
    #expect(try ctr.send("GET", "/containers/json", [:], ["all": "1"]).json[1]?["State"] == "exited")
    for name in ["c1", "web"] {
      #expect(try ctr.send("DELETE", "/containers/{id}", ["id": name], ["force": "1"]).status == 204)
    }
    #expect(try ctr.send("POST", "/containers/{id}/stop", ["id": "c1"]).status == 404)
    #expect(ctr.traces == before)
  }

  @Test("without containerd ctr reaches nobody; without the shim no task begins; what runs goes on")
  func faults() throws {
    let ctr = try machine()
    _ = try ctr.run("alpine", ["sleep", "1000"], detached: true)
    ctr.machine.faults.set("containerd", .down)
    let native = try ctr.native("c ls")
    #expect(native.status == 1)
    #expect(native.error.hasPrefix("ctr: failed to dial \"/run/containerd/containerd.sock\""))
    #expect(throws: EngineError.self) { try ctr.send("GET", "/containers/json") }
    #expect(ctr.processes.contains("sleep 1000"))
    _ = ctr.machine.faults.mend(nil)
    let before = ctr.traces
    ctr.machine.faults.set("shim", .down)
    #expect(try ctr.native("run --rm \(ContainerdTests.alpine) c9 true").error.contains("failed to start shim"))
    _ = ctr.machine.faults.mend(nil)
    ctr.machine.faults.set("cni", .down)
    #expect(try ctr.run("alpine", ["true"], rm: true).output.contains("failed to find plugin"))
    _ = ctr.machine.faults.mend(nil)
    #expect(ctr.traces == before)
  }

  @Test(
    "what is wrong is said in ctr's words",
    arguments: [
      ("nosuch", 3, "No help topic for 'nosuch'"), ("run", 1, "image ref must be provided"),
      ("run a", 1, "container id must be provided"), ("run nosuch c1", 1, "image \"nosuch\": not found"),
      ("images pull", 1, "please provide an image reference to pull"), ("images pull alpine", 1, "object required"),
      ("images pull docker.io/library/nosuch:latest", 1, "pull access denied"),
      ("t kill nosuch", 1, "container \"nosuch\""),
      ("t kill -s NOSUCH x", 1, "unknown signal \"NOSUCH\""), ("run --nosuch a b", 1, "flag provided but not defined"),
      ("run --rm -d a b", 1, "flags --detach and --rm cannot be specified together"),
      ("t start nosuch", 1, "not found"),
      ("snapshots rm nosuch", 1, "not found"), ("content get x", 1, "invalid checksum digest format"),
      ("ns rm default", 1, "unable to delete default"),
    ])
  func mistakes(_ line: String, _ status: Int, _ words: String) throws {
    let answer = try machine().native(line)
    #expect(Int(answer.status) == status)
    #expect(answer.error.contains(words))
  }

  @Test("the same seed gives the same handoffs")
  func determinism() throws {
    func record() throws -> [String] {
      let ctr = try machine()
      try ctr.native("run --rm \(ContainerdTests.alpine) c1 sh -c", "echo a; echo b >&2")
      try ctr.run("alpine", ["true"], rm: true)
      return ctr.handoffs { _ in true }
    }
    #expect(try record() == record())
  }
}
