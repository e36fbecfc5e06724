import Runtime
import Seams

/// postgres: the server with its log, its protocol (version 3, simple queries) and its answers to signals.
struct PostgresProgram: SimProgram {
  func main(_ process: any SimProcess) async throws -> Int32 { try await PostgresServer(process).main() }
}

final class PostgresServer: Sendable {
  let process: any SimProcess
  let version: String
  private let cluster = MutexBox(SQLCluster())
  private let folder: String
  private let sessions = MutexBox(0)
  private let isLeaving = MutexBox(false)
  private let helpers = MutexBox<[(name: String, pid: Int)]>([])

  init(_ process: any SimProcess) {
    self.process = process
    version = ServerSupport.environment("PG_VERSION", process) ?? "18.1"
    var folder = ServerSupport.environment("PGDATA", process) ?? ""
    if let index = process.arguments.firstIndex(of: "-D"), index + 1 < process.arguments.count {
      folder = process.arguments[index + 1]
    }
    self.folder = folder
  }

  func log(_ text: String, pid: Int? = nil, level: String = "LOG") async throws {
    let time = CivilTime(Int64(process.unixTime / Duration64.second))
    let milliseconds = padded(Int(process.unixTime / 1_000_000 % 1000), 3)
    try await process.write(
      2, Array("\(time.date) \(time.clock).\(milliseconds) UTC [\(pid ?? process.pid)] \(level):  \(text)\n".utf8))
  }
  private func say(_ text: String) async throws { try await process.write(2, Array(text.utf8)) }

  func main() async throws -> Int32 {
    if process.arguments.contains("--version") || process.arguments.contains("-V") {
      try await process.write(1, Array("postgres (PostgreSQL) \(version)\n".utf8))
      return 0
    }
    if process.uid == 0 {
      try await say(
        "\"root\" execution of the PostgreSQL server is not permitted.\nThe server must be started under an unprivileged user ID to prevent\npossible system security compromise.  See the documentation for\nmore information on how to properly start the server.\n"
      )
      return 1
    }
    guard !folder.isEmpty else {
      try await say(
        "postgres does not know where to find the server configuration file.\nYou must specify the --config-file or -D invocation option or set the PGDATA environment variable.\n"
      )
      return 2
    }
    guard (try? process.stat(joined(folder, "postgresql.conf"), followLinks: true)) != nil else {
      try await say(
        "postgres: could not access the server configuration file \"\(folder)/postgresql.conf\": No such file or directory\n"
      )
      return 2
    }
    let port = settings("-p").flatMap { Int($0) } ?? 5432
    guard try await load() else { return 1 }
    for signal in [Int32(1), 2, 3, 15] { process.onSignal(signal, .handle) }
    let isMusl = (try? process.stat("/etc/alpine-release", followLinks: true)) != nil
    let build =
      isMusl
      ? "on x86_64-pc-linux-musl, compiled by gcc (Alpine 15.2.0) 15.2.0, 64-bit"
      : "(Debian \(version)-1.pgdg13+2) on x86_64-pc-linux-gnu, compiled by gcc (Debian 14.2.0-19) 14.2.0, 64-bit"
    try await log("starting PostgreSQL \(version) \(build)")
    let listener: any SimListener
    do { listener = try process.listen("0.0.0.0", port) } catch let error as Errno {
      try await log("could not bind IPv4 address \"0.0.0.0\": \(describe(error, process))")
      try await log("could not create any TCP/IP sockets", level: "FATAL")
      return 1
    }
    try await log("listening on IPv4 address \"0.0.0.0\", port \(port)")
    try await log("listening on IPv6 address \"::\", port \(port)")
    try await log("listening on Unix socket \"/var/run/postgresql/.s.PGSQL.\(port)\"")
    try? process.touch("/var/run/postgresql/.s.PGSQL.\(port)")
    try await put("\(process.pid)\n\(folder)\n", joined(folder, "postmaster.pid"))
    try process.allocate(24 << 20)
    process.setTitle((["postgres"] + process.arguments.dropFirst()).joined(separator: " "))
    let startup = try await helper("startup")
    let last = trimmed(text(joined(folder, "global/shutdown")) ?? "")
    if last.isEmpty {
      try await log("database system was interrupted; last known up at \(stamp)", pid: startup)
      try await log("database system was not properly shut down; automatic recovery in progress", pid: startup)
      try await log("redo starts at 0/1750C20", pid: startup)
      try await log("invalid record length at 0/1750D00: expected at least 24, got 0", pid: startup)
      try await log(
        "redo done at 0/1750CC8 system usage: CPU: user: 0.00 s, system: 0.00 s, elapsed: 0.00 s", pid: startup)
    } else {
      try await log("database system was shut down at \(last)", pid: startup)
    }
    try? process.unlink(joined(folder, "global/shutdown"))
    try process.kill(startup, 9)
    _ = try? await process.wait(startup)
    helpers.set([])
    for name in [
      "checkpointer", "background writer", "walwriter", "autovacuum launcher", "logical replication launcher",
    ] {
      _ = try await helper(name)
    }
    try await log("database system is ready to accept connections")
    ServerSupport.accept(listener, process) { [self] connection, peer in try await serve(connection, peer) }
    while true {
      switch try await process.nextSignal() {
      case 1: try await log("received SIGHUP, reloading configuration files")
      case 2:
        try await log("received fast shutdown request")
        try await log("aborting any active transactions")
        return try await shutDown(listener, port)
      case 15:
        try await log("received smart shutdown request")
        listener.close()
        // It waits for its clients.
        while sessions.get() > 0 { try await process.sleep(100_000_000) }
        return try await shutDown(listener, port)
      default:
        try await log("received immediate shutdown request")
        for helper in helpers.get() { try? process.kill(helper.pid, 9) }
        try await log("database system is shut down")
        return 0
      }
    }
  }

