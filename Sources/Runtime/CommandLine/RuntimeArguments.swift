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

  /// A flag and its value.
  private struct Given {
    var name: String
    var value: String
    init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
  }
  private var globals: [Given] = []
  private var values: [Given] = []

  /// What is wrong with a command line.
  public struct Misuse: Error, Sendable, Hashable {
    public var message: String
    /// What goes to stdout: how it is used. Empty where that is not shown.
    public var usage: String
    public init(message: String, usage: String = "") { (self.message, self.usage) = (message, usage) }
  }

  /// The whole of a command line, without the program's name.
  public init(_ arguments: [String], program: String) throws(Misuse) {
    self.init(program: program)
    let end = try readGlobals(arguments)
    guard end < arguments.count else { return }
    verb = arguments[end]
    readArguments(arguments, from: end + 1)
  }

  /// The same in parts. A verb that nobody knows is not refused here: all that follows it are operands.
  public init(
    globals: [String], verb: String, arguments: [String], program: String
  ) throws(Misuse) {
    self.init(program: program)
    let end = try readGlobals(globals)
    guard end == globals.count else { throw Misuse(message: "No help topic for '\(globals[end])'") }
    self.verb = verb
    if !verb.hasPrefix("-") { readArguments(arguments, from: 0) }
  }

  private init(program: String) { self.program = program }

  // MARK: Reading

  /// The index of the first argument that is none of them.
  private mutating func readGlobals(_ arguments: [String]) throws(Misuse) -> Int {
    do {
      let end = try RuntimeArguments.read(arguments, from: 0, RuntimeGrammar.globals, hasVersion: true, into: &globals)
      wantsHelp = isOn("help", in: globals)
      wantsVersion = isOn("version", in: globals)
      return end
    } catch {
      throw Misuse(
        message: error.message,
        usage: "Incorrect Usage. \(error.message)\n\n" + RuntimeUsage.text(program: program))
    }
  }

  private mutating func readArguments(_ arguments: [String], from first: Int) {
    guard let grammar = RuntimeGrammar.verb(verb) else {
      operands = Array(arguments[first...])
      return
    }
    do {
      let flags = grammar.flags
      var (ordered, start) = (arguments, first)
      if !grammar.endsAtOperand {
        ordered = try RuntimeArguments.flagsFirst(arguments, from: first, flags)
        start = 0
      }
      var found: [Given] = []
      let end = try RuntimeArguments.read(ordered, from: start, flags, into: &found)
      values = found
      for index in end..<ordered.count { operands.append(ordered[index]) }
      wantsHelp = wantsHelp || isOn("help", in: found)
    } catch {
      misuse = Misuse(
        message: error.message,
        usage: "Incorrect Usage: \(error.message)\n\n" + RuntimeUsage.text(of: grammar, program: program))
    }
  }

  /// Reads flags up to the first argument that is none, whose index is the result; `--` is passed over.
  ///
  /// Indices, not slices: the type of a slice would have to be made at run time.
  private static func read(
    _ arguments: [String], from first: Int, _ flags: [RuntimeFlag], hasVersion: Bool = false, into found: inout [Given]
  ) throws(Misuse) -> Int {
    var next = first
    while next < arguments.count {
      let argument = arguments[next]
      guard argument.utf8.first == UInt8(ascii: "-"), argument.utf8.count > 1 else { break }
      next += 1
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
        found.append(Given(flag.name, value ? "true" : "false"))
        continue
      }
      guard let value = inline ?? (next < arguments.count ? arguments[next] : nil) else {
        throw Misuse(message: "flag needs an argument: -\(name)")
      }
      if inline == nil { next += 1 }
      let isValid =
        switch flag.kind {
        case .integer: Int64(value) != nil
        case .duration: GoText.nanoseconds(value) != nil
        default: true
        }
      guard isValid else {
        throw Misuse(message: "invalid value \(GoText.quoted(value)) for flag -\(name): parse error")
      }
      found.append(Given(flag.name, value))
    }
    return next
  }

  /// The known flags with their values first, and all else after them in its order.
  private static func flagsFirst(
    _ arguments: [String], from first: Int, _ flags: [RuntimeFlag]
  ) throws(Misuse) -> [String] {
    var (ordered, others): ([String], [String]) = ([], [])
    var next = first
    while next < arguments.count {
      let argument = arguments[next]
      if argument == "--" {
        for index in next..<arguments.count { others.append(arguments[index]) }
        break
      }
      next += 1
      guard argument.utf8.first == UInt8(ascii: "-"), argument.utf8.count > 1, let (name, inline) = split(argument),
        let flag = find(name, in: flags)
      else {
        others.append(argument)
        continue
      }
      ordered.append(argument)
      if flag.kind != .toggle, inline == nil {
        guard next < arguments.count else { throw Misuse(message: "flag needs an argument: -\(name)") }
        ordered.append(arguments[next])
        next += 1
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
    let utf8 = argument.utf8
    var start = utf8.index(after: utf8.startIndex)
    if start < utf8.endIndex, utf8[start] == UInt8(ascii: "-") { start = utf8.index(after: start) }
    let equals = utf8[start...].firstIndex(of: UInt8(ascii: "="))
    let end = equals ?? utf8.endIndex
    guard start < end, utf8[start] != UInt8(ascii: "-") else { return nil }
    return (String(argument[start..<end]), equals.map { String(argument[utf8.index(after: $0)...]) })
  }

  /// As Go's strconv.ParseBool.
  static func bool(_ text: String) -> Bool? {
    switch text {
    case "1", "t", "T", "TRUE", "true", "True": true
    case "0", "f", "F", "FALSE", "false", "False": false
    default: nil
    }
  }

  private func isOn(_ name: String, in found: [Given]) -> Bool {
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
