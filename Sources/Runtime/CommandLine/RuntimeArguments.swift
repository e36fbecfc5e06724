/// A runtime's command line, read: global flags, the verb, its flags, and what remains.
///
/// The grammar is that of runc, whose library is Go's `flag` under urfave/cli: one dash is as good as two, a switch
/// takes a value only after `=`, and a verb's flags may stand after its operands, unless these are a command line of
/// their own (`exec`, `ps`).
public struct RuntimeArguments: Sendable {
  /// The name after the global flags; empty when there is none.
  public private(set) var verb = ""
  /// What is no flag, in order.
  public private(set) var operands: [String] = []
  /// `--help` was given: to the verb or, when there is none, to the whole.
  public private(set) var wantsHelp = false
  /// `--version` was given before the verb.
  public private(set) var wantsVersion = false
  /// What is wrong with the verb's flags. Global flags are known all the same: they say where to log it.
  public private(set) var misuse: Misuse?
  /// `runc`: for messages.
  public let program: String

  private var globals: [(name: String, value: String)] = []
  private var values: [(name: String, value: String)] = []

  /// What is wrong with a command line.
  public struct Misuse: Error, Sendable, Hashable {
    public var message: String
    /// What goes to stdout: how it is used. Empty where that is not shown.
    public var usage: String
    public init(message: String, usage: String = "") { (self.message, self.usage) = (message, usage) }
  }

  /// The whole of a command line, without the program's name.
  public init(_ arguments: some Sequence<String>, program: String) throws(Misuse) {
    let arguments = Array(arguments)
    self.init(program: program)
    let rest = try readGlobals(arguments[...])
    guard let verb = rest.first else { return }
    self.verb = verb
    readArguments(rest.dropFirst())
  }

  /// The same in parts. A verb that nobody knows is not refused here: all that follows it are operands.
  public init(
    globals: [String], verb: String, arguments: [String], program: String
  ) throws(Misuse) {
    self.init(program: program)
    let rest = try readGlobals(globals[...])
    guard rest.isEmpty else { throw Misuse(message: "No help topic for '\(rest.first ?? "")'") }
    self.verb = verb
    if !verb.hasPrefix("-") { readArguments(arguments[...]) }
  }

  private init(program: String) { self.program = program }

  // MARK: Reading

  private mutating func readGlobals(_ arguments: ArraySlice<String>) throws(Misuse) -> ArraySlice<String> {
    do {
      let (found, rest) = try RuntimeArguments.read(arguments, RuntimeGrammar.globals, hasVersion: true)
      globals = found
      wantsHelp = isOn("help", in: found)
      wantsVersion = isOn("version", in: found)
      return rest
    } catch {
      throw Misuse(
        message: error.message,
        usage: "Incorrect Usage. \(error.message)\n\n" + RuntimeUsage.text(program: program))
    }
  }

  private mutating func readArguments(_ arguments: ArraySlice<String>) {
    guard let grammar = RuntimeGrammar.verb(verb) else {
      operands = Array(arguments)
      return
    }
    do {
      let flags = grammar.flags
      let ordered = grammar.endsAtOperand ? arguments : try RuntimeArguments.flagsFirst(arguments, flags)[...]
      let (found, rest) = try RuntimeArguments.read(ordered, flags)
      (values, operands) = (found, Array(rest))
      wantsHelp = wantsHelp || isOn("help", in: found)
    } catch {
      misuse = Misuse(
        message: error.message,
        usage: "Incorrect Usage: \(error.message)\n\n" + RuntimeUsage.text(of: grammar, program: program))
    }
  }

  /// Reads flags up to the first argument that is none; `--` is passed over.
  private static func read(
    _ arguments: ArraySlice<String>, _ flags: [RuntimeFlag], hasVersion: Bool = false
  ) throws(Misuse) -> (found: [(name: String, value: String)], rest: ArraySlice<String>) {
    var found: [(name: String, value: String)] = []
    var rest = arguments
    while let argument = rest.first {
      guard argument.utf8.first == UInt8(ascii: "-"), argument.utf8.count > 1 else { break }
      rest = rest.dropFirst()
      if argument == "--" { break }
      guard let (name, inline) = split(argument) else {
        throw Misuse(message: "bad flag syntax: \(argument)")
      }
      guard let flag = find(name, in: flags) ?? (hasVersion && (name == "version" || name == "v") ? .version : nil)
      else {
        throw Misuse(message: "flag provided but not defined: -\(name)")
      }
      if flag.kind == .toggle {
        guard let value = inline.map(bool) ?? true else {
          throw Misuse(message: "invalid boolean value \(GoText.quoted(inline ?? "")) for -\(name): parse error")
        }
        found.append((flag.name, value ? "true" : "false"))
        continue
      }
      guard let value = inline ?? rest.first else { throw Misuse(message: "flag needs an argument: -\(name)") }
      if inline == nil { rest = rest.dropFirst() }
      let isValid =
        switch flag.kind {
        case .integer: Int64(value) != nil
        case .duration: GoText.nanoseconds(value) != nil
        default: true
        }
      guard isValid else {
        throw Misuse(message: "invalid value \(GoText.quoted(value)) for flag -\(name): parse error")
      }
      found.append((flag.name, value))
    }
    return (found, rest)
  }

