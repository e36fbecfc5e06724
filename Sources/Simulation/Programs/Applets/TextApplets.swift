import Runtime
import Seams

/// echo, printf, cat, head, tail, wc, tee, seq, yes, and the like.
func addTextApplets(_ table: inout AppletTable) {
  table.add("true", "") { _ in 0 }
  table.add("false", "") { _ in 1 }
  table.add("echo", "[-neE] [ARG]...") { context in
    try await context.write(EchoText.text(context.arguments, .ash))
    return 0
  }
  table.add("printf", "FORMAT [ARG]...") { context in
    guard let format = context.arguments.first else { throw OptionProblem.missingOperand(nil) }
    let result = PrintfFormat(format, Array(context.arguments.dropFirst()))
    try await context.write(result.output)
    for text in result.complaints { try await context.fail(text) }
    return result.complaints.isEmpty ? 0 : 1
  }
  for name in ["test", "["] {
    table.add(name, "EXPRESSION") { context in
      var words = context.arguments
      if context.name == "[" {
        guard words.last == "]" else { return try await context.fail(busybox: "missing ]", gnu: "missing ']'", 2) }
        words.removeLast()
      }
      var test = ConditionTest(words, process: context.process) { context.process.isTerminal($0) }
      do { return try test.evaluate() ? 0 : 1 } catch ConditionError.badNumber(let word) {
        return try await context.fail(busybox: "\(word): bad number", gnu: "invalid integer '\(word)'", 2)
      } catch ConditionError.unknownOperator(let word) {
        return try await context.fail(
          busybox: "\(word): unknown operand", gnu: "'\(word)': binary operator expected", 2)
      } catch { return try await context.fail(busybox: "syntax error", gnu: "extra argument", 2) }
    }
  }
  table.add("cat", "[-nbvteA] [FILE]...") { context in
    let options = try Options(context.arguments, "nbvteAsuE", long: ["number": "n", "show-all": "A", "show-ends": "E"])
    let shows = options.has("v") || options.has("e") || options.has("t") || options.has("A")
    var number = 0
    var status: Int32 = 0
    for path in options.operands.isEmpty ? ["-"] : options.operands {
      do {
        if !options.has("n"), !options.has("b"), !shows, !options.has("E") {
          try await copy(path, context)
          continue
        }
        for line in lines(try await context.contents(path)) {
          if options.has("n") || (options.has("b") && !line.isEmpty) {
            number += 1
            try await context.print(String(number).leftPadded(6) + (context.isGNU ? "\t" : "\t"))
          }
          try await context.write(shows ? visible(line, tabs: options.has("t") || options.has("A")) : line)
          try await context.print(options.has("e") || options.has("A") || options.has("E") ? "$\n" : "\n")
        }
      } catch let error as Errno where error != .EPIPE {
        let reason = context.reason(error)
        status = try await context.fail(
          busybox: error == .EISDIR ? "read error: \(reason)" : "can't open '\(path)': \(reason)",
          gnu: "\(path): \(reason)")
      }
    }
    return status
  }
  table.add("tac", "[FILE]...") { context in
    for path in context.arguments.isEmpty ? ["-"] : context.arguments {
      for line in lines(try await context.contents(path)).reversed() { try await context.write(line + [10]) }
    }
    return 0
  }
  table.add("rev", "[FILE]...") { context in
    for path in context.arguments.isEmpty ? ["-"] : context.arguments {
      for line in lines(try await context.contents(path)) {
        try await context.printLine(String(String(decoding: line, as: UTF8.self).reversed()))
      }
    }
    return 0
  }
  table.add("nl", "[FILE]...") { context in
    var number = 0
    for path in context.arguments.isEmpty ? ["-"] : context.arguments {
      for line in lines(try await context.contents(path)) {
        if line.isEmpty {
          try await context.print("       \n")
        } else {
          number += 1
          try await context.print(String(number).leftPadded(6) + "\t")
          try await context.write(line + [10])
        }
      }
    }
    return 0
  }
  table.add("head", "[-n NUM] [-c NUM] [-q] [FILE]...", runHead)
  table.add("tail", "[-c|n [+]N] [-s SEC] [-F|f] [FILE]...", runTail)
  table.add("wc", "[-clwL] [FILE]...", runWc)
  table.add("tee", "[-ai] [FILE]...") { context in
    let options = try Options(context.arguments, "ai", long: ["append": "a"])
    var files: [Int] = []
    var status: Int32 = 0
    for path in options.operands {
      do { files.append(try context.process.open(path, options.has("a") ? .append : .write)) } catch let error as Errno
      {
        status = try await context.fail("\(path): \(context.reason(error))")
      }
    }
    while let bytes = try await context.process.read(context.input, 65_536), !bytes.isEmpty {
      try await context.write(bytes)
      try await context.flush()
      for file in files { try await context.process.write(file, bytes) }
    }
    for file in files { context.process.close(file) }
    return status
  }
  table.add("seq", "[-w] [-s SEP] [FIRST [INC]] LAST") { context in
    // Negative numbers are no options.
    let firstOperand = context.arguments.firstIndex { Double($0) != nil } ?? context.arguments.count
    let options = try Options(Array(context.arguments[..<firstOperand]), "ws:f:")
    let words = options.operands + context.arguments[firstOperand...]
    let numbers = words.map { Double($0) }
    guard (1...3).contains(words.count) else { throw OptionProblem.missingOperand(words.last) }
    if let bad = zip(words, numbers).first(where: { $0.1 == nil }) {
      return try await context.fail(
        busybox: "invalid number '\(bad.0)'", gnu: "invalid floating point argument: '\(bad.0)'")
    }
    let values = numbers.compactMap { $0 }
    let last = values[values.count - 1]
    let first = values.count > 1 ? values[0] : 1
    let step = values.count > 2 ? values[1] : 1
    guard step != 0 else { return try await context.fail("invalid Zero increment value: '0'") }
    let digits =
      words.map { $0.split(separator: ".", omittingEmptySubsequences: false).dropFirst().first?.count ?? 0 }.max() ?? 0
    let width = options.has("w") ? max(words[0].count, words[words.count - 1].count) : 0
    var index = 0.0
    while true {
      let value = first + index * step
      if step > 0 ? value > last + 1e-9 : value < last - 1e-9 { break }
      if index > 0 { try await context.print(options.value("s") ?? "\n") }
      let text = Decimal2.text(value, digits: digits)
      try await context.print(String(repeating: "0", count: max(0, width - text.count)) + text)
      index += 1
      if index.truncatingRemainder(dividingBy: 4096) == 0 { try await context.process.compute(100_000) }
    }
    if index > 0 { try await context.print("\n") }
    return 0
  }
  table.add("yes", "[STRING]") { context in
    let line = Array(((context.arguments.isEmpty ? ["y"] : context.arguments).joined(separator: " ") + "\n").utf8)
    var block: [UInt8] = []
    while block.count < 8192 { block += line }
    while true {
      try await context.process.write(context.output, block)
      try await context.process.compute(10_000)
    }
  }
  table.add("expr", "EXPRESSION", runExpr)
  table.add("basename", "FILE [SUFFIX]") { context in
    guard let path = context.arguments.first else { throw OptionProblem.missingOperand(nil) }
    var name = basename(path)
    if context.arguments.count > 1, name.hasSuffix(context.arguments[1]), name != context.arguments[1] {
      name.removeLast(context.arguments[1].count)
    }
    try await context.printLine(name)
    return 0
  }
  table.add("dirname", "FILENAME") { context in
    guard let path = context.arguments.first else { throw OptionProblem.missingOperand(nil) }
    try await context.printLine(folder(of: path))
    return 0
  }
}

