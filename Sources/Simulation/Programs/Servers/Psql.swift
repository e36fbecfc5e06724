import Runtime
import Seams

/// Where a client of PostgreSQL is to connect to, from its options and environment.
struct PostgresTarget {
  /// Empty: the Unix socket.
  var host: String
  var port: Int
  var user: String
  var database: String
  var password: String?

  init(_ process: any SimProcess, host: String?, port: String?, user: String?, database: String?) {
    func environment(_ name: String) -> String? { ServerSupport.environment(name, process) }
    self.host = host ?? environment("PGHOST") ?? ""
    self.port = Int(port ?? environment("PGPORT") ?? "") ?? 5432
    self.user = user ?? environment("PGUSER") ?? Accounts(process).userName(process.uid) ?? "root"
    self.database = database ?? environment("PGDATABASE") ?? self.user
    password = environment("PGPASSWORD")
    // postgresql://user:password@host:port/database
    if let database, database.hasPrefix("postgres://") || database.hasPrefix("postgresql://"),
      let address = HTTPAddress("http://" + database.drop { $0 != ":" }.dropFirst(3))
    {
      self.host = address.host
      let tail = database.drop { $0 != ":" }.dropFirst(3)
      self.port = tail.prefix { $0 != "/" }.split(separator: "@").last?.contains(":") == true ? address.port : 5432
      self.database = String(address.path.dropFirst().prefix { $0 != "?" })
      if let credentials = address.credentials?.split(separator: ":", maxSplits: 1) {
        self.user = credentials.first.map(String.init) ?? self.user
        if credentials.count > 1 { password = String(credentials[1]) }
      }
      if self.database.isEmpty { self.database = self.user }
    }
  }

  var isSocket: Bool { host.isEmpty || host.hasPrefix("/") }

  /// Connects; the message when that does not work.
  func connect(_ context: ProgramContext) async throws -> Result<Duplex, PostgresProblem> {
    let socket = "/var/run/postgresql/.s.PGSQL.\(port)"
    if isSocket {
      do { return .success(try await context.process.connect("127.0.0.1", port)) } catch is Errno {
        return .failure(
          PostgresProblem(
            text:
              "connection to server on socket \"\(socket)\" failed: No such file or directory\n\tIs the server running locally and accepting connections on that socket?"
          ))
      }
    }
    guard let address = try await lookUp(host, context) else {
      return .failure(
        PostgresProblem(text: "could not translate host name \"\(host)\" to address: Name or service not known"))
    }
    do { return .success(try await context.process.connect(address, port)) } catch let error as Errno {
      let shown = address == host ? "\"\(host)\"" : "\"\(host)\" (\(address))"
      let hint =
        error == .ECONNREFUSED ? "\n\tIs the server running on that host and accepting TCP/IP connections?" : ""
      return .failure(
        PostgresProblem(text: "connection to server at \(shown), port \(port) failed: \(context.reason(error))\(hint)"))
    }
  }
}

struct PostgresProblem: Error { var text: String }

/// pg_isready.
struct PgIsReadyProgram: SimProgram {
  func main(_ process: any SimProcess) async throws -> Int32 {
    let context = ProgramContext(process, name: "pg_isready", arguments: Array(process.arguments.dropFirst()))
    guard
      let options = try? Options(
        context.arguments, "h:p:U:d:t:q",
        long: ["host": "h", "port": "p", "username": "U", "dbname": "d", "timeout": "t", "quiet": "q"])
    else { return 3 }
    let target = PostgresTarget(
      process, host: options.value("h"), port: options.value("p"), user: options.value("U"),
      database: options.value("d"))
    let shown = (target.isSocket ? "/var/run/postgresql" : target.host) + ":\(target.port)"
    let result = try await target.connect(context)
    if case .success(let connection) = result {
      connection.output.closeWriting()
      connection.input.closeReading()
      if !options.has("q") { try await context.print("\(shown) - accepting connections\n") }
      try await context.flush()
      return 0
    }
    if !options.has("q") { try await context.print("\(shown) - no response\n") }
    try await context.flush()
    return 2
  }
}

