import Handoff
import JSONTree
import Seams
import Testing

@testable import Simulation

@Suite("The stack fargate: the ECS API, the agent, containerd")
struct FargateTests {
  private func machine() throws -> StackFixture {
    let fargate = try StackFixture("fargate")
    try fargate.pull("alpine")
    _ = fargate.spine()
    return fargate
  }

  private func short(_ lines: [String]) -> [String] {
    lines.map {
      $0.replacing("AmazonEC2ContainerServiceV20141113.", with: "").replacing("containerd.services.", with: "")
        .replacing("containerd.task.v3.", with: "")
    }
  }

  private static let end = [
    "agent > containerd tasks.v1.Tasks/Delete", "containerd > shim Task/Delete", "shim > runc runc delete",
    "containerd > shim Task/Shutdown", "containerd > shim containerd-shim delete", "shim > runc runc delete",
    "agent > cni cni DEL",
  ]

  @Test("run: a task definition, RunTask, and the agent does with containerd what ctr does")
  func run() throws {
    let fargate = try machine()
    let before = fargate.traces
    let answer = try fargate.run("alpine", ["echo", "hi"], rm: true)
    #expect(answer.output == "hi\n")
    #expect(answer.status == 0)
    #expect(
      short(fargate.spine()) == [
        "client > ecs RegisterTaskDefinition", "client > cloudwatch Logs_20140328.StartLiveTail",
        "client > ecs RunTask", "ecs > agent PayloadMessage", "agent > cni cni ADD",
        "agent > containerd snapshots.v1.Snapshots/Prepare", "agent > containerd containers.v1.Containers/Create",
        "agent > containerd tasks.v1.Tasks/Create", "containerd > shim containerd-shim start",
        "containerd > shim Task/Create", "shim > runc runc create", "agent > containerd tasks.v1.Tasks/Start",
        "containerd > shim Task/Start", "shim > runc runc start", "agent > ecs SubmitTaskStateChange",
      ] + FargateTests.end + [
        "client > ecs DescribeTasks", "agent > ecs SubmitTaskStateChange",
        "agent > containerd snapshots.v1.Snapshots/Remove", "agent > containerd containers.v1.Containers/Delete",
      ])
    #expect(fargate.traces == before)
  }

  @Test("exec is ExecuteCommand, stop StopTask, logs are CloudWatch's")
  func life() throws {
    let fargate = try machine()
    let before = fargate.traces
    let id = try fargate.run("alpine", ["sh", "-c", "echo ready; sleep 1000"], detached: true).id
    _ = fargate.spine()
    #expect(try fargate.exec(id, ["echo", "in"]).output == "in\n")
    #expect(
      short(fargate.spine()).prefix(4) == [
        "client > ecs ExecuteCommand", "ecs > agent PayloadMessage", "agent > containerd tasks.v1.Tasks/Exec",
        "containerd > shim Task/Exec",
      ])
    #expect(try fargate.send("GET", "/containers/{id}/logs", ["id": id], ["stdout": "1"]).text.hasSuffix("ready\n"))
    #expect(fargate.spine() == ["client > cloudwatch Logs_20140328.GetLogEvents"])
    #expect(try fargate.send("POST", "/containers/{id}/stop", ["id": id], ["t": "1"]).status == 204)
    let spine = short(fargate.spine())
    #expect(
      spine.prefix(3) == [
        "client > ecs StopTask", "ecs > agent PayloadMessage", "agent > containerd tasks.v1.Tasks/Kill",
      ])
    #expect(spine.suffix(8) == FargateTests.end + ["agent > ecs SubmitTaskStateChange"])
    #expect(try fargate.send("DELETE", "/containers/{id}", ["id": id]).status == 204)
    #expect(fargate.traces == before)
    // What never ran has left nothing at containerd.
    let created = try fargate.send("POST", "/containers/create", body: ["Image": "alpine"]).json["Id"]?.string ?? ""
    #expect(short(fargate.spine()).last == "client > ecs RegisterTaskDefinition")
    #expect(try fargate.send("DELETE", "/containers/{id}", ["id": created]).status == 204)
    #expect(short(fargate.spine()) == ["client > ecs DeregisterTaskDefinition"])
  }

  @Test("an image of ECR needs no login: the task's role signs in")
  func elasticRegistry() throws {
    let fargate = try machine()
    let pulled = try fargate.pull("123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web")
    #expect(pulled.contains("Status: Downloaded newer image"))
    #expect(fargate.spine().first == "agent > registry POST /")
    let docker = try StackFixture("docker")
    #expect(
      try docker.pull("123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web").contains("no basic auth credentials"))
  }

  @Test("what ECS has no call for is refused, and so is what nobody may have on a host that is nobody's")
  func refusals() throws {
    let fargate = try machine()
    let id = try fargate.run("alpine", ["sleep", "1000"], detached: true).id
    #expect(try fargate.send("POST", "/containers/{id}/pause", ["id": id]).status == 501)
    #expect(
      try fargate.send(
        "POST", "/containers/create", body: ["Image": "alpine", "HostConfig": ["Privileged": true]]
      ).text.contains("privileged"))
    #expect(
      try fargate.send(
        "POST", "/containers/create", body: ["Image": "alpine", "HostConfig": ["NetworkMode": "host"]]
      ).text.contains("awsvpc"))
  }

  @Test("a task that cannot start is told in Fargate's words, and leaves nothing")
  func badCommand() throws {
    let fargate = try machine()
    let before = fargate.traces
    let answer = try fargate.run("alpine", ["nosuch"], rm: true)
    #expect(
      answer.output.hasPrefix(
        "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: failed to "
          + "create shim task: OCI runtime create failed: runc create failed: "))
    #expect(fargate.traces == before)
  }

  @Test("without the control plane or the agent tasks go on; mended, all is as before")
  func faults() throws {
    let fargate = try machine()
    let id = try fargate.run("alpine", ["sleep", "1000"], detached: true).id
    fargate.machine.faults.set("ecs", .down)
    #expect(throws: EngineError.self) { try fargate.send("GET", "/containers/json") }
    _ = fargate.machine.faults.mend(nil)
    fargate.machine.faults.set("agent", .down)
    #expect(try fargate.send("POST", "/containers/{id}/stop", ["id": id]).status == 503)
    #expect(fargate.processes.contains("sleep 1000"))
    _ = fargate.machine.faults.mend(nil)
    #expect(try fargate.send("POST", "/containers/{id}/stop", ["id": id], ["t": "1"]).status == 204)
    #expect(!fargate.processes.contains("sleep 1000"))
  }
}
