import Handoff
import JSONTree
import Testing

@testable import Simulation

@Suite("The stack containerd: ctr")
struct ContainerdTests {
  @Test("look")
  func look() throws {
    let ctr = try StackFixture("containerd")
    func show(_ line: String, _ last: String? = nil) throws {
      let answer = try ctr.native(line, last)
      print("$ ctr \(line) \(last ?? "")\n\(answer.output)\(answer.error)[\(answer.status)]")
      print(ctr.handoffs().map { "    " + $0 }.joined(separator: "\n"))
    }
    try show("images pull docker.io/library/alpine:latest")
    try show("run --rm docker.io/library/alpine:latest c1 echo hi")
    print(ctr.leftovers)
    try show("run --rm docker.io/library/alpine:latest c1 nosuch")
    try show("run -d docker.io/library/alpine:latest c2 sleep 1000")
    try show("t ls")
    try show("c ls")
    try show("i ls")
    try show("snapshots ls")
    try show("t exec --exec-id x1 c2 ps")
    try show("t ps c2")
    try show("t kill -s SIGKILL c2")
    try show("t ls")
    try show("t rm c2")
    try show("c rm c2")
    print(ctr.leftovers)
    print("DOCKER")
    print(try ctr.run("alpine", ["echo", "hi"], rm: true))
    print(ctr.handoffs().map { "    " + $0 }.joined(separator: "\n"))
    let (id, _, _) = try ctr.run("alpine", ["sleep", "1000"], detached: true)
    print(ctr.handoffs().map { "    " + $0 }.joined(separator: "\n"))
    print(try ctr.exec(id, ["ps"]))
    print(ctr.handoffs().map { "    " + $0 }.joined(separator: "\n"))
    print(try ctr.send("POST", "/containers/{id}/stop", ["id": id]))
    print(ctr.handoffs().map { "    " + $0 }.joined(separator: "\n"))
    print(try ctr.send("POST", "/containers/{id}/start", ["id": id]))
    print(ctr.handoffs().map { "    " + $0 }.joined(separator: "\n"))
    print(try ctr.send("DELETE", "/containers/{id}", ["id": id], ["force": "1"]))
    print(ctr.handoffs().map { "    " + $0 }.joined(separator: "\n"))
    print(ctr.leftovers)
    try show("c ls")
    try show("snapshots ls")
  }
}