  /// The known flags with their values first, and all else after them in its order.
  private static func flagsFirst(
    _ arguments: ArraySlice<String>, _ flags: [RuntimeFlag]
  ) throws(Misuse) -> [String] {
    var (ordered, others): ([String], [String]) = ([], [])
    var rest = arguments
    while let argument = rest.first {
      if argument == "--" {
        others += rest
        break
      }
      rest = rest.dropFirst()
      guard argument.utf8.first == UInt8(ascii: "-"), argument.utf8.count > 1, let (name, inline) = split(argument),
        let flag = find(name, in: flags)
      else {
        others.append(argument)
        continue
      }
      ordered.append(argument)
      if flag.kind != .toggle, inline == nil {
        guard let value = rest.first else { throw Misuse(message: "flag needs an argument: -\(name)") }
        ordered.append(value)
        rest = rest.dropFirst()
      }
    }
    // Without a flag first, what begins like one could be taken for one: it is not known, and is refused.
    return ordered + others
  }

  private static func find(_ name: String, in flags: [RuntimeFlag]) -> RuntimeFlag? {
    flags.first { $0.name == name || $0.short == name } ?? (name == "help" || name == "h" ? .help : nil)
  }

  /// `--name=value`: the name, and the value when it is there; nil when there is no name.
  private static func split(_ argument: String) -> (String, String?)? {
    let body = argument.utf8.dropFirst(argument.utf8.starts(with: "--".utf8) ? 2 : 1)
    let equals = body.firstIndex(of: UInt8(ascii: "="))
    let name = body[..<(equals ?? body.endIndex)]
    guard let first = name.first, first != UInt8(ascii: "-") else { return nil }
    return (String(Substring(name)), equals.map { String(Substring(body[body.index(after: $0)...])) })
  }

  /// As Go's strconv.ParseBool.
  static func bool(_ text: String) -> Bool? {
    switch text {
    case "1", "t", "T", "TRUE", "true", "True": true
    case "0", "f", "F", "FALSE", "false", "False": false
    default: nil
    }
  }

  private func isOn(_ name: String, in found: [(name: String, value: String)]) -> Bool {
    found.last { $0.name == name }?.value == "true"
  }

  // MARK: What was given

  /// The last value of the verb's flag, by its long name.
  public subscript(name: String) -> String? { values.last { $0.name == name }?.value }
  /// Every value of the verb's flag, in order.
  public func all(_ name: String) -> [String] { values.filter { $0.name == name }.map(\.value) }
  /// Whether the verb's switch is on.
  public func has(_ name: String) -> Bool { isOn(name, in: values) }
  /// The number of a flag; nil when it was not given. That it is one was seen when the command line was read.
  public func integer(_ name: String) -> Int? { self[name].flatMap { Int($0) } }

  /// The last value of a global flag, by its long name.
  public func global(_ name: String) -> String? { globals.last { $0.name == name }?.value }
  /// Whether a global switch is on.
  public func hasGlobal(_ name: String) -> Bool { isOn(name, in: globals) }

  // MARK: Checks

  /// `--log-format json`.
  public func logsJSON() throws(Misuse) -> Bool {
    switch global("log-format") ?? "text" {
    case "", "text": return false
    case "json": return true
    case let other: throw Misuse(message: "invalid log-format: \(other)")
    }
  }

  /// `--root`, absolute and without detours; nil when it was not given. A relative one begins at `folder`.
  public func root(in folder: @autoclosure () -> String) throws(Misuse) -> String? {
    guard let root = global("root") else { return nil }
    let path = PathText.clean(root.utf8.first == UInt8(ascii: "/") ? root : PathText.join(folder(), root))
    if path == "/" { throw Misuse(message: "Option --root argument should not be set to /") }
    return path
  }

  /// `--rootless`; nil for `auto`.
  public func rootless() throws(Misuse) -> Bool? {
    guard let text = global("rootless"), !text.isEmpty, text.lowercased() != "auto" else { return nil }
    guard let value = RuntimeArguments.bool(text) else {
      throw Misuse(
        message: "strconv.ParseBool: parsing \(GoText.quoted(text)): invalid syntax")
    }
    return value
  }

  /// Refuses flags that the verb does not have, and another number of operands.
  public func check() throws(Misuse) {
    if let misuse { throw misuse }
    guard let grammar = RuntimeGrammar.verb(verb), !grammar.operands.contains(operands.count) else { return }
    let range = grammar.operands
    let rule =
      range.lowerBound == range.upperBound
      ? "exactly \(range.lowerBound)"
      : operands.count < range.lowerBound ? "a minimum of \(range.lowerBound)" : "a maximum of \(range.upperBound)"
    throw Misuse(
      message: "\(program): \(GoText.quoted(verb)) requires \(rule) argument(s)",
      usage: "Incorrect Usage.\n\n" + RuntimeUsage.text(of: grammar, program: program))
  }
}

extension RuntimeFlag {
  static let help = RuntimeFlag("help", short: "h", .toggle, "show help")
  static let version = RuntimeFlag("version", short: "v", .toggle, "print the version")
}
