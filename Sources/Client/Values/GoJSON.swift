import JSONTree

/// JSON as Go's encoding/json writes it: object members of maps sorted, and for HTML's sake `<`, `>` and `&` escaped
/// where docker leaves that on.
enum GoJSON {
  static func quoted(_ text: String, escapingHTML: Bool = true) -> String {
    let plain = JSON.string(text).text
    guard escapingHTML, plain.utf8.contains(where: { $0 == 0x3c || $0 == 0x3e || $0 == 0x26 }) else { return plain }
    return plain.replacing("<", by: "\\u003c").replacing(">", by: "\\u003e").replacing("&", by: "\\u0026")
  }

  /// Compact text.
  static func text(_ json: JSON, escapingHTML: Bool) -> String {
    switch json {
    case .string(let value): return quoted(value, escapingHTML: escapingHTML)
    case .array(let values):
      return "[" + values.map { text($0, escapingHTML: escapingHTML) }.joined(separator: ",") + "]"
    case .object(let object):
      return "{"
        + object.members.map {
          quoted($0.key, escapingHTML: escapingHTML) + ":" + text($0.value, escapingHTML: escapingHTML)
        }.joined(separator: ",") + "}"
    case .double(let value): return GoFloat.shortest(value)
    case .encoded(let encoded):
      guard let tree = try? JSON(parsing: encoded.bytes) else { return json.text }
      return text(tree, escapingHTML: escapingHTML)
    default: return json.text
    }
  }
}
