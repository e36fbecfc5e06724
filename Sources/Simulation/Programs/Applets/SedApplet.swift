import Runtime
import Seams

/// A program of sed(1): `s p d q i a c = n N g G h H x y b t : {} `, addresses by line, `$`, expression, range and step.
struct SedScript {
  enum Failure: Error { case message(String) }

  indirect enum Address {
    case line(Int)
    case last
    case expression(RegularExpression)
    case step(first: Int, by: Int)
  }
  struct Command {
    var first: Address?
    var second: Address?
    /// `addr,+N`.
    var extra: Int?
    var isNegated = false
    var verb: Character
    var expression: RegularExpression?
    var replacement: [UInt8] = []
    var flags: Set<Character> = []
    var occurrence = 1
    var text: [UInt8] = []
    /// The index behind the matching brace, or a label.
    var target = -1
    var label = ""
  }
  private(set) var commands: [Command] = []

  init(_ text: String, isExtended: Bool) throws {
    var parser = Parser(text: Array(text.utf8), isExtended: isExtended)
    try parser.parse()
    commands = parser.commands
    var labels: [String: Int] = [:]
    for (index, command) in commands.enumerated() where command.verb == ":" { labels[command.label] = index }
    for index in commands.indices where "bt".contains(commands[index].verb) {
      if commands[index].label.isEmpty {
        commands[index].target = commands.count
      } else {
        guard let target = labels[commands[index].label] else {
          throw Failure.message("can't find label for jump to '\(commands[index].label)'")
        }
        commands[index].target = target
      }
    }
  }

  private struct Parser {
    let text: [UInt8]
    let isExtended: Bool
    var position = 0
    var commands: [Command] = []
    var open: [Int] = []
    var lastExpression: RegularExpression?

    init(text: [UInt8], isExtended: Bool) { (self.text, self.isExtended) = (text, isExtended) }
    var current: UInt8? { position < text.count ? text[position] : nil }
    mutating func skip(_ bytes: String) { while let byte = current, bytes.utf8.contains(byte) { position += 1 } }

    mutating func parse() throws {
      while true {
        skip(" \t\n;")
        guard let byte = current else { break }
        if byte == UInt8(ascii: "#") {
          while let byte = current, byte != 10 { position += 1 }
          continue
        }
        if byte == UInt8(ascii: "}") {
          position += 1
          guard let start = open.popLast() else { throw Failure.message("unexpected '}'") }
          commands[start].target = commands.count
          continue
        }
        try command()
        guard commands.count < 10_000 else { throw Failure.message("script too long") }
      }
      if !open.isEmpty { throw Failure.message("unterminated {") }
    }

    mutating func address() throws -> Address? {
      guard let byte = current else { return nil }
      if (48...57).contains(byte) {
        let first = number()
        if current == UInt8(ascii: "~") {
          position += 1
          return .step(first: first, by: number())
        }
        return .line(first)
      }
      if byte == UInt8(ascii: "$") {
        position += 1
        return .last
      }
      var separator = byte
      if byte == UInt8(ascii: "\\") {
        position += 1
        separator = current ?? 0
      } else if byte != UInt8(ascii: "/") {
        return nil
      }
      position += 1
      let pattern = try delimited(separator)
      var ignoresCase = false
      if current == UInt8(ascii: "I") {
        ignoresCase = true
        position += 1
      }
      return .expression(try expression(pattern, ignoresCase))
    }

    mutating func number() -> Int {
      var value = 0
      while let byte = current, (48...57).contains(byte) {
        value = min(value * 10 + Int(byte) - 48, 1 << 40)
        position += 1
      }
      return value
    }

    mutating func expression(_ pattern: [UInt8], _ ignoresCase: Bool) throws -> RegularExpression {
      if pattern.isEmpty {
        guard let lastExpression else { throw Failure.message("no previous regexp") }
        return lastExpression
      }
      do {
        let expression = try RegularExpression(
          String(decoding: pattern, as: UTF8.self), isExtended: isExtended, ignoresCase: ignoresCase)
        lastExpression = expression
        return expression
      } catch RegularExpression.Failure.invalid(let reason) {
        throw Failure.message("bad regex '\(String(decoding: pattern, as: UTF8.self))': \(reason)")
      }
    }

