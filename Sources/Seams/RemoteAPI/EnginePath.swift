import JSONTree

/// Paths of the Engine API (docs.docker.com/reference/api/engine), as they stand in an HTTP request.
extension APIRequest {
  /// A request for the path of a URL: `/v1.52/containers/web/json?size=1` is `/containers/{id}/json` with the id `web`.
  ///
  /// The API is regular: a noun; then a word of the API (`json`, `create`) or a name; then a verb. Names of images have
  /// slashes in them. Whether there is such an operation the daemon says.
  public init(_ method: String, path: String, body: JSON? = nil, upload: ByteChannel? = nil) {
    let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    var words = (parts.first ?? "").split(separator: "/").map { APIRequest.unescaped(String($0)) }
    if let first = words.first, first.hasPrefix("v"), first.dropFirst().allSatisfy({ $0.isNumber || $0 == "." }),
      first.count > 1
    {
      words.removeFirst()
    }
    let (template, parameters) = APIRequest.template(words)
    self.init(
      method, template, parameters, query: parts.count > 1 ? APIRequest.query(of: parts[1]) : [], body: body,
      upload: upload)
  }

  private static let literals: [String: Set<String>] = [
    "containers": ["json", "create", "prune"], "images": ["json", "create", "load", "prune", "get", "search"],
    "networks": ["create", "prune"], "volumes": ["create", "prune"], "exec": [], "distribution": [],
  ]
  private static let imageVerbs: Set<String> = ["json", "history", "push", "tag", "get"]

  private static func template(_ words: [String]) -> (String, [String: String]) {
    guard words.count >= 2, let fixed = literals[words[0]], !(words.count == 2 && fixed.contains(words[1])) else {
      return ("/" + words.joined(separator: "/"), [:])
    }
    let noun = words[0]
    let label = ["images", "volumes", "distribution"].contains(noun) ? "name" : "id"
    guard label == "name", noun != "volumes" else {
      let verb = words.dropFirst(2).joined(separator: "/")
      return ("/\(noun)/{\(label)}" + (verb.isEmpty ? "" : "/" + verb), [label: words[1]])
    }
    let hasVerb = words.count > 2 && imageVerbs.contains(words[words.count - 1])
    let name = words[1..<(hasVerb ? words.count - 1 : words.count)].joined(separator: "/")
    return ("/\(noun)/{name}" + (hasVerb ? "/" + words[words.count - 1] : ""), ["name": name])
  }

  /// `a=1&b=x%20y` (the WHATWG URL standard, application/x-www-form-urlencoded).
  public static func query(of text: some StringProtocol) -> [NameValue] {
    String(text).split(separator: "&" as Character).map { pair in
      let sides = pair.split(separator: "=" as Character, maxSplits: 1, omittingEmptySubsequences: false)
        .map(String.init)
      return NameValue(
        unescaped(sides[0], isForm: true), sides.count > 1 ? unescaped(sides[1], isForm: true) : "")
    }
  }

  /// Without percent-encoding (RFC 3986, section 2.1); a percent sign before anything but two digits is itself.
  public static func unescaped(_ text: String, isForm: Bool = false) -> String {
    guard text.utf8.contains(UInt8(ascii: "%")) || isForm else { return text }
    func digit(_ byte: UInt8) -> UInt8? {
      switch byte {
      case 48...57: byte - 48
      case 65...70: byte - 55
      case 97...102: byte - 87
      default: nil
      }
    }
    let bytes = Array(text.utf8)
    var out: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count, let high = digit(bytes[index + 1]),
        let low = digit(bytes[index + 2])
      {
        out.append(high << 4 | low)
        index += 3
      } else {
        out.append(isForm && bytes[index] == UInt8(ascii: "+") ? 32 : bytes[index])
        index += 1
      }
    }
    return String(decoding: out, as: UTF8.self)
  }
}
