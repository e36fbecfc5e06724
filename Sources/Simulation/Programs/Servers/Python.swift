import Runtime
import Seams

/// python: `--version`, `-m http.server`, and of the language `print(…)`, expressions, assignments, `import`, `time.sleep`,
/// `sys.exit`. Anything else is refused by saying so.
///
/// As PID 1 it has no handler for SIGTERM, so `docker stop` has to kill it; SIGINT is KeyboardInterrupt.
struct PythonProgram: SimProgram {
  func main(_ process: any SimProcess) async throws -> Int32 {
    let version = ServerSupport.environment("PYTHON_VERSION", process) ?? "3.14.2"
    let context = ProgramContext(
      process, name: basename(process.arguments.first ?? "python3"), arguments: Array(process.arguments.dropFirst()))
    var words = context.arguments[...]
    var isUnbuffered = !(ServerSupport.environment("PYTHONUNBUFFERED", process) ?? "").isEmpty
    while let word = words.first, word.hasPrefix("-"), word.count > 1 {
      words.removeFirst()
      switch word {
      case "--version", "-V":
        try await context.printLine("Python \(version)")
        try await context.flush()
        return 0
      case "-u": isUnbuffered = true
      case "-c":
        guard let text = words.popFirst() else {
          try await context.complain(
            "Argument expected for the -c option\nusage: \(context.name) [option] ... [-c cmd | -m mod | file | -] [arg] ...\n"
          )
          return 2
        }
        return try await finish(PythonInterpreter(context, version, file: "<string>"), text)
      case "-m":
        let module = words.popFirst() ?? ""
        if module == "http.server" {
          return try await PythonHTTPServer(process, isUnbuffered: isUnbuffered).main(Array(words))
        }
        if module == "json.tool" {
          try await context.write(try await context.readAll(0))
          try await context.flush()
          return 0
        }
        try await context.complain("/usr/local/bin/\(context.name): No module named \(module)\n")
        return 1
      case "-B", "-E", "-I", "-s", "-S", "-q", "-O", "-i": break
      default:
        try await context.complain(
          "Unknown option: \(word)\nusage: \(context.name) [option] ... [-c cmd | -m mod | file | -] [arg] ...\n")
        return 2
      }
    }
    if let file = words.first, file != "-" {
      do {
        let text = String(decoding: try process.readFile(file), as: UTF8.self)
        if text.contains("HTTPServer"), text.contains("serve_forever") {
          let port = PythonInterpreter.firstNumber(in: text, after: "HTTPServer") ?? 8000
          return try await PythonHTTPServer(process, isUnbuffered: isUnbuffered).main([String(port)], announces: false)
        }
        return try await finish(PythonInterpreter(context, version, file: file), text)
      } catch let error as Errno {
        try await context.complain(
          "\(context.name): can't open file '\(file.hasPrefix("/") ? file : joined(process.workingDirectory, file))': [Errno \(error.code)] \(context.reason(error))\n"
        )
        return 2
      }
    }
    guard process.isTerminal(0) else {
      return try await finish(
        PythonInterpreter(context, version, file: "<stdin>"),
        String(decoding: try await context.readAll(0), as: UTF8.self))
    }
    process.onSignal(2, .handle)
    try await context.print(
      "Python \(version) (main, Dec  9 2025, 02:14:20) [GCC 14.2.0] on linux\nType \"help\", \"copyright\", \"credits\" or \"license\" for more information.\n"
    )
    let interpreter = PythonInterpreter(context, version, file: "<stdin>")
    while true {
      try await context.print(">>> ")
      do {
        guard let line = try await context.readLine() else { break }
        try await interpreter.run(line: String(decoding: line, as: UTF8.self), isInteractive: true)
      } catch PythonInterpreter.Stop.exit(let status) {
        try await context.flush()
        return status
      } catch PythonInterpreter.Stop.failure(let text) {
        try await context.complain(text)
      } catch let error as Errno where error == .EINTR {
        _ = process.takeSignal()
        try await context.print("\nKeyboardInterrupt\n")
      }
    }
    try await context.print("\n")
    try await context.flush()
    return 0
  }

