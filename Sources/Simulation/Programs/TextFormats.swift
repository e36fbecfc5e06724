/// What echo prints.
enum EchoText {
  /// - Parameter dialect: dash interprets escapes always and knows only `-n`.
  static func text(_ arguments: [String], _ dialect: ShellDialect) -> [UInt8] {
    var hasNewline = true
    var decodes = dialect == .dash
    var operands = arguments[...]
    while let first = operands.first, first.hasPrefix("-"), first.count > 1 {
      if dialect == .dash {
        guard first == "-n" else { break }
      } else {
        guard first.dropFirst().allSatisfy({ "neE".contains($0) }) else { break }
      }
      for letter in first.dropFirst() {
        switch letter {
        case "n": hasNewline = false
        case "e": decodes = true
        default: decodes = false
        }
      }
      operands = operands.dropFirst()
      if dialect == .dash { break }
    }
    var bytes = Array(operands.joined(separator: " ").utf8)
    if decodes {
      let decoded = Escapes.decode(bytes, style: .echo)
      if decoded.stops { return decoded.bytes }
      bytes = decoded.bytes
    }
    if hasNewline { bytes.append(10) }
    return bytes
  }
}

/// The format of printf(1).
struct PrintfFormat {
  /// What goes to the standard output.
  private(set) var output: [UInt8] = []
  /// `invalid number 'abc'`, in order.
  private(set) var complaints: [String] = []
  private var arguments: ArraySlice<String>
  private var hasUsed = false
  private var isStopped = false

  init(_ format: String, _ arguments: [String]) {
    self.arguments = arguments[...]
    let bytes = Array(format.utf8)
    // The format is used again as long as arguments are left.
    repeat {
      hasUsed = false
      pass(bytes)
    } while !self.arguments.isEmpty && hasUsed && !isStopped && output.count < 1 << 24
  }

  private mutating func next() -> String? {
    hasUsed = true
    return arguments.popFirst()
  }

  private mutating func pass(_ format: [UInt8]) {
    var index = 0
    while index < format.count, !isStopped {
      let byte = format[index]
      if byte == UInt8(ascii: "\\") {
        var end = index + 2
        // Octal and hexadecimal digits belong to it.
        while end < format.count, end - index < 4, Escapes.hexDigit(format[end]) != nil { end += 1 }
        end = min(end, format.count)
        if index + 1 < format.count, format[index + 1] == UInt8(ascii: "c") {
          isStopped = true
          return
        }
        output += Escapes.decode(Array(format[index..<end]), style: .format).bytes
        index = end
        continue
      }
      guard byte == UInt8(ascii: "%"), index + 1 < format.count else {
        output.append(byte)
        index += 1
        continue
      }
      index += 1
      if format[index] == UInt8(ascii: "%") {
        output.append(byte)
        index += 1
        continue
      }
      index = directive(format, index)
    }
  }

