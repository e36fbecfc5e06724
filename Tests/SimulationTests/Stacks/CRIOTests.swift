import Handoff
import JSONTree
import Seams
import Testing

@testable import Simulation

@Suite("The stack cri-o: docker's words as calls of the CRI")
struct CRIOTests {
  private func machine() throws -> StackFixture {
    let crio = try StackFixture("cri-o")
    try crio.pull("alpine")
    _ = crio.spine()
    return crio
  }

  private static let run = "runtime.v1.RuntimeService/"

  @Test("pull: one call of the image service, and CRI-O asks the registry")
  func pull() throws {
    let crio = try StackFixture("cri-o")
    #expect(try crio.pull("alpine").contains("Downloaded newer image for alpine:latest"))
    let spine = crio.spine()
    #expect(spine.first == "crictl > crio runtime.v1.ImageService/PullImage")
    #expect(spine.dropFirst().allSatisfy { $0.hasPrefix("crio > registry GET /") })
    #expect(spine.dropFirst().first == "crio > registry GET /v2/")
    #expect(try crio.pull("nosuch").contains("pull access denied"))
  }

  @Test("run --rm: a pod of pinned namespaces, then the runtime's create by conmon, its start by CRI-O")
  func run() throws {
    let crio = try machine()
    let before = crio.traces
    let answer = try crio.run("alpine", ["echo", "hi"], rm: true)
    #expect(answer.output == "hi\n")
    #expect(answer.status == 0)
    #expect(
      crio.spine() == [
        "crictl > crio runtime.v1.RuntimeService/RunPodSandbox", "crio > pinns pinns", "crio > cni cni ADD",
        "crictl > crio runtime.v1.RuntimeService/CreateContainer", "crio > conmon conmon create",
        "conmon > runc runc create", "crictl > crio runtime.v1.RuntimeService/Attach",
        "crictl > crio POST /attach/{token}", "crictl > crio runtime.v1.RuntimeService/StartContainer",
        "crio > runc runc start", "crio > runc runc state", "crictl > crio runtime.v1.RuntimeService/ContainerStatus",
        "crictl > crio runtime.v1.RuntimeService/RemoveContainer", "crio > runc runc delete",
        "crictl > crio runtime.v1.RuntimeService/StopPodSandbox", "crio > cni cni DEL",
        "crictl > crio runtime.v1.RuntimeService/RemovePodSandbox",
      ])
    #expect(crio.traces == before)
  }

  @Test("the container joins the pod's namespaces by their files")
  func namespaces() throws {
    let crio = try machine()
    crio.keeper.clear()
    let id = try crio.run("alpine", ["true"], rm: true).id
    let pinns = try #require(crio.arguments(of: "pinns")["argv"]?.strings)
    #expect(pinns[1] == "-d")
    #expect(pinns.suffix(3) == ["--ipc", "--net", "--uts"])
    let name = pinns[4]
    let config = try #require(crio.arguments(of: "runc create")["config"])
    let paths = Dictionary(
      uniqueKeysWithValues: (config["linux"]?["namespaces"]?.array ?? []).compactMap { namespace in
        namespace["path"]?.string.map { (namespace["type"]?.string ?? "", $0) }
      })
    #expect(
      paths == ["network": "/var/run/netns/\(name)", "ipc": "/var/run/ipcns/\(name)", "uts": "/var/run/utsns/\(name)"])
    let argv = try #require(crio.arguments(of: "runc create")["argv"]?.strings)
    #expect(argv.starts(with: ["runc", "--root=/run/runc", "create", "--bundle"]))
    #expect(crio.arguments(of: "runc start")["argv"]?.strings == ["runc", "--root", "/run/runc", "start", id])
  }

  @Test("exec is a URL and a stream, and CRI-O executes the runtime; stop is StopContainer; rm takes the pod along")
  func life() throws {
    let crio = try machine()
    let before = crio.traces
    let id = try crio.run("alpine", ["sleep", "1000"], detached: true, name: "web").id
    _ = crio.spine()
    #expect(try crio.exec("web", ["sh", "-c", "echo in; exit 3"]) == ("in\n", 3))
    #expect(
      crio.spine() == [
        "crictl > crio runtime.v1.RuntimeService/Exec", "crictl > crio POST /exec/{token}", "crio > runc runc exec",
      ])
    #expect(try crio.send("POST", "/containers/{id}/stop", ["id": "web"], ["t": "1"]).status == 204)
    #expect(
      crio.spine() == [
        "crictl > crio runtime.v1.RuntimeService/StopContainer", "crio > runc runc kill", "crio > runc runc kill",
        "crio > runc runc state",
      ])
    // What has ended is created anew in its pod, as the kubelet does.
    #expect(try crio.send("POST", "/containers/{id}/start", ["id": "web"]).status == 204)
    #expect(
      crio.spine() == [
        "crictl > crio runtime.v1.RuntimeService/RemoveContainer", "crio > runc runc delete",
        "crictl > crio runtime.v1.RuntimeService/CreateContainer", "crio > conmon conmon create",
        "conmon > runc runc create", "crictl > crio runtime.v1.RuntimeService/StartContainer", "crio > runc runc start",
      ])
    #expect(try crio.native("ps").output.contains(" 1 "))
    #expect(try crio.send("DELETE", "/containers/{id}", ["id": id]).status == 409)
    _ = crio.spine()
    #expect(try crio.send("DELETE", "/containers/{id}", ["id": id], ["force": "1"]).status == 204)
    #expect(
      crio.spine() == [
        "crictl > crio runtime.v1.RuntimeService/StopContainer", "crio > runc runc kill", "crio > runc runc state",
        "crictl > crio runtime.v1.RuntimeService/RemoveContainer", "crio > runc runc delete",
        "crictl > crio runtime.v1.RuntimeService/StopPodSandbox", "crio > cni cni DEL",
        "crictl > crio runtime.v1.RuntimeService/RemovePodSandbox",
      ])
    #expect(crio.traces == before)
  }

  @Test("create makes pod and container at the runtime already; what never started goes without a trace")
  func created() throws {
    let crio = try machine()
    let before = crio.traces
    let created = try crio.send("POST", "/containers/create", [:], ["name": "idle"], body: ["Image": "alpine"])
    #expect(created.status == 201)
    #expect(crio.spine().suffix(2) == ["crio > conmon conmon create", "conmon > runc runc create"])
    #expect(try crio.native("ps -a").output.contains("Created"))
    #expect(try crio.send("DELETE", "/containers/{id}", ["id": "idle"]).status == 204)
    #expect(crio.traces == before)
    let again = try crio.send("POST", "/containers/create", [:], ["name": "idle"], body: ["Image": "alpine"])
    #expect(again.status == 201)
    let clash = try crio.send("POST", "/containers/create", [:], ["name": "idle"], body: ["Image": "alpine"])
    #expect(clash.status == 409)
    #expect(clash.text.contains("is already in use by container"))
  }

  @Test("docker's questions are answered with what the pod has: address, ports")
  func questions() throws {
    let crio = try machine()
    let id = try crio.run(
      "alpine", ["sleep", "1000"], detached: true, name: "web",
      host: ["PortBindings": ["80/tcp": [["HostPort": "8080"]]]]
    ).id
    let inspected = try crio.send("GET", "/containers/{id}/json", ["id": id]).json
    #expect(inspected["NetworkSettings"]?["Networks"]?["bridge"]?["Gateway"] == "10.85.0.1")
    #expect(inspected["Name"] == "/web")
    let listed = try crio.send("GET", "/containers/json").json
    #expect(listed[0]?["Ports"]?[0]?["PublicPort"] == 8080)
    let images = try crio.send("GET", "/images/json").json
    #expect(images[0]?["RepoTags"]?[0] == "alpine:latest")
    #expect(
      crio.spine().filter { !$0.hasPrefix("crio") }.suffix(3) == [
        "crictl > crio runtime.v1.RuntimeService/ContainerStatus",
        "crictl > crio runtime.v1.RuntimeService/ListContainers", "crictl > crio runtime.v1.ImageService/ListImages",
      ])
  }

  @Test("containers of one pod share its address")
  func sharedPod() throws {
    let crio = try machine()
    _ = try crio.run("alpine", ["nc", "-l", "-p", "9000"], detached: true, name: "server")
    let answer = try crio.run(
      "alpine", ["sh", "-c", "hostname; ip -4 addr show eth0 | grep inet"], rm: true,
      host: ["NetworkMode": "container:server"])
    #expect(answer.output.contains("server\n"))
    #expect(answer.output.contains("10.85.0.2/16"))
    #expect(try crio.native("pods -q").output.split(separator: "\n").count == 1)
  }

  @Test("what the CRI has no call for is refused in so many words")
  func refusals() throws {
    let crio = try machine()
    let id = try crio.run("alpine", ["sleep", "1000"], detached: true).id
    for (method, template) in [("POST", "/containers/{id}/pause"), ("POST", "/containers/{id}/rename")] {
      let answer = try crio.send(method, template, ["id": id])
      #expect(answer.status == 501)
      #expect(answer.text.contains("the CRI has no call that"))
    }
    #expect(try crio.send("POST", "/containers/{id}/kill", ["id": id], ["signal": "HUP"]).status == 501)
    #expect(try crio.send("POST", "/networks/create", body: ["Name": "x"]).text.contains("pods get theirs by CNI"))
  }

  @Test("a command that is not there fails at CreateContainer, and takes the pod along")
  func badCommand() throws {
    let crio = try machine()
    let before = crio.traces
    let failure = #expect(throws: EngineError.self) { try crio.run("alpine", ["nosuch"], rm: true) }
    #expect(
      failure?.message
        == "container create failed: runc create failed: unable to start container process: error during container init: "
        + "exec: \"nosuch\": executable file not found in $PATH")
    #expect(
      crio.spine().suffix(3) == [
        "crictl > crio runtime.v1.RuntimeService/StopPodSandbox", "crio > cni cni DEL",
        "crictl > crio runtime.v1.RuntimeService/RemovePodSandbox",
      ])
    #expect(crio.traces == before)
  }

  @Test("without CRI-O what runs goes on; without conmon, pinns or CNI nothing new begins, and nothing is left")
  func faults() throws {
    let crio = try machine()
    let id = try crio.run("alpine", ["sleep", "1000"], detached: true).id
    let before = crio.traces
    crio.machine.faults.set("crio", .down)
    for request in ["/containers/json", "/volumes"] {
      #expect(throws: EngineError.self) { try crio.send("GET", request) }
    }
    #expect(crio.processes.contains("sleep 1000"))
    let native = try crio.native("ps")
    #expect(native.status == 1)
    #expect(native.error.contains("dial unix /var/run/crio/crio.sock: connect: connection refused"))
    _ = crio.machine.faults.mend(nil)
    for (part, words) in [
      ("conmon", "fork/exec /usr/bin/conmon"), ("pinns", "failed to pin namespaces"), ("cni", "failed to find plugin"),
    ] {
      crio.machine.faults.set(part, .down)
      let answer = try crio.send("POST", "/containers/create", body: ["Image": "alpine"])
      #expect(answer.text.contains(words))
      _ = crio.machine.faults.mend(nil)
      #expect(crio.traces == before)
    }
    #expect(try crio.send("DELETE", "/containers/{id}", ["id": id], ["force": "1"]).status == 204)
  }

  @Test("the same seed gives the same handoffs")
  func determinism() throws {
    func record() throws -> [String] {
      let crio = try machine()
      try crio.run("alpine", ["sh", "-c", "echo a; echo b >&2"], rm: true)
      return crio.handoffs { _ in true }
    }
    #expect(try record() == record())
  }
}