  private func settings(_ name: String) -> String? {
    guard let index = process.arguments.firstIndex(of: name), index + 1 < process.arguments.count else { return nil }
    return process.arguments[index + 1]
  }

  private var stamp: String {
    let time = CivilTime(Int64(process.unixTime / Duration64.second))
    return "\(time.date) \(time.clock) UTC"
  }

  private func text(_ path: String) -> String? {
    (try? process.readFile(path)).map { String(decoding: $0, as: UTF8.self) }
  }

  private func put(_ text: String, _ path: String) async throws {
    let fd = try process.open(path, .write)
    defer { process.close(fd) }
    try await process.write(fd, Array(text.utf8))
  }

  /// A process beside the server, as PostgreSQL has them.
  private func helper(_ name: String) async throws -> Int {
    let pid = try process.fork(stdio: [0, 1, 2]) { child in
      child.setTitle("postgres: \(name) ")
      for signal in [Int32(1), 2, 3] { child.onSignal(signal, .ignore) }
      child.onSignal(15, .handle)
      _ = try await child.nextSignal()
      return name == "logical replication launcher" ? 1 : 0
    }
    helpers.update { $0.append((name, pid)) }
    return pid
  }

  private func shutDown(_ listener: any SimListener, _ port: Int) async throws -> Int32 {
    isLeaving.set(true)
    listener.close()
    for helper in helpers.get() where helper.name != "checkpointer" { try? process.kill(helper.pid, 15) }
    for helper in helpers.get() where helper.name != "checkpointer" { _ = try? await process.wait(helper.pid) }
    let launcher = helpers.get().first { $0.name == "logical replication launcher" }?.pid ?? 0
    try await log("background worker \"logical replication launcher\" (PID \(launcher)) exited with exit code 1")
    let checkpointer = helpers.get().first { $0.name == "checkpointer" }?.pid ?? 0
    try await log("shutting down", pid: checkpointer)
    try await log("checkpoint starting: shutdown immediate", pid: checkpointer)
    try await save()
    try await put(stamp + "\n", joined(folder, "global/shutdown"))
    try await log(
      "checkpoint complete: wrote 3 buffers (0.0%), wrote 0 SLRU buffers; 0 WAL file(s) added, 0 removed, 0 recycled; write=0.001 s, sync=0.001 s, total=0.003 s; sync files=2, longest=0.001 s, average=0.001 s; distance=0 kB, estimate=0 kB; lsn=0/1750D00, redo lsn=0/1750D00",
      pid: checkpointer)
    try? process.kill(checkpointer, 15)
    _ = try? await process.wait(checkpointer)
    try? process.unlink(joined(folder, "postmaster.pid"))
    try? process.unlink("/var/run/postgresql/.s.PGSQL.\(port)")
    try await log("database system is shut down")
    return 0
  }

  // MARK: The cluster's file

  private var path: String { joined(folder, "base/cluster") }

  private func load() async throws -> Bool {
    if let bytes = try? process.readFile(path) {
      guard let loaded = SQLCluster(dump: bytes) else {
        try await log("could not read cluster file \"\(path)\"", level: "FATAL")
        return false
      }
      cluster.set(loaded)
      return true
    }
    // The first start after initdb: the superuser and the databases of the environment.
    let user = ServerSupport.environment("POSTGRES_USER", process) ?? "postgres"
    let database = ServerSupport.environment("POSTGRES_DB", process) ?? user
    cluster.update { cluster in
      cluster.addRole(user, password: ServerSupport.environment("POSTGRES_PASSWORD", process))
      for name in ["postgres", "template0", "template1", database] { cluster.addDatabase(name) }
    }
    try? process.makeDirectory(joined(folder, "base"), mode: 0o700)
    try? process.makeDirectory(joined(folder, "global"), mode: 0o700)
    try await runInitialScripts(user, database)
    do { try await save() } catch let error as Errno {
      try await log("could not write file \"\(path)\": \(describe(error, process))", level: "FATAL")
      return false
    }
    try await put(stamp + "\n", joined(folder, "global/shutdown"))
    return true
  }

