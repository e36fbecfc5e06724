import Encodings
import HTTPCodec
import JSONTree
import Seams

/// From an HTTP request to one of the Remote API.
extension APIRequest {
  /// `/v1.50/…`: the version, as the client wrote it; nil without one.
  static func version(of target: String) -> String? {
    guard target.hasPrefix("/v") else { return nil }
    let version = target.dropFirst(2).prefix { $0 != "/" && $0 != "?" }
    guard !version.isEmpty, version.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }),
      version.first != ".", version.contains(where: \.isNumber)
    else { return nil }
    return String(version)
  }

  /// Whether the request's body is a stream of bytes (an archive) rather than JSON.
  var takesUpload: Bool {
    switch op {
    case "PUT /containers/{id}/archive", "POST /images/load", "POST /build": true
    case "POST /images/create": query("fromSrc") == "-"
    default: false
    }
  }

  /// Whether the answer is a raw connection.
  func wantsHijack(_ head: HTTPRequestHead) -> Bool {
    switch op {
    case "POST /containers/{id}/attach": true
    case "POST /exec/{id}/start": body?["Detach"]?.bool != true
    default: head.upgrade == "tcp"
    }
  }

  /// The credentials in `X-Registry-Auth` (base64url of JSON). What cannot be read counts as none, as in moby.
  static func registryAuth(_ head: HTTPRequestHead) -> JSON? {
    guard let header = head.headers.first("X-Registry-Auth"), let bytes = Base64.decode(header) else { return nil }
    return try? JSON(parsing: bytes, maxDepth: 16)
  }

  /// Why a body that should be JSON is refused for its type (moby's httputils.CheckForJSON); nil when it is not.
  static func typeRefusal(_ head: HTTPRequestHead) -> String? {
    let type = head.headers.first("Content-Type") ?? ""
    let media = type.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }.lowercased()
    if media.isEmpty { return "malformed Content-Type header (\(type)): mime: no media type" }
    guard media == "application/json" else {
      return "unsupported Content-Type header (\(type)): must be 'application/json'"
    }
    return nil
  }
}
