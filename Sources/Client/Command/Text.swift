/// Small text helpers in the manner of Go's strings package.
extension StringProtocol {
  /// The text before and after the first `separator`; nil after when there is none.
  func cut(_ separator: Character) -> (String, String?) {
    guard let index = firstIndex(of: separator) else { return (String(self), nil) }
    return (String(self[..<index]), String(self[self.index(after: index)...]))
  }

  /// Every part between `separator`s, empty ones too.
  func parts(_ separator: Character) -> [String] {
    var parts: [String] = []
    var start = startIndex
    while let index = self[start...].firstIndex(of: separator) {
      parts.append(String(self[start..<index]))
      start = self.index(after: index)
    }
    return parts + [String(self[start...])]
  }

  /// Without blanks at either end.
  var trimmed: String {
    var text = self[...]
    while let first = text.first, first.isWhitespace { text = text.dropFirst() }
    while let last = text.last, last.isWhitespace { text = text.dropLast() }
    return String(text)
  }

  /// Every `target` replaced.
  func replacing(_ target: String, by replacement: String) -> String {
    guard !target.isEmpty else { return String(self) }
    var out = ""
    var rest = self[...]
    while let range = rest.firstRange(of: target) {
      out += rest[..<range.lowerBound]
      out += replacement
      rest = rest[range.upperBound...]
    }
    return out + rest
  }
}

extension String {
  /// On the left, filled with blanks to `width` columns.
  func padded(to width: Int) -> String {
    let missing = width - count
    return missing > 0 ? self + String(repeating: " ", count: missing) : self
  }

  /// On the right of `width` columns.
  func padded(left width: Int) -> String {
    let missing = width - count
    return missing > 0 ? String(repeating: " ", count: missing) + self : self
  }
}

/// One line of comma-separated values (RFC 4180: fields may be quoted, quotes doubled inside).
enum CSV {
  static func fields(_ line: String) -> [String] {
    var fields: [String] = []
    var field = ""
    var isQuoted = false
    var characters = Array(line)[...]
    while let character = characters.popFirst() {
      switch character {
      case "\"" where isQuoted:
        if characters.first == "\"" {
          field.append("\"")
          characters.removeFirst()
        } else {
          isQuoted = false
        }
      case "\"" where field.isEmpty: isQuoted = true
      case "," where !isQuoted:
        fields.append(field)
        field = ""
      default: field.append(character)
      }
    }
    fields.append(field)
    return fields
  }
}

/// Paths, textually (Go's path package).
enum Path {
  static func isAbsolute(_ path: String) -> Bool { path.hasPrefix("/") }

  /// Without `.`, `..`, doubled and trailing slashes; `.` when nothing is left.
  static func clean(_ path: String) -> String {
    let rooted = path.hasPrefix("/")
    var parts: [Substring] = []
    for part in path.split(separator: "/") {
      switch part {
      case ".": continue
      case "..":
        if let last = parts.last, last != ".." { parts.removeLast() } else if !rooted { parts.append(part) }
      default: parts.append(part)
      }
    }
    let joined = parts.joined(separator: "/")
    if rooted { return "/" + joined }
    return joined.isEmpty ? "." : joined
  }

  /// The folder and the last component: `/a/b` is `/a/` and `b`.
  static func split(_ path: String) -> (directory: String, base: String) {
    guard let slash = path.lastIndex(of: "/") else { return ("", path) }
    return (String(path[...slash]), String(path[path.index(after: slash)...]))
  }

  static func directory(_ path: String) -> String { clean(split(path).directory) }

  /// The last component; `.` and `/` for those.
  static func base(_ path: String) -> String {
    if path.isEmpty { return "." }
    var text = path[...]
    while text.count > 1, text.last == "/" { text = text.dropLast() }
    return text == "/" ? "/" : split(String(text)).base
  }

  static func join(_ parts: String...) -> String {
    let joined = parts.filter { !$0.isEmpty }.joined(separator: "/")
    return joined.isEmpty ? "" : clean(joined)
  }
}
