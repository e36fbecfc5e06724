import Runtime

/// What is wrong with an expression of test(1).
enum ConditionError: Error, Sendable {
  case badNumber(String)
  case unknownOperator(String)
  case missingArgument
  case tooManyArguments
}

/// The expressions of test(1) and `[`.
struct ConditionTest {
  private let words: [String]
  private var position = 0
  private var depth = 0
  private let process: any SimProcess
  private let isTerminal: (Int) -> Bool

  init(_ words: [String], process: any SimProcess, isTerminal: @escaping (Int) -> Bool) {
    (self.words, self.process, self.isTerminal) = (words, process, isTerminal)
  }

  mutating func evaluate() throws -> Bool {
    // POSIX decides by the number of words before it looks at operators.
    switch words.count {
    case 0: return false
    case 1: return !words[0].isEmpty
    case 3 where Self.isBinary(words[1]): return try binary(words[0], words[1], words[2])
    case 4 where words[0] == "!" && Self.isBinary(words[2]): return try !binary(words[1], words[2], words[3])
    default: break
    }
    let value = try or()
    guard position == words.count else {
      throw position < words.count && words.count > 2
        ? ConditionError.unknownOperator(words[position]) : .tooManyArguments
    }
    return value
  }

  private mutating func or() throws -> Bool {
    depth += 1
    defer { depth -= 1 }
    guard depth < 200 else { throw ConditionError.tooManyArguments }
    var value = try and()
    while position < words.count, words[position] == "-o" {
      position += 1
      let right = try and()
      value = value || right
    }
    return value
  }

  private mutating func and() throws -> Bool {
    var value = try not()
    while position < words.count, words[position] == "-a" {
      position += 1
      let right = try not()
      value = value && right
    }
    return value
  }

  private mutating func not() throws -> Bool {
    var isNegated = false
    while position < words.count, words[position] == "!", position + 1 < words.count {
      isNegated.toggle()
      position += 1
    }
    return try primary() != isNegated
  }

  private mutating func primary() throws -> Bool {
    guard position < words.count else { throw ConditionError.missingArgument }
    let word = words[position]
    if word == "(", position + 1 < words.count {
      position += 1
      let value = try or()
      guard position < words.count, words[position] == ")" else { throw ConditionError.missingArgument }
      position += 1
      return value
    }
    if position + 2 < words.count, Self.isBinary(words[position + 1]) {
      position += 3
      return try binary(word, words[position - 2], words[position - 1])
    }
    if word.utf8.count == 2, word.hasPrefix("-"), position + 1 < words.count, let letter = word.last,
      Self.unaryLetters.contains(letter)
    {
      position += 2
      return try unary(letter, words[position - 1])
    }
    position += 1
    return !word.isEmpty
  }

  static let unaryLetters = "bcdefgGhkLnNOprsStuwxz"

  static func isBinary(_ word: String) -> Bool {
    switch word {
    case "=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef": true
    default: false
    }
  }

  func unary(_ letter: Character, _ operand: String) throws -> Bool {
    func info(_ follows: Bool = true) -> SimStat? { try? process.stat(operand, followLinks: follows) }
    switch letter {
    case "n": return !operand.isEmpty
    case "z": return operand.isEmpty
    case "e": return info() != nil
    case "f": return info()?.kind == .file
    case "d": return info()?.kind == .directory
    case "h", "L": return info(false)?.kind == .symlink
    case "p": return info()?.kind == .fifo
    case "S": return info()?.kind == .socket
    case "b": return info()?.kind == .blockDevice
    case "c": return info()?.kind == .characterDevice
    case "s": return (info()?.size ?? 0) > 0
    case "u": return (info()?.mode ?? 0) & 0o4000 != 0
    case "g": return (info()?.mode ?? 0) & 0o2000 != 0
    case "k": return (info()?.mode ?? 0) & 0o1000 != 0
    case "O": return info()?.uid == process.uid
    case "G": return info()?.gid == process.gid
    case "r": return info().map { allows($0, 4) } ?? false
    case "w": return info().map { allows($0, 2) } ?? false
    case "x": return info().map { allows($0, 1) } ?? false
    case "N": return info() != nil
    default:
      guard let fd = Int(trimmed(operand)) else { throw ConditionError.badNumber(operand) }
      return isTerminal(fd)
    }
  }

  private func allows(_ info: SimStat, _ bit: UInt32) -> Bool {
    if process.uid == 0 { return bit != 1 || info.mode & 0o111 != 0 || info.kind == .directory }
    if info.uid == process.uid { return info.mode >> 6 & bit != 0 }
    if info.gid == process.gid || process.groups.contains(info.gid) { return info.mode >> 3 & bit != 0 }
    return info.mode & bit != 0
  }

  func binary(_ left: String, _ sign: String, _ right: String) throws -> Bool {
    switch sign {
    case "=", "==": return left == right
    case "!=": return left != right
    case "<": return left.utf8.lexicographicallyPrecedes(right.utf8)
    case ">": return right.utf8.lexicographicallyPrecedes(left.utf8)
    case "-nt", "-ot":
      let a = try? process.stat(left, followLinks: true)
      let b = try? process.stat(right, followLinks: true)
      if sign == "-nt" { return a.map { $0.modified > (b?.modified ?? .min) } ?? false }
      return b.map { $0.modified > (a?.modified ?? .min) } ?? false
    case "-ef":
      guard let a = try? process.stat(left, followLinks: true), let b = try? process.stat(right, followLinks: true)
      else { return false }
      return a.inode == b.inode
    default: break
    }
    let a = try number(left)
    let b = try number(right)
    switch sign {
    case "-eq": return a == b
    case "-ne": return a != b
    case "-lt": return a < b
    case "-le": return a <= b
    case "-gt": return a > b
    default: return a >= b
    }
  }