  private mutating func directive(_ format: [UInt8], _ start: Int) -> Int {
    var index = start
    var flags: Set<UInt8> = []
    while index < format.count, "-+ #0".utf8.contains(format[index]) {
      flags.insert(format[index])
      index += 1
    }
    func number(_ self: inout PrintfFormat) -> Int? {
      if index < format.count, format[index] == UInt8(ascii: "*") {
        index += 1
        return self.next().flatMap { Int($0) } ?? 0
      }
      var value: Int?
      while index < format.count, (48...57).contains(format[index]) {
        value = min((value ?? 0) * 10 + Int(format[index]) - 48, 100_000)
        index += 1
      }
      return value
    }
    var width = number(&self) ?? 0
    if width < 0 {
      flags.insert(UInt8(ascii: "-"))
      width = min(-width, 100_000)
    }
    width = min(width, 100_000)
    var precision: Int?
    if index < format.count, format[index] == UInt8(ascii: ".") {
      index += 1
      precision = min(max(number(&self) ?? 0, 0), 100_000)
    }
    while index < format.count, "hlLqjzt".utf8.contains(format[index]) { index += 1 }
    guard index < format.count else {
      complaints.append("%\(String(decoding: format[start...], as: UTF8.self)): invalid format")
      isStopped = true
      return index
    }
    let kind = format[index]
    index += 1
    var text: [UInt8]
    switch kind {
    case UInt8(ascii: "s"): text = Array((next() ?? "").utf8)
    case UInt8(ascii: "b"):
      let decoded = Escapes.decode(Array((next() ?? "").utf8), style: .echo)
      text = decoded.bytes
      isStopped = decoded.stops
    case UInt8(ascii: "c"): text = Array((next() ?? "").utf8.prefix(1))
    case UInt8(ascii: "q"):
      let word = next() ?? ""
      let isPlain = !word.isEmpty && word.utf8.allSatisfy { isNameByte($0) || "-./:=@%+,".utf8.contains($0) }
      text = Array((isPlain ? word : "'" + word + "'").utf8)
    case UInt8(ascii: "d"), UInt8(ascii: "i"), UInt8(ascii: "u"), UInt8(ascii: "x"), UInt8(ascii: "X"),
      UInt8(ascii: "o"):
      let value = integer(next())
      text = digits(value, kind, flags, precision)
    case UInt8(ascii: "f"), UInt8(ascii: "F"), UInt8(ascii: "e"), UInt8(ascii: "g"), UInt8(ascii: "E"),
      UInt8(ascii: "G"):
      let word = next() ?? "0"
      let value = Double(trimmed(word)) ?? (integerOrNil(word).map(Double.init) ?? 0)
      if Double(trimmed(word)) == nil, integerOrNil(word) == nil { complaints.append("invalid number '\(word)'") }
      var shown = Decimal2.text(value, digits: precision ?? 6)
      if value >= 0, flags.contains(UInt8(ascii: "+")) { shown = "+" + shown }
      text = Array(shown.utf8)
    default:
      complaints.append("%\(String(decoding: [kind], as: UTF8.self)): invalid format")
      isStopped = true
      return index
    }
    if kind == UInt8(ascii: "s") || kind == UInt8(ascii: "b"), let precision, text.count > precision {
      text = Array(text.prefix(precision))
    }
    let fill = max(0, width - text.count)
    if flags.contains(UInt8(ascii: "-")) {
      output += text + Array(repeating: 32, count: fill)
    } else if flags.contains(UInt8(ascii: "0")), kind != UInt8(ascii: "s"),
      precision == nil || kind == UInt8(ascii: "f")
    {
      let hasSign = text.first == UInt8(ascii: "-") || text.first == UInt8(ascii: "+")
      output += (hasSign ? [text[0]] : []) + Array(repeating: 48, count: fill) + text.dropFirst(hasSign ? 1 : 0)
    } else {
      output += Array(repeating: 32, count: fill) + text
    }
    return index
  }

  private func integerOrNil(_ word: String) -> Int64? {
    var text = trimmed(word)
    if text.hasPrefix("'") || text.hasPrefix("\"") {
      return text.unicodeScalars.dropFirst().first.map { Int64($0.value) } ?? 0
    }
    var isNegative = false
    if text.hasPrefix("-") || text.hasPrefix("+") { isNegative = text.removeFirst() == "-" }
    guard let value = text.contains("#") ? nil : ShellArithmetic.parse(text) else { return nil }
    return isNegative ? 0 &- value : value
  }

  private mutating func integer(_ word: String?) -> Int64 {
    guard let word, !word.isEmpty else { return 0 }
    if let value = integerOrNil(word) { return value }
    complaints.append("invalid number '\(word)'")
    let prefix = word.prefix { $0.isNumber || $0 == "-" }
    return Int64(prefix) ?? 0
  }

