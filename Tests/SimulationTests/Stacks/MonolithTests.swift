import Handoff
import JSONTree
import Seams
import Testing

@testable import Simulation

@Suite("The stack docker-1.10: the monolith before the split")
struct MonolithTests {
  private func machine() throws -> StackFixture {
    let docker = try StackFixture("docker-1.10")
    try docker.pull("alpine")
    _ = docker.spine()
    return docker
  }

  @Test("pull: the daemon asks the registry, and its graph driver keeps the layers")
  func pull() throws {
    let docker = try StackFixture("docker-1.10")
    try docker.pull("alpine")
    let spine = docker.spine()
    #expect(
      spine.prefix(3) == [
        "client > dockerd POST /images/create", "dockerd > registry GET /v2/", "dockerd > registry GET /token",
      ])
    #expect(
      spine.suffix(2) == [
        "dockerd > graphdriver graphdriver.Driver.Create", "dockerd > graphdriver graphdriver.Driver.ApplyDiff",
      ])
    #expect(spine.allSatisfy { $0.hasPrefix("client > dockerd") || $0.hasPrefix("dockerd > ") })
  }

  @Test("run --rm: the API as ever; below it nothing but the daemon, its libraries and the kernel")
  func run() throws {
    let docker = try machine()
    let before = docker.traces
    #expect(try docker.run("alpine", ["echo", "hi"], rm: true).output == "hi\n")
    #expect(
      docker.spine() == [
        "client > dockerd POST /containers/create", "dockerd > graphdriver graphdriver.Driver.Create",
        "dockerd > graphdriver graphdriver.Driver.Get", "dockerd > graphdriver graphdriver.Driver.Put",
        "dockerd > graphdriver graphdriver.Driver.Create", "client > dockerd POST /containers/{id}/attach",
        "client > dockerd POST /containers/{id}/wait", "client > dockerd POST /containers/{id}/start",
        "dockerd > graphdriver graphdriver.Driver.Get", "dockerd > libcontainer libcontainer.Factory.Create",
        "dockerd > libcontainer libcontainer.Container.Start",
        "dockerd > libcontainer libcontainer.Container.Destroy", "dockerd > graphdriver graphdriver.Driver.Put",
        "dockerd > graphdriver graphdriver.Driver.Remove", "dockerd > graphdriver graphdriver.Driver.Remove",
      ])
    #expect(docker.traces == before)
  }

  @Test("libcontainer asks the kernel itself, and version 1 of cgroups is what there is")
  func kernel() throws {
    let docker = try machine()
    docker.keeper.clear()
    try docker.run("alpine", ["true"], rm: true)
    let calls = docker.keeper.records.compactMap { record -> TraceRecord.Call? in
      if case .call(let call) = record.event, call.from == .libcontainer { return call }
      return nil
    }
    #expect(calls.allSatisfy { $0.to == .kernel && $0.via == .syscall })
    let ops = Set(calls.map(\.op))
    #expect(ops.isSuperset(of: ["clone3", "mount", "pivot_root", "capset", "seccomp", "execve"]))
    #expect(calls.contains { $0.args.json["path"]?.string?.hasPrefix("/sys/fs/cgroup/memory/docker/") == true })
    #expect(
      !docker.keeper.records.contains { record in
        if case .call(let call) = record.event { return call.via == .exec || call.via == .grpc || call.via == .ttrpc }
        return false
      })
  }

  @Test("the container is the daemon's child; exec, stop and pause are calls of the library")
  func life() throws {
    let docker = try machine()
    let before = docker.traces
    let id = try docker.run("alpine", ["sleep", "1000"], detached: true).id
    let pid = try #require((2..<3_000).first { docker.machine.kernel.info($0)?.command == "sleep 1000" })
    let parent = try #require(docker.machine.kernel.info(pid)?.ppid)
    #expect(docker.machine.kernel.info(parent)?.command == "/usr/bin/docker daemon -H fd://")
    _ = docker.spine()
    #expect(try docker.exec(id, ["echo", "in"]).output == "in\n")
    #expect(docker.spine().contains("dockerd > libcontainer libcontainer.Container.Start"))
    #expect(try docker.send("POST", "/containers/{id}/pause", ["id": id]).status == 204)
    #expect(try docker.send("POST", "/containers/{id}/unpause", ["id": id]).status == 204)
    _ = docker.spine()
    #expect(try docker.send("POST", "/containers/{id}/stop", ["id": id], ["t": "1"]).status == 204)
    #expect(
      docker.spine() == [
        "client > dockerd POST /containers/{id}/stop", "dockerd > libcontainer libcontainer.Container.Signal",
        "dockerd > libcontainer libcontainer.Container.Signal",
        "dockerd > libcontainer libcontainer.Container.Destroy", "dockerd > graphdriver graphdriver.Driver.Put",
      ])
    #expect(try docker.send("DELETE", "/containers/{id}", ["id": id]).status == 204)
    #expect(docker.traces == before)
  }

  @Test("when the daemon goes, its containers go; when it is back, it cleans up and starts what is to be started")
  func faults() throws {
    let docker = try machine()
    let before = docker.traces
    let plain = try docker.run("alpine", ["sleep", "1000"], detached: true).id
    let lasting = try docker.run(
      "alpine", ["sleep", "2000"], detached: true, host: ["RestartPolicy": ["Name": "always"]]
    ).id
    docker.machine.faults.set("dockerd", .down)
    docker.machine.world.run(until: { false }, limit: Duration64.second)
    #expect(docker.processes.isEmpty)
    #expect(throws: EngineError.self) { try docker.send("GET", "/containers/json") }
    _ = docker.spine()
    _ = docker.machine.faults.mend("dockerd")
    docker.machine.world.run(until: { false }, limit: 5 * Duration64.second)
    #expect(docker.spine().contains("dockerd > libcontainer libcontainer.Container.Destroy"))
    #expect(docker.processes == ["/usr/bin/docker daemon -H fd://", "sleep 2000"])
    #expect(try docker.send("GET", "/containers/{id}/json", ["id": plain]).json["State"]?["ExitCode"] == 137)
    #expect(try docker.send("GET", "/containers/{id}/json", ["id": lasting]).json["State"]?["Running"] == true)
    for id in [plain, lasting] { try docker.send("DELETE", "/containers/{id}", ["id": id], ["force": "1"]) }
    #expect(docker.traces == before)
    // The docker of today, beside it: the shim holds the container.
    let today = try StackFixture("docker")
    try today.pull("alpine")
    try today.run("alpine", ["sleep", "1000"], detached: true)
    today.machine.faults.set("dockerd", .down)
    today.machine.world.run(until: { false }, limit: Duration64.second)
    #expect(today.processes.contains("sleep 1000"))
  }

  @Test("no runtime can be chosen, and what came later is not there")
  func limits() throws {
    let docker = try machine()
    #expect(docker.machine.use(runtime: "crun")?.contains("libcontainer") == true)
    #expect(docker.machine.runtime == "libcontainer")
    #expect(try docker.send("POST", "/containers/prune").status == 501)
    #expect(try docker.send("GET", "/version").json["ApiVersion"] == "1.22")
    #expect(docker.machine.breakable == ["dockerd", "registry"])
    let before = docker.traces
    #expect(
      try docker.run("alpine", ["nosuch"], rm: true).output
        == "Container command 'nosuch' not found or does not exist: exec: \"nosuch\": executable file not found in $PATH"
    )
    #expect(docker.traces == before)
  }
}
