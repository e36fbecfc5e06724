import Runtime
import Seams

extension Shell {
  func runExport(_ words: [String], isReadOnly: Bool) async throws -> Int32 {
    var operands = Array(words.dropFirst())
    var removes = false
    if let first = operands.first, first == "-p" || first == "-n" || first == "-f" {
      removes = first == "-n"
      operands.removeFirst()
      if first == "-f" { return 0 }
    }
    if operands.isEmpty {
      let word = dialect == .bash ? (isReadOnly ? "declare -r" : "declare -x") : (isReadOnly ? "readonly" : "export")
      for (name, variable) in state.variables.sorted(by: { $0.key < $1.key }) {
        guard isReadOnly ? variable.isReadOnly : variable.isExported else { continue }
        let value = variable.value.map { dialect == .bash ? "=\"\($0)\"" : "=" + singleQuoted($0) } ?? ""
        try await write(1, "\(word) \(name)\(value)\n")
      }
      return 0
    }
    for operand in operands {
      let equals = operand.firstIndex(of: "=")
      let name = String(operand[..<(equals ?? operand.endIndex)])
      guard isName(name) else {
        let text =
          dialect == .bash
          ? "`\(operand)': not a valid identifier" : "\(operand.prefix { $0 != "=" }): bad variable name"
        if dialect == .bash { return try await complain(text, 1) }
        throw ShellFlow.failed(try await complain(text, 2))
      }
      if let equals {
        let old = speaker
        speaker = dialect == .ash ? speaker : nil
        try await assign(name, String(operand[operand.index(after: equals)...]))
        speaker = old
      }
      if isReadOnly {
        state.variables[name, default: ShellVariable()].isReadOnly = true
      } else {
        state.variables[name, default: ShellVariable()].isExported = !removes
      }
    }
    return 0
  }

