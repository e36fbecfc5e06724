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

  @Test("pull, create, start, wait, remove")
  func life() throws {
    let machine = try SimMachine(seed: 1, stack: "docker", runtime: "runc")
    let keeper = Keeper()
    machine.recorder.attach(keeper)
    func ask(_ request: APIRequest) -> APIResponse? {
      let answer = machine.world.runBlocking { () -> (APIResponse?, String) in
        do {
          let response = try await machine.daemon.send(request)
          if case .stream(let stream) = response.body { return (response, String(decoding: await stream.readAll(), as: UTF8.self)) }
          return (response, "")
        } catch { return (nil, "\(error)") }
      }
      print(request.op, answer?.0?.status ?? -1, answer?.0?.errorMessage ?? "", (answer?.1 ?? "").suffix(300))
      return answer?.0
    }
    _ = ask(APIRequest("POST", "/images/create", query: [NameValue("fromImage", "alpine"), NameValue("tag", "latest")]))
    let created = ask(APIRequest("POST", "/containers/create", body: ["Image": "alpine", "Cmd": ["echo", "hi"]]))
    guard case .json(let json)? = created?.body, let id = json["Id"]?.string else { return }
    _ = ask(APIRequest("POST", "/containers/{id}/start", ["id": id]))
    _ = ask(APIRequest("POST", "/containers/{id}/wait", ["id": id]))
    _ = ask(APIRequest("GET", "/containers/{id}/logs", ["id": id], query: [NameValue("stdout", "1")]))
    _ = ask(APIRequest("DELETE", "/containers/{id}", ["id": id]))
    for line in Spine.of(keeper.records) { print(line) }
    #expect(keeper.records.count > 100)
  }
}
