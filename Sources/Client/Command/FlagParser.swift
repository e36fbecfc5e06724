/// The flags that a user gave to one command, in pflag's grammar.
struct Flags: Sendable {
  let command: Command
  /// Values by the flag's name, in the order typed.
  private(set) var given: [String: [String]] = [:]

  init(_ command: Command) { self.command = command }

  mutating func add(_ value: String, to flag: Flag) { given[flag.name, default: []].append(value) }

  /// True when the user gave the flag.
  func isSet(_ name: String) -> Bool { !given.isEmpty && given[name] != nil }

  /// The last value of a text flag; its default when it was not given.
  func string(_ name: String) -> String {
    if let value = given.isEmpty ? nil : given[name]?.last { return value }
    if case .string(let value) = command.flag(name)?.kind { return value }
    return ""
  }

  /// Every value that was given.
  func values(_ name: String) -> [String] { given.isEmpty ? [] : given[name] ?? [] }

  /// The values of a flag of comma-separated ones.
  func separated(_ name: String) -> [String] { values(name).flatMap { CSV.fields($0) } }

  func bool(_ name: String) -> Bool {
    if let value = given.isEmpty ? nil : given[name]?.last { return (try? GoNumber.parseBool(value)) ?? false }
    if case .bool(let value) = command.flag(name)?.kind { return value }
    return false
  }

  func int(_ name: String) -> Int64 {
    if let value = given.isEmpty ? nil : given[name]?.last { return (try? GoNumber.parseInt(value)) ?? 0 }
    if case .int(let value) = command.flag(name)?.kind { return value }
    return 0
  }

  /// Bytes of a memory size; 0 when it was not given.
  func bytes(_ name: String) -> Int64 {
    guard let value = given.isEmpty ? nil : given[name]?.last else { return 0 }
    return value == "-1" ? -1 : (try? Sizes.ramInBytes(value)) ?? 0
  }

  /// Nanoseconds.
  func duration(_ name: String) -> Int64 {
    guard let value = given.isEmpty ? nil : given[name]?.last else { return 0 }
    return (try? GoDuration.parse(value)) ?? 0
  }

  /// `key=value`s as a map; what has no `=` has an empty value.
  func map(_ name: String) -> [String: String] {
    var map: [String: String] = [:]
    for value in values(name) {
      let (key, text) = value.cut("=")
      map[key] = text ?? ""
    }
    return map
  }
}

/// Reads a command's arguments as pflag does: long and short flags, clusters, values behind `=` or in the next word,
/// `--`.
enum FlagParser {
  /// - Parameter interspersed: flags may stand behind positional arguments; otherwise the first one ends them.
  static func parse(
    _ arguments: [String], for command: Command, interspersed: Bool
  ) throws(UsageError) -> (flags: Flags, positional: [String], notes: [String]) {
    var flags = Flags(command)
    var positional: [String] = []
    var notes: [String] = []
    var index = 0
    while index < arguments.count {
      let word = arguments[index]
      index += 1
      if word == "--" {
        positional += arguments[index...]
        break
      }
      guard word.utf8.count > 1, word.utf8.first == UInt8(ascii: "-") else {
        positional.append(word)
        if interspersed { continue }
        positional += arguments[index...]
        break
      }
      if word.hasPrefix("--") {
        try parseLong(word, arguments, &index, command, &flags, &notes)
      } else {
        try parseCluster(word, arguments, &index, command, &flags, &notes)
      }
    }
    return (flags, positional, notes)
  }

  private static func parseLong(
    _ word: String, _ arguments: [String], _ index: inout Int, _ command: Command, _ flags: inout Flags,
    _ notes: inout [String]
  ) throws(UsageError) {
    let (name, inline) = String(word.dropFirst(2)).cut("=")
    guard !name.isEmpty, !name.hasPrefix("-") else { throw UsageError("bad flag syntax: \(word)", status: 125) }
    guard let flag = command.flag(name) else { throw UsageError("unknown flag: --\(name)", status: 125) }
    let value: String
    if let inline {
      value = inline
    } else if flag.kind.isBool {
      value = "true"
    } else if index < arguments.count {
      value = arguments[index]
      index += 1
    } else {
      throw UsageError("flag needs an argument: --\(name)", status: 125)
    }
    try set(flag, value, as: "--\(name)", &flags, &notes)
  }

  private static func parseCluster(
    _ word: String, _ arguments: [String], _ index: inout Int, _ command: Command, _ flags: inout Flags,
    _ notes: inout [String]
  ) throws(UsageError) {
    var rest = word.dropFirst()
    while let letter = rest.first {
      let cluster = "-" + rest
      rest = rest.dropFirst()
      guard let flag = command.flag(letter) else {
        if letter == "h" {
          notes.append("Flag shorthand -h has been deprecated, use --help")
          flags.add("true", to: Command.helpFlag)
          continue
        }
        throw UsageError("unknown shorthand flag: \(GoQuote.character(letter)) in \(cluster)", status: 125)
      }
      if rest.first == "=", rest.count > 1 {
        return try set(flag, String(rest.dropFirst()), as: "-\(letter)", &flags, &notes)
      }
      if flag.kind.isBool {
        try set(flag, "true", as: "-\(letter)", &flags, &notes)
        continue
      }
      if !rest.isEmpty { return try set(flag, String(rest), as: "-\(letter)", &flags, &notes) }
      guard index < arguments.count else {
        throw UsageError("flag needs an argument: \(GoQuote.character(letter)) in \(cluster)", status: 125)
      }
      index += 1
      return try set(flag, arguments[index - 1], as: "-\(letter)", &flags, &notes)
    }
  }

  private static func set(
    _ flag: Flag, _ value: String, as name: String, _ flags: inout Flags, _ notes: inout [String]
  ) throws(UsageError) {
    do {
      try flag.kind.check(value)
    } catch {
      throw UsageError(
        "invalid argument \(GoQuote.string(value)) for \"\(flag.display)\" flag: \(error)", status: 125)
    }
    if let deprecated = flag.deprecated { notes.append("Flag \(name) has been deprecated, \(deprecated)") }
    flags.add(value, to: flag)
  }
}