  private func number(_ text: String) throws -> Int64 {
    var digits = trimmed(text)
    if digits.hasPrefix("+") { digits.removeFirst() }
    guard let value = Int64(digits) else { throw ConditionError.badNumber(text) }
    return value
  }
}

extension Shell {
  /// `test` and `[`: 0 true, 1 false, 2 nonsense.
  func runTest(_ words: [String]) async throws -> Int32 {
    var operands = Array(words.dropFirst())
    if words[0] == "[" {
      guard operands.last == "]" else {
        speaker = nil
        return try await complain(
          dialect == .bash ? "[: missing `]'" : dialect == .dash ? "[: missing ]" : "missing ]", 2)
      }
      operands.removeLast()
    }
    var test = ConditionTest(operands, process: process) { [self] fd in
      descriptors[fd].map { process.isTerminal($0) } ?? false
    }
    do {
      return try test.evaluate() ? 0 : 1
    } catch let error as ConditionError {
      speaker = dialect == .ash ? nil : words[0]
      let text: String
      switch (error, dialect) {
      case (.badNumber(let word), .ash): text = "\(word): bad number"
      case (.badNumber(let word), .dash): text = "Illegal number: \(word)"
      case (.badNumber(let word), .bash): text = "\(word): integer expression expected"
      case (.unknownOperator(let word), .ash): text = "\(word): unknown operand"
      case (.unknownOperator(let word), .dash): text = "\(word): unexpected operator"
      case (.unknownOperator(let word), .bash): text = "\(word): binary operator expected"
      case (.missingArgument, _): text = "argument expected"
      case (.tooManyArguments, _): text = "too many arguments"
      }
      return try await complain(text, 2)
    }
  }

  /// `[[ … ]]`.
  func evaluateTest(_ items: [ShellTestItem]) async throws -> Int32 {
    var position = 0
    do {
      let value = try await testOr(items, &position)
      guard position == items.count else { throw ConditionError.tooManyArguments }
      return value ? 0 : 1
    } catch is ConditionError {
      return try await complain("syntax error in conditional expression", 2)
    }
  }

  private func testOr(_ items: [ShellTestItem], _ position: inout Int) async throws -> Bool {
    var value = try await testAnd(items, &position)
    while position < items.count, case .sign("||") = items[position] {
      position += 1
      let right = try await testAnd(items, &position)
      value = value || right
    }
    return value
  }

  private func testAnd(_ items: [ShellTestItem], _ position: inout Int) async throws -> Bool {
    var value = try await testPrimary(items, &position)
    while position < items.count, case .sign("&&") = items[position] {
      position += 1
      let right = try await testPrimary(items, &position)
      value = value && right
    }
    return value
  }

  private func testPrimary(_ items: [ShellTestItem], _ position: inout Int) async throws -> Bool {
    guard position < items.count else { throw ConditionError.missingArgument }
    switch items[position] {
    case .sign("!"):
      position += 1
      return try await !testPrimary(items, &position)
    case .sign("("):
      position += 1
      let value = try await testOr(items, &position)
      guard position < items.count, case .sign(")") = items[position] else { throw ConditionError.missingArgument }
      position += 1
      return value
    case .sign: throw ConditionError.missingArgument
    case .word(let first):
      position += 1
      let test = ConditionTest([], process: process) { [self] fd in
        descriptors[fd].map { process.isTerminal($0) } ?? false
      }
      if let plain = first.plain, plain.utf8.count == 2, plain.hasPrefix("-"), let letter = plain.last,
        letter == "v" || ConditionTest.unaryLetters.contains(letter), position < items.count,
        case .word(let operand) = items[position]
      {
        position += 1
        let text = try await expandToString(operand)
        return letter == "v" ? parameter(text) != nil : try test.unary(letter, text)
      }
      var sign: String?
      if position + 1 < items.count {
        switch items[position] {
        case .sign("<"): sign = "<"
        case .sign(">"): sign = ">"
        case .word(let word):
          if let plain = word.plain, ConditionTest.isBinary(plain) || plain == "=~" { sign = plain }
        default: break
        }
      }
      guard let sign, case .word(let operand) = items[position + 1] else {
        return try await !expandToString(first).isEmpty
      }
      position += 2
      let left = try await expandToString(first)
      switch sign {
      case "=", "==": return try await expandToPattern(operand).matches(left)
      case "!=": return try await !expandToPattern(operand).matches(left)
      case "=~":
        guard let expression = try? RegularExpression(try await expandToString(operand), isExtended: true) else {
          throw ConditionError.missingArgument
        }
        return expression.firstMatch(in: Array(left.utf8), from: 0) != nil
      case "-eq", "-ne", "-lt", "-le", "-gt", "-ge":
        let a = try await arithmetic(left)
        let b = try await arithmetic(try await expandToString(operand))
        return try test.binary(String(a), sign, String(b))
      default: return try test.binary(left, sign, try await expandToString(operand))
      }
    }
  }
}
