import Runtime
import Seams

/// A byte of an expanded word, and how it came there.
struct ShellGlyph {
  var byte: UInt8
  /// It stands for itself: no splitting, no globbing.
  var isQuoted: Bool
  /// It comes from an expansion, so fields are split there.
  var isSplittable: Bool
}

/// A word after expansion, before splitting: `"$@"` makes several.
struct ShellField {
  var glyphs: [ShellGlyph] = []
  /// Something was quoted, so the field exists although it is empty.
  var isQuoted = false

  mutating func add(_ bytes: some Sequence<UInt8>, quoted: Bool, splittable: Bool = false) {
    for byte in bytes { glyphs.append(ShellGlyph(byte: byte, isQuoted: quoted, isSplittable: splittable && !quoted)) }
    if quoted { isQuoted = true }
  }
  var text: String { String(decoding: glyphs.map(\.byte), as: UTF8.self) }
  var pattern: GlobPattern { GlobPattern(glyphs.map(\.byte), isQuoted: glyphs.map(\.isQuoted)) }
}

extension Shell {
  /// Expanded words together may be this large; beyond it the shell gives up (ENOMEM).
  private static let maximumSize = 1 << 24

  // MARK: Words

  /// All expansions of a command's words: parameters, commands, arithmetic, fields, path names.
  /// With `keepsAssignments`, words such as `x=$y` are not split (arguments of `export`).
  func expand(_ words: [ShellWord], keepsAssignments: Bool = false) async throws -> [String] {
    var result: [String] = []
    result.reserveCapacity(words.count)
    for word in words {
      if let plain = word.plain, !plain.isEmpty, !plain.utf8.contains(where: { "*?[{".utf8.contains($0) }) {
        result.append(plain)
        continue
      }
      if keepsAssignments, case .literal(let bytes)? = word.parts.first,
        let equals = bytes.firstIndex(of: UInt8(ascii: "=")),
        isName(String(decoding: bytes[..<equals], as: UTF8.self))
      {
        result.append(try await expandToString(word, isAssignment: true))
        continue
      }
      for word in dialect == .bash ? braces(word) : [word] {
        for field in split(try await fields(of: word.parts, isQuoted: false)) {
          result += state.options.contains("f") ? [field.text] : pathNames(field)
        }
      }
      if result.count > 1_000_000 { throw Errno.E2BIG }
    }
    return result
  }

  /// One word as one text: no splitting, no path names.
  func expandToString(_ word: ShellWord, isAssignment: Bool = false) async throws -> String {
    if let plain = word.plain { return plain }
    let parts = isAssignment ? withTildes(word.parts) : word.parts
    return try await fields(of: parts, isQuoted: false, joins: true).map(\.text).joined(separator: " ")
  }

  /// One word as a pattern: what was quoted stands for itself.
  func expandToPattern(_ word: ShellWord) async throws -> GlobPattern {
    if let plain = word.plain { return GlobPattern(plain) }
    var all = ShellField()
    for (index, field) in try await fields(of: word.parts, isQuoted: false, joins: true).enumerated() {
      if index > 0 { all.add([32], quoted: true) }
      all.glyphs += field.glyphs
    }
    return all.pattern
  }

  /// `export X=~/y`: the tilde behind the first equals sign.
  private func withTildes(_ parts: [ShellWordPart]) -> [ShellWordPart] {
    guard case .literal(let bytes)? = parts.first, let equals = bytes.firstIndex(of: UInt8(ascii: "=")),
      equals + 1 < bytes.count, bytes[equals + 1] == UInt8(ascii: "~")
    else { return parts }
    let rest = bytes[(equals + 2)...]
    let user = rest.prefix { $0 != UInt8(ascii: "/") }
    return [.literal(Array(bytes[...equals])), .tilde(Array(user)), .literal(Array(rest.dropFirst(user.count)))]
      + parts.dropFirst()
  }

