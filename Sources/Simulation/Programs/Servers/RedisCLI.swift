import Runtime
import Seams

/// redis-cli: one command from the command line, or lines from the standard input; with a prompt on a terminal.
struct RedisCLIProgram: SimProgram {
  func main(_ process: any SimProcess) async throws -> Int32 {
    let context = ProgramContext(process, name: "redis-cli", arguments: Array(process.arguments.dropFirst()))
    var host = "127.0.0.1"
    var port = 6379
    var password = ServerSupport.environment("REDISCLI_AUTH", process)
    var isRaw = !process.isTerminal(1)
    var words = context.arguments[...]
    loop: while let word = words.first, word.hasPrefix("-") {
      words.removeFirst()
      switch word {
      case "-h": host = words.popFirst() ?? host
      case "-p": port = words.popFirst().flatMap { Int($0) } ?? port
      case "-a", "--pass": password = words.popFirst()
      case "-n", "-u", "-r", "-i": _ = words.popFirst()
      case "--raw": isRaw = true
      case "--no-raw": isRaw = false
      case "--no-auth-warning": break
      case "--version", "-v":
        try await context.printLine("redis-cli \(ServerSupport.environment("REDIS_VERSION", process) ?? "8.4.0")")
        try await context.flush()
        return 0
      case "--": break loop
      default:
        try await context.complain("Unrecognized option or bad number of args for: '\(word)'\n")
        return 1
      }
    }
    if context.arguments.contains("-a"), !context.arguments.contains("--no-auth-warning") {
      try await context.complain(
        "Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe.\n")
    }
    let isPrompting = words.isEmpty && process.isTerminal(0)
    var connection = try await connect(host, port, context)
    if connection == nil, !isPrompting { return 1 }
    var pending: [UInt8] = []
    if let password, let connection {
      await connection.output.write(RESP.encode(command: ["AUTH", password]))
      if case .error(let text)? = await RESP.readReply(connection, &pending) {
        try await context.complain("AUTH failed: \(text)\n")
      }
    }
    if !words.isEmpty {
      guard let connection else { return 1 }
      await connection.output.write(RESP.encode(command: Array(words)))
      guard let reply = await RESP.readReply(connection, &pending) else {
        if words.first?.uppercased() == "SHUTDOWN" { return 0 }
        try await context.complain("Error: Server closed the connection\n")
        return 1
      }
      try await context.print(show(reply, isRaw: isRaw))
      try await context.flush()
      if case .error = reply { return isRaw ? 1 : 0 }
      return 0
    }
    while true {
      if isPrompting {
        try await context.print(connection == nil ? "not connected> " : "\(host):\(port)> ")
        try await context.flush()
      }
      guard let line = try await context.readLine() else { break }
      let fields = Self.split(String(decoding: line, as: UTF8.self))
      guard let first = fields.first else { continue }
      if first.lowercased() == "exit" || first.lowercased() == "quit" { break }
      if first.lowercased() == "clear" {
        try await context.print("\u{1B}[H\u{1B}[2J")
        continue
      }
      if connection == nil { connection = try await connect(host, port, context) }
      guard let open = connection else { continue }
      await open.output.write(RESP.encode(command: fields))
      if let reply = await RESP.readReply(open, &pending) {
        try await context.print(show(reply, isRaw: isRaw))
      } else {
        connection = nil
        pending = []
        if first.uppercased() != "SHUTDOWN" { try await context.complain("Error: Server closed the connection\n") }
      }
    }
    try await context.flush()
    return 0
  }

  private func connect(_ host: String, _ port: Int, _ context: ProgramContext) async throws -> Duplex? {
    do {
      guard let address = try await lookUp(host, context) else {
        try await context.complain("Could not connect to Redis at \(host):\(port): Name or service not known\n")
        return nil
      }
      return try await context.process.connect(address, port)
    } catch let error as Errno {
      try await context.complain("Could not connect to Redis at \(host):\(port): \(context.reason(error))\n")
      return nil
    }
  }

  /// Words with quotes.
  static func split(_ line: String) -> [String] {
    var words: [String] = []
    var word = ""
    var isWord = false
    var quote: Character?
    for character in line {
      if let open = quote {
        if character == open { quote = nil } else { word.append(character) }
      } else if character == "\"" || character == "'" {
        (quote, isWord) = (character, true)
      } else if character == " " || character == "\t" {
        if isWord { words.append(word) }
        (word, isWord) = ("", false)
      } else {
        word.append(character)
        isWord = true
      }
    }
    if isWord { words.append(word) }
    return words
  }

  private func show(_ reply: RESPValue, isRaw: Bool, indent: String = "") -> String {
    if isRaw {
      switch reply {
      case .simple(let text): return text + "\n"
      case .error(let text): return text + "\n\n"
      case .integer(let number): return "\(number)\n"
      case .bulk(let text): return (text ?? "") + "\n"
      case .array(let items): return items.map { $0.isEmpty ? "\n" : $0.map { show($0, isRaw: true) }.joined() } ?? "\n"
      }
    }
    switch reply {
    case .simple(let text): return text + "\n"
    case .error(let text): return "(error) \(text)\n"
    case .integer(let number): return "(integer) \(number)\n"
    case .bulk(nil): return "(nil)\n"
    case .bulk(let text?):
      if text.hasPrefix("# Server") || text.contains("\r\n") { return text + "\n" }
      return "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n"))\"\n"
    case .array(nil): return "(nil)\n"
    case .array(let items?):
      if items.isEmpty { return "(empty array)\n" }
      let width = String(items.count).count
      var text = ""
      for (index, item) in items.enumerated() {
        let number = String(index + 1).leftPadded(width) + ") "
        text +=
          (index > 0 ? indent : "") + number
          + show(item, isRaw: false, indent: indent + String(repeating: " ", count: number.count))
      }
      return text
    }
  }
}