  private func finish(_ interpreter: PythonInterpreter, _ text: String) async throws -> Int32 {
    do {
      try await interpreter.run(text)
      try await interpreter.context.flush()
      return 0
    } catch PythonInterpreter.Stop.exit(let status) {
      try await interpreter.context.flush()
      return status
    } catch PythonInterpreter.Stop.failure(let text) {
      try await interpreter.context.complain(text)
      return 1
    }
  }
}

/// The little of the language that the simulated python knows.
final class PythonInterpreter {
  enum Stop: Error { case exit(Int32), failure(String) }
  let context: ProgramContext
  private let version: String
  private let file: String
  private var variables: [String: ScriptValue] = [:]
  private var modules: Set<String> = []
  private var line = 0

  init(_ context: ProgramContext, _ version: String, file: String) {
    (self.context, self.version, self.file) = (context, version, file)
  }

  /// The first number behind a word in a text.
  static func firstNumber(in text: String, after word: String) -> Int? {
    guard let range = Substring(text).range(ofText: word) else { return nil }
    var digits = ""
    for character in text[range.upperBound...] {
      if character.isASCII, character.isNumber {
        digits.append(character)
      } else if !digits.isEmpty {
        if let port = Int(digits), (1...65_535).contains(port) { return port }
        digits = ""
      }
    }
    return Int(digits).flatMap { (1...65_535).contains($0) ? $0 : nil }
  }

  func run(_ text: String) async throws {
    for part in text.split(separator: "\n", omittingEmptySubsequences: false) {
      line += 1
      for statement in statements(String(part)) { try await run(line: statement, isInteractive: false) }
    }
  }

  /// The statements of a line, split at semicolons outside of quotes.
  private func statements(_ text: String) -> [String] {
    var parts: [String] = [""]
    var quote: Character?
    for character in text {
      if let open = quote {
        if character == open { quote = nil }
      } else if character == "'" || character == "\"" {
        quote = character
      } else if character == ";" {
        parts.append("")
        continue
      } else if character == "#" {
        break
      }
      parts[parts.count - 1].append(character)
    }
    return parts
  }

  func run(line raw: String, isInteractive: Bool) async throws {
    let text = trimmed(raw)
    if text.isEmpty { return }
    if text.hasPrefix("import ") || text.hasPrefix("from ") {
      for word in text.split(whereSeparator: { $0 == " " || $0 == "," }).dropFirst() where word != "import" {
        let name = String(word.prefix { $0 != "." })
        guard ["sys", "os", "time", "platform", "socket", "math", "json"].contains(name) else {
          if text.hasPrefix("from ") { break }
          throw Stop.failure(trace("ModuleNotFoundError: No module named '\(name)'"))
        }
        modules.insert(name)
        if text.hasPrefix("from ") { throw beyond("from … import") }
      }
      return
    }
    do {
      if let (name, arguments) = call(text), ["print", "time.sleep", "sys.exit", "exit", "quit"].contains(name) {
        switch name {
        case "print":
          let (list, end, separator) = keywords(arguments)
          let values = try evaluate(list)
          try await context.print(values.map(PythonText.str).joined(separator: separator) + end)
        case "time.sleep":
          let seconds = try evaluate(arguments).first?.number ?? 0
          try await context.flush()
          try await context.process.sleep(UInt64(max(0, min(seconds, 1e9)) * 1e9))
        default:
          let value = try evaluate(arguments).first
          if case .integer(let status)? = value { throw Stop.exit(Int32(truncatingIfNeeded: status & 255)) }
          if case .text(let message)? = value {
            try await context.complain(message + "\n")
            throw Stop.exit(1)
          }
          throw Stop.exit(0)
        }
        return
      }
      if let equals = text.firstIndex(of: "="), isName(trimmed(text[..<equals])), !text[equals...].hasPrefix("==") {
        variables[trimmed(text[..<equals])] = try evaluate(String(text[text.index(after: equals)...])).first
        return
      }
      let values = try evaluate(text)
      if isInteractive, let value = values.first, value != .nothing {
        try await context.printLine(PythonText.repr(value))
      }
    } catch let failure as ScriptFailure {
      switch failure {
      case .zeroDivision: throw Stop.failure(trace("ZeroDivisionError: division by zero"))
      case .unknownName(let name) where !name.contains("."):
        throw Stop.failure(trace("NameError: name '\(name)' is not defined"))
      case .unknownName(let name): throw beyond(name)
      case .beyond(let what): throw beyond(what)
      case .syntax:
        // Whole statements of the language are beyond it; a lone expression is simply wrong.
        let word = text.prefix { $0.isLetter }
        if [
          "for", "while", "def", "class", "if", "with", "try", "return", "async", "lambda", "else", "elif", "assert",
          "raise",
        ].contains(String(word)) || raw.first == " " || raw.first == "\t" {
          throw beyond(String(word))
        }
        throw Stop.failure(
          "  File \"\(file)\", line \(max(line, 1))\n    \(text)\n    \(String(repeating: "^", count: min(text.count, 60)))\nSyntaxError: invalid syntax\n"
        )
      }
    }
  }

