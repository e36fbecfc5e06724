import Runtime
import Seams

/// node: `--version`, `-e` and `-p` with console.log of simple expressions, and scripts that are small web servers.
///
/// Of a script it is understood: `listen(PORT` (also `process.env.PORT`), the text of the first `end("…")` or
/// `send("…")`, the `console.log("…")` lines, and whether it handles SIGTERM (`process.on('SIGTERM'`). As PID 1 without
/// such a handler node does not end at SIGTERM: `docker stop` kills it, unless `--init` stands before it.
struct NodeProgram: SimProgram {
  func main(_ process: any SimProcess) async throws -> Int32 {
    let version = ServerSupport.environment("NODE_VERSION", process) ?? "25.2.1"
    let context = ProgramContext(process, name: "node", arguments: Array(process.arguments.dropFirst()))
    let evaluator = NodeEvaluator(context, version)
    var words = context.arguments[...]
    while let word = words.first, word.hasPrefix("-"), word.count > 1 {
      words.removeFirst()
      switch word {
      case "--version", "-v":
        try await context.printLine("v\(version)")
        try await context.flush()
        return 0
      case "-e", "--eval", "-p", "--print", "-pe":
        guard let text = words.popFirst() else {
          try await context.complain("node: \(word) requires an argument\n")
          return 9
        }
        return try await evaluator.run(text, prints: word.contains("p") && word != "--eval")
      case let flag where flag.hasPrefix("--"): continue
      default:
        try await context.complain("node: bad option: \(word)\n")
        return 9
      }
    }
    if let file = words.first {
      let path = file.hasPrefix("/") ? file : joined(process.workingDirectory, file)
      let candidates = [path, path + ".js", joined(path, "index.js")]
      guard let found = candidates.first(where: { (try? process.stat($0, followLinks: true))?.kind == .file }) else {
        try await context.complain(
          """
          node:internal/modules/cjs/loader:1423
            throw err;
            ^

          Error: Cannot find module '\(path)'
              at Module._resolveFilename (node:internal/modules/cjs/loader:1420:15)
              at node:internal/main/run_main_module:36:49 {
            code: 'MODULE_NOT_FOUND',
            requireStack: []
          }

          Node.js v\(version)

          """)
        return 1
      }
      let text = String(decoding: try process.readFile(found), as: UTF8.self)
      if text.contains("listen(") {
        return try await NodeWebServer(
          process, text, evaluator: { NodeEvaluator(ProgramContext(process, name: "node", arguments: []), version) }
        ).main()
      }
      return try await evaluator.run(text, prints: false)
    }
    guard process.isTerminal(0) else {
      return try await evaluator.run(String(decoding: try await context.readAll(0), as: UTF8.self), prints: false)
    }
    try await context.print("Welcome to Node.js v\(version).\nType \".help\" for more information.\n")
    while true {
      try await context.print("> ")
      guard let line = try await context.readLine() else { break }
      let text = trimmed(String(decoding: line, as: UTF8.self))
      if text == ".exit" { break }
      if text.isEmpty { continue }
      _ = try await evaluator.run(text, prints: true, isInteractive: true)
    }
    try await context.flush()
    return 0
  }
}

/// The little JavaScript that the simulated node knows.
final class NodeEvaluator {
  private let context: ProgramContext
  private let version: String
  private var variables: [String: ScriptValue] = [:]
  init(_ context: ProgramContext, _ version: String) { (self.context, self.version) = (context, version) }

  func run(_ text: String, prints: Bool, isInteractive: Bool = false) async throws -> Int32 {
    do {
      for statement in Self.statements(text) {
        if let status = try await execute(statement, prints: prints, isInteractive: isInteractive) {
          try await context.flush()
          return status
        }
      }
      try await context.flush()
      return 0
    } catch let failure as ScriptFailure {
      let message: String
      switch failure {
      case .unknownName(let name) where !name.contains(".") && !name.contains("("):
        message =
          isInteractive
          ? "Uncaught ReferenceError: \(name) is not defined\n"
          : "[eval]:1\n\(text.split(separator: "\n").first ?? "")\n^\n\nReferenceError: \(name) is not defined\n    at [eval]:1:1\n\nNode.js v\(version)\n"
      case .syntax:
        message =
          isInteractive
          ? "Uncaught SyntaxError: Unexpected token\n"
          : "[eval]:1\n\(text.split(separator: "\n").first ?? "")\n\nSyntaxError: Invalid or unexpected token, or JavaScript beyond the simulated node\n\nNode.js v\(version)\n"
      case .unknownName(let what), .beyond(let what):
        message =
          "simulated node: '\(what)' is beyond it; it only knows console.log(…), arithmetic, variables, process.* and small web servers\n"
      case .zeroDivision: message = "RangeError: Division by zero\n"
      }
      try await context.complain(message)
      return 1
    }
  }

