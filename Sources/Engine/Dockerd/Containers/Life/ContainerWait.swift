import JSONTree
import Seams

/// `POST /containers/{id}/wait`.
extension ContainerService {
  /// The answer begins at once, as the client must know that it is being waited before it starts the container; its
  /// body comes when the condition is met.
  func waitResponse(_ request: APIRequest) async throws -> APIResponse {
    var condition = WaitCondition.notRunning
    if let text = request.query("condition"), !text.isEmpty {
      guard let asked = WaitCondition(rawValue: text) else {
        throw EngineError(.invalidArgument, "invalid condition: \"\(text)\"")
      }
      condition = asked
    }
    let container = try registry.find(request.parameters["id"] ?? "")
    let body = ByteChannel()
    container.wait(condition) { report in
      var answer: JSONObject = ["StatusCode": JSON(report.exitCode)]
      if !report.error.isEmpty { answer["Error"] = ["Message": .string(report.error)] }
      var writer = JSONWriter()
      writer.write(.object(answer))
      body.push(writer.bytes + [0x0a])
      body.closeWriting()
    }
    return APIResponse(200, .stream(body), headers: [NameValue("Content-Type", "application/json")])
  }
}
