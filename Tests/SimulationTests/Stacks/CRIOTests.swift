import Handoff
import JSONTree
import Testing

@testable import Simulation

@Suite("The stack cri-o: pods, conmon, runC")
struct CRIOTests {
  @Test("look")
  func look() throws {
    let crio = try StackFixture("cri-o")
    try crio.pull("alpine")
    print(crio.handoffs().joined(separator: "\n"))
    print(try crio.run("alpine", ["echo", "hi"], rm: true))
    print(crio.handoffs { $0.to != .kernel || $0.from != .runc }.joined(separator: "\n"))
    print(crio.leftovers)
    let (id, _, _) = try crio.run("alpine", ["sleep", "1000"], detached: true)
    print("P", crio.leftovers.processes)
    print(crio.handoffs().joined(separator: "\n"))
    print(try crio.exec(id, ["ps"]))
    print(crio.handoffs().joined(separator: "\n"))
    print(try crio.native("ps"))
    print(try crio.native("pods"))
    print(try crio.native("images"))
    print(try crio.native("inspect \(id)"))
    print(try crio.native("exec -s \(id) id"))
    print(try crio.native("exec \(id) sh -c", "echo a; exit 3"))
    print(crio.handoffs().joined(separator: "\n"))
    print(try crio.send("POST", "/containers/{id}/stop", ["id": id]))
    print(crio.handoffs().joined(separator: "\n"))
    print(try crio.send("POST", "/containers/{id}/start", ["id": id]))
    print(crio.handoffs().joined(separator: "\n"))
    print(try crio.send("DELETE", "/containers/{id}", ["id": id], ["force": "1"]))
    print(crio.handoffs().joined(separator: "\n"))
    print(try crio.native("runp pod.json"))
    print(try crio.native("run /root/container.json /root/pod.json"))
    print(try crio.native("pods"))
    print(crio.leftovers)
  }
}
