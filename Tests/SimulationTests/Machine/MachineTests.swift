import Handoff
import JSONTree
import Seams
import Synchronization
import Testing

@testable import Simulation

@Suite("The simulated machine, end to end over the Engine API")
struct MachineTests {
  final class Keeper: TraceSink {
    private let kept = Mutex<[TraceRecord]>([])
    func receive(_ record: TraceRecord) { kept.withLock { $0.append(record) } }
    var records: [TraceRecord] { kept.withLock { $0 } }
  }

  /// Sends a request and drives the world until its answer, body included, is there.
  private func ask(_ machine: SimMachine, _ request: APIRequest) throws -> (status: Int, text: String, json: JSON) {
    let answer = machine.world.runBlocking { () -> (Int, String, JSON) in
      guard let response = try? await machine.daemon.send(request) else { return (0, "", nil) }
      switch response.body {
      case .stream(let stream):
        return (response.status, String(decoding: await stream.readAll(), as: UTF8.self), nil)
      case .json(let json): return (response.status, "", json)
      default: return (response.status, "", nil)
      }
    }
    return try #require(answer)
  }

  @Test("pull never meets shim or runtime; a container's life leaves nothing behind")
  func life() throws {
    let machine = try SimMachine(seed: 1, stack: "docker", runtime: "runc")
    let keeper = Keeper()
    machine.recorder.attach(keeper)
    let pulled = try ask(
      machine,
      APIRequest("POST", "/images/create", query: [NameValue("fromImage", "alpine"), NameValue("tag", "latest")]))
    #expect(pulled.text.contains("Downloaded newer image for alpine:latest"))
    let met = Set(
      keeper.records.compactMap { record -> String? in
        if case .call(let call) = record.event { return call.to.rawValue }
        return nil
      })
    #expect(met == ["dockerd", "containerd", "registry"])

    let created = try ask(
      machine, APIRequest("POST", "/containers/create", body: ["Image": "alpine", "Cmd": .array(["echo", "hi"])]))
    let id = try #require(created.json["Id"]?.string)
    #expect(try ask(machine, APIRequest("POST", "/containers/{id}/start", ["id": id])).status == 204)
    #expect(try ask(machine, APIRequest("POST", "/containers/{id}/wait", ["id": id])).status == 200)
    let logs = try ask(
      machine, APIRequest("GET", "/containers/{id}/logs", ["id": id], query: [NameValue("stdout", "1")]))
    #expect(logs.text.hasSuffix("hi\n"))
    #expect(try ask(machine, APIRequest("DELETE", "/containers/{id}", ["id": id])).status == 204)
    machine.world.run(until: { false }, limit: Duration64.second)
    #expect(machine.kernel.processTree()["children"]?.array?.isEmpty == true)
  }
}