  private func digits(_ value: Int64, _ kind: UInt8, _ flags: Set<UInt8>, _ precision: Int?) -> [UInt8] {
    var text: String
    switch kind {
    case UInt8(ascii: "x"): text = String(UInt64(bitPattern: value), radix: 16)
    case UInt8(ascii: "X"): text = String(UInt64(bitPattern: value), radix: 16).uppercased()
    case UInt8(ascii: "o"): text = String(UInt64(bitPattern: value), radix: 8)
    case UInt8(ascii: "u"): text = String(UInt64(bitPattern: value))
    default: text = String(value.magnitude)
    }
    if let precision, text.count < precision { text = String(repeating: "0", count: precision - text.count) + text }
    if flags.contains(UInt8(ascii: "#")), value != 0 {
      if kind == UInt8(ascii: "x") { text = "0x" + text }
      if kind == UInt8(ascii: "X") { text = "0X" + text }
      if kind == UInt8(ascii: "o") { text = "0" + text }
    }
    if kind == UInt8(ascii: "d") || kind == UInt8(ascii: "i") {
      if value < 0 {
        text = "-" + text
      } else if flags.contains(UInt8(ascii: "+")) {
        text = "+" + text
      } else if flags.contains(32) {
        text = " " + text
      }
    }
    return Array(text.utf8)
  }
}

/// Decimal fractions without Foundation.
enum Decimal2 {
  /// `%.Nf` of a number; exact enough for what people print.
  static func text(_ value: Double, digits: Int) -> String {
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    let digits = min(max(digits, 0), 15)
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let magnitude = value.magnitude
    let sign = value.sign == .minus ? "-" : ""
    guard magnitude * scale < 9e18 else { return sign + String(Int64(clamping: UInt64(min(magnitude, 1.8e19)))) }
    let scaled = UInt64((magnitude * scale).rounded(.toNearestOrEven))
    let whole = scaled / UInt64(scale)
    guard digits > 0 else { return sign + String(whole) }
    let fraction = String(scaled % UInt64(scale))
    return sign + String(whole) + "." + String(repeating: "0", count: digits - fraction.count) + fraction
  }
}

/// Durations as sleep(1) and timeout(1) read them.
enum Seconds {
  /// `1`, `0.5`, `2m`, `1h`, `1d`, `inf`: nanoseconds; nil for anything else.
  static func parse(_ text: String) -> UInt64? {
    var number = Substring(text)
    if number == "inf" || number == "infinity" { return .max / 4 }
    var unit = 1.0
    switch number.last {
    case "s": number.removeLast()
    case "m":
      unit = 60
      number.removeLast()
    case "h":
      unit = 3600
      number.removeLast()
    case "d":
      unit = 86_400
      number.removeLast()
    default: break
    }
    guard !number.isEmpty, number.utf8.allSatisfy({ (48...57).contains($0) || $0 == UInt8(ascii: ".") }),
      let value = Double(number)
    else { return nil }
    let nanoseconds = value * unit * 1e9
    return nanoseconds >= 4e18 ? .max / 4 : UInt64(nanoseconds)
  }
}

extension Shell {
  /// `printf`, the builtin.
  func runPrintf(_ words: [String]) async throws -> Int32 {
    var operands = Array(words.dropFirst())
    if operands.first == "--" { operands.removeFirst() }
    var variable: String?
    if dialect == .bash, operands.first == "-v", operands.count > 2 {
      variable = operands[1]
      operands.removeFirst(2)
    }
    guard let format = operands.first else {
      return try await complain(
        dialect == .dash ? "usage: printf format [arg ...]" : "usage: printf FORMAT [ARG]...", 2)
    }
    let result = PrintfFormat(format, Array(operands.dropFirst()))
    if let variable {
      try await assign(variable, String(decoding: result.output, as: UTF8.self))
      return 0
    }
    try await write(1, result.output)
    for text in result.complaints {
      switch dialect {
      case .ash:
        speaker = nil
        try await complain(text)
      case .dash: try await complain(text.replacingQuotes("expected numeric value"))
      case .bash: try await complain(text.replacingQuotes("invalid number"))
      }
    }
    return result.complaints.isEmpty ? 0 : 1
  }
}

extension String {
  /// `invalid number 'x'` as `x: reason`.
  fileprivate func replacingQuotes(_ reason: String) -> String {
    guard let first = firstIndex(of: "'"), let last = lastIndex(of: "'"), first < last else { return self }
    return "\(self[index(after: first)..<last]): \(reason)"
  }
}