  private func beyond(_ what: String) -> Stop {
    .failure(
      "simulated python: '\(what)' is beyond it; it only knows print(…), arithmetic, variables, time.sleep, sys.exit and -m http.server\n"
    )
  }

  private func trace(_ text: String) -> String {
    "Traceback (most recent call last):\n  File \"\(file)\", line \(max(line, 1)), in <module>\n\(text)\n"
  }

  /// `name(arguments)` when the whole text is one call.
  private func call(_ text: String) -> (name: String, arguments: String)? {
    guard text.hasSuffix(")"), let open = text.firstIndex(of: "(") else { return nil }
    return (trimmed(text[..<open]), String(text[text.index(after: open)...].dropLast()))
  }

  /// The `end=` and `sep=` of print.
  private func keywords(_ arguments: String) -> (list: String, end: String, separator: String) {
    var (list, end, separator) = (arguments, "\n", " ")
    for (name, isEnd) in [("end=", true), ("sep=", false), ("flush=", false)] {
      guard let range = Substring(list).range(ofText: name) else { continue }
      let value = list[range.upperBound...]
      let before = trimmed(list[..<range.lowerBound])
      if let quote = value.first, quote == "'" || quote == "\"", let close = value.dropFirst().firstIndex(of: quote) {
        let text = String(
          decoding: Escapes.decode(Array(value[value.index(after: value.startIndex)..<close].utf8), style: .format)
            .bytes, as: UTF8.self)
        if isEnd { end = text } else { separator = text }
        list = (before.hasSuffix(",") ? String(before.dropLast()) : before) + value[value.index(after: close)...]
      } else if name == "flush=" {
        list = before.hasSuffix(",") ? String(before.dropLast()) : before
      }
    }
    return (list, end, separator)
  }

