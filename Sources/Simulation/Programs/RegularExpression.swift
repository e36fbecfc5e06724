/// A POSIX regular expression, basic or extended, as grep, sed and `[[ =~ ]]` have them.
///
/// A backtracking matcher with a budget: an expression that would take forever matches nothing.
struct RegularExpression: Sendable {
  enum Failure: Error, Sendable { case invalid(String) }

  private indirect enum Node: Sendable {
    case empty
    case byte(UInt8)
    case any
    case set([ClosedRange<UInt8>], isNegated: Bool)
    case lineStart, lineEnd, wordStart, wordEnd, wordEdge, notWordEdge
    case sequence([Node])
    case choice([Node])
    case group(Node, Int)
    case repeated(Node, least: Int, most: Int)
    case backReference(Int)
  }

  private let root: Node
  /// The number of groups.
  let groups: Int
  private let ignoresCase: Bool

  /// Throws `Failure` with regcomp(3)'s words.
  init(_ pattern: String, isExtended: Bool, ignoresCase: Bool = false, isFixed: Bool = false) throws {
    self.ignoresCase = ignoresCase
    if isFixed {
      root = .sequence(pattern.utf8.map { .byte($0) })
      groups = 0
      return
    }
    var parser = Parser(text: Array(pattern.utf8), isExtended: isExtended)
    root = try parser.parse()
    groups = parser.groups
  }

  /// The ranges of a match and of its groups.
  struct Match: Sendable {
    var range: Range<Int>
    var groups: [Range<Int>?]
  }

  /// The first match at or after `start` (the leftmost; of those the first that is found, alternatives in order).
  func firstMatch(in text: [UInt8], from start: Int) -> Match? {
    var matcher = Matcher(text: text, groups: groups, ignoresCase: ignoresCase)
    var index = start
    while index <= text.count {
      matcher.captures = Array(repeating: nil, count: groups + 1)
      var end = 0
      if matcher.match(
        root, index,
        { position, _ in
          end = position
          return true
        })
      {
        return Match(range: index..<end, groups: Array(matcher.captures.dropFirst()))
      }
      if matcher.isExhausted { return nil }
      index += 1
    }
    return nil
  }

  private struct Matcher {
    let text: [UInt8]
    var captures: [Range<Int>?]
    let ignoresCase: Bool
    var steps = 0
    var depth = 0
    var isExhausted: Bool { steps > 2_000_000 }

    init(text: [UInt8], groups: Int, ignoresCase: Bool) {
      (self.text, self.ignoresCase) = (text, ignoresCase)
      captures = Array(repeating: nil, count: groups + 1)
    }

    typealias Continuation = (Int, inout Matcher) -> Bool

    mutating func match(_ node: Node, _ at: Int, _ next: Continuation) -> Bool {
      steps += 1
      guard !isExhausted, depth < 4_000 else { return false }
      depth += 1
      defer { depth -= 1 }
      switch node {
      case .empty: return next(at, &self)
      case .byte, .any, .set: return at < text.count && accepts(node, text[at]) && next(at + 1, &self)
      case .lineStart: return at == 0 && next(at, &self)
      case .lineEnd: return at == text.count && next(at, &self)
      case .wordStart: return !isWord(at - 1) && isWord(at) && next(at, &self)
      case .wordEnd: return isWord(at - 1) && !isWord(at) && next(at, &self)
      case .wordEdge: return isWord(at - 1) != isWord(at) && next(at, &self)
      case .notWordEdge: return isWord(at - 1) == isWord(at) && next(at, &self)
      case .sequence(let nodes): return match(nodes[...], at, next)
      case .choice(let nodes):
        for node in nodes where match(node, at, next) { return true }
        return false
      case .group(let node, let number):
        let old = captures[number]
        if match(
          node, at,
          { end, matcher in
            let inner = matcher.captures[number]
            matcher.captures[number] = at..<end
            if next(end, &matcher) { return true }
            matcher.captures[number] = inner
            return false
          })
        {
          return true
        }
        captures[number] = old
        return false
      case .backReference(let number):
        guard number < captures.count, let range = captures[number] else { return false }
        let end = at + range.count
        guard end <= text.count, zip(text[range], text[at..<end]).allSatisfy({ same($0, $1) }) else { return false }
        return next(end, &self)
      case .repeated(let node, let least, let most):
        switch node {
        case .byte, .any, .set:
          // The common case needs no recursion: as many as there are, then fewer.
          var end = at
          while end < text.count, end - at < most, accepts(node, text[end]) { end += 1 }
          guard end - at >= least else { return false }
          var count = end - at
          while count >= least {
            if next(at + count, &self) { return true }
            if isExhausted { return false }
            count -= 1
          }
          return false
        default: return repeated(node, least, most, 0, at, next)
        }
      }
    }

