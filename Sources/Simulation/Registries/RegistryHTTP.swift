import Encodings
import JSONTree
import Seams

/// What a request of the distribution API is about (distribution-spec, "Endpoints").
enum DistributionRoute: Sendable, Hashable {
  case base
  case catalog
  case manifest(name: String, reference: String)
  case blob(name: String, digest: String)
  case uploads(name: String)
  case upload(name: String, id: String)
  case tags(name: String)
  case referrers(name: String, digest: String)

  /// Nil when the path is none of the distribution API's.
  init?(_ path: String) {
    guard path.hasPrefix("/v2") else { return nil }
    if path == "/v2" || path == "/v2/" {
      self = .base
      return
    }
    if path == "/v2/_catalog" {
      self = .catalog
      return
    }
    let parts = path.dropFirst(4).split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    func name(_ count: Int) -> String { parts.dropLast(count).joined(separator: "/") }
    let count = parts.count
    if count >= 4, parts[count - 3] == "blobs", parts[count - 2] == "uploads" {
      self = parts[count - 1].isEmpty ? .uploads(name: name(3)) : .upload(name: name(3), id: parts[count - 1])
    } else if count >= 3, parts[count - 2] == "blobs", parts[count - 1] == "uploads" {
      self = .uploads(name: name(2))
    } else if count >= 3, parts[count - 2] == "manifests" {
      self = .manifest(name: name(2), reference: parts[count - 1])
    } else if count >= 3, parts[count - 2] == "blobs" {
      self = .blob(name: name(2), digest: parts[count - 1])
    } else if count >= 3, parts[count - 2] == "tags", parts[count - 1] == "list" {
      self = .tags(name: name(2))
    } else if count >= 3, parts[count - 2] == "referrers" {
      self = .referrers(name: name(2), digest: parts[count - 1])
    } else {
      return nil
    }
  }

  /// The repository; nil where the route names none.
  var name: String? {
    switch self {
    case .base, .catalog: nil
    case .manifest(let name, _), .blob(let name, _), .uploads(let name), .upload(let name, _), .tags(let name),
      .referrers(let name, _):
      name
    }
  }

  /// What one must be allowed to do in the repository: `pull`, `push`, `delete`.
  func actions(_ method: String) -> [String] {
    switch method {
    case "GET", "HEAD": if case .upload = self { ["pull", "push"] } else { ["pull"] }
    case "DELETE": if case .upload = self { ["pull", "push"] } else { ["delete"] }
    default: ["pull", "push"]
    }
  }
}

/// Whether `name` is a repository's name (distribution-spec, "Pulling manifests").
func isRepositoryName(_ name: String) -> Bool {
  !name.isEmpty && name.utf8.count <= 255
    && name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { component in
      guard let first = component.utf8.first, let last = component.utf8.last else { return false }
      func isAlphanumeric(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte) }
      return isAlphanumeric(first) && isAlphanumeric(last)
        && component.utf8.allSatisfy { isAlphanumeric($0) || "._-".utf8.contains($0) }
    }
}

extension RegistryResponse {
  /// An answer with a JSON body.
  static func json(_ status: Int, _ value: JSON, headers: [NameValue] = []) -> RegistryResponse {
    var writer = JSONWriter()
    writer.write(value)
    return RegistryResponse(
      status,
      headers: [NameValue("Content-Type", "application/json; charset=utf-8")]
        + [NameValue("Content-Length", "\(writer.bytes.count)")] + headers, body: writer.bytes)
  }

  /// A refusal (distribution-spec, "Error Codes").
  static func refusal(
    _ status: Int, _ code: String, _ message: String, detail: JSON? = nil, headers: [NameValue] = []
  ) -> RegistryResponse {
    var error: JSONObject = ["code": .string(code), "message": .string(message)]
    if let detail { error["detail"] = detail }
    return .json(status, ["errors": [.object(error)]], headers: headers)
  }

  /// 404 for a path that nobody serves.
  static let notFound = RegistryResponse(
    404, headers: [NameValue("Content-Type", "text/plain; charset=utf-8")], body: Array("404 page not found\n".utf8))

  /// The same as HEAD has it: with the headers, without the body.
  var withoutBody: RegistryResponse { RegistryResponse(status, headers: headers) }
}

extension RegistryRequest {
  /// The first value of query parameter `name`.
  func query(_ name: String) -> String? { query.first { $0.name == name }?.value }

  /// User name and password of basic authentication (RFC 7617); nil without or when malformed.
  var basicCredentials: (name: String, password: String)? {
    guard let header = header("Authorization"), header.lowercased().hasPrefix("basic "),
      let bytes = Base64.decode(header.dropFirst(6))
    else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    guard let colon = text.firstIndex(of: ":") else { return nil }
    return (String(text[..<colon]), String(text[text.index(after: colon)...]))
  }

  /// The token of bearer authentication (RFC 6750).
  var bearerToken: String? {
    guard let header = header("Authorization"), header.lowercased().hasPrefix("bearer ") else { return nil }
    return String(header.dropFirst(7))
  }

  /// The members of a form in the body (application/x-www-form-urlencoded); later ones win.
  var form: [String: String] {
    var form: [String: String] = [:]
    for pair in String(decoding: body, as: UTF8.self).split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      form[decodedPercent(parts[0])] = parts.count == 2 ? decodedPercent(parts[1]) : ""
    }
    return form
  }

  /// The whole body, also when it comes as it is read.
  func wholeBody() async -> [UInt8] {
    guard let upload else { return body }
    return await upload.readAll()
  }
}

private func decodedPercent(_ text: Substring) -> String {
  var out: [UInt8] = []
  var bytes = text.utf8[...]
  while let byte = bytes.popFirst() {
    if byte == UInt8(ascii: "+") {
      out.append(0x20)
    } else if byte == UInt8(ascii: "%"), let value = UInt8(String(Substring(bytes.prefix(2))), radix: 16),
      bytes.count >= 2
    {
      out.append(value)
      bytes = bytes.dropFirst(2)
    } else {
      out.append(byte)
    }
  }
  return String(decoding: out, as: UTF8.self)
}
