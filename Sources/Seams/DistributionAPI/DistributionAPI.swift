import Handoff
import JSONTree

/// The containerd → registry seam: the OCI distribution API over HTTPS.
public protocol DistributionAPI: Sendable {
  /// Sends one request. Throws when the host cannot be reached; refusals are answers.
  func send(_ request: RegistryRequest) async throws -> RegistryResponse
}

/// One request of the distribution API, or to a token service.
public struct RegistryRequest: Sendable {
  public var method: String
  /// `https` or `http`.
  public var scheme: String
  /// Host and port.
  public var host: String
  /// `/v2/{name}/manifests/{reference}`; parameters in braces.
  public var template: String
  public var parameters: [String: String]
  public var query: [NameValue]
  public var headers: [NameValue]
  public var body: [UInt8]
  /// A body too large to hold, instead of `body`.
  public var upload: ByteChannel?

  public init(
    _ method: String, scheme: String = "https", host: String, _ template: String, _ parameters: [String: String] = [:],
    query: [NameValue] = [], headers: [NameValue] = [], body: [UInt8] = [], upload: ByteChannel? = nil
  ) {
    (self.method, self.scheme, self.host, self.template) = (method, scheme, host, template)
    (self.parameters, self.query, self.headers, self.body, self.upload) = (parameters, query, headers, body, upload)
  }

  public var op: String { "\(method) \(template)" }
  /// The path with its parameters filled in.
  public var path: String {
    var path = template
    for (name, value) in parameters {
      if let range = path.firstRange(of: "{\(name)}") { path.replaceSubrange(range, with: value) }
    }
    return path
  }
  /// The first value of header `name`, in any case.
  public func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }
}

/// What a registry answers.
public struct RegistryResponse: Sendable {
  public var status: Int
  public var headers: [NameValue]
  public var body: [UInt8]
  /// A body that comes as it is read, instead of `body`.
  public var stream: ByteChannel?

  public init(_ status: Int, headers: [NameValue] = [], body: [UInt8] = [], stream: ByteChannel? = nil) {
    (self.status, self.headers, self.body, self.stream) = (status, headers, body, stream)
  }
  /// The first value of header `name`, in any case.
  public func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }
}

/// Records every request to a registry.
public struct TracedDistributionAPI: DistributionAPI {
  private let next: any DistributionAPI
  private let tap: Tap
  public init(_ next: any DistributionAPI, tap: Tap) { (self.next, self.tap) = (next, tap) }

  public func send(_ request: RegistryRequest) async throws -> RegistryResponse {
    try await tap.carry(
      request.op, RequestPayload(request: request),
      outcome: { response in
        response.status >= 400
          ? .failure(code: response.status, message: ResponsePayload(response: response).message)
          : .success(ResponsePayload(response: response))
      }
    ) { try await next.send(request) }
  }
}

private func headerObject(_ headers: [NameValue]) -> JSON {
  redactingSecrets(.object(JSONObject(headers.map { .init($0.name, .string($0.value)) })))
}

private struct RequestPayload: JSONWritable {
  let request: RegistryRequest
  var json: JSON {
    var object: JSONObject = ["host": .string(request.host), "path": .string(request.path)]
    if !request.query.isEmpty {
      object["query"] = redactingSecrets(.object(JSONObject(request.query.map { .init($0.name, .string($0.value)) })))
    }
    if !request.headers.isEmpty { object["headers"] = headerObject(request.headers) }
    if !request.body.isEmpty { object["body"] = Blob(request.body).json }
    return .object(object)
  }
  func write(to writer: inout JSONWriter) { writer.write(json) }
}

private struct ResponsePayload: JSONWritable {
  let response: RegistryResponse
  var message: String {
    if let tree = try? JSON(parsing: response.body), let error = tree["errors"]?[0] {
      return "\(error["code"]?.string ?? ""): \(error["message"]?.string ?? "")"
    }
    return "status \(response.status)"
  }
  var json: JSON {
    var object: JSONObject = ["status": .int(Int64(response.status))]
    if !response.headers.isEmpty { object["headers"] = headerObject(response.headers) }
    if !response.body.isEmpty { object["body"] = redactingSecrets(Blob(response.body).json) }
    return .object(object)
  }
  func write(to writer: inout JSONWriter) { writer.write(json) }
}