  func singleQuoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\"'\"'") + "'"
  }

  func runLocal(_ words: [String]) async throws -> Int32 {
    guard !state.locals.isEmpty else {
      if dialect == .bash { return try await complain("can only be used in a function", 1) }
      throw ShellFlow.exit(try await complain("not in a function", 2))
    }
    for word in words.dropFirst() where !word.hasPrefix("-") {
      let equals = word.firstIndex(of: "=")
      let name = String(word[..<(equals ?? word.endIndex)])
      guard isName(name) else { return try await complain("\(name): bad variable name", 2) }
      state.locals[state.locals.count - 1].append((name, state.variables[name]))
      if let equals {
        try await assign(name, String(word[word.index(after: equals)...]))
      } else if dialect != .dash {
        state.variables[name]?.value = nil
      }
    }
    return 0
  }

  /// declare and typeset (bash), as far as there are no arrays.
  func runDeclare(_ words: [String]) async throws -> Int32 {
    var letters: Set<Character> = []
    var operands: [String] = []
    for word in words.dropFirst() {
      if word.hasPrefix("-"), word.count > 1 { letters.formUnion(word.dropFirst()) } else { operands.append(word) }
    }
    if letters.contains("a") || letters.contains("A") {
      return try await complain("-a: arrays are beyond the simulated shell", 2)
    }
    if letters.contains("f") || letters.contains("F") {
      for name in operands where state.functions[name] == nil { return 1 }
      return 0
    }
    if operands.isEmpty {
      for (name, variable) in state.variables.sorted(by: { $0.key < $1.key }) {
        guard let value = variable.value, !letters.contains("x") || variable.isExported else { continue }
        let flags = (variable.isReadOnly ? "r" : "") + (variable.isExported ? "x" : "")
        try await write(1, "declare -\(flags.isEmpty ? "-" : flags) \(name)=\"\(value)\"\n")
      }
      return 0
    }
    if !state.locals.isEmpty, !letters.contains("g") {
      let status = try await runLocal([words[0]] + operands)
      if status != 0 { return status }
    }
    for operand in operands {
      let name = String(operand.prefix { $0 != "=" })
      guard isName(name) else { return try await complain("`\(operand)': not a valid identifier", 1) }
      if let equals = operand.firstIndex(of: "=") {
        try await assign(name, String(operand[operand.index(after: equals)...]))
      }
      if letters.contains("x") { state.variables[name, default: ShellVariable()].isExported = true }
      if letters.contains("r") { state.variables[name, default: ShellVariable()].isReadOnly = true }
    }
    return 0
  }

  func runUnset(_ words: [String]) async throws -> Int32 {
    var isFunction = false
    for word in words.dropFirst() {
      if word == "-f" || word == "-v" {
        isFunction = word == "-f"
      } else if isFunction {
        state.functions[word] = nil
      } else {
        guard isName(word) else { throw ShellFlow.failed(try await complain("\(word): bad variable name", 2)) }
        if state.variables[word]?.isReadOnly == true {
          if dialect == .bash { return try await complain("\(word): cannot unset: readonly variable", 1) }
          throw ShellFlow.failed(try await complain("\(word): is read only", 2))
        }
        if state.variables.removeValue(forKey: word) == nil, dialect == .bash { state.functions[word] = nil }
      }
    }
    return 0
  }

  static let longOptions: [(name: String, letter: Character)] = [
    ("errexit", "e"), ("noglob", "f"), ("ignoreeof", "I"), ("monitor", "m"), ("noexec", "n"), ("xtrace", "x"),
    ("verbose", "v"), ("noclobber", "C"), ("allexport", "a"), ("notify", "b"), ("nounset", "u"), ("vi", "V"),
    ("pipefail", "P"),
  ]

  /// `set`: options and positional parameters.
  func runSet(_ words: [String]) async throws -> Int32 {
    if words.count == 1 {
      for (name, variable) in state.variables.sorted(by: { $0.key < $1.key }) {
        guard let value = variable.value else { continue }
        try await write(1, "\(name)=\(dialect == .bash ? quoted(value) : singleQuoted(value))\n")
      }
      return 0
    }
    var index = 1
    while index < words.count {
      let word = words[index]
      if word == "--" || word == "-" {
        index += 1
        state.positional = Array(words[index...])
        return 0
      }
      guard word.hasPrefix("-") || word.hasPrefix("+"), word.count > 1 else { break }
      let isOn = word.hasPrefix("-")
      for letter in word.dropFirst() {
        if letter == "o" {
          index += 1
          guard index < words.count else {
            for (name, letter) in Self.longOptions {
              try await write(1, "\(name.padded(16))\(state.options.contains(letter) ? "on" : "off")\n")
            }
            return 0
          }
          guard let option = Self.longOptions.first(where: { $0.name == words[index] }) else {
            let text = dialect == .bash ? "\(words[index]): invalid option name" : "illegal option -o \(words[index])"
            throw ShellFlow.failed(try await complain(text, 2))
          }
          setOption(option.letter, isOn)
        } else if "abCefhmnuvx".contains(letter) {
          setOption(letter, isOn)
        } else if dialect == .bash, "BEHPTkpt".contains(letter) {
          continue
        } else {
          throw ShellFlow.failed(try await complain("illegal option \(isOn ? "-" : "+")\(letter)", 2))
        }
      }
      index += 1
    }
    if index < words.count { state.positional = Array(words[index...]) }
    return 0
  }

  private func setOption(_ letter: Character, _ isOn: Bool) {
    if isOn { state.options.insert(letter) } else { state.options.remove(letter) }
  }

  /// `read`: one line, split by IFS into the variables.
  func runRead(_ words: [String]) async throws -> Int32 {
    var names: [String] = []
    var isRaw = false
    var prompt = ""
    var limit: Int?
    var delimiter: UInt8 = 10
    var timeout: UInt64?
    var fd = 0
    var index = 1
    while index < words.count {
      let word = words[index]
      if names.isEmpty, word.hasPrefix("-"), word.count > 1 {
        var letters = Substring(word.dropFirst())
        while let letter = letters.popFirst() {
          if letter == "r" || letter == "s" || letter == "e" {
            if letter == "r" { isRaw = true }
            continue
          }
          var value = String(letters)
          letters = ""
          if value.isEmpty, "pntduN".contains(letter) {
            index += 1
            value = index < words.count ? words[index] : ""
          }
          switch letter {
          case "p": prompt = value
          case "n", "N": limit = max(0, Int(value) ?? 0)
          case "d": delimiter = value.utf8.first ?? 0
          case "u": fd = Int(value) ?? 0
          case "t": timeout = Seconds.parse(value)
          default: return try await complain("Illegal option -\(letter)", 2)
          }
        }
      } else {
        names.append(word)
      }
      index += 1
    }
    for name in names where !isName(name) { return try await complain("\(name): bad variable name", 2) }
    if !prompt.isEmpty { try await write(2, prompt) }
    guard let descriptor = descriptors[fd] else { return try await complain("\(fd): Bad file descriptor", 1) }
    try await settle()
    var line: [ShellGlyph] = []
    var isAtEnd = false
    _ = timeout
    while line.count < min(limit ?? 1 << 20, 1 << 20) {
      guard let byte = try await readByte(descriptor) else {
        isAtEnd = true
        break
      }
      if byte == delimiter { break }
      if byte == UInt8(ascii: "\\"), !isRaw {
        guard let next = try await readByte(descriptor) else {
          isAtEnd = true
          break
        }
        if next != 10 { line.append(ShellGlyph(byte: next, isQuoted: true, isSplittable: false)) }
      } else if byte != 0 {
        line.append(ShellGlyph(byte: byte, isQuoted: false, isSplittable: true))
      }
    }
    hasWaited()
    try await assignRead(line, names.isEmpty ? ["REPLY"] : names, isPlain: names.isEmpty)
    return isAtEnd ? 1 : 0
  }

  private func readByte(_ descriptor: Int) async throws -> UInt8? {
    while true {
      do {
        return try await process.read(descriptor, 1)?.first
      } catch let error as Errno where error == .EINTR {
        try await runTraps()
      } catch let error as Errno {
        throw ShellFlow.failed(try await complain("read error: \(describe(error, process))", 1))
      }
    }
  }

  private func assignRead(_ line: [ShellGlyph], _ names: [String], isPlain: Bool) async throws {
    let separators = Array((state.value("IFS") ?? " \t\n").utf8)
    func isBlank(_ glyph: ShellGlyph) -> Bool {
      glyph.isSplittable && separators.contains(glyph.byte) && (glyph.byte == 32 || glyph.byte == 9 || glyph.byte == 10)
    }
    func isMark(_ glyph: ShellGlyph) -> Bool {
      glyph.isSplittable && separators.contains(glyph.byte) && !isBlank(glyph)
    }
    func text(_ slice: ArraySlice<ShellGlyph>) -> String { String(decoding: slice.map(\.byte), as: UTF8.self) }
    var rest = line[...]
    if isPlain {
      try await assign(names[0], text(rest))
      return
    }
    rest = rest.drop(while: isBlank)
    for (index, name) in names.enumerated() {
      if index == names.count - 1 {
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        // A single separator at the very end belongs to the field before it.
        if let last = rest.last, isMark(last), !rest.dropLast().contains(where: isMark) { rest.removeLast() }
        try await assign(name, text(rest))
        return
      }
      let field = rest.prefix { !isBlank($0) && !isMark($0) }
      try await assign(name, text(field))
      rest = rest.dropFirst(field.count).drop(while: isBlank)
      if let first = rest.first, isMark(first) { rest = rest.dropFirst().drop(while: isBlank) }
    }
  }

  /// `getopts`.
  func runGetopts(_ words: [String]) async throws -> Int32 {
    guard words.count > 2 else { return try await complain("Usage: getopts optstring var [arg]", 2) }
    let (options, name) = (words[1], words[2])
    let arguments = words.count > 3 ? Array(words.dropFirst(3)) : state.positional
    let isSilent = options.hasPrefix(":")
    func finish(_ letter: String, _ status: Int32) async throws -> Int32 {
      let (index, offset) = (state.optionIndex, state.optionOffset)
      try await assign("OPTIND", String(index))
      (state.optionIndex, state.optionOffset) = (index, offset)
      try await assign(name, letter)
      return status
    }
    var index = max(1, state.optionIndex)
    guard index <= arguments.count else { return try await finish("?", 1) }
    let word = Array(arguments[index - 1])
    if state.optionOffset == 0 {
      guard word.count > 1, word[0] == "-" else { return try await finish("?", 1) }
      if word == ["-", "-"] {
        state.optionIndex = index + 1
        return try await finish("?", 1)
      }
      state.optionOffset = 1
    }
    guard state.optionOffset < word.count else { return try await finish("?", 1) }
    let letter = word[state.optionOffset]
    state.optionOffset += 1
    let position = options.firstIndex(of: letter)
    if letter == ":" || position == nil {
      if state.optionOffset >= word.count { (state.optionIndex, state.optionOffset) = (index + 1, 0) }
      if isSilent {
        try await assign("OPTARG", String(letter))
      } else {
        try await write(2, "Illegal option -\(letter)\n")
        state.variables["OPTARG"] = nil
      }
      return try await finish("?", 0)
    }
    let takesValue =
      position.map { options.index(after: $0) }.map { $0 < options.endIndex && options[$0] == ":" } ?? false
    if takesValue {
      if state.optionOffset < word.count {
        try await assign("OPTARG", String(word[state.optionOffset...]))
        index += 1
      } else if index < arguments.count {
        try await assign("OPTARG", arguments[index])
        index += 2
      } else {
        (state.optionIndex, state.optionOffset) = (index + 1, 0)
        if isSilent {
          try await assign("OPTARG", String(letter))
          return try await finish(":", 0)
        }
        try await write(2, "No arg for -\(letter) option\n")
        return try await finish("?", 0)
      }
      (state.optionIndex, state.optionOffset) = (index, 0)
    } else {
      state.variables["OPTARG"] = nil
      if state.optionOffset >= word.count { (state.optionIndex, state.optionOffset) = (index + 1, 0) }
    }
    return try await finish(String(letter), 0)
  }
}