    /// The text up to the separator, with `\separator` as the separator itself.
    mutating func delimited(_ separator: UInt8, isPattern: Bool = true) throws -> [UInt8] {
      var out: [UInt8] = []
      var inBracket = false
      while let byte = current {
        position += 1
        if byte == UInt8(ascii: "\\"), let next = current {
          position += 1
          if next == separator { out.append(next) } else { out += [byte, next] }
          continue
        }
        if isPattern {
          if byte == UInt8(ascii: "["), !inBracket {
            inBracket = true
          } else if byte == UInt8(ascii: "]"), inBracket {
            inBracket = false
          }
        }
        if byte == separator, !inBracket { return out }
        out.append(byte)
      }
      throw Failure.message("unmatched '\(String(decoding: [separator], as: UTF8.self))'")
    }

    mutating func command() throws {
      var command = Command(verb: " ")
      command.first = try address()
      skip(" \t")
      if command.first != nil, current == UInt8(ascii: ",") {
        position += 1
        skip(" \t")
        if current == UInt8(ascii: "+") {
          position += 1
          command.extra = number()
        } else {
          guard let second = try address() else { throw Failure.message("unexpected ','") }
          command.second = second
        }
      }
      skip(" \t")
      while current == UInt8(ascii: "!") {
        command.isNegated = true
        position += 1
        skip(" \t")
      }
      guard let byte = current else { throw Failure.message("missing command") }
      position += 1
      command.verb = Character(UnicodeScalar(byte))
      switch command.verb {
      case "{":
        open.append(commands.count)
        commands.append(command)
        return
      case "s":
        guard let separator = current, separator != 10, separator != UInt8(ascii: "\\") else {
          throw Failure.message("bad option in substitution expression")
        }
        position += 1
        let pattern = try delimited(separator)
        command.replacement = try delimited(separator, isPattern: false)
        flags: while let flag = current {
          switch flag {
          case UInt8(ascii: "g"), UInt8(ascii: "p"), UInt8(ascii: "i"), UInt8(ascii: "I"):
            command.flags.insert(flag == UInt8(ascii: "I") ? "i" : Character(UnicodeScalar(flag)))
            position += 1
          case 48...57: command.occurrence = max(1, number())
          default: break flags
          }
        }
        command.expression = try expression(pattern, command.flags.contains("i"))
      case "y":
        guard let separator = current else { throw Failure.message("bad option in transliteration") }
        position += 1
        command.text = try delimited(separator, isPattern: false)
        command.replacement = try delimited(separator, isPattern: false)
        guard command.text.count == command.replacement.count else {
          throw Failure.message("strings for 'y' command are different lengths")
        }
      case "a", "i", "c":
        skip(" \t")
        if current == UInt8(ascii: "\\") {
          position += 1
          skip(" \t")
          if current == 10 { position += 1 }
        }
        while let byte = current, byte != 10 {
          position += 1
          if byte == UInt8(ascii: "\\"), let next = current {
            command.text.append(next == UInt8(ascii: "n") ? 10 : next)
            position += 1
          } else {
            command.text.append(byte)
          }
        }
        command.text.append(10)
      case "b", "t", ":":
        skip(" \t")
        var label: [UInt8] = []
        while let byte = current, byte != 10, byte != UInt8(ascii: ";"), byte != UInt8(ascii: "}") {
          label.append(byte)
          position += 1
        }
        command.label = trimmed(String(decoding: label, as: UTF8.self))
      case "q", "Q":
        skip(" \t")
        command.occurrence = number()
      case "p", "d", "=", "n", "N", "g", "G", "h", "H", "x", "D", "P", "l": break
      default: throw Failure.message("unsupported command \(command.verb)")
      }
      commands.append(command)
    }
  }