/// The lines of a text, without their newlines.
func lines(_ bytes: [UInt8]) -> [[UInt8]] {
  var lines = bytes.split(separator: 10, omittingEmptySubsequences: false).map(Array.init)
  if lines.last?.isEmpty == true { lines.removeLast() }
  return lines
}

/// All but the last component of a path.
func folder(of path: String) -> String {
  var path = Substring(path)
  while path.count > 1, path.hasSuffix("/") { path.removeLast() }
  guard let slash = path.lastIndex(of: "/") else { return "." }
  var folder = path[..<slash]
  while folder.count > 1, folder.hasSuffix("/") { folder.removeLast() }
  return folder.isEmpty ? "/" : String(folder)
}

/// A file to the standard output, piece by piece (a device or a pipe may never end).
private func copy(_ path: String, _ context: ProgramContext) async throws {
  var fd = context.input
  if path != "-" {
    if try context.process.stat(path, followLinks: true).kind == .directory { throw Errno.EISDIR }
    fd = try context.process.open(path, .read)
  }
  defer { if path != "-" { context.process.close(fd) } }
  while let bytes = try await context.process.read(fd, 65_536), !bytes.isEmpty {
    try await context.write(bytes)
    try await context.flush()
  }
}

private func visible(_ line: [UInt8], tabs: Bool) -> [UInt8] {
  var out: [UInt8] = []
  for byte in line {
    switch byte {
    case 9 where !tabs: out.append(byte)
    case 0..<32: out += [UInt8(ascii: "^"), byte + 64]
    case 127: out += Array("^?".utf8)
    case 128...: out += Array("M-".utf8) + visible([byte & 127], tabs: true)
    default: out.append(byte)
    }
  }
  return out
}