/// psql: `-c`, `-f`, the standard input, or a user at a terminal.
struct PsqlProgram: SimProgram {
  func main(_ process: any SimProcess) async throws -> Int32 {
    let context = ProgramContext(process, name: "psql", arguments: Array(process.arguments.dropFirst()))
    let options: Options
    do {
      options = try Options(
        context.arguments, "h:p:U:d:c:f:tAqlwWXxaeEnF:v:P:V",
        long: [
          "host": "h", "port": "p", "username": "U", "dbname": "d", "command": "c", "file": "f", "tuples-only": "t",
          "no-align": "A",
          "quiet": "q", "list": "l", "no-password": "w", "password": "W", "no-psqlrc": "X", "set": "v", "variable": "v",
          "version": "V",
          "field-separator": "F", "expanded": "x", "pset": "P", "echo-all": "a",
        ])
    } catch {
      try await context.complain("psql: hint: Try \"psql --help\" for more information.\n")
      return 1
    }
    if options.has("V") {
      try await context.printLine("psql (PostgreSQL) \(ServerSupport.environment("PG_VERSION", process) ?? "18.1")")
      try await context.flush()
      return 0
    }
    let target = PostgresTarget(
      process, host: options.value("h"), port: options.value("p"),
      user: options.value("U") ?? (options.operands.count > 1 ? options.operands[1] : nil),
      database: options.value("d") ?? options.operands.first ?? (options.has("l") ? "postgres" : nil))
    let client = PsqlClient(context, target, options)
    let status = try await client.run()
    try await context.flush()
    return status
  }
}

private final class PsqlClient {
  private let context: ProgramContext
  private var target: PostgresTarget
  private let options: Options
  private var wire: PostgresWire?
  private var connection: Duplex?
  private var serverVersion = ""
  private var hasFailed = false
  private var isExpanded: Bool

  init(_ context: ProgramContext, _ target: PostgresTarget, _ options: Options) {
    (self.context, self.target, self.options) = (context, target, options)
    isExpanded = options.has("x")
  }

  private var stopsOnError: Bool {
    options.all("v").contains { $0.uppercased() == "ON_ERROR_STOP=1" || $0.uppercased() == "ON_ERROR_STOP=ON" }
  }

  func run() async throws -> Int32 {
    guard try await connect() else { return 2 }
    defer { connection?.output.closeWriting() }
    if options.has("l") {
      try await command("\\l")
      return 0
    }
    if options.has("c") || options.has("f") {
      for text in options.all("c") {
        if text.hasPrefix("\\") { try await command(text) } else { try await query(text) }
        if hasFailed { return 1 }
      }
      for file in options.all("f") {
        let text: String
        do { text = String(decoding: try await context.contents(file), as: UTF8.self) } catch let error as Errno {
          try await context.complain("psql: error: \(file): \(context.reason(error))\n")
          return 1
        }
        for line in SQLParser.split(text).complete {
          hasFailed = false
          try await query(trimmed(line))
          if hasFailed, stopsOnError { return 3 }
        }
      }
      return 0
    }
    let isPrompting = context.process.isTerminal(context.input)
    if isPrompting, !options.has("q") {
      try await context.print("psql (\(serverVersion))\nType \"help\" for help.\n\n")
    }
    var buffer = ""
    while true {
      if isPrompting {
        try await context.print("\(target.database)\(trimmed(buffer).isEmpty ? "=" : "-")# ")
        try await context.flush()
      }
      guard let line = try await context.readLine() else { break }
      let text = String(decoding: line, as: UTF8.self)
      if trimmed(buffer).isEmpty {
        let word = trimmed(text)
        if word.hasPrefix("\\") {
          if word.hasPrefix("\\q") { return 0 }
          try await command(word)
          continue
        }
        if isPrompting, word == "exit" || word == "quit" { return 0 }
        if isPrompting, word == "help" {
          try await context.print(
            "You are using psql, the command-line interface to PostgreSQL.\nType:  \\copyright for distribution terms\n       \\h for help with SQL commands\n       \\? for help with psql commands\n       \\g or terminate with semicolon to execute query\n       \\q to quit\n"
          )
          continue
        }
      }
      buffer += text + "\n"
      let split = SQLParser.split(buffer)
      for statement in split.complete {
        hasFailed = false
        try await query(trimmed(statement))
        if hasFailed, stopsOnError, !isPrompting { return 3 }
      }
      buffer = split.rest
    }
    if !trimmed(buffer).isEmpty { try await query(trimmed(buffer)) }
    if isPrompting { try await context.print("\\q\n") }
    return 0
  }