  /// Edits `input`; with `silently` only what `p` prints comes out.
  func run(_ input: [[UInt8]], silently: Bool, process: any SimProcess) async throws -> (output: [UInt8], status: Int32)
  {
    var output: [UInt8] = []
    var hold: [UInt8] = []
    var isActive = [Bool](repeating: false, count: commands.count)
    var rangeEnd = [Int](repeating: 0, count: commands.count)
    var index = 0
    var steps = 0
    lines: while index < input.count {
      var space = input[index]
      index += 1
      var appended: [UInt8] = []
      var hasSubstituted = false
      var pc = 0
      func finish() {
        if !silently { output += space + [10] }
        output += appended
        appended = []
      }
      while pc < commands.count {
        steps += 1
        if steps % 1000 == 0 { try await process.compute(1_000_000) }
        let command = commands[pc]
        let isChosen = matches(pc, space, index, index == input.count, &isActive, &rangeEnd) != command.isNegated
        if !isChosen {
          pc = command.verb == "{" ? command.target : pc + 1
          continue
        }
        pc += 1
        switch command.verb {
        case "s":
          if let result = substitute(command, space) {
            space = result
            hasSubstituted = true
            if command.flags.contains("p") { output += space + [10] }
          }
        case "y":
          space = space.map { byte in command.text.firstIndex(of: byte).map { command.replacement[$0] } ?? byte }
        case "p": output += space + [10]
        case "P": output += space.prefix { $0 != 10 } + [10]
        case "l": output += space + [UInt8(ascii: "$"), 10]
        case "d":
          output += appended
          continue lines
        case "D":
          guard let newline = space.firstIndex(of: 10) else { continue lines }
          space = Array(space[(newline + 1)...])
          pc = 0
        case "=": output += Array("\(index)\n".utf8)
        case "i": output += command.text
        case "a": appended += command.text
        case "c":
          if !isActive[pc - 1] || index == input.count { output += command.text }
          continue lines
        case "q":
          finish()
          return (output, Int32(truncatingIfNeeded: command.occurrence & 255))
        case "Q": return (output, Int32(truncatingIfNeeded: command.occurrence & 255))
        case "n":
          finish()
          guard index < input.count else { break lines }
          space = input[index]
          index += 1
        case "N":
          guard index < input.count else {
            finish()
            break lines
          }
          space += [10] + input[index]
          index += 1
        case "g": space = hold
        case "G": space += [10] + hold
        case "h": hold = space
        case "H": hold += [10] + space
        case "x": swap(&space, &hold)
        case "b": pc = command.target
        case "t":
          if hasSubstituted {
            hasSubstituted = false
            pc = command.target
          }
        default: break
        }
        if output.count + space.count + hold.count > 1 << 26 { throw Errno.ENOMEM }
      }
      finish()
    }
    return (output, 0)
  }

  private func matches(
    _ pc: Int, _ space: [UInt8], _ number: Int, _ isLast: Bool, _ isActive: inout [Bool], _ rangeEnd: inout [Int]
  ) -> Bool {
    func hit(_ address: Address) -> Bool {
      switch address {
      case .line(let line): line == number
      case .last: isLast
      case .expression(let expression): expression.firstMatch(in: space, from: 0) != nil
      case .step(let first, let by): by == 0 ? number == first : number >= first && (number - first) % by == 0
      }
    }
    let command = commands[pc]
    guard let first = command.first else { return true }
    guard command.second != nil || command.extra != nil else { return hit(first) }
    if isActive[pc] {
      if let second = command.second {
        if case .line(let line) = second {
          if number >= line { isActive[pc] = false }
          return number <= line
        }
        if hit(second) { isActive[pc] = false }
      } else if number >= rangeEnd[pc] {
        isActive[pc] = false
      }
      return true
    }
    guard hit(first) else { return false }
    isActive[pc] = true
    if let extra = command.extra {
      rangeEnd[pc] = number + extra
      if extra == 0 { isActive[pc] = false }
    }
    if case .line(let line)? = command.second, line <= number { isActive[pc] = false }
    return true
  }