/// `-5` as `-n 5`.
private func withOldNumber(_ arguments: [String]) -> [String] {
  guard let first = arguments.first, first.hasPrefix("-"), first.count > 1, first.dropFirst().allSatisfy(\.isNumber)
  else { return arguments }
  return ["-n", String(first.dropFirst())] + arguments.dropFirst()
}

/// A count with its suffix: `10`, `2k`, `1M`.
func parseSize(_ text: String) -> Int64? {
  var digits = Substring(text)
  var unit: Int64 = 1
  if digits.hasSuffix("iB") {
    digits.removeLast(2)
  } else if digits.hasSuffix("B"), digits.count > 1 {
    digits.removeLast()
  }
  switch digits.last {
  case "b": unit = 512
  case "k", "K": unit = 1 << 10
  case "m", "M": unit = 1 << 20
  case "g", "G": unit = 1 << 30
  case "t", "T": unit = 1 << 40
  default: break
  }
  if unit > 1 { digits.removeLast() }
  guard let number = Int64(digits), number >= 0 else { return nil }
  let (value, overflow) = number.multipliedReportingOverflow(by: unit)
  return overflow ? nil : value
}

private let runHead: AppletBody = { context in
  let options = try Options(withOldNumber(context.arguments), "n:c:qv", long: ["lines": "n", "bytes": "c"])
  let isBytes = options.has("c")
  let text = options.value("c") ?? options.value("n") ?? "10"
  guard let count = parseSize(text.hasPrefix("-") ? String(text.dropFirst()) : text) else {
    return try await context.fail(busybox: "invalid number '\(text)'", gnu: "invalid number of lines: '\(text)'")
  }
  var status: Int32 = 0
  let paths = options.operands.isEmpty ? ["-"] : options.operands
  for (index, path) in paths.enumerated() {
    do {
      if paths.count > 1, !options.has("q") { try await context.print("\(index > 0 ? "\n" : "")==> \(path) <==\n") }
      if path == "-", !isBytes, !text.hasPrefix("-") {
        var left = count
        while left > 0, let line = try await context.readLine() {
          try await context.write(line + [10])
          left -= 1
        }
        continue
      }
      if isBytes, !text.hasPrefix("-") {
        // Devices never end: no more than what is asked for is read.
        let fd = path == "-" ? context.input : try context.process.open(path, .read)
        defer { if path != "-" { context.process.close(fd) } }
        var left = count
        while left > 0, let bytes = try await context.process.read(fd, Int(min(left, 65_536))), !bytes.isEmpty {
          try await context.write(bytes)
          left -= Int64(bytes.count)
        }
        continue
      }
      let bytes = try await context.contents(path)
      if isBytes {
        try await context.write(Array(bytes.dropLast(Int(clamping: count))))
      } else {
        let all = lines(bytes)
        let shown = text.hasPrefix("-") ? all.dropLast(Int(clamping: count)) : all.prefix(Int(clamping: count))
        for line in shown { try await context.write(line + [10]) }
      }
    } catch let error as Errno where error != .EPIPE {
      status = try await context.fail(
        busybox: "\(path): \(context.reason(error))", gnu: "cannot open '\(path)' for reading: \(context.reason(error))"
      )
    }
  }
  return status
}

