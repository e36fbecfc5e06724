import JSONTree
import Seams
import Testing

@testable import Client

/// The captures of the genuine stack: for the same command our client makes the same calls with the same bodies.
@Suite("The client's calls in the captures")
struct CaptureTests {
  @Test func everyCapture() throws {
    let captures = try Fixture.text("captures.jsonl").split(separator: "\n").map { try JSON(parsing: String($0)) }
    #expect(captures.count > 15)
    for capture in captures { try check(capture) }
  }

  private func check(_ capture: JSON) throws {
    let name: Comment = "\(capture.text("name"))"
    let calls = capture["calls"]?.array ?? []
    let world = ClientTestWorld()
    let daemon = ScriptedDaemon()
    // Ids come from the capture, so that later paths fit.
    for call in calls { answer(call, calls, daemon, world, capture.text("name")) }
    let environment = ClientTestEnvironment(daemon, world: world)
    let words = capture.text("line").split(separator: " ").map(String.init)
    #expect(words.first == "docker")
    #expect(environment.docker(Array(words.dropFirst())) != nil, name)
    // A session that an exec starts is an upgrade, which the captures do not hold.
    let asked = daemon.requests.filter { !($0.hijack && $0.path.hasPrefix("/exec/")) }
    #expect(asked.map { "\($0.method) \($0.path)" } == calls.map { op($0) }, name)
    for (request, call) in zip(asked, calls) {
      #expect(
        request.query == (call["query"]?.array ?? []).map { NameValue($0[0]?.string ?? "", $0[1]?.string ?? "") }, name)
      #expect(request.body?.text == call["body"]?.text, name)
    }
  }

  private func op(_ call: JSON) -> String { call.text("op").cut(" ").0 + " " + call.text("path") }

  private func answer(
    _ call: JSON, _ calls: [JSON], _ daemon: ScriptedDaemon, _ world: ClientTestWorld, _ name: String
  ) {
    let id =
      calls.compactMap { call -> String? in
        let parts = call.text("path").parts("/")
        return parts.count > 3 && parts[2].count == 64 ? parts[2] : nil
      }.first ?? String(repeating: "a", count: 64)
    switch call.text("op") {
    case "POST /containers/create": daemon.on(op(call), 201, ["Id": .string(id), "Warnings": []])
    case "POST /containers/{id}/attach":
      daemon.on(op(call)) { _, daemon in
        APIResponse(
          101, .hijacked(daemon.connection([frame(1, "hi\n")], afterStart: true, listens: false, world: world)))
      }
    case "POST /containers/{id}/wait":
      daemon.on(op(call)) { _, daemon in daemon.later(["StatusCode": 0], world: world) }
    case "POST /containers/{id}/exec":
      daemon.on(op(call), 201, ["Id": .string(id)])
      daemon.on("POST /exec/\(id)/start") { _, daemon in
        APIResponse(
          101, .hijacked(daemon.connection([frame(1, "inside\n")], afterStart: false, listens: false, world: world)))
      }
    case "GET /containers/{id}/json":
      daemon.on(op(call), 200, ["Id": .string(id), "State": ["Running": true], "Config": ["Tty": false]])
    case "GET /containers/{id}/logs", "POST /images/create", "POST /images/{name}/push":
      if name == "pull-missing" {
        daemon.on(op(call), 404, ["message": "not found"])
      } else {
        daemon.on(op(call), stream: [])
      }
    case "HEAD /_ping": return
    case let op where op.hasPrefix("GET") && (op.hasSuffix("/json") || op == "GET /networks"):
      daemon.on(self.op(call), 200, [])
    default: daemon.on(op(call), 200, [:])
    }
  }
}