  private func connect() async throws -> Bool {
    let place: String
    let open: Duplex
    switch try await target.connect(context) {
    case .failure(let problem):
      try await context.complain("psql: error: \(problem.text)\n")
      return false
    case .success(let made): open = made
    }
    if target.isSocket {
      place = "on socket \"/var/run/postgresql/.s.PGSQL.\(target.port)\""
    } else {
      let address = try await lookUp(target.host, context) ?? target.host
      place = "at \"\(target.host)\"\(address == target.host ? "" : " (\(address))"), port \(target.port)"
    }
    connection = open
    var wire = PostgresWire(open)
    await wire.send(PostgresWire.startup([("user", target.user), ("database", target.database)]))
    while let message = await wire.read() {
      switch message.kind {
      case UInt8(ascii: "R") where message.body.last == 3:
        var password = target.password
        if password == nil, context.process.isTerminal(context.input), !options.has("w") {
          try await context.print("Password for user \(target.user): ")
          try await context.flush()
          password = try await context.readLine().map { String(decoding: $0, as: UTF8.self) }
          try await context.print("\n")
        }
        guard let password, !password.isEmpty else {
          try await context.complain(
            "psql: error: connection to server \(place) failed: fe_sendauth: no password supplied\n")
          return false
        }
        await wire.send(PostgresWire.message("p", Array(password.utf8) + [0]))
      case UInt8(ascii: "S"):
        let words = message.body.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        if words.first == "server_version", words.count > 1 { serverVersion = words[1] }
      case UInt8(ascii: "E"):
        let fields = Self.fields(message.body)
        try await context.complain(
          "psql: error: connection to server \(place) failed: \(fields["S"] ?? "FATAL"):  \(fields["M"] ?? "")\n")
        return false
      case UInt8(ascii: "Z"):
        self.wire = wire
        return true
      default: break
      }
    }
    try await context.complain(
      "psql: error: connection to server \(place) failed: server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or while processing the request.\n"
    )
    return false
  }

  private static func fields(_ body: [UInt8]) -> [Character: String] {
    var fields: [Character: String] = [:]
    for part in body.split(separator: 0) {
      guard let letter = part.first else { continue }
      fields[Character(UnicodeScalar(letter))] = String(decoding: part.dropFirst(), as: UTF8.self)
    }
    return fields
  }

  // MARK: Queries

  private func query(_ text: String, title: String? = nil) async throws {
    guard var wire else { return }
    await wire.send(PostgresWire.message("Q", Array(text.utf8) + [0]))
    var columns: [(name: String, isNumber: Bool)] = []
    var rows: [[String?]] = []
    var hasRows = false
    while let message = await wire.read() {
      switch message.kind {
      case UInt8(ascii: "T"):
        columns = Self.columns(message.body)
        rows = []
        hasRows = true
      case UInt8(ascii: "D"): rows.append(Self.row(message.body))
      case UInt8(ascii: "C"):
        let tag = String(decoding: message.body.prefix { $0 != 0 }, as: UTF8.self)
        if hasRows {
          try await context.print(table(columns, rows, title))
        }
        if !hasRows || tag.hasPrefix("INSERT"), !options.has("q") { try await context.printLine(tag) }
        hasRows = false
      case UInt8(ascii: "N"), UInt8(ascii: "E"):
        let fields = Self.fields(message.body)
        let isError = message.kind == UInt8(ascii: "E")
        hasFailed = hasFailed || isError
        var shown = "\(fields["S"] ?? "ERROR"):  \(fields["M"] ?? "")\n"
        if let position = fields["P"].flatMap({ Int($0) }) { shown += Self.place(text, position) }
        if let detail = fields["D"] { shown += "DETAIL:  \(detail)\n" }
        let prefix =
          options.has("f") || (!options.has("c") && !context.process.isTerminal(context.input))
          ? "psql:\(options.value("f") ?? "<stdin>"):1: " : ""
        try await context.complain(prefix + shown)
      case UInt8(ascii: "Z"):
        self.wire = wire
        return
      default: break
      }
    }
    hasFailed = true
    try await context.complain(
      "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or while processing the request.\nThe connection to the server was lost. Attempting reset: Failed.\n"
    )
    self.wire = nil
  }

  /// `LINE 1: …` and a caret below.
  private static func place(_ text: String, _ position: Int) -> String {
    let bytes = Array(text.utf8)
    let at = min(max(position - 1, 0), bytes.count)
    let start = bytes[..<at].lastIndex(of: 10).map { $0 + 1 } ?? 0
    let end = bytes[at...].firstIndex(of: 10) ?? bytes.count
    let number = bytes[..<at].count { $0 == 10 } + 1
    let head = "LINE \(number): "
    return head + String(decoding: bytes[start..<end], as: UTF8.self) + "\n"
      + String(repeating: " ", count: head.count + at - start) + "^\n"
  }

  private static func columns(_ body: [UInt8]) -> [(name: String, isNumber: Bool)] {
    var columns: [(String, Bool)] = []
    var index = 2
    while index < body.count, let end = body[index...].firstIndex(of: 0), end + 18 < body.count + 1 {
      let name = String(decoding: body[index..<end], as: UTF8.self)
      let type = body[(end + 7)..<min(end + 11, body.count)].reduce(0) { $0 << 8 | Int($1) }
      columns.append((name, [20, 21, 23, 700, 701, 1700].contains(type)))
      index = end + 19
    }
    return columns
  }