  /// The SQL files of /docker-entrypoint-initdb.d.
  private func runInitialScripts(_ user: String, _ database: String) async throws {
    let folder = "/docker-entrypoint-initdb.d"
    for name in ((try? process.list(folder)) ?? []).sorted() where name.hasSuffix(".sql") {
      let session = SQLSession(database: database, user: user, version: version, now: process.unixTime)
      let script = SQLParser.split(text(joined(folder, name)) ?? "")
      for statement in script.complete + [script.rest] {
        do {
          var parser = try SQLParser(statement)
          guard let parsed = try parser.parse() else { continue }
          _ = try cluster.update { cluster in Result { try cluster.execute(parsed, session) } }.get()
        } catch let error as SQLError { try await log(error.message, level: "ERROR") }
      }
    }
  }

  private func save() async throws {
    let bytes = cluster.update { $0.dump() }
    let fd = try process.open(path, .write)
    defer { process.close(fd) }
    try await process.write(fd, bytes)
  }

  // MARK: Clients

  private func serve(_ connection: Duplex, _ peer: String) async throws {
    var wire = PostgresWire(connection)
    guard let startup = await wire.readStartup() else { return }
    let user = startup["user"] ?? ""
    let database = startup["database"] ?? user
    func refuse(_ text: String, _ code: String) async throws {
      try await log(text, level: "FATAL")
      await wire.send(PostgresWire.error(text, code: code, severity: "FATAL"))
    }
    let isLocal = peer.hasPrefix("127.")
    let trusts = (text(joined(folder, "pg_hba.conf")) ?? "").contains(" trust")
    let roles = cluster.get().roles
    if !isLocal, !trusts {
      await wire.send(PostgresWire.message("R", [0, 0, 0, 3]))
      guard let message = await wire.read(), message.kind == UInt8(ascii: "p") else { return }
      let given = String(decoding: message.body.prefix { $0 != 0 }, as: UTF8.self)
      guard let password = roles[user], let password, password == given else {
        return try await refuse("password authentication failed for user \"\(user)\"", "28P01")
      }
    }
    guard roles[user] != nil else { return try await refuse("role \"\(user)\" does not exist", "28000") }
    guard cluster.get().databases[database] != nil else {
      return try await refuse("database \"\(database)\" does not exist", "3D000")
    }
    if isLeaving.get() { return try await refuse("the database system is shutting down", "57P03") }
    sessions.update { $0 += 1 }
    defer { sessions.update { $0 -= 1 } }
    await wire.send(PostgresWire.message("R", [0, 0, 0, 0]))
    for (name, value) in [
      ("server_version", version), ("server_encoding", "UTF8"), ("client_encoding", "UTF8"), ("TimeZone", "Etc/UTC"),
    ] {
      await wire.send(PostgresWire.message("S", Array(name.utf8) + [0] + Array(value.utf8) + [0]))
    }
    var before: SQLCluster?
    await wire.send(PostgresWire.message("Z", [UInt8(ascii: "I")]))
    while let message = await wire.read() {
      guard message.kind == UInt8(ascii: "Q") else {
        if message.kind == UInt8(ascii: "X") { return }
        await wire.send(PostgresWire.error("unsupported frontend protocol message", code: "08P01"))
        continue
      }
      let query = String(decoding: message.body.prefix { $0 != 0 }, as: UTF8.self)
      try await run(
        query, SQLSession(database: database, user: user, version: version, now: process.unixTime), &wire, &before)
      await wire.send(PostgresWire.message("Z", [UInt8(ascii: before == nil ? "I" : "T")]))
    }
  }