    private mutating func match(_ nodes: ArraySlice<Node>, _ at: Int, _ next: Continuation) -> Bool {
      guard let first = nodes.first else { return next(at, &self) }
      let rest = nodes.dropFirst()
      if rest.isEmpty { return match(first, at, next) }
      return match(first, at) { position, matcher in matcher.match(rest, position, next) }
    }

    private mutating func repeated(
      _ node: Node, _ least: Int, _ most: Int, _ count: Int, _ at: Int, _ next: Continuation
    ) -> Bool {
      if count < most {
        if match(
          node, at,
          { position, matcher in
            // An empty turn would go on forever.
            if position == at, count >= least { return false }
            return matcher.repeated(node, least, most, count + 1, position, next)
          })
        {
          return true
        }
      }
      return count >= least && next(at, &self)
    }

    private func isWord(_ index: Int) -> Bool { index >= 0 && index < text.count && isNameByte(text[index]) }
    private func same(_ a: UInt8, _ b: UInt8) -> Bool { a == b || (ignoresCase && lower(a) == lower(b)) }
    private func lower(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte | 32 : byte }
    private func accepts(_ node: Node, _ byte: UInt8) -> Bool {
      switch node {
      case .byte(let other): return same(other, byte)
      case .any: return true
      case .set(let ranges, let isNegated):
        var isIn = ranges.contains { $0.contains(byte) }
        if !isIn, ignoresCase {
          let other = (65...90).contains(byte) ? byte | 32 : (97...122).contains(byte) ? byte & ~32 : byte
          isIn = ranges.contains { $0.contains(other) }
        }
        return isIn != isNegated
      default: return false
      }
    }
  }

  private struct Parser {
    let text: [UInt8]
    let isExtended: Bool
    var position = 0
    var groups = 0
    var depth = 0

    init(text: [UInt8], isExtended: Bool) { (self.text, self.isExtended) = (text, isExtended) }

    var current: UInt8? { position < text.count ? text[position] : nil }

    /// Whether an operator stands here: plain in extended expressions, behind a backslash in basic ones.
    func stands(_ sign: UInt8) -> Bool {
      if isExtended { return current == sign }
      return current == UInt8(ascii: "\\") && position + 1 < text.count && text[position + 1] == sign
    }
    mutating func take(_ sign: UInt8) -> Bool {
      guard stands(sign) else { return false }
      position += isExtended ? 1 : 2
      return true
    }

    mutating func parse() throws -> Node {
      let node = try choice()
      guard position == text.count else { throw Failure.invalid("Unmatched ) or \\)") }
      return node
    }

    mutating func choice() throws -> Node {
      depth += 1
      defer { depth -= 1 }
      guard depth < 100 else { throw Failure.invalid("Regular expression too big") }
      var nodes = [try sequence()]
      while take(UInt8(ascii: "|")) { nodes.append(try sequence()) }
      return nodes.count == 1 ? nodes[0] : .choice(nodes)
    }