  private func evaluate(_ text: String) throws -> [ScriptValue] {
    let process = context.process
    let (variables, version) = (variables, version)
    var expression = ScriptExpression(
      text, .python,
      names: { name in
        if let value = variables[name] { return value }
        switch name {
        case "sys.version": return .text("\(version) (main, Dec  9 2025, 02:14:20) [GCC 14.2.0]")
        case "sys.platform": return .text("linux")
        case "sys.argv": return .list(process.arguments.dropFirst().map { .text($0) })
        case "os.environ": return .nothing
        default:
          if name.hasPrefix("os.environ.") {
            return ServerSupport.environment(String(name.dropFirst(11)), process).map { .text($0) }
          }
          return nil
        }
      },
      call: { name, values in
        switch name {
        case "str": return .text(values.first.map(PythonText.str) ?? "")
        case "int":
          if let number = values.first?.number { return .integer(Int64(clamping: Int(min(max(number, -9e15), 9e15)))) }
          if case .text(let text)? = values.first, let number = Int64(trimmed(text)) { return .integer(number) }
          throw ScriptFailure.beyond("int of this value")
        case "len":
          if case .text(let text)? = values.first { return .integer(Int64(text.count)) }
          if case .list(let items)? = values.first { return .integer(Int64(items.count)) }
          throw ScriptFailure.beyond("len of this value")
        case "abs":
          return values.first?.number.map { $0 == $0.rounded() ? .integer(Int64($0.magnitude)) : .real($0.magnitude) }
        case "sum":
          guard case .list(let items)? = values.first else { throw ScriptFailure.beyond("sum of this value") }
          let total = items.compactMap(\.number).reduce(0, +)
          return total == total.rounded() ? .integer(Int64(total)) : .real(total)
        case "range":
          let bounds = values.compactMap { value -> Int64? in
            if case .integer(let number) = value { number } else { nil }
          }
          guard let last = bounds.last else { throw ScriptFailure.beyond("range") }
          let first = bounds.count > 1 ? bounds[0] : 0
          return .list(first < last && last - first < 10_000 ? (first..<last).map { .integer($0) } : [])
        case "os.getpid": return .integer(Int64(process.pid))
        case "os.getuid": return .integer(Int64(process.uid))
        case "os.getcwd": return .text(process.workingDirectory)
        case "os.getenv", "os.environ.get":
          if case .text(let key)? = values.first {
            return ServerSupport.environment(key, process).map { .text($0) }
              ?? (values.count > 1 ? values[1] : ScriptValue.nothing)
          }
          return ScriptValue.nothing
        case "socket.gethostname", "platform.node": return .text(process.hostname)
        case "platform.python_version": return .text(version)
        case "time.time": return .real(Double(process.unixTime) / 1e9)
        default: return nil
        }
      })
    return try expression.list()
  }
}

/// `python3 -m http.server`.
final class PythonHTTPServer: Sendable {
  private let process: any SimProcess
  private let isUnbuffered: Bool
  init(_ process: any SimProcess, isUnbuffered: Bool) { (self.process, self.isUnbuffered) = (process, isUnbuffered) }

  func main(_ words: [String], announces: Bool = true) async throws -> Int32 {
    var port = 8000
    var bind = "0.0.0.0"
    var folder = process.workingDirectory
    var rest = words[...]
    while let word = rest.popFirst() {
      switch word {
      case "--bind", "-b": bind = rest.popFirst() ?? bind
      case "--directory", "-d": folder = rest.popFirst() ?? folder
      default:
        guard let number = Int(word), (0...65_535).contains(number) else {
          try await process.write(
            2,
            Array(
              "usage: server.py [-h] [--cgi] [-b ADDRESS] [-d DIRECTORY] [-p VERSION] [port]\nserver.py: error: argument port: invalid int value: '\(word)'\n"
                .utf8))
          return 2
        }
        port = number
      }
    }
    let listener: any SimListener
    do { listener = try process.listen(bind, port) } catch let error as Errno {
      try await process.write(
        2,
        Array(
          "Traceback (most recent call last):\n  File \"<frozen runpy>\", line 198, in _run_module_as_main\nOSError: [Errno \(error.code)] \(describe(error, process))\n"
            .utf8))
      return 1
    }
    process.onSignal(2, .handle)
    try process.allocate(10 << 20)
    // Python keeps what it prints to a pipe in its buffer.
    let shown = "Serving HTTP on \(bind) port \(listener.port) (http://\(bind):\(listener.port)/) ...\n"
    let isHeldBack = !announces || !(isUnbuffered || process.isTerminal(1))
    if !isHeldBack { try await process.write(1, Array(shown.utf8)) }
    let root = folder
    ServerSupport.accept(listener, process) { [self] connection, peer in
      try await ServerSupport.serveHTTP(connection) { request in
        try await answer(request, root, ServerSupport.host(peer))
      }
    }
    _ = try await process.nextSignal()
    try await process.write(
      1, Array(((isHeldBack && announces ? shown : "") + "\nKeyboard interrupt received, exiting.\n").utf8))
    return 0
  }

