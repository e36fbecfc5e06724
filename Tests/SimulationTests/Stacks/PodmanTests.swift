import Handoff
import JSONTree
import Seams
import Testing

@testable import Simulation

@Suite("The stack podman: the client is the engine, conmon stands in the shim's place")
struct PodmanTests {
  private func machine() throws -> StackFixture {
    let podman = try StackFixture("podman")
    try podman.pull("alpine")
    _ = podman.spine()
    return podman
  }

  @Test("pull: podman itself asks the registry, how to sign in first, and the manifest by its name")
  func pull() throws {
    let podman = try StackFixture("podman")
    #expect(try podman.pull("alpine").contains("Downloaded newer image for alpine:latest"))
    #expect(
      podman.spine() == [
        "podman > registry GET /v2/", "podman > registry GET /token",
        "podman > registry GET /v2/{name}/manifests/{reference}",
        "podman > registry GET /v2/{name}/manifests/{reference}",
        "podman > registry GET /v2/{name}/blobs/{digest}", "podman > registry GET /v2/{name}/blobs/{digest}",
        "podman > registry GET /{location}", "podman > registry GET /{location}",
      ])
  }

  @Test(
    "run --rm: network first, then conmon executes crun's create, podman its start, and conmon calls podman at the end")
  func run() throws {
    let podman = try machine()
    let before = podman.traces
    let answer = try podman.run("alpine", ["echo", "hi"], rm: true)
    #expect(answer.output == "hi\n")
    #expect(answer.status == 0)
    #expect(
      podman.spine() == [
        "podman > netavark netavark setup", "podman > conmon conmon create", "conmon > crun crun create",
        "podman > crun crun start", "conmon > podman podman container cleanup",
        "podman > netavark netavark teardown", "podman > crun crun delete",
      ])
    #expect(podman.traces == before)
  }

  @Test("who executes what is told by the command lines")
  func commandLines() throws {
    let podman = try machine()
    podman.keeper.clear()
    let id = try podman.run("alpine", ["true"], rm: true).id
    func argv(_ op: String) throws -> [String] { try #require(podman.arguments(of: op)["argv"]?.strings) }
    let conmon = try argv("conmon create")
    #expect(
      conmon.starts(with: ["/usr/bin/conmon", "--api-version", "1", "-c", id, "-u", id, "-r", "/usr/bin/crun", "-b"]))
    #expect(conmon.suffix(6).contains("cleanup"))
    #expect(conmon.last == id)
    let bundle = "/var/lib/containers/storage/overlay-containers/\(id)/userdata"
    let create = try argv("crun create")
    #expect(
      create.starts(with: ["crun", "--log-format=json", "--log", "\(bundle)/oci-log", "create", "--bundle", bundle]))
    #expect(try argv("crun start") == ["crun", "start", id])
    #expect(try argv("crun delete") == ["crun", "delete", "--force", id])
    let config = try #require(podman.arguments(of: "crun create")["config"])
    #expect(config["linux"]?["cgroupsPath"]?.string == "/libpod_parent/libpod-\(id)")
    #expect(config["annotations"]?["io.container.manager"] == "libpod")
    let network = config["linux"]?["namespaces"]?.array?.first { $0["type"] == "network" }
    #expect(network?["path"]?.string?.hasPrefix("/run/netns/netns-") == true)
  }

  @Test("conmon holds the container while no podman runs; exec takes one more conmon; stop is crun's kill")
  func life() throws {
    let podman = try machine()
    let before = podman.traces
    let id = try podman.run("alpine", ["sleep", "1000"], detached: true).id
    #expect(podman.processes.map { String($0.prefix(15)) } == ["/usr/bin/conmon", "sleep 1000"])
    _ = podman.spine()
    #expect(try podman.exec(id, ["echo", "in"]).output == "in\n")
    #expect(podman.spine() == ["podman > conmon conmon exec", "conmon > crun crun exec"])
    #expect(try podman.send("POST", "/containers/{id}/stop", ["id": id], ["t": "1"]).status == 204)
    #expect(
      podman.spine() == [
        "podman > crun crun kill", "podman > crun crun kill", "conmon > podman podman container cleanup",
        "podman > netavark netavark teardown", "podman > crun crun delete",
      ])
    #expect(try podman.send("DELETE", "/containers/{id}", ["id": id]).status == 204)
    #expect(podman.spine().isEmpty)
    #expect(podman.traces == before)
  }

  @Test("containers of one network find each other by name, and ports are published by netavark")
  func network() throws {
    let podman = try machine()
    #expect(try podman.send("POST", "/networks/create", body: ["Name": "front"]).status == 201)
    _ = try podman.run("alpine", ["sleep", "1000"], detached: true, name: "web", host: ["NetworkMode": "front"])
    let ping = try podman.run("alpine", ["ping", "-c", "1", "web"], rm: true, host: ["NetworkMode": "front"])
    #expect(ping.status == 0)
    podman.keeper.clear()
    _ = try podman.run(
      "alpine", ["sleep", "1000"], detached: true, name: "port",
      host: ["PortBindings": ["80/tcp": [["HostPort": "8080"]]]])
    let rules = podman.handoffs { $0.op == "NFT_MSG_NEWRULE dnat" }
    #expect(rules == ["netavark > kernel NFT_MSG_NEWRULE dnat"])
    let address = try podman.send("GET", "/containers/{id}/json", ["id": "port"]).json
    #expect(address["NetworkSettings"]?["Networks"]?["bridge"]?["Gateway"] == "10.88.0.1")
  }

  @Test("crun is podman's own; another runtime can be had")
  func runtimes() throws {
    let podman = try machine()
    #expect(podman.machine.runtime == "crun")
    #expect(podman.machine.use(runtime: "runc") == nil)
    #expect(try podman.run("alpine", ["true"], rm: true).status == 0)
    #expect(podman.spine().contains("conmon > runc runc create"))
    #expect(try StackFixture("podman", runtime: "railcar").machine.runtime == "railcar")
  }

  @Test("a command that is not there: the runtime's words, and nothing is left")
  func badCommand() throws {
    let podman = try machine()
    let before = podman.traces
    let answer = try podman.run("alpine", ["nosuch"], rm: true)
    #expect(answer.status == 400)
    #expect(
      answer.output
        == "crun: executable file `nosuch` not found in $PATH: no such file or directory: OCI runtime attempted to invoke "
        + "a command that was not found")
    #expect(podman.traces == before)
  }

  @Test("without podman no command works, and what runs goes on; without conmon nothing new begins")
  func faults() throws {
    let podman = try machine()
    let id = try podman.run("alpine", ["sleep", "1000"], detached: true).id
    podman.machine.faults.set("podman", .down)
    #expect(throws: EngineError(.notFound, "sh: podman: not found")) { try podman.send("GET", "/containers/json") }
    #expect(podman.processes.contains("sleep 1000"))
    _ = podman.machine.faults.mend(nil)
    podman.machine.faults.set("conmon", .down)
    #expect(try podman.run("alpine", ["true"]).output.contains("/usr/bin/conmon: no such file or directory"))
    #expect(try podman.exec(id, ["true"]).output.contains("/usr/bin/conmon: no such file or directory"))
    #expect(podman.processes.contains("sleep 1000"))
    _ = podman.machine.faults.mend(nil)
    podman.machine.faults.set("netavark", .down)
    #expect(try podman.run("alpine", ["true"]).output.contains("could not find \"netavark\""))
    #expect(Set(podman.machine.breakable).isSubset(of: Set(podman.machine.parties)))
  }

  @Test("the same seed gives the same handoffs and ids")
  func determinism() throws {
    func record() throws -> ([String], String) {
      let podman = try machine()
      let id = try podman.run("alpine", ["sh", "-c", "echo a; echo b >&2"], rm: true).id
      return (podman.handoffs { _ in true }, id)
    }
    #expect(try record() == record())
  }
}