    mutating func sequence() throws -> Node {
      var nodes: [Node] = []
      while let byte = current, !stands(UInt8(ascii: "|")) {
        if stands(UInt8(ascii: ")")) {
          if depth > 1 || !isExtended { break }
          // A lone closing parenthesis of an extended expression stands for itself.
        }
        if byte == UInt8(ascii: "*"), nodes.isEmpty, !isExtended {
          nodes.append(.byte(byte))
          position += 1
          continue
        }
        let atom = try self.atom(isFirst: nodes.isEmpty)
        nodes.append(try quantified(atom))
      }
      return nodes.isEmpty ? .empty : nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    mutating func quantified(_ atom: Node) throws -> Node {
      var node = atom
      var count = 0
      while true {
        count += 1
        guard count < 20 else { throw Failure.invalid("Regular expression too big") }
        if current == UInt8(ascii: "*") {
          position += 1
          node = .repeated(node, least: 0, most: .max)
        } else if take(UInt8(ascii: "+")) {
          node = .repeated(node, least: 1, most: .max)
        } else if take(UInt8(ascii: "?")) {
          node = .repeated(node, least: 0, most: 1)
        } else if stands(UInt8(ascii: "{")) {
          _ = take(UInt8(ascii: "{"))
          let least = number() ?? 0
          var most = least
          if current == UInt8(ascii: ",") {
            position += 1
            most = number() ?? .max
          }
          guard take(UInt8(ascii: "}")) else { throw Failure.invalid("Unmatched { or \\{") }
          guard least <= most, least <= 1000, most == .max || most <= 32_767 else {
            throw Failure.invalid("Invalid content of \\{\\}")
          }
          node = .repeated(node, least: least, most: most)
        } else {
          return node
        }
      }
    }

    mutating func number() -> Int? {
      var value: Int?
      while let byte = current, (48...57).contains(byte) {
        value = min((value ?? 0) * 10 + Int(byte) - 48, 100_000)
        position += 1
      }
      return value
    }

    mutating func atom(isFirst: Bool) throws -> Node {
      guard let byte = current else { return .empty }
      if take(UInt8(ascii: "(")) {
        groups += 1
        let number = groups
        let inner = try choice()
        guard take(UInt8(ascii: ")")) else { throw Failure.invalid("Unmatched ( or \\(") }
        return .group(inner, number)
      }
      position += 1
      switch byte {
      case UInt8(ascii: "."): return .any
      case UInt8(ascii: "^") where isExtended || isFirst: return .lineStart
      case UInt8(ascii: "$")
      where isExtended || position == text.count || stands(UInt8(ascii: ")")) || stands(UInt8(ascii: "|")):
        return .lineEnd
      case UInt8(ascii: "["): return try bracket()
      case UInt8(ascii: "\\"):
        guard let escaped = current else { throw Failure.invalid("Trailing backslash") }
        position += 1
        switch escaped {
        case UInt8(ascii: "w"): return .set([48...57, 65...90, 95...95, 97...122], isNegated: false)
        case UInt8(ascii: "W"): return .set([48...57, 65...90, 95...95, 97...122], isNegated: true)
        case UInt8(ascii: "s"): return .set([9...13, 32...32], isNegated: false)
        case UInt8(ascii: "S"): return .set([9...13, 32...32], isNegated: true)
        case UInt8(ascii: "b"): return .wordEdge
        case UInt8(ascii: "B"): return .notWordEdge
        case UInt8(ascii: "<"): return .wordStart
        case UInt8(ascii: ">"): return .wordEnd
        case UInt8(ascii: "n"): return .byte(10)
        case UInt8(ascii: "t"): return .byte(9)
        case UInt8(ascii: "1")...UInt8(ascii: "9"):
          guard Int(escaped) - 48 <= groups else { throw Failure.invalid("Invalid back reference") }
          return .backReference(Int(escaped) - 48)
        default: return .byte(escaped)
        }
      case UInt8(ascii: "*") where isExtended, UInt8(ascii: "+") where isExtended, UInt8(ascii: "?") where isExtended:
        if isFirst { throw Failure.invalid("Invalid preceding regular expression") }
        return .byte(byte)
      default: return .byte(byte)
      }
    }

    mutating func bracket() throws -> Node {
      var isNegated = false
      if current == UInt8(ascii: "^") {
        isNegated = true
        position += 1
      }
      var ranges: [ClosedRange<UInt8>] = []
      var isFirst = true
      while let byte = current {
        if byte == UInt8(ascii: "]"), !isFirst {
          position += 1
          return .set(ranges, isNegated: isNegated)
        }
        isFirst = false
        if byte == UInt8(ascii: "["), position + 1 < text.count, text[position + 1] == UInt8(ascii: ":") {
          var end = position + 2
          while end + 1 < text.count, !(text[end] == UInt8(ascii: ":") && text[end + 1] == UInt8(ascii: "]")) {
            end += 1
          }
          guard end + 1 < text.count else { throw Failure.invalid("Unmatched [, [^, [:, [., or [=") }
          let name = String(decoding: text[(position + 2)..<end], as: UTF8.self)
          let found = GlobPattern.classRanges(name)
          guard !found.isEmpty else { throw Failure.invalid("Invalid character class name") }
          ranges += found
          position = end + 2
          continue
        }
        if position + 2 < text.count, text[position + 1] == UInt8(ascii: "-"), text[position + 2] != UInt8(ascii: "]") {
          guard byte <= text[position + 2] else { throw Failure.invalid("Invalid range end") }
          ranges.append(byte...text[position + 2])
          position += 3
        } else {
          ranges.append(byte...byte)
          position += 1
        }
      }
      throw Failure.invalid("Unmatched [, [^, [:, [., or [=")
    }
  }
}