  /// Statements, split at semicolons and newlines outside of quotes and parentheses.
  static func statements(_ text: String) -> [String] {
    var parts: [String] = [""]
    var quote: Character?
    var open = 0
    var last: Character = " "
    for character in text {
      if let mark = quote {
        if character == mark, last != "\\" { quote = nil }
      } else if character == "'" || character == "\"" || character == "`" {
        quote = character
      } else if "([{".contains(character) {
        open += 1
      } else if ")]}".contains(character) {
        open -= 1
      } else if (character == ";" || character.isNewline) && open <= 0 {
        parts.append("")
        last = character
        continue
      }
      parts[parts.count - 1].append(character)
      last = character
    }
    return parts.map { trimmed($0) }.filter { !$0.isEmpty && !$0.hasPrefix("//") }
  }

  private func execute(_ statement: String, prints: Bool, isInteractive: Bool) async throws -> Int32? {
    func arguments(of name: String) -> String? {
      guard statement.hasPrefix(name + "("), statement.hasSuffix(")") else { return nil }
      return String(statement.dropFirst(name.count + 1).dropLast())
    }
    for name in ["console.log", "console.info"] {
      if let list = arguments(of: name) {
        try await context.printLine(try evaluate(list).map { NodeText.inspect($0) }.joined(separator: " "))
        if isInteractive { try await context.printLine("undefined") }
        return nil
      }
    }
    if let list = arguments(of: "console.error") {
      try await context.complain(try evaluate(list).map { NodeText.inspect($0) }.joined(separator: " ") + "\n")
      return nil
    }
    if let list = arguments(of: "process.exit") {
      if case .integer(let status)? = try evaluate(list).first { return Int32(truncatingIfNeeded: status & 255) }
      return 0
    }
    for word in ["const ", "let ", "var "] where statement.hasPrefix(word) {
      let rest = statement.dropFirst(word.count)
      guard let equals = rest.firstIndex(of: "="), isName(trimmed(rest[..<equals])) else {
        throw ScriptFailure.beyond(statement)
      }
      variables[trimmed(rest[..<equals])] = try evaluate(String(rest[rest.index(after: equals)...])).first
      if isInteractive { try await context.printLine("undefined") }
      return nil
    }
    for word in ["function", "class", "for", "while", "if", "async", "import", "try", "setTimeout", "setInterval"]
    where statement.hasPrefix(word) {
      throw ScriptFailure.beyond(String(statement.prefix { $0.isLetter }))
    }
    let values = try evaluate(statement)
    if prints, let value = values.last {
      try await context.printLine(isInteractive ? NodeText.inspect(value, isTop: false) : NodeText.inspect(value))
    }
    return nil
  }

  func evaluate(_ text: String) throws -> [ScriptValue] {
    let process = context.process
    let (variables, version) = (variables, version)
    var expression = ScriptExpression(
      text, .javaScript,
      names: { name in
        if let value = variables[name] { return value }
        switch name {
        case "process.version": return .text("v" + version)
        case "process.pid": return .integer(Int64(process.pid))
        case "process.ppid": return .integer(Int64(process.parentPID))
        case "process.platform": return .text("linux")
        case "process.arch": return .text("x64")
        case "process.argv": return .list(process.arguments.map { .text($0) })
        case "__dirname": return .text(process.workingDirectory)
        case "NaN": return .real(.nan)
        case "Infinity": return .real(.infinity)
        default:
          if name.hasPrefix("process.env.") {
            return ServerSupport.environment(String(name.dropFirst(12)), process).map { .text($0) }
              ?? ScriptValue.nothing
          }
          return nil
        }
      },
      call: { name, values in
        switch name {
        case "require(os).hostname", "require(node:os).hostname", "os.hostname": return .text(process.hostname)
        case "require(os).cpus", "require(os).availableParallelism": return .integer(Int64(process.system.cpus))
        case "process.cwd": return .text(process.workingDirectory)
        case "process.getuid": return .integer(Int64(process.uid))
        case "process.uptime": return .real(0.03)
        case "Date.now": return .integer(Int64(process.unixTime / 1_000_000))
        case "String": return .text(values.first.map(NodeText.string) ?? "")
        case "Number", "parseInt":
          if case .text(let text)? = values.first { return Int64(trimmed(text)).map { .integer($0) } ?? .real(.nan) }
          return values.first
        case "Math.max":
          return values.compactMap(\.number).max().map { $0 == $0.rounded() ? .integer(Int64($0)) : .real($0) }
        case "Math.min":
          return values.compactMap(\.number).min().map { $0 == $0.rounded() ? .integer(Int64($0)) : .real($0) }
        case "Math.floor", "Math.round", "Math.trunc":
          guard let number = values.first?.number, number.magnitude < 9e15 else { return ScriptValue.nothing }
          return .integer(
            Int64(
              name == "Math.floor"
                ? number.rounded(.down)
                : name == "Math.trunc" ? number.rounded(.towardZero) : (number + 0.5).rounded(.down)))
        case "JSON.stringify":
          if case .text(let text)? = values.first { return .text("\"\(text)\"") }
          return .text(values.first.map(NodeText.string) ?? "")
        case "require": return .text("module")
        default: return nil
        }
      })
    return try expression.list()
  }
}

