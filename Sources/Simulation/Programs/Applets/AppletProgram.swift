import Runtime
import Seams

/// What an applet does: runs to its end, and tells its exit status.
typealias AppletBody = @Sendable (ProgramContext) async throws -> Int32

/// A small command of busybox or of the coreutils.
struct Applet: Sendable {
  /// What its usage line says after its name.
  var usage: String
  var body: AppletBody
}

/// A table of applets by name.
struct AppletTable: Sendable {
  private(set) var applets: [String: Applet] = [:]
  mutating func add(_ name: String, _ usage: String, _ body: @escaping AppletBody) {
    applets[name] = Applet(usage: usage, body: body)
  }
  subscript(name: String) -> Applet? { applets[name] }
  var names: [String] { applets.keys.sorted() }

  /// All applets.
  static let all: AppletTable = {
    var table = AppletTable()
    addTextApplets(&table)
    addFilterApplets(&table)
    addFileApplets(&table)
    addTreeApplets(&table)
    addProcessApplets(&table)
    addSystemApplets(&table)
    addNetworkApplets(&table)
    addHTTPApplets(&table)
    addAWSApplet(&table)
    addDigestApplets(&table)
    addMiscellaneousApplets(&table)
    return table
  }()
}

/// A multi-call program: the applet is chosen by the name that it is called by, or (busybox) by the first argument.
struct AppletProgram: SimProgram {
  /// busybox's words and its shell; else GNU's.
  let isBusybox: Bool
  /// The applet, when the executable is always the same one.
  var fixed: String?

  static let version = "BusyBox v1.37.0 (2025-12-16 14:19:28 UTC) multi-call binary."

  func main(_ process: any SimProcess) async throws -> Int32 {
    var words = process.arguments
    if words.isEmpty { words = ["busybox"] }
    var name = fixed ?? basename(words[0].hasPrefix("-") ? String(words[0].dropFirst()) : words[0])
    if isBusybox, name == "busybox" {
      guard words.count > 1 else { return try await list(process) }
      words.removeFirst()
      name = words[0]
      if name == "--list" {
        let names = Self.busyboxNames.joined(separator: "\n")
        try await process.write(1, Array((names + "\n").utf8))
        return 0
      }
      if name == "--help" { return try await list(process) }
    }
    if isBusybox, name == "sh" || name == "ash" { return try await ShellProgram(dialect: .ash).main(process) }
    if name == "coreutils" || name == "toybox", words.count > 1 {
      words.removeFirst()
      name = basename(words[0])
    }
    let context = ProgramContext(process, name: name, arguments: Array(words.dropFirst()), isGNU: !isBusybox)
    guard let applet = AppletTable.all[name] else {
      try await context.complain("\(name): applet not found\n")
      return 127
    }
    return try await Self.run(applet, context)
  }

  /// Runs an applet, with what is common to all of them: usage, broken pipes, the last of its output.
  static func run(_ applet: Applet, _ context: ProgramContext) async throws -> Int32 {
    if context.arguments == ["--help"],
      !["echo", "test", "[", "printf", "expr", "true", "false"].contains(context.name)
    {
      if context.isGNU {
        try await context.print("Usage: \(context.name) \(applet.usage)\n")
        try await context.flush()
      } else {
        try await context.complain("\(version)\n\nUsage: \(context.name) \(applet.usage)\n")
      }
      return 0
    }
    do {
      let status = try await applet.body(context)
      try await context.flush()
      return status
    } catch let problem as OptionProblem {
      return try await explain(problem, applet, context)
    } catch let error as Errno {
      if error == .EPIPE { return 141 }
      return try await context.fail(context.reason(error))
    }
  }

  private static func explain(_ problem: OptionProblem, _ applet: Applet, _ context: ProgramContext) async throws
    -> Int32
  {
    let isMusl = (try? context.process.stat("/etc/alpine-release", followLinks: true)) != nil
    if context.isGNU {
      let text: String
      switch problem {
      case .unknown(let option) where option.count == 1: text = "invalid option -- '\(option)'"
      case .unknown(let option): text = "unrecognized option '--\(option)'"
      case .needsValue(let option): text = "option requires an argument -- '\(option)'"
      case .missingOperand(let last): text = last.map { "missing operand after '\($0)'" } ?? "missing operand"
      }
      try await context.fail(text)
      try await context.complain("Try '\(context.name) --help' for more information.\n")
      return context.name == "ls" || context.name == "grep" || context.name == "sort" ? 2 : 1
    }
    switch problem {
    case .unknown(let option):
      try await context.fail(
        isMusl
          ? "unrecognized option: \(option)"
          : option.count == 1 ? "invalid option -- '\(option)'" : "unrecognized option '--\(option)'")
    case .needsValue(let option):
      try await context.fail(
        isMusl ? "option requires an argument: \(option)" : "option requires an argument -- '\(option)'")
    case .missingOperand: break
    }
    try await context.complain("\(version)\n\nUsage: \(context.name) \(applet.usage)\n")
    return 1
  }