private let runTail: AppletBody = { context in
  let options = try Options(
    withOldNumber(context.arguments), "n:c:fFqs:v", long: ["lines": "n", "bytes": "c", "follow": "f"])
  let isBytes = options.has("c")
  let text = options.value("c") ?? options.value("n") ?? "10"
  let fromStart = text.hasPrefix("+")
  guard let count = parseSize(String(text.drop { $0 == "+" || $0 == "-" })) else {
    return try await context.fail(busybox: "invalid number '\(text)'", gnu: "invalid number of lines: '\(text)'")
  }
  let paths = options.operands.isEmpty ? ["-"] : options.operands
  let follows = options.has("f") || options.has("F")
  var sizes: [String: Int] = [:]
  var status: Int32 = 0
  var shown = ""
  for path in paths {
    do {
      let bytes = try await tailInput(path, context)
      if paths.count > 1, !options.has("q") {
        try await context.print("\(shown.isEmpty ? "" : "\n")==> \(path) <==\n")
        shown = path
      }
      sizes[path] = bytes.count
      try await context.write(tailPart(bytes, count, isBytes: isBytes, fromStart: fromStart))
    } catch let error as Errno where error != .EPIPE {
      status = try await context.fail(
        busybox: "can't open '\(path)': \(context.reason(error))",
        gnu: "cannot open '\(path)' for reading: \(context.reason(error))")
      if options.has("F") { sizes[path] = 0 }
    }
  }
  guard follows, !sizes.isEmpty else {
    if sizes.isEmpty, !context.isGNU { return try await context.fail("no files") }
    return status
  }
  try await context.flush()
  while true {
    try await context.process.sleep(Seconds.parse(options.value("s") ?? "1") ?? Duration64.second)
    for path in paths where path != "-" {
      guard let old = sizes[path], let bytes = try? context.process.readFile(path), bytes.count != old else { continue }
      if bytes.count > old {
        if paths.count > 1, shown != path {
          try await context.print("\n==> \(path) <==\n")
          shown = path
        }
        try await context.write(Array(bytes[old...]))
      } else {
        try await context.fail(busybox: "file truncated", gnu: "\(path): file truncated", 0)
        try await context.write(bytes)
      }
      sizes[path] = bytes.count
    }
    try await context.flush()
  }
}

/// What tail has to hold. From a device without newlines that is all of it: `tail /dev/zero` fills the memory.
private func tailInput(_ path: String, _ context: ProgramContext) async throws -> [UInt8] {
  var fd = context.input
  if path != "-" {
    let info = try context.process.stat(path, followLinks: true)
    if info.kind == .file { return try context.process.readFile(path) }
    if info.kind == .directory { throw Errno.EISDIR }
    fd = try context.process.open(path, .read)
  }
  defer { if path != "-" { context.process.close(fd) } }
  var held: [UInt8] = []
  var total: Int64 = 0
  var newlines = 0
  while let bytes = try await context.process.read(fd, 1 << 20), !bytes.isEmpty {
    newlines += bytes.count { $0 == 10 }
    total += Int64(bytes.count)
    // Only the model's memory grows: what can not matter any more for the output is not kept.
    if held.count < 1 << 22 { held += bytes }
    if newlines == 0 {
      try context.process.allocate(Int64(bytes.count))
      try await context.process.compute(UInt64(bytes.count) / 4)
    }
  }
  return held
}

private func tailPart(_ bytes: [UInt8], _ count: Int64, isBytes: Bool, fromStart: Bool) -> [UInt8] {
  let count = Int(clamping: count)
  if isBytes { return Array(fromStart ? bytes.dropFirst(max(0, count - 1)) : bytes.suffix(count)) }
  var starts = [0]
  for (index, byte) in bytes.enumerated() where byte == 10 && index + 1 < bytes.count { starts.append(index + 1) }
  if fromStart { return max(0, count - 1) < starts.count ? Array(bytes[starts[max(0, count - 1)]...]) : [] }
  if count == 0 || bytes.isEmpty { return [] }
  return Array(bytes[starts[max(0, starts.count - count)]...])
}

private let runWc: AppletBody = { context in
  let options = try Options(context.arguments, "clwLm", long: ["lines": "l", "words": "w", "bytes": "c"])
  var shown: [Character] = []
  for letter in "lwmcL" where options.has(letter) { shown.append(letter) }
  if shown.isEmpty { shown = ["l", "w", "c"] }
  var totals = [Int](repeating: 0, count: shown.count)
  var rows: [([Int], String)] = []
  var status: Int32 = 0
  for path in options.operands.isEmpty ? ["-"] : options.operands {
    do {
      let bytes = try await context.contents(path)
      let counts = shown.map { letter -> Int in
        switch letter {
        case "l": bytes.count { $0 == 10 }
        case "w": bytes.split { $0 == 32 || (9...13).contains($0) }.count
        case "c": bytes.count
        case "m": String(decoding: bytes, as: UTF8.self).unicodeScalars.count
        default: lines(bytes).map(\.count).max() ?? 0
        }
      }
      for (index, count) in counts.enumerated() { totals[index] += count }
      rows.append((counts, options.operands.isEmpty ? "" : path))
    } catch let error as Errno {
      status = try await context.fail(
        busybox: "\(path): \(context.reason(error))", gnu: "\(path): \(context.reason(error))")
    }
  }
  if rows.count > 1 { rows.append((totals, "total")) }
  var width = context.isGNU ? String(totals.max() ?? 0).count : 9
  if context.isGNU, options.operands.isEmpty, shown.count > 1 { width = 7 }
  for (counts, name) in rows {
    let isAlone = counts.count == 1 && (rows.count == 1 || context.isGNU)
    let text = counts.map { isAlone ? String($0) : String($0).leftPadded(width) }.joined(separator: " ")
    try await context.printLine(name.isEmpty ? text : text + " " + name)
  }
  return status
}