/// A script that listens: a small web server.
final class NodeWebServer: Sendable {
  private let process: any SimProcess
  private let script: String
  private let evaluator: @Sendable () -> NodeEvaluator

  init(_ process: any SimProcess, _ script: String, evaluator: @escaping @Sendable () -> NodeEvaluator) {
    (self.process, self.script, self.evaluator) = (process, script, evaluator)
  }

  /// The quoted text that a call begins with: `end('hello')`.
  private func argument(of name: String) -> String? {
    var rest = Substring(script)
    while let range = rest.range(ofText: name + "(") {
      rest = rest[range.upperBound...]
      guard let quote = rest.first, "'\"`".contains(quote), let close = rest.dropFirst().firstIndex(of: quote) else {
        continue
      }
      let text = String(rest[rest.startIndex...close])
      guard let value = try? evaluator().evaluate(text).first, case .text(let body) = value else { continue }
      return body
    }
    return nil
  }

  func main() async throws -> Int32 {
    let environment = ServerSupport.environment("PORT", process).flatMap { Int($0) }
    let usesEnvironment = script.contains("env.PORT")
    var port = 3000
    if let number = PythonInterpreter.firstNumber(in: script, after: "listen("),
      Substring(script).range(ofText: "listen(\(number)") != nil
    {
      port = number
    } else if let number = PythonInterpreter.firstNumber(in: script, after: "PORT") {
      port = number
    }
    if usesEnvironment, let environment { port = environment }
    guard (1...65_535).contains(port) else { return 1 }
    let listener: any SimListener
    do { listener = try process.listen("0.0.0.0", port) } catch let error as Errno {
      let text =
        error == .EADDRINUSE
        ? "listen EADDRINUSE: address already in use :::\(port)"
        : "listen \(error.name): \(error.message) 0.0.0.0:\(port)"
      try await process.write(
        2,
        Array(
          "node:events:486\n      throw er; // Unhandled 'error' event\n      ^\n\nError: \(text)\n    at Server.setupListenHandle [as _listen2] (node:net:1940:16)\n\nNode.js v\(ServerSupport.environment("NODE_VERSION", process) ?? "25.2.1")\n"
            .utf8))
      return 1
    }
    let handlesTerm = script.contains("'SIGTERM'") || script.contains("\"SIGTERM\"")
    let handlesInt = script.contains("'SIGINT'") || script.contains("\"SIGINT\"")
    if handlesTerm { process.onSignal(15, .handle) }
    if handlesInt { process.onSignal(2, .handle) }
    try process.allocate(40 << 20)
    try await process.write(1, Array("Server listening on port \(port)\n".utf8))
    let body = argument(of: "end") ?? argument(of: "send") ?? "Hello from \(process.hostname)\n"
    ServerSupport.accept(listener, process) { [process] connection, peer in
      try await ServerSupport.serveHTTP(connection) { request in
        try await process.write(1, Array("\(request.method) \(request.path) 200 - \(ServerSupport.host(peer))\n".utf8))
        try await process.compute(300_000)
        let headers = [
          ("Content-Type", "text/plain; charset=utf-8"), ("Date", httpDate(process.unixTime / Duration64.second)),
          ("Connection", request.keepsAlive ? "keep-alive" : "close"), ("Keep-Alive", "timeout=5"),
          ("Content-Length", String(body.utf8.count)),
        ]
        return ServerSupport.response(200, headers, Array(body.utf8), isHead: request.method == "HEAD")
      }
    }
    // Without handlers no signal comes here: they end the process, or as PID 1 nothing.
    let signal = try await process.nextSignal()
    try await process.write(1, Array("\(signal == 2 ? "SIGINT" : "SIGTERM") received, closing\n".utf8))
    listener.close()
    return 0
  }
}