  private static func row(_ body: [UInt8]) -> [String?] {
    var values: [String?] = []
    var index = 2
    while index + 4 <= body.count {
      let length = body[index..<(index + 4)].reduce(0) { $0 << 8 | Int($1) }
      index += 4
      if length == 0xffff_ffff {
        values.append(nil)
      } else {
        values.append(String(decoding: body[index..<min(index + length, body.count)], as: UTF8.self))
        index += length
      }
    }
    return values
  }

  private func table(_ columns: [(name: String, isNumber: Bool)], _ rows: [[String?]], _ title: String?) -> String {
    let footer = "(\(rows.count) row\(rows.count == 1 ? "" : "s"))\n"
    if options.has("A") {
      let separator = options.value("F") ?? "|"
      var text = options.has("t") ? "" : columns.map(\.name).joined(separator: separator) + "\n"
      for row in rows { text += row.map { $0 ?? "" }.joined(separator: separator) + "\n" }
      return text + (options.has("t") ? "" : footer)
    }
    if isExpanded {
      let width = columns.map(\.name.count).max() ?? 0
      var text = ""
      for (index, row) in rows.enumerated() {
        text += "-[ RECORD \(index + 1) ]" + String(repeating: "-", count: 10) + "\n"
        for (column, value) in zip(columns, row) { text += "\(column.name.padded(width)) | \(value ?? "")\n" }
      }
      return text + "\n"
    }
    var widths = columns.map(\.name.count)
    for row in rows {
      for (index, value) in row.enumerated() where index < widths.count {
        widths[index] = max(widths[index], value?.count ?? 0)
      }
    }
    var text = ""
    let total = widths.reduce(0) { $0 + $1 + 3 } - 1
    if let title { text += String(repeating: " ", count: max(0, (total - title.count) / 2)) + title + "\n" }
    if !options.has("t") {
      text +=
        columns.enumerated().map { index, column in
          let space = widths[index] - column.name.count
          return " " + String(repeating: " ", count: space / 2) + column.name
            + String(repeating: " ", count: space - space / 2) + " "
        }.joined(separator: "|") + "\n"
      text += widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "+") + "\n"
    }
    for row in rows {
      text +=
        row.enumerated().map { index, value in
          let cell = value ?? ""
          let isLast = index == columns.count - 1
          if columns[index].isNumber { return " " + cell.leftPadded(widths[index]) + (isLast ? "" : " ") }
          return " " + (isLast ? cell : cell.padded(widths[index]) + " ")
        }.joined(separator: "|") + "\n"
    }
    return text + (options.has("t") ? "\n" : footer + "\n")
  }

  // MARK: Commands

  private func command(_ text: String) async throws {
    let words = text.split(separator: " ").map(String.init)
    switch words[0] {
    case "\\dt", "\\d":
      if words.count > 1 {
        try await query(
          "SELECT tablename AS \"Table\", schemaname AS \"Schema\" FROM pg_tables WHERE tablename = '\(words[1].replacing("'", with: "''"))'",
          title: "Table \"public.\(words[1])\"")
      } else {
        try await query(
          "SELECT schemaname AS \"Schema\", tablename AS \"Name\", 'table' AS \"Type\", tableowner AS \"Owner\" FROM pg_tables ORDER BY 2",
          title: "List of tables")
      }
    case "\\l", "\\l+":
      try await query(
        "SELECT datname AS \"Name\", current_user AS \"Owner\", 'UTF8' AS \"Encoding\" FROM pg_database ORDER BY 1",
        title: "List of databases")
    case "\\du":
      try await query(
        "SELECT rolname AS \"Role name\", 'Superuser, Create role, Create DB' AS \"Attributes\" FROM pg_roles",
        title: "List of roles")
    case "\\conninfo":
      let place = target.isSocket ? "via socket in \"/var/run/postgresql\"" : "on host \"\(target.host)\""
      try await context.printLine(
        "You are connected to database \"\(target.database)\" as user \"\(target.user)\" \(place) at port \"\(target.port)\"."
      )
    case "\\c", "\\connect":
      let old = target
      if words.count > 1 { target.database = words[1] }
      if try await connect() {
        try await context.printLine(
          "You are now connected to database \"\(target.database)\" as user \"\(target.user)\".")
      } else {
        target = old
        try await context.complain("Previous connection kept\n")
      }
    case "\\x":
      isExpanded.toggle()
      try await context.printLine("Expanded display is \(isExpanded ? "on" : "off").")
    case "\\echo": try await context.printLine(words.dropFirst().joined(separator: " "))
    case "\\timing": try await context.printLine("Timing is on.")
    default: try await context.complain("invalid command \(words[0])\nTry \\? for help.\n")
    }
  }
}