private let runExpr: AppletBody = { context in
  var parser = ExprParser(context.arguments)
  do {
    let value = try parser.parse()
    try await context.printLine(value)
    return value.isEmpty || value == "0" ? 1 : 0
  } catch ExprParser.Failure.divideByZero {
    return try await context.fail("division by zero", 2)
  } catch ExprParser.Failure.notANumber {
    return try await context.fail(busybox: "non-numeric argument", gnu: "non-integer argument", 2)
  } catch { return try await context.fail("syntax error", 2) }
}

/// expr(1).
private struct ExprParser {
  enum Failure: Error { case syntax, divideByZero, notANumber }
  private let words: [String]
  private var position = 0
  private var depth = 0
  init(_ words: [String]) { self.words = words }

  mutating func parse() throws -> String {
    guard !words.isEmpty else { throw Failure.syntax }
    let value = try level(0)
    guard position == words.count else { throw Failure.syntax }
    return value
  }

  private static let levels: [[String]] = [
    ["|"], ["&"], ["=", "==", "!=", "<", "<=", ">", ">="], ["+", "-"], ["*", "/", "%"], [":"],
  ]

  private mutating func level(_ index: Int) throws -> String {
    guard index < Self.levels.count else { return try primary() }
    var left = try level(index + 1)
    while position < words.count, Self.levels[index].contains(words[position]) {
      let sign = words[position]
      position += 1
      left = try apply(left, sign, try level(index + 1))
    }
    return left
  }

  private mutating func primary() throws -> String {
    guard position < words.count else { throw Failure.syntax }
    depth += 1
    defer { depth -= 1 }
    guard depth < 100 else { throw Failure.syntax }
    let word = words[position]
    position += 1
    switch word {
    case "(":
      let value = try level(0)
      guard position < words.count, words[position] == ")" else { throw Failure.syntax }
      position += 1
      return value
    case "length" where position < words.count: return String(try primary().count)
    case "match" where position + 1 < words.count:
      let text = try primary()
      return try apply(text, ":", try primary())
    case "substr" where position + 2 < words.count:
      let text = Array(try primary())
      guard let start = Int(try primary()), let length = Int(try primary()), start >= 1, length > 0, start <= text.count
      else { return "" }
      return String(text[(start - 1)..<min(text.count, start - 1 + min(length, text.count))])
    default: return word
    }
  }

  private func apply(_ a: String, _ sign: String, _ b: String) throws -> String {
    switch sign {
    case "|": return a.isEmpty || a == "0" ? b : a
    case "&": return a.isEmpty || a == "0" || b.isEmpty || b == "0" ? "0" : a
    case ":":
      guard let expression = try? RegularExpression(b, isExtended: false),
        let match = expression.firstMatch(in: Array(a.utf8), from: 0), match.range.lowerBound == 0
      else { return b.contains("\\(") ? "" : "0" }
      if expression.groups > 0 {
        guard let group = match.groups[0] else { return "" }
        return String(decoding: Array(a.utf8)[group], as: UTF8.self)
      }
      return String(match.range.count)
    case "=", "==", "!=", "<", "<=", ">", ">=":
      let order: Int
      if let x = Int64(a), let y = Int64(b) {
        order = x < y ? -1 : x > y ? 1 : 0
      } else {
        order = a < b ? -1 : a > b ? 1 : 0
      }
      let isTrue: Bool
      switch sign {
      case "=", "==": isTrue = order == 0
      case "!=": isTrue = order != 0
      case "<": isTrue = order < 0
      case "<=": isTrue = order <= 0
      case ">": isTrue = order > 0
      default: isTrue = order >= 0
      }
      return isTrue ? "1" : "0"
    default:
      guard let x = Int64(a), let y = Int64(b) else { throw Failure.notANumber }
      switch sign {
      case "+": return String(x &+ y)
      case "-": return String(x &- y)
      case "*": return String(x &* y)
      default:
        guard y != 0 else { throw Failure.divideByZero }
        if y == -1 { return sign == "/" ? String(0 &- x) : "0" }
        return String(sign == "/" ? x / y : x % y)
      }
    }
  }
}
