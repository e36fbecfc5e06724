import JSONTree
import OCISpec
import Seams

/// One entry of a registry's error body (distribution-spec, "Error Codes").
struct RegistryErrorBody: Sendable, Hashable {
  /// `MANIFEST_UNKNOWN`.
  var code: String
  var message: String

  /// The first error of a body; nil when it holds none.
  static func first(in body: [UInt8]) -> RegistryErrorBody? {
    guard let error = (try? JSON(parsing: body))?["errors"]?[0] else { return nil }
    let code = error["code"]?.string ?? "UNKNOWN"
    return RegistryErrorBody(code: code, message: error["message"]?.string ?? words(code))
  }

  /// `manifest unknown: manifest unknown`, as docker prints them.
  var description: String { "\(RegistryErrorBody.words(code)): \(message)" }

  private static func words(_ code: String) -> String {
    String(code.lowercased().map { $0 == "_" ? " " : $0 })
  }
}

/// What was asked when a registry refused.
enum RegistryAction: Sendable { case pull, push }

/// A refusal in Docker's words.
///
/// - Parameters:
///   - body: the error body, empty for HEAD.
///   - challenges: of `WWW-Authenticate`.
func registryError(
  _ status: Int, body: [UInt8], challenges: [AuthChallenge] = [], for reference: ImageReference,
  to action: RegistryAction,
  request: String
) -> EngineError {
  let error = RegistryErrorBody.first(in: body)
  switch (status, error?.code) {
  case (_, "DENIED"?), (403, _), (401, _):
    let isDenied =
      status == 403 || error?.code == "DENIED"
      || challenges.contains { $0.parameters["error"] == "insufficient_scope" }
    let described =
      (isDenied && error?.code != "DENIED"
      ? nil : error)?.description
      ?? (isDenied
        ? "denied: requested access to the resource is denied" : "unauthorized: authentication required")
    if action == .push { return EngineError(isDenied ? .permissionDenied : .unauthenticated, described) }
    return EngineError(
      .notFound,
      "pull access denied for \(reference.familiarName), repository does not exist or may require 'docker login': "
        + described)
  case (404, "NAME_UNKNOWN"?):
    return EngineError(.notFound, "repository \(reference.familiarName) not found: \(error?.description ?? "")")
  case (404, _):
    if action == .push { return EngineError(.notFound, error?.description ?? "\(request): 404 Not Found") }
    let described = error?.description ?? "manifest unknown: manifest unknown"
    return EngineError(.notFound, "manifest for \(reference.familiar) not found: \(described)")
  case (429, _), (_, "TOOMANYREQUESTS"?):
    let hub =
      "You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"
    let message = error?.message ?? (reference.domain == "docker.io" ? hub : "too many requests")
    return EngineError(.resourceExhausted, "toomanyrequests: \(message)")
  case (500..., _):
    return EngineError(.unavailable, "received unexpected HTTP status: \(statusText(status))")
  default:
    if let error { return EngineError(.unknown, error.description) }
    return EngineError(.unknown, "unexpected status from \(request): \(statusText(status))")
  }
}

/// `503 Service Unavailable` (RFC 9110, section 15).
func statusText(_ status: Int) -> String {
  let words: String? =
    switch status {
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 206: "Partial Content"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 303: "See Other"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 406: "Not Acceptable"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 411: "Length Required"
    case 413: "Request Entity Too Large"
    case 415: "Unsupported Media Type"
    case 416: "Requested Range Not Satisfiable"
    case 418: "I'm a teapot"
    case 429: "Too Many Requests"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    default: nil
    }
  return words.map { "\(status) \($0)" } ?? "\(status)"
}

extension RegistryResponse {
  /// The whole body, when it has at most `limit` bytes; else throws.
  func collect(limit: Int) async throws -> [UInt8] {
    guard let stream else {
      guard body.count <= limit else { throw tooLarge(limit) }
      return body
    }
    var all: [UInt8] = []
    while let bytes = await stream.read() {
      all += bytes
      if all.count > limit {
        stream.closeReading()
        throw tooLarge(limit)
      }
    }
    try Task.checkCancellation()
    return all
  }

  private func tooLarge(_ limit: Int) -> EngineError {
    EngineError(.failedPrecondition, "rejecting a document of more than \(limit) bytes: exceeded max size")
  }

  /// Nobody will read the body.
  func discard() { stream?.closeReading() }

  var challenges: [AuthChallenge] {
    AuthChallenge.parse(headers.filter { $0.name.lowercased() == "www-authenticate" }.map(\.value))
  }
}

/// How many pulls a registry still lets through (Docker Hub's `RateLimit-*` headers).
public struct RegistryRateLimit: Sendable, Hashable {
  public var limit: Int
  public var remaining: Int
  /// The window in seconds.
  public var window: Int

  /// From `100;w=21600` and `76;w=21600`.
  init?(_ response: RegistryResponse) {
    func parse(_ name: String) -> (Int, Int)? {
      guard let parts = response.header(name)?.split(separator: ";"), let first = parts.first, let count = Int(first)
      else { return nil }
      let window = parts.dropFirst().first { $0.hasPrefix("w=") }.flatMap { Int($0.dropFirst(2)) }
      return (count, window ?? 0)
    }
    guard let limit = parse("RateLimit-Limit"), let remaining = parse("RateLimit-Remaining") else { return nil }
    (self.limit, self.remaining, window) = (limit.0, remaining.0, limit.1)
  }
}

/// Seconds to wait by a `Retry-After` header: a number of seconds or an HTTP date (RFC 9110, section 10.2.3).
func retryAfter(_ header: String?, now unixTime: UInt64) -> UInt64? {
  guard let header else { return nil }
  if let seconds = UInt64(header) { return seconds }
  // Sun, 06 Nov 1994 08:49:37 GMT
  let fields = header.split(whereSeparator: { " :,-".contains($0) })
  let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
  guard fields.count >= 7, let day = Int(fields[1]), let month = months.firstIndex(of: String(fields[2])),
    let year = Int(fields[3]), let hour = Int(fields[4]), let minute = Int(fields[5]), let second = Int(fields[6]),
    (1970...9999).contains(year), (1...31).contains(day), (0...23).contains(hour), (0...59).contains(minute),
    (0...60).contains(second)
  else { return nil }
  let then = unixSeconds(year: year, month: month + 1, day: day) + hour * 3_600 + minute * 60 + second
  let now = Int(clamping: unixTime / Duration64.second)
  return UInt64(max(0, then - now))
}

/// Seconds from 1970 to midnight of a day in the Gregorian calendar, counted in years that begin in March.
func unixSeconds(year: Int, month: Int, day: Int) -> Int {
  let shifted = month <= 2 ? year - 1 : year
  let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
  return (365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468) * 86_400
}