  static let busyboxNames: [String] =
    (AppletTable.all.names.filter { !gnuOnly.contains($0) } + ["ash", "sh", "busybox"]).sorted()
  /// What busybox does not have.
  private static let gnuOnly: Set<String> = [
    "aws", "curl", "apk", "apt-get", "apt", "getent", "stress", "ss", "dpkg", "pgrep-gnu",
  ]

  private func list(_ process: any SimProcess) async throws -> Int32 {
    var text = """
      \(Self.version)
      BusyBox is copyrighted by many authors between 1998-2015.
      Licensed under GPLv2. See source distribution for detailed
      copyright notices.

      Usage: busybox [function [arguments]...]
         or: busybox --list[-full]
         or: busybox --show SCRIPT
         or: busybox --install [-s] [DIR]
         or: function [arguments]...

      \tBusyBox is a multi-call binary that combines many common Unix
      \tutilities into a single executable.  Most people will create a
      \tlink to busybox for each function they wish to use and BusyBox
      \twill act like whatever it was invoked as.

      Currently defined functions:

      """
    var line = "\t"
    for (index, name) in Self.busyboxNames.enumerated() {
      let item = name + (index < Self.busyboxNames.count - 1 ? ", " : "")
      if line.count + item.count > 71 {
        text += line + "\n"
        line = "\t"
      }
      line += item
    }
    try await process.write(1, Array((text + line + "\n").utf8))
    return 0
  }
}

/// What is wrong with a command line.
enum OptionProblem: Error, Sendable {
  case unknown(String)
  case needsValue(String)
  /// With the last operand that was there.
  case missingOperand(String?)
}

/// A parsed command line, as getopt(3) would.
struct Options {
  /// The letters that were given, in order.
  private(set) var letters: [Character] = []
  private var values: [Character: [String]] = [:]
  private(set) var operands: [String] = []

  /// - Parameters:
  ///   - spec: the letters; a colon behind one says that it takes a value. A leading `+`: options end at the first
  ///     operand.
  ///   - long: long options and the letters that they stand for.
  init(_ arguments: [String], _ spec: String, long: [String: Character] = [:]) throws {
    let stopsEarly = spec.hasPrefix("+")
    let takesValue: (Character) -> Bool = { letter in
      guard let index = spec.firstIndex(of: letter) else { return false }
      let next = spec.index(after: index)
      return next < spec.endIndex && spec[next] == ":"
    }
    var index = 0
    while index < arguments.count {
      let word = arguments[index]
      index += 1
      if word == "--" {
        operands += arguments[index...]
        return
      }
      if word.hasPrefix("--") {
        let name = String(word.dropFirst(2).prefix { $0 != "=" })
        guard let letter = long[name] else { throw OptionProblem.unknown(name) }
        letters.append(letter)
        if takesValue(letter) {
          if let equals = word.firstIndex(of: "=") {
            values[letter, default: []].append(String(word[word.index(after: equals)...]))
          } else if index < arguments.count {
            values[letter, default: []].append(arguments[index])
            index += 1
          } else {
            throw OptionProblem.needsValue(name)
          }
        }
        continue
      }
      guard word.hasPrefix("-"), word.count > 1 else {
        operands.append(word)
        if stopsEarly {
          operands += arguments[index...]
          return
        }
        continue
      }
      var rest = word.dropFirst()
      while let letter = rest.popFirst() {
        guard letter != ":", letter != "+", spec.contains(letter) else { throw OptionProblem.unknown(String(letter)) }
        letters.append(letter)
        guard takesValue(letter) else { continue }
        if !rest.isEmpty {
          values[letter, default: []].append(String(rest))
        } else if index < arguments.count {
          values[letter, default: []].append(arguments[index])
          index += 1
        } else {
          throw OptionProblem.needsValue(String(letter))
        }
        break
      }
    }
  }

  func has(_ letter: Character) -> Bool { letters.contains(letter) }
  func count(_ letter: Character) -> Int { letters.filter { $0 == letter }.count }
  /// The last value given.
  func value(_ letter: Character) -> String? { values[letter]?.last }
  func all(_ letter: Character) -> [String] { values[letter] ?? [] }
  /// Throws when there are fewer operands.
  func require(_ count: Int) throws {
    if operands.count < count { throw OptionProblem.missingOperand(operands.last) }
  }
}
