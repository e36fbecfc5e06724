/// A pattern of the shell (glob(7)): `*`, `?`, `[a-z]`, `[!…]`, `[[:class:]]`.
struct GlobPattern: Sendable {
  enum Element: Sendable {
    case byte(UInt8)
    case any
    case many
    case set([ClosedRange<UInt8>], isNegated: Bool)
  }
  var elements: [Element]

  init(_ text: String) { self.init(Array(text.utf8), isQuoted: nil) }

  /// - Parameter isQuoted: for each byte, whether it only stands for itself; nil when a backslash says so.
  init(_ bytes: [UInt8], isQuoted: [Bool]?) {
    elements = []
    var i = 0
    while i < bytes.count {
      let byte = bytes[i]
      if isQuoted?[i] == true {
        elements.append(.byte(byte))
        i += 1
        continue
      }
      switch byte {
      case UInt8(ascii: "*"):
        if case .many? = elements.last {} else { elements.append(.many) }
        i += 1
      case UInt8(ascii: "?"):
        elements.append(.any)
        i += 1
      case UInt8(ascii: "\\") where i + 1 < bytes.count:
        elements.append(.byte(bytes[i + 1]))
        i += 2
      case UInt8(ascii: "["):
        if let (element, end) = GlobPattern.bracket(bytes, i, isQuoted) {
          elements.append(element)
          i = end
        } else {
          elements.append(.byte(byte))
          i += 1
        }
      default:
        elements.append(.byte(byte))
        i += 1
      }
    }
  }

  private static func bracket(_ bytes: [UInt8], _ start: Int, _ isQuoted: [Bool]?) -> (Element, Int)? {
    var i = start + 1
    var isNegated = false
    if i < bytes.count, bytes[i] == UInt8(ascii: "!") || bytes[i] == UInt8(ascii: "^") {
      isNegated = true
      i += 1
    }
    var ranges: [ClosedRange<UInt8>] = []
    var isFirst = true
    while i < bytes.count {
      var byte = bytes[i]
      if byte == UInt8(ascii: "]"), !isFirst, isQuoted?[i] != true {
        return (.set(ranges, isNegated: isNegated), i + 1)
      }
      isFirst = false
      if byte == UInt8(ascii: "["), i + 1 < bytes.count, bytes[i + 1] == UInt8(ascii: ":"),
        let end = indexOfClassEnd(bytes, i + 2)
      {
        ranges += classRanges(String(decoding: bytes[(i + 2)..<end], as: UTF8.self))
        i = end + 2
        continue
      }
      if byte == UInt8(ascii: "\\"), isQuoted == nil, i + 1 < bytes.count {
        i += 1
        byte = bytes[i]
      }
      if i + 2 < bytes.count, bytes[i + 1] == UInt8(ascii: "-"), bytes[i + 2] != UInt8(ascii: "]") {
        if byte <= bytes[i + 2] { ranges.append(byte...bytes[i + 2]) }
        i += 3
      } else {
        ranges.append(byte...byte)
        i += 1
      }
    }
    return nil
  }

  private static func indexOfClassEnd(_ bytes: [UInt8], _ start: Int) -> Int? {
    var i = start
    while i + 1 < bytes.count, i - start < 10 {
      if bytes[i] == UInt8(ascii: ":"), bytes[i + 1] == UInt8(ascii: "]") { return i }
      i += 1
    }
    return nil
  }

  /// The bytes of a character class of POSIX.
  static func classRanges(_ name: String) -> [ClosedRange<UInt8>] {
    switch name {
    case "digit": [48...57]
    case "alpha": [65...90, 97...122]
    case "alnum": [48...57, 65...90, 97...122]
    case "upper": [65...90]
    case "lower": [97...122]
    case "space": [9...13, 32...32]
    case "blank": [9...9, 32...32]
    case "punct": [33...47, 58...64, 91...96, 123...126]
    case "xdigit": [48...57, 65...70, 97...102]
    case "cntrl": [0...31, 127...127]
    case "print": [32...126]
    case "graph": [33...126]
    default: []
    }
  }

  /// Whether there is anything in it but plain bytes.
  var isPlain: Bool { elements.allSatisfy { if case .byte = $0 { true } else { false } } }

  private func matches(_ element: Element, _ byte: UInt8) -> Bool {
    switch element {
    case .byte(let other): other == byte
    case .any, .many: true
    case .set(let ranges, let isNegated): ranges.contains { $0.contains(byte) } != isNegated
    }
  }

  /// The whole of `text`. Linear but for a factor of the pattern's length: only the last star is taken back.
  func matches(_ text: some Collection<UInt8>) -> Bool {
    let text = Array(text)
    var (t, p) = (0, 0)
    var (starP, starT) = (-1, 0)
    while t < text.count {
      if p < elements.count, case .many = elements[p] {
        (starP, starT) = (p, t)
        p += 1
      } else if p < elements.count, matches(elements[p], text[t]) {
        t += 1
        p += 1
      } else if starP >= 0 {
        starT += 1
        t = starT
        p = starP + 1
      } else {
        return false
      }
    }
    while p < elements.count, case .many = elements[p] { p += 1 }
    return p == elements.count
  }

  /// The whole of a string.
  func matches(_ text: String) -> Bool { matches(Array(text.utf8)) }

  /// The end of the longest (or shortest) match that begins at `start`; nil when there is none.
  func matchEnd(_ text: [UInt8], from start: Int, longest: Bool) -> Int? {
    // A set of states, one byte at a time: linear in the text.
    var states = Set<Int>([0])
    closure(&states)
    var best: Int? = states.contains(elements.count) ? start : nil
    if best != nil, !longest { return best }
    var i = start
    while i < text.count, !states.isEmpty {
      var next = Set<Int>()
      for state in states where state < elements.count && matches(elements[state], text[i]) {
        if case .many = elements[state] { next.insert(state) } else { next.insert(state + 1) }
      }
      closure(&next)
      states = next
      i += 1
      if states.contains(elements.count) {
        best = i
        if !longest { return best }
      }
    }
    return best
  }

  private func closure(_ states: inout Set<Int>) {
    var todo = Array(states)
    while let state = todo.popLast() {
      if state < elements.count, case .many = elements[state], states.insert(state + 1).inserted {
        todo.append(state + 1)
      }
    }
  }
}
