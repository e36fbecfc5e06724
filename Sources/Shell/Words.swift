/// Splitting a line into words as sh(1) does: blanks, quotes, backslashes (XCU 2.2, "Quoting").
enum Words {
  /// Why a line cannot be split.
  enum Problem: Error, Sendable, Hashable, CustomStringConvertible {
    case unfinishedQuote(Character)
    /// The line ends in a backslash: more is to come.
    case unfinishedLine
    var description: String {
      switch self {
      case .unfinishedQuote(let quote): "the quote \(quote) is not closed"
      case .unfinishedLine: "the line ends in a backslash"
      }
    }
  }

  /// The words of a line. A word that begins with `#` ends it: a comment.
  static func split(_ line: String) throws(Problem) -> [String] {
    var words: [String] = []
    var word = ""
    var hasWord = false
    var quote: Character?
    var characters = line.makeIterator()
    while let character = characters.next() {
      if let open = quote {
        if character == open {
          quote = nil
        } else if character == "\\", open == "\"" {
          guard let next = characters.next() else { throw .unfinishedQuote("\"") }
          // Within double quotes a backslash is itself before anything but these.
          if !"\"\\$`\n".contains(next) { word.append("\\") }
          if next != "\n" { word.append(next) }
        } else {
          word.append(character)
        }
        continue
      }
      switch character {
      case " ", "\t", "\n", "\r", "\r\n":
        if hasWord { words.append(word) }
        (word, hasWord) = ("", false)
      case "'", "\"": (quote, hasWord) = (character, true)
      case "\\":
        guard let next = characters.next() else { throw .unfinishedLine }
        if next != "\n" {
          word.append(next)
          hasWord = true
        }
      case "#" where !hasWord: return words
      default:
        word.append(character)
        hasWord = true
      }
    }
    if let quote { throw .unfinishedQuote(quote) }
    if hasWord { words.append(word) }
    return words
  }

  /// Whether a line asks for more than words: a pipe, a redirection, a list, a substitution.
  static func needsShell(_ line: String) -> Bool {
    var quote: UInt8 = 0
    var isEscaped = false
    var previous: UInt8 = 0
    for byte in line.utf8 {
      defer { previous = byte }
      if isEscaped {
        isEscaped = false
        continue
      }
      switch byte {
      case UInt8(ascii: "\\") where quote != UInt8(ascii: "'"): isEscaped = true
      case UInt8(ascii: "'") where quote != UInt8(ascii: "\""), UInt8(ascii: "\"") where quote != UInt8(ascii: "'"):
        quote = quote == 0 ? byte : 0
      case UInt8(ascii: "#") where quote == 0 && (previous == 0 || previous == UInt8(ascii: " ")): return false
      case UInt8(ascii: "`") where quote != UInt8(ascii: "'"): return true
      case UInt8(ascii: "|"), UInt8(ascii: ">"), UInt8(ascii: "<"), UInt8(ascii: ";"), UInt8(ascii: "&"):
        if quote == 0 { return true }
      default:
        // `$NAME`, `${…}`, `$(…)`, `$?`; a dollar before anything else is itself.
        if previous == UInt8(ascii: "$"), quote != UInt8(ascii: "'"), isVariableStart(byte) { return true }
      }
    }
    return false
  }

  private static func isVariableStart(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "("), UInt8(ascii: "{"), UInt8(ascii: "?"), UInt8(ascii: "_"): true
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
    default: false
    }
  }

  /// `word` so that `split` gives it back.
  static func quoted(_ word: String) -> String {
    let isPlain =
      !word.isEmpty
      && word.utf8.allSatisfy { byte in
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
          || "%+,-./:=@_{}".utf8.contains(byte)
      }
    return isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
  }

  /// The nearest of `candidates` to a mistyped word: at most a third of its letters differ.
  static func nearest(to word: String, among candidates: some Sequence<String>) -> [String] {
    let typed = Array(word.lowercased().prefix(40).utf8)
    let limit = max(1, (typed.count + 1) / 3)
    var found: [(distance: Int, word: String)] = []
    for candidate in candidates {
      let distance = editDistance(typed, Array(candidate.utf8), limit: limit)
      if distance <= limit || (typed.count >= 3 && candidate.hasPrefix(word)) { found.append((distance, candidate)) }
    }
    return found.sorted { ($0.distance, $0.word) < ($1.distance, $1.word) }.prefix(3).map(\.word)
  }

  /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
  static func editDistance(_ a: [UInt8], _ b: [UInt8], limit: Int) -> Int {
    if abs(a.count - b.count) > limit { return limit + 1 }
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var row = [i + 1]
      for (j, y) in b.enumerated() {
        var best = min(last[j] + (x == y ? 0 : 1), last[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, x == b[j - 1], a[i - 1] == y { best = min(best, beforeLast[j - 1] + 1) }
        row.append(best)
      }
      (beforeLast, last) = (last, row)
    }
    return last[b.count]
  }
}
