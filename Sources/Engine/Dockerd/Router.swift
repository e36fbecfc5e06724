import JSONTree
import Seams

/// dockerd's routes: a handler for each operation of the Engine API, by method and template.
public struct Router: Sendable {
  public typealias Handler = @Sendable (APIRequest) async throws -> APIResponse
  private var handlers: [String: Handler] = [:]

  public init() {}

  /// Adds `GET /containers/json` and the like.
  public mutating func on(_ op: String, _ handler: @escaping Handler) { handlers[op] = handler }

  /// Answers a request: refusals become answers with Docker's status and words.
  public func answer(_ request: APIRequest) async -> APIResponse {
    guard let handler = handlers[request.op] else {
      return APIResponse(404, .json(["message": "page not found"]))
    }
    do {
      return try await handler(request)
    } catch let error as EngineError {
      return APIResponse(error: error)
    } catch {
      return APIResponse(error: EngineError(.unknown, "\(error)"))
    }
  }
}