  /// `a{b,c}d` (bash), in literal text only; also `{1..5}`.
  private func braces(_ word: ShellWord) -> [ShellWord] {
    guard word.parts.count == 1, case .literal(let bytes) = word.parts[0],
      let open = bytes.firstIndex(of: UInt8(ascii: "{")),
      let close = bytes[open...].firstIndex(of: UInt8(ascii: "}"))
    else { return [word] }
    let inner = bytes[(open + 1)..<close]
    var choices: [[UInt8]] = inner.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map(Array.init)
    if choices.count < 2 {
      let text = String(decoding: inner, as: UTF8.self)
      guard let dots = text.utf8.firstIndex(of: UInt8(ascii: ".")), text[dots...].hasPrefix(".."),
        let first = Int(text[..<dots]), let last = Int(text[dots...].dropFirst(2)),
        first.subtractingReportingOverflow(last).partialValue.magnitude < 10_000
      else { return [word] }
      let numbers = first <= last ? Array(first...last) : Array((last...first).reversed())
      choices = numbers.map { Array(String($0).utf8) }
    }
    let (head, tail) = (bytes[..<open], bytes[(close + 1)...])
    return choices.map { ShellWord(parts: [.literal(Array(head) + $0 + Array(tail))]) }
  }

  // MARK: Parts

  /// The fields that parts of a word expand to. With `joins`, `"$@"` is one text.
  private func fields(of parts: [ShellWordPart], isQuoted: Bool, joins: Bool = false) async throws -> [ShellField] {
    var done: [ShellField] = []
    var field = ShellField()
    for part in parts {
      switch part {
      case .literal(let bytes): field.add(bytes, quoted: isQuoted)
      case .quoted(let bytes):
        field.add(bytes, quoted: true)
        field.isQuoted = true
      case .tilde(let user):
        if let home = home(of: String(decoding: user, as: UTF8.self)) {
          field.add(home.utf8, quoted: true)
        } else {
          field.add([UInt8(ascii: "~")] + user, quoted: false)
        }
      case .doubleQuoted(let inner):
        let inside = try await fields(of: inner, isQuoted: true, joins: joins)
        // "$@" without parameters is no field at all; anything else in quotes is one.
        if inside.isEmpty { continue }
        field.glyphs += inside[0].glyphs
        field.isQuoted = true
        for next in inside.dropFirst() {
          done.append(field)
          field = next
          field.isQuoted = true
        }
      case .command(let node):
        let output = try await substitute(node)
        field.add(output, quoted: isQuoted, splittable: true)
      case .arithmetic(let inner):
        let text = try await fields(of: inner, isQuoted: true, joins: true).map(\.text).joined(separator: " ")
        field.add(String(try await arithmetic(text)).utf8, quoted: isQuoted, splittable: true)
      case .parameter(let parameter):
        let expanded = try await expand(parameter, isQuoted: isQuoted, joins: joins)
        if expanded.isEmpty {
          if isQuoted, parts.count == 1 { return [] }
          continue
        }
        field.glyphs += expanded[0].glyphs
        field.isQuoted = field.isQuoted || expanded[0].isQuoted
        for next in expanded.dropFirst() {
          done.append(field)
          field = next
        }
      }
      if field.glyphs.count > Self.maximumSize { throw Errno.ENOMEM }
    }
    if isQuoted { field.isQuoted = true }
    done.append(field)
    return done
  }