  private func run(_ query: String, _ session: SQLSession, _ wire: inout PostgresWire, _ before: inout SQLCluster?)
    async throws
  {
    let script = SQLParser.split(query)
    var hasRun = false
    for text in script.complete + [script.rest] {
      do {
        var parser = try SQLParser(text)
        guard let statement = try parser.parse() else { continue }
        hasRun = true
        switch statement {
        case .begin: before = before ?? cluster.get()
        case .commit: before = nil
        case .rollback:
          if let old = before { cluster.set(old) }
          before = nil
        default: break
        }
        let result = try cluster.update { cluster in Result { try cluster.execute(statement, session) } }.get()
        if result.sleep > 0 { try await process.sleep(UInt64(result.sleep * 1e9)) }
        try await process.compute(100_000)
        if let notice = result.notice {
          await wire.send(PostgresWire.error(notice, code: "00000", severity: "NOTICE", kind: "N"))
        }
        if let columns = result.columns {
          await wire.send(PostgresWire.description(columns))
          for row in result.rows { await wire.send(PostgresWire.row(row.map(\.text))) }
        }
        await wire.send(PostgresWire.message("C", Array(result.tag.utf8) + [0]))
        if result.hasChanged { try await save() }
      } catch let error as SQLError {
        hasRun = true
        let message = error.message.split(separator: "\n").first.map(String.init) ?? error.message
        let detail = error.message.split(separator: "\n").dropFirst().joined(separator: "\n")
        try await log(message + (error.position.map { " at character \($0 + 1)" } ?? ""), level: "ERROR")
        if !detail.isEmpty { try await log(String(detail.drop { $0 != " " }.drop { $0 == " " }), level: "DETAIL") }
        try await log(trimmed(text), level: "STATEMENT")
        await wire.send(
          PostgresWire.error(
            message, code: error.code, detail: String(detail.drop { $0 != " " }.drop { $0 == " " }),
            position: error.position.map { $0 + 1 }))
        return
      }
    }
    if !hasRun { await wire.send(PostgresWire.message("I", [])) }
  }
}

/// PostgreSQL's protocol, version 3.
struct PostgresWire {
  private let connection: Duplex
  private var pending: [UInt8] = []
  init(_ connection: Duplex) { self.connection = connection }

  func send(_ bytes: [UInt8]) async { await connection.output.write(bytes) }

  private mutating func bytes(_ count: Int) async -> [UInt8]? {
    while pending.count < count {
      guard let more = await connection.input.read(65_536) else { return nil }
      pending += more
    }
    let bytes = Array(pending[..<count])
    pending.removeFirst(count)
    return bytes
  }

  private static func number(_ bytes: [UInt8]) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }

  /// The next message; nil at the end of the connection.
  mutating func read() async -> (kind: UInt8, body: [UInt8])? {
    guard let head = await bytes(5) else { return nil }
    let length = Self.number(Array(head[1...]))
    guard (4...(1 << 26)).contains(length), let body = await bytes(length - 4) else { return nil }
    return (head[0], body)
  }

  /// The parameters of a startup message; a request for TLS is declined first.
  mutating func readStartup() async -> [String: String]? {
    while true {
      guard let head = await bytes(4) else { return nil }
      let length = Self.number(head)
      guard (8...10_000).contains(length), let body = await bytes(length - 4) else { return nil }
      if Self.number(Array(body[..<4])) == 80_877_103 {
        await send([UInt8(ascii: "N")])
        continue
      }
      let words = body[4...].split(separator: 0, omittingEmptySubsequences: false).map {
        String(decoding: $0, as: UTF8.self)
      }
      var parameters: [String: String] = [:]
      for index in stride(from: 0, to: words.count - 1, by: 2) where !words[index].isEmpty {
        parameters[words[index]] = words[index + 1]
      }
      return parameters
    }
  }

  static func integer(_ number: Int, _ width: Int = 4) -> [UInt8] {
    (0..<width).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }
  static func message(_ kind: Character, _ body: [UInt8]) -> [UInt8] {
    [kind.asciiValue ?? 0] + integer(body.count + 4) + body
  }
  static func startup(_ parameters: [(String, String)]) -> [UInt8] {
    let body = integer(196_608) + parameters.flatMap { Array($0.0.utf8) + [0] + Array($0.1.utf8) + [0] } + [0]
    return integer(body.count + 4) + body
  }
  static func error(
    _ text: String, code: String, severity: String = "ERROR", detail: String = "", position: Int? = nil,
    kind: Character = "E"
  ) -> [UInt8] {
    var body: [UInt8] = []
    func field(_ letter: Character, _ value: String) { body += [letter.asciiValue ?? 0] + Array(value.utf8) + [0] }
    field("S", severity)
    field("C", code)
    field("M", text)
    if !detail.isEmpty { field("D", detail) }
    if let position { field("P", String(position)) }
    return message(kind, body + [0])
  }
  static func description(_ columns: [(name: String, type: String)]) -> [UInt8] {
    var body = integer(columns.count, 2)
    for column in columns {
      let oid =
        [
          "integer": 23, "bigint": 20, "smallint": 21, "numeric": 1700, "double precision": 701, "real": 700,
          "boolean": 16,
        ][
          String(column.type.prefix { $0 != "(" })] ?? 25
      body +=
        Array(column.name.utf8) + [0] + integer(0) + integer(0, 2) + integer(oid) + integer(0xffff, 2)
        + integer(0xffff_ffff) + integer(0, 2)
    }
    return message("T", body)
  }
  static func row(_ values: [String?]) -> [UInt8] {
    message(
      "D",
      integer(values.count, 2)
        + values.flatMap { value in value.map { integer($0.utf8.count) + Array($0.utf8) } ?? integer(0xffff_ffff) })
  }
}