  private func substitute(_ command: Command, _ space: [UInt8]) -> [UInt8]? {
    guard let expression = command.expression else { return nil }
    var out: [UInt8] = []
    var position = 0
    var count = 0
    var hasChanged = false
    while position <= space.count, let match = expression.firstMatch(in: space, from: position) {
      // `^` matches only at the beginning.
      count += 1
      out += space[position..<match.range.lowerBound]
      if count >= command.occurrence {
        out += expand(command.replacement, space, match)
        hasChanged = true
      } else {
        out += space[match.range]
      }
      position = match.range.upperBound
      if match.range.isEmpty {
        if position < space.count { out.append(space[position]) }
        position += 1
      }
      if hasChanged, !command.flags.contains("g") { break }
    }
    guard hasChanged else { return nil }
    if position < space.count { out += space[position...] }
    return out
  }

  private func expand(_ replacement: [UInt8], _ space: [UInt8], _ match: RegularExpression.Match) -> [UInt8] {
    var out: [UInt8] = []
    var index = 0
    while index < replacement.count {
      let byte = replacement[index]
      index += 1
      if byte == UInt8(ascii: "&") {
        out += space[match.range]
      } else if byte == UInt8(ascii: "\\"), index < replacement.count {
        let next = replacement[index]
        index += 1
        switch next {
        case 49...57:
          let number = Int(next) - 49
          if number < match.groups.count, let range = match.groups[number] { out += space[range] }
        case 48: out += space[match.range]
        case UInt8(ascii: "n"): out.append(10)
        case UInt8(ascii: "t"): out.append(9)
        default: out.append(next)
        }
      } else {
        out.append(byte)
      }
    }
    return out
  }
}

let runSed: AppletBody = { context in
  // -i takes its suffix only when it is written together.
  var inPlace: String?
  var arguments: [String] = []
  for word in context.arguments {
    if word == "-i" || (word.hasPrefix("-i") && !word.hasPrefix("--")) || word.hasPrefix("--in-place") {
      inPlace = word.hasPrefix("--") ? String(word.dropFirst(10).drop { $0 == "=" }) : String(word.dropFirst(2))
    } else {
      arguments.append(word)
    }
  }
  let options = try Options(
    arguments, "nrEe:f:sz", long: ["quiet": "n", "silent": "n", "expression": "e", "regexp-extended": "E", "file": "f"])
  var operands = options.operands
  var script = options.all("e").joined(separator: "\n")
  for file in options.all("f") { script += "\n" + String(decoding: try await context.contents(file), as: UTF8.self) }
  if !options.has("e"), !options.has("f") {
    guard !operands.isEmpty else { throw OptionProblem.missingOperand(nil) }
    script = operands.removeFirst()
  }
  let program: SedScript
  do { program = try SedScript(script, isExtended: options.has("E") || options.has("r")) } catch SedScript.Failure
    .message(let text)
  {
    return try await context.fail(busybox: text, gnu: "-e expression #1, char \(script.utf8.count): \(text)")
  }
  var status: Int32 = 0
  if let suffix = inPlace {
    for path in operands {
      do {
        let bytes = try context.process.readFile(path)
        let result = try await program.run(lines(bytes), silently: options.has("n"), process: context.process)
        if !suffix.isEmpty { try await put(bytes, path + suffix, context) }
        try await put(result.output, path, context)
      } catch let error as Errno {
        status = try await context.fail(
          busybox: "\(path): \(context.reason(error))", gnu: "can't read \(path): \(context.reason(error))",
          context.isGNU ? 2 : 1)
      }
    }
    return status
  }
  var input: [[UInt8]] = []
  for path in operands.isEmpty ? ["-"] : operands {
    do { input += lines(try await context.contents(path)) } catch let error as Errno {
      status = try await context.fail(
        busybox: "\(path): \(context.reason(error))", gnu: "can't read \(path): \(context.reason(error))",
        context.isGNU ? 2 : 1)
    }
  }
  let result = try await program.run(input, silently: options.has("n"), process: context.process)
  try await context.write(result.output)
  return result.status != 0 ? result.status : status
}

/// Writes a whole file.
func put(_ bytes: [UInt8], _ path: String, _ context: ProgramContext) async throws {
  let fd = try context.process.open(path, .write)
  defer { context.process.close(fd) }
  try await context.process.write(fd, bytes)
}
