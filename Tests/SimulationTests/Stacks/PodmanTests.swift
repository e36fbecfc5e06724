import Handoff
import Testing

@testable import Simulation

@Suite("The stack podman: no daemon, conmon in the shim's place")
struct PodmanTests {
  @Test("run --rm: look")
  func look() throws {
    let podman = try StackFixture("podman")
    try podman.pull("alpine")
    print(podman.handoffs().joined(separator: "\n"))
    print(try podman.run("alpine", ["echo", "hi"], rm: true))
    print(podman.handoffs { $0.to != .kernel || $0.from != .crun }.joined(separator: "\n"))
    print(podman.leftovers)
    let (id, _, _) = try podman.run("alpine", ["sleep", "1000"], detached: true)
    print(podman.leftovers.processes)
    _ = podman.handoffs()
    print(try podman.exec(id, ["ps"]))
    print(podman.handoffs().joined(separator: "\n"))
    print(try podman.send("POST", "/containers/{id}/stop", ["id": id]))
    print(podman.handoffs().joined(separator: "\n"))
    print(try podman.send("DELETE", "/containers/{id}", ["id": id]))
    print(podman.handoffs().joined(separator: "\n"))
    print(podman.leftovers)
    print(try podman.send("GET", "/version").json.pretty())
  }
}