  private func home(of user: String) -> String? {
    if user.isEmpty { return state.value("HOME") }
    guard let text = try? process.readFile("/etc/passwd") else { return nil }
    for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      if fields.count > 5, fields[0] == user { return String(fields[5]) }
    }
    return nil
  }

  /// A parameter's value without any operation; nil when it is not set.
  func parameter(_ name: String) -> String? {
    switch name {
    case "?": String(state.lastStatus)
    case "$": String(state.shellPID)
    case "!": state.lastBackground.map(String.init) ?? ""
    case "#": String(state.positional.count)
    case "0": state.name
    case "-": String(optionLetters)
    case "@", "*":
      state.positional.isEmpty
        ? nil : state.positional.joined(separator: name == "*" ? fieldSeparator : " ")
    default:
      if let index = Int(name) {
        index >= 1 && index <= state.positional.count ? state.positional[index - 1] : nil
      } else {
        switch name {
        case "RANDOM" where dialect != .dash:
          state.value(name) ?? String(nextRandom())
        case "SECONDS" where dialect == .bash: "0"
        case "LINENO": String(state.line)
        case "UID" where dialect == .bash, "EUID" where dialect == .bash: String(process.uid)
        case "HOSTNAME" where dialect == .bash: state.value(name) ?? process.hostname
        case "PPID": String(process.parentPID)
        default: state.value(name)
        }
      }
    }
  }

  /// Chance without chance: a linear congruence over the time and what was asked before.
  private func nextRandom() -> Int {
    let old = UInt64(state.value("_RANDOM") ?? "") ?? (process.unixTime / 1000 &+ UInt64(process.pid))
    let next = old &* 1_103_515_245 &+ 12345
    state.variables["_RANDOM"] = ShellVariable(value: String(next))
    return Int(next >> 16 & 0x7fff)
  }

  var optionLetters: [Character] {
    state.options.filter { $0 != "P" }.sorted() + (state.isInteractive ? ["i"] : [])
      + (isCommand && dialect == .ash ? ["c"] : [])
  }

  private var fieldSeparator: String {
    guard let ifs = state.value("IFS") else { return " " }
    return String(ifs.unicodeScalars.prefix(1).map(Character.init))
  }

  private func expand(_ parameter: ShellParameter, isQuoted: Bool, joins: Bool) async throws -> [ShellField] {
    let name = parameter.name
    var value = self.parameter(name)
    if case .indirect = parameter.operation {
      guard let target = value else { return [] }
      return try await expand(ShellParameter(name: target), isQuoted: isQuoted, joins: joins)
    }
    func isMissing(_ colon: Bool) -> Bool { value == nil || (colon && value == "") }
    func word(_ word: ShellWord) async throws -> [ShellField] {
      let expanded = try await fields(of: word.parts, isQuoted: isQuoted, joins: joins)
      guard !isQuoted else { return expanded }
      // Text of the word itself splits like any expansion.
      return expanded.map { field in
        var field = field
        for index in field.glyphs.indices where !field.glyphs[index].isQuoted {
          field.glyphs[index].isSplittable = true
        }
        return field
      }
    }
    switch parameter.operation {
    case .useDefault(let other, let colon): if isMissing(colon) { return try await word(other) }
    case .alternative(let other, let colon):
      if isMissing(colon) { value = "" } else { return try await word(other) }
    case .assignDefault(let other, let colon):
      if isMissing(colon) {
        let text = try await expandToString(other)
        guard isName(name) else { throw ShellFlow.failed(try await complain("\(name): bad variable name", 2)) }
        try await assign(name, text)
        value = text
      }
    case .error(let message, let colon):
      if isMissing(colon) {
        let fallback =
          dialect == .bash
          ? "parameter \(colon ? "null or " : "")not set"
          : "parameter not set\(colon && dialect == .dash ? " or null" : "")"
        let text: String
        if let message { text = try await expandToString(message) } else { text = fallback }
        let old = speaker
        speaker = nil
        let status = try await complain("\(name): \(text)", dialect == .bash ? 127 : 2)
        speaker = old
        throw ShellFlow.failed(status)
      }
    default: break
    }
    if value == nil, state.options.contains("u"), name != "@", name != "*", !isTolerant(parameter.operation) {
      let message = dialect == .bash ? "unbound variable" : "parameter not set"
      throw ShellFlow.failed(try await complain("\(name): \(message)", dialect == .bash ? 127 : 2))
    }
    if name == "@" || name == "*", case .plain = parameter.operation {
      return positionalFields(name, isQuoted: isQuoted, joins: joins)
    }
    guard let value else {
      if case .length = parameter.operation { return [field("0", isQuoted)] }
      return isQuoted ? [field("", true)] : []
    }
    return [field(try await changed(value, parameter), isQuoted)]
  }

  private func isTolerant(_ operation: ShellParameter.Operation) -> Bool {
    switch operation {
    case .useDefault, .assignDefault, .error, .alternative: true
    default: false
    }
  }

  private func field(_ text: String, _ isQuoted: Bool) -> ShellField {
    var field = ShellField()
    field.add(text.utf8, quoted: isQuoted, splittable: true)
    if isQuoted { field.isQuoted = true }
    return field
  }

  private func positionalFields(_ name: String, isQuoted: Bool, joins: Bool) -> [ShellField] {
    guard !state.positional.isEmpty else { return isQuoted && name == "*" ? [field("", true)] : [] }
    if isQuoted, name == "*" { return [field(state.positional.joined(separator: fieldSeparator), true)] }
    if joins { return [field(state.positional.joined(separator: " "), isQuoted)] }
    return state.positional.map { field($0, isQuoted) }
  }

  /// `#`, `##`, `%`, `%%`, `/`, `:`, `^` and length.
  private func changed(_ value: String, _ parameter: ShellParameter) async throws -> String {
    let bytes = Array(value.utf8)
    func text(_ slice: some Sequence<UInt8>) -> String { String(decoding: Array(slice), as: UTF8.self) }
    switch parameter.operation {
    case .length:
      if parameter.name == "@" || parameter.name == "*" { return String(state.positional.count) }
      return String(value.unicodeScalars.count)
    case .removePrefix(let word, let longest):
      let pattern = try await expandToPattern(word)
      guard let end = pattern.matchEnd(bytes, from: 0, longest: longest) else { return value }
      return text(bytes[end...])
    case .removeSuffix(let word, let longest):
      let pattern = try await expandToPattern(word)
      let starts = longest ? Array(0...bytes.count) : Array((0...bytes.count).reversed())
      for start in starts where pattern.matches(bytes[start...]) { return text(bytes[..<start]) }
      return value
    case .replace(let word, let with, let all):
      var patternWord = word
      var anchor: UInt8?
      if !all, dialect == .bash, case .literal(let literal)? = word.parts.first, let first = literal.first,
        first == UInt8(ascii: "#") || first == UInt8(ascii: "%")
      {
        anchor = first
        patternWord.parts[0] = .literal(Array(literal.dropFirst()))
      }
      let pattern = try await expandToPattern(patternWord)
      let replacement = Array(try await expandToString(with).utf8)
      if anchor == UInt8(ascii: "%") {
        for start in 0...bytes.count where pattern.matches(bytes[start...]) {
          return text(bytes[..<start] + replacement)
        }
        return value
      }
      var result: [UInt8] = []
      var index = 0
      while index < bytes.count {
        if let end = pattern.matchEnd(bytes, from: index, longest: true), end > index {
          result += replacement
          index = end
          if !all { break }
        } else if anchor != nil {
          break
        } else {
          result.append(bytes[index])
          index += 1
        }
      }
      return text(result + bytes[index...])
    case .substring(let offset, let length):
      let scalars = Array(value.unicodeScalars)
      var start = try await arithmetic(try await expandToString(offset))
      if start < 0 { start += Int64(scalars.count) }
      guard start >= 0, start <= Int64(scalars.count) else { return "" }
      var end = Int64(scalars.count)
      if let length {
        let count = try await arithmetic(try await expandToString(length))
        end = count < 0 ? end &+ count : min(end, start.addingReportingOverflow(count).partialValue)
        guard end >= start else { return "" }
      }
      var view = String.UnicodeScalarView()
      view.append(contentsOf: scalars[Int(start)..<Int(end)])
      return String(view)
    case .changeCase(let upper, let all):
      if all { return upper ? value.uppercased() : value.lowercased() }
      return (upper ? value.prefix(1).uppercased() : value.prefix(1).lowercased()) + value.dropFirst()
    default: return value
    }
  }

  // MARK: Substitutions

  /// `$(…)`: the output of a subshell without its last newlines.
  private func substitute(_ node: ShellNode?) async throws -> [UInt8] {
    guard let node else { return [] }
    let (reading, writing) = try process.pipe()
    let pid: Int
    do {
      if case .simple(let command) = node, command.words.isEmpty, command.assignments.isEmpty,
        command.redirections.count == 1, case .read = command.redirections[0].kind
      {
        // $(<file)
        process.close(writing)
        process.close(reading)
        let path = try await expandToString(command.redirections[0].target)
        guard let bytes = try? process.readFile(path) else {
          substitutionStatus = 1
          try await complain("can't open \(path): no such file")
          return []
        }
        return withoutNewlines(bytes)
      }
      pid = try await fork(stdio: [descriptor(0), writing, descriptor(2)]) { shell in
        try await shell.execute(node, isLast: true)
      }
    } catch {
      process.close(writing)
      process.close(reading)
      throw error
    }
    process.close(writing)
    var output: [UInt8] = []
    try await settle()
    while true {
      do {
        guard let bytes = try await process.read(reading, 65_536), !bytes.isEmpty else { break }
        output += bytes
        if output.count > Self.maximumSize { break }
      } catch let error as Errno where error == .EINTR {}
    }
    process.close(reading)
    substitutionStatus = try await waitForeground(pid)
    state.lastStatus = substitutionStatus ?? 0
    return withoutNewlines(output)
  }

  private func withoutNewlines(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    while bytes.last == 10 { bytes.removeLast() }
    return bytes.filter { $0 != 0 }
  }

  /// `$((…))`.
  func arithmetic(_ text: String) async throws -> Int64 {
    do {
      var expression = ShellArithmetic(
        text,
        get: { [self] name in parameter(name) },
        set: { [self] name, value in
          if state.variables[name]?.isReadOnly == true { throw ShellArithmeticError.readOnly(name) }
          state.variables[name, default: ShellVariable()].value = value
        })
      return try expression.evaluate()
    } catch let error as ShellArithmeticError {
      let message: String
      switch (error, dialect) {
      case (.divideByZero, .ash): message = "divide by zero"
      case (.divideByZero, .dash): message = "arithmetic expression: division by zero: \"\(text)\""
      case (.divideByZero, .bash): message = "\(trimmed(text)): division by 0 (error token is \"0\")"
      case (.readOnly(let name), _): message = "\(name): is read only"
      case (_, .ash): message = "arithmetic syntax error"
      case (_, .dash): message = "arithmetic expression: expecting primary: \"\(text)\""
      case (_, .bash): message = "\(trimmed(text)): syntax error: operand expected"
      }
      throw ShellFlow.failed(try await complain(message, dialect == .bash ? 1 : 2))
    }
  }

  // MARK: Fields and path names

  /// Field splitting by IFS.
  private func split(_ fields: [ShellField]) -> [ShellField] {
    let separators = Array((state.variables["IFS"]?.value ?? " \t\n").utf8)
    var result: [ShellField] = []
    for field in fields {
      guard field.glyphs.contains(where: { $0.isSplittable && separators.contains($0.byte) }) else {
        if !field.glyphs.isEmpty || field.isQuoted { result.append(field) }
        continue
      }
      var current = ShellField()
      var hasContent = false
      // After a separator that is no blank the next field exists even when it is empty.
      var index = 0
      let glyphs = field.glyphs
      func isBlank(_ glyph: ShellGlyph) -> Bool {
        glyph.isSplittable && separators.contains(glyph.byte)
          && (glyph.byte == 32 || glyph.byte == 9 || glyph.byte == 10)
      }
      func isMark(_ glyph: ShellGlyph) -> Bool {
        glyph.isSplittable && separators.contains(glyph.byte) && !isBlank(glyph)
      }
      while index < glyphs.count, isBlank(glyphs[index]) { index += 1 }
      while index < glyphs.count {
        let glyph = glyphs[index]
        if isBlank(glyph) || isMark(glyph) {
          result.append(current)
          current = ShellField()
          hasContent = false
          while index < glyphs.count, isBlank(glyphs[index]) { index += 1 }
          if index < glyphs.count, isMark(glyphs[index]) {
            index += 1
            while index < glyphs.count, isBlank(glyphs[index]) { index += 1 }
          }
        } else {
          current.glyphs.append(glyph)
          current.isQuoted = current.isQuoted || glyph.isQuoted
          hasContent = true
          index += 1
        }
      }
      if hasContent { result.append(current) }
    }
    return result
  }

  /// The files that a field names as a pattern; the field itself when there are none.
  private func pathNames(_ field: ShellField) -> [String] {
    guard field.glyphs.contains(where: { !$0.isQuoted && "*?[".utf8.contains($0.byte) }) else { return [field.text] }
    var components: [ShellField] = [ShellField()]
    for glyph in field.glyphs {
      if glyph.byte == UInt8(ascii: "/") {
        components.append(ShellField())
      } else {
        components[components.count - 1].glyphs.append(glyph)
      }
    }
    var paths = [""]
    for (index, component) in components.enumerated() {
      let pattern = component.pattern
      var next: [String] = []
      for path in paths {
        if component.glyphs.isEmpty {
          next.append(index < components.count - 1 ? path + "/" : path)
        } else if pattern.isPlain {
          let candidate = path + component.text
          if index == components.count - 1 {
            if (try? process.stat(candidate, followLinks: false)) != nil { next.append(candidate) }
          } else {
            next.append(candidate + "/")
          }
        } else {
          let names = (try? process.list(path.isEmpty ? "." : path)) ?? []
          let wantsHidden = component.glyphs.first?.byte == UInt8(ascii: ".")
          for name in names.sorted() where wantsHidden || !name.hasPrefix(".") {
            guard pattern.matches(name) else { continue }
            if index == components.count - 1 {
              next.append(path + name)
            } else if (try? process.stat(path + name, followLinks: true))?.kind == .directory {
              next.append(path + name + "/")
            }
          }
        }
        if next.count > 100_000 { break }
      }
      paths = next
    }
    return paths.isEmpty ? [field.text] : paths
  }
}