  private func answer(_ request: HTTPRequest, _ root: String, _ client: String) async throws -> [UInt8] {
    let time = CivilTime(Int64(process.unixTime / Duration64.second))
    func log(_ text: String) async throws {
      let stamp = "\(padded(time.day))/\(time.monthName)/\(time.year) \(time.clock)"
      try await process.write(2, Array("\(client) - - [\(stamp)] \(text)\n".utf8))
    }
    let version = ServerSupport.environment("PYTHON_VERSION", process) ?? "3.14.2"
    let common = [
      ("Server", "SimpleHTTP/0.6 Python/\(version)"), ("Date", httpDate(process.unixTime / Duration64.second)),
    ]
    func failure(_ status: Int, _ text: String) async throws -> [UInt8] {
      try await log("code \(status), message \(text)")
      try await log("\"\(request.method) \(request.path) \(request.version)\" \(status) -")
      let body =
        "<!DOCTYPE HTML>\n<html lang=\"en\">\n    <head>\n        <meta charset=\"utf-8\">\n        <title>Error response</title>\n    </head>\n    <body>\n        <h1>Error response</h1>\n        <p>Error code: \(status)</p>\n        <p>Message: \(text).</p>\n        <p>Error code explanation: \(status) - Nothing matches the given URI.</p>\n    </body>\n</html>\n"
      return ServerSupport.response(
        status, reason: text,
        common + [
          ("Connection", "close"), ("Content-Type", "text/html;charset=utf-8"),
          ("Content-Length", String(body.utf8.count)),
        ], Array(body.utf8), isHead: request.method == "HEAD")
    }
    guard request.method == "GET" || request.method == "HEAD" else {
      return try await failure(501, "Unsupported method ('\(request.method)')")
    }
    guard let path = ServerSupport.path(request.path) else { return try await failure(404, "File not found") }
    var file = path == "/" ? root : root + path
    guard let info = try? process.stat(file, followLinks: true) else { return try await failure(404, "File not found") }
    var body: [UInt8]
    var type = ServerSupport.mediaType(file, "application/octet-stream")
    if info.kind == .directory {
      if !path.hasSuffix("/") {
        try await log("\"\(request.method) \(request.path) \(request.version)\" 301 -")
        return ServerSupport.response(301, common + [("Location", path + "/"), ("Content-Length", "0")], [])
      }
      if (try? process.stat(joined(file, "index.html"), followLinks: true)) != nil { file = joined(file, "index.html") }
    }
    if let bytes = try? process.readFile(file), (try? process.stat(file, followLinks: true))?.kind == .file {
      body = bytes
      type = ServerSupport.mediaType(file, "application/octet-stream")
    } else if info.kind == .directory {
      var text =
        "<!DOCTYPE HTML>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Directory listing for \(path)</title>\n</head>\n<body>\n<h1>Directory listing for \(path)</h1>\n<hr>\n<ul>\n"
      for name in ((try? process.list(file)) ?? []).sorted() where name != "." && name != ".." {
        let shown = name + ((try? process.stat(joined(file, name), followLinks: true))?.kind == .directory ? "/" : "")
        text += "<li><a href=\"\(shown)\">\(shown)</a></li>\n"
      }
      body = Array((text + "</ul>\n<hr>\n</body>\n</html>\n").utf8)
      type = "text/html; charset=utf-8"
    } else {
      return try await failure(404, "File not found")
    }
    try await log("\"\(request.method) \(request.path) \(request.version)\" 200 -")
    return ServerSupport.response(
      200,
      common + [
        ("Content-type", type), ("Content-Length", String(body.count)),
        ("Last-Modified", httpDate(UInt64(max(0, info.modified)))),
      ], body, isHead: request.method == "HEAD")
  }
}
