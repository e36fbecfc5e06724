import JSONTree
import Seams

/// The `filters` parameter of the Engine API's lists and prunes: values by name, `{"label":["a=b"]}`, or as old clients
/// send it, `{"label":{"a=b":true}}`.
struct APIFilters: Sendable, Hashable {
  private var fields: [String: [String]] = [:]

  init() {}

  /// Parses the query parameter. Throws invalidArgument `invalid filter`.
  init(_ text: String?) throws {
    guard let text, !text.isEmpty else { return }
    guard let object = (try? JSON(parsing: text))?.object else {
      throw EngineError(.invalidArgument, "invalid filter")
    }
    for member in object.members {
      if let values = member.value.strings {
        fields[member.key, default: []] += values
      } else if let set = member.value.object {
        fields[member.key, default: []] += set.members.filter { $0.value.bool ?? false }.map(\.key)
      } else {
        throw EngineError(.invalidArgument, "invalid filter")
      }
    }
  }

  var isEmpty: Bool { fields.isEmpty }
  /// The values asked for, in the order asked.
  subscript(_ name: String) -> [String] { fields[name] ?? [] }
  func contains(_ name: String) -> Bool { !self[name].isEmpty }
  mutating func remove(_ name: String) { fields[name] = nil }

  /// Refuses names that the operation does not know.
  func validate(_ accepted: Set<String>) throws {
    for name in fields.keys.sorted() where !accepted.contains(name) {
      throw EngineError(.invalidArgument, "invalid filter '\(name)'")
    }
  }

  /// A boolean, said once (`true`, `1`, `false`, `0`).
  func bool(_ name: String, default value: Bool) throws -> Bool {
    guard let values = fields[name] else { return value }
    let isTrue = values.contains { $0 == "1" || $0 == "true" }
    let isFalse = values.contains { $0 == "0" || $0 == "false" }
    guard isTrue != isFalse else {
      throw EngineError(.invalidArgument, "invalid filter '\(name)=[\(values.joined(separator: " "))]'")
    }
    return isTrue
  }

  /// Whether some value of `name` is `text`, or there is none.
  func matchesExactly(_ name: String, _ text: String) -> Bool { !contains(name) || self[name].contains(text) }

  /// Whether some value of `name` is found in `text` (Docker matches names as unanchored patterns), or there is none.
  func matchesPart(_ name: String, _ text: String) -> Bool {
    guard contains(name) else { return true }
    return self[name].contains { pattern in
      if pattern == text { return true }
      guard let regex = try? Regex(pattern) else { return text.contains(pattern) }
      return text.contains(regex)
    }
  }

  /// `label` and `label!`: every `key` or `key=value` asked for must be there, none of the negated ones.
  func matchesLabels(_ labels: [String: String]) -> Bool {
    self["label"].allSatisfy { Self.has($0, labels) } && !self["label!"].contains { Self.has($0, labels) }
  }

  private static func has(_ wanted: String, _ labels: [String: String]) -> Bool {
    guard let equals = wanted.firstIndex(of: "=") else { return labels[wanted] != nil }
    return labels[String(wanted[..<equals])] == String(wanted[wanted.index(after: equals)...])
  }

  /// The moment that `until` names, in nanoseconds since 1970: an RFC 3339 time, seconds, or how long ago (`24h`).
  func until(now: UInt64) throws -> UInt64? {
    guard contains("until") else { return nil }
    guard self["until"].count == 1 else {
      throw EngineError(.invalidArgument, "more than one until filter specified")
    }
    guard let moment = RFC3339Time.moment(self["until"][0], now: now) else {
      throw EngineError(
        .invalidArgument,
        "invalid value for 'until' filter: failed to parse value as time or duration: \"\(self["until"][0])\"")
    }
    return moment
  }
}
