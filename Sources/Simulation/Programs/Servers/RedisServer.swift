import Runtime
import Seams

/// redis-server: RESP over TCP, the data in memory, dump.rdb on SIGTERM and SAVE.
struct RedisServerProgram: SimProgram {
  func main(_ process: any SimProcess) async throws -> Int32 {
    let server = RedisServer(process)
    return try await server.main()
  }
}

final class RedisServer: Sendable {
  let process: any SimProcess
  let version: String
  let database = MutexBox(RedisDatabase())
  private let settings = MutexBox(Settings())
  private let clients = MutexBox(0)
  /// A client said SHUTDOWN.
  private let isLeaving = MutexBox(false)
  private let folder: String

  struct Settings: Sendable {
    var port = 6379
    var password = ""
    var appends = false
    var saves = true
    var file = "dump.rdb"
    var bind = "0.0.0.0"
    var maxMemory: Int64 = 0
  }

  init(_ process: any SimProcess) {
    self.process = process
    version = ServerSupport.environment("REDIS_VERSION", process) ?? "8.4.0"
    folder = process.workingDirectory
  }

  private var stamp: String {
    let time = CivilTime(Int64(process.unixTime / Duration64.second))
    let milliseconds = padded(Int(process.unixTime / 1_000_000 % 1000), 3)
    return "\(padded(time.day)) \(time.monthName) \(time.year) \(time.clock).\(milliseconds)"
  }

  func log(_ level: String, _ text: String, role: String = "M") async throws {
    try await process.write(1, Array("\(process.pid):\(role) \(stamp) \(level) \(text)\n".utf8))
  }

  func main() async throws -> Int32 {
    var words = Array(process.arguments.dropFirst())
    if words.contains("--version") || words.contains("-v") {
      try await process.write(
        1, Array("Redis server v=\(version) sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0\n".utf8))
      return 0
    }
    var hasFile = false
    var lines: [String] = []
    if let first = words.first, !first.hasPrefix("-") {
      words.removeFirst()
      hasFile = true
      guard let text = try? process.readFile(first) else {
        try await log("#", "Fatal error, can't open config file '\(first)': No such file or directory", role: "C")
        return 1
      }
      lines += String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
    }
    for word in words {
      if word.hasPrefix("--") {
        lines.append(String(word.dropFirst(2)))
      } else if !lines.isEmpty {
        lines[lines.count - 1] += " " + word
      }
    }
    for (index, line) in lines.enumerated() {
      let fields = line.split { $0 == " " || $0 == "\t" }.map {
        $0.first == "\"" ? String($0.dropFirst().dropLast()) : String($0)
      }
      guard let name = fields.first, !name.hasPrefix("#") else { continue }
      guard set(name.lowercased(), Array(fields.dropFirst())) else {
        try await process.write(
          2,
          Array(
            "\n*** FATAL CONFIG FILE ERROR (Redis \(version)) ***\nReading the configuration file, at line \(index + 2)\n>>> '\(line)'\nBad directive or wrong number of arguments\n"
              .utf8))
        return 1
      }
    }
    let settings = settings.get()
    let overcommit = (try? process.readFile("/proc/sys/vm/overcommit_memory")).map {
      trimmed(String(decoding: $0, as: UTF8.self))
    }
    if overcommit != "1" {
      try await log(
        "#",
        "WARNING Memory overcommit must be enabled! Without it, a background save or replication may fail under low memory condition. Being disabled, it can also cause failures without low memory condition, see https://github.com/jemalloc/jemalloc/issues/1328. To fix this issue add 'vm.overcommit_memory = 1' to /etc/sysctl.conf and then reboot or run the command 'sysctl vm.overcommit_memory=1' for this to take effect.",
        role: "C")
    }
    try await log("*", "oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo", role: "C")
    try await log(
      "*", "Redis version=\(version), bits=64, commit=00000000, modified=0, pid=\(process.pid), just started", role: "C"
    )
    if hasFile || !words.isEmpty {
      try await log("*", "Configuration loaded", role: "C")
    } else {
      try await log(
        "#",
        "Warning: no config file specified, using the default config. In order to specify a config file use redis-server /path/to/redis.conf",
        role: "C")
    }
    try await log("*", "monotonic clock: POSIX clock_gettime")
    if process.isTerminal(1) {
      try await process.write(
        1, Array((RedisBanner.text(version: version, port: settings.port, pid: process.pid) + "\n").utf8))
    } else {
      try await log("*", "Running mode=standalone, port=\(settings.port).")
    }
    let listener: any SimListener
    do { listener = try process.listen(settings.bind, settings.port) } catch let error as Errno {
      try await log(
        "#",
        "Warning: Could not create server TCP listening socket *:\(settings.port): bind: \(describe(error, process))")
      try await log("#", "Failed listening on port \(settings.port) (tcp), aborting.")
      return 1
    }
    for signal in [Int32(2), 15] { process.onSignal(signal, .handle) }
    process.onSignal(1, .ignore)
    try process.allocate(8 << 20)
    try await log("*", "Server initialized")
    try await load()
    try await log("*", "Ready to accept connections tcp")
    ServerSupport.accept(listener, process) { [self] connection, peer in try await serve(connection, peer) }
    let signal = try await process.nextSignal()
    if isLeaving.get() { return 0 }
    return try await shutDown(signal: signal)
  }

  private func set(_ name: String, _ values: [String]) -> Bool {
    guard let first = values.first else { return false }
    return settings.update { settings in
      switch name {
      case "port":
        guard let port = Int(first), (1...65_535).contains(port) else { return false }
        settings.port = port
      case "requirepass": settings.password = first
      case "appendonly": settings.appends = first == "yes"
      case "save": settings.saves = !first.isEmpty && first != "\"\""
      case "dbfilename": settings.file = first
      case "bind": settings.bind = first == "*" ? "0.0.0.0" : first
      case "maxmemory": settings.maxMemory = parseSize(first) ?? 0
      case "dir", "loglevel", "logfile", "databases", "timeout", "tcp-keepalive", "tcp-backlog", "protected-mode",
        "daemonize",
        "maxmemory-policy", "appendfsync", "io-threads", "maxclients", "user", "rename-command", "supervised",
        "pidfile",
        "always-show-logo", "hz", "stop-writes-on-bgsave-error", "rdbcompression", "rdbchecksum",
        "notify-keyspace-events":
        break
      default: return false
      }
      return true
    }
  }

  // MARK: The file

  private var path: String {
    let settings = settings.get()
    return joined(folder, settings.appends ? "appendonlydir/appendonly.aof.1.base.rdb" : settings.file)
  }

  private func load() async throws {
    guard let bytes = try? process.readFile(path),
      let loaded = RedisDatabase(dump: bytes, now: process.unixTime / 1_000_000)
    else { return }
    let age = max(
      0, Int64(process.unixTime / Duration64.second) - ((try? process.stat(path, followLinks: true))?.modified ?? 0))
    database.set(loaded.database)
    if settings.get().appends {
      try await log("*", "DB loaded from append only file: 0.000 seconds")
      return
    }
    try await log("*", "Loading RDB produced by version \(version)")
    try await log("*", "RDB age \(age) seconds")
    try await log("*", "RDB memory usage when created 0.90 Mb")
    try await log("*", "Done loading RDB, keys loaded: \(loaded.database.count), keys expired: \(loaded.expired).")
    try await log("*", "DB loaded from disk: 0.000 seconds")
  }

  /// Writes the file. False when that can not be done.
  private func save() async throws -> Bool {
    let bytes = database.update { $0.dump() }
    do {
      if settings.get().appends { try? process.makeDirectory(joined(folder, "appendonlydir"), mode: 0o755) }
      let fd = try process.open(path, .write)
      defer { process.close(fd) }
      try await process.write(fd, bytes)
      return true
    } catch let error as Errno {
      try await log(
        "#",
        "Failed opening the temp RDB file temp-\(process.pid).rdb (in server root dir \(folder)) for saving: \(describe(error, process))"
      )
      return false
    }
  }

  private func shutDown(signal: Int32) async throws -> Int32 {
    let name = signal == 2 ? "SIGINT" : "SIGTERM"
    try await process.write(
      1,
      Array(
        "\(process.pid):signal-handler (\(process.unixTime / Duration64.second)) Received \(name) scheduling shutdown...\n"
          .utf8))
    return try await leave(saves: nil)
  }

  private func leave(saves: Bool?) async throws -> Int32 {
    try await log("*", "User requested shutdown...")
    if saves ?? (settings.get().saves || settings.get().appends) {
      try await log(
        "*",
        settings.get().appends ? "Calling fsync() on the AOF file." : "Saving the final RDB snapshot before exiting.")
      guard try await save() else {
        try await log("#", "Error trying to save the DB, can't exit.")
        try await log("#", "Errors trying to shut down the server. Check the logs for more information.")
        // It goes on until somebody kills it.
        while true { _ = try await process.nextSignal() }
      }
      if !settings.get().appends { try await log("*", "DB saved on disk") }
    }
    try await log("#", "Redis is now ready to exit, bye bye...")
    return 0
  }

  // MARK: Clients

  private func serve(_ connection: Duplex, _ peer: String) async throws {
    clients.update { $0 += 1 }
    defer { clients.update { $0 -= 1 } }
    var pending: [UInt8] = []
    var isIn = settings.get().password.isEmpty
    while let words = await RESP.readCommand(connection, &pending) {
      guard let first = words.first else { continue }
      let name = first.uppercased()
      if name == "QUIT" {
        await connection.output.write(RESP.encode(.simple("OK")))
        return
      }
      var reply: RESPValue
      if name == "AUTH" || (name == "HELLO" && words.count > 3) {
        if settings.get().password.isEmpty {
          reply = .error(
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
          )
        } else if words.last == settings.get().password {
          isIn = true
          reply = .simple("OK")
        } else {
          reply = .error("WRONGPASS invalid username-password pair or user is disabled.")
        }
      } else if !isIn {
        reply = .error("NOAUTH Authentication required.")
      } else {
        reply = try await answer(name, words)
      }
      try await process.compute(2_000)
      guard await connection.output.write(RESP.encode(reply)) else { return }
    }
  }

  private func answer(_ name: String, _ words: [String]) async throws -> RESPValue {
    switch name {
    case "SHUTDOWN":
      let saves = words.dropFirst().first.map { $0.uppercased() != "NOSAVE" }
      _ = try await leave(saves: saves)
      try await endProcess()
      return .simple("OK")
    case "SAVE", "BGSAVE":
      guard try await save() else { return .error("ERR") }
      try await log("*", "DB saved on disk")
      return .simple(name == "SAVE" ? "OK" : "Background saving started")
    case "INFO": return .bulk(info(words.dropFirst().first?.lowercased()))
    case "CONFIG":
      guard words.count > 2 else { return .error("ERR wrong number of arguments for 'config' command") }
      if words[1].uppercased() == "GET" {
        let settings = settings.get()
        let values = [
          "port": String(settings.port), "maxmemory": String(settings.maxMemory),
          "appendonly": settings.appends ? "yes" : "no",
          "dir": folder, "dbfilename": settings.file, "save": settings.saves ? "3600 1 300 100 60 10000" : "",
          "requirepass": settings.password,
        ]
        let pattern = GlobPattern(words[2].lowercased())
        return .array(
          values.sorted { $0.key < $1.key }.filter { pattern.matches($0.key) }.flatMap {
            [.bulk($0.key), .bulk($0.value)]
          })
      }
      return set(words[2].lowercased(), Array(words.dropFirst(3)))
        ? .simple("OK") : .error("ERR Unknown option or number of arguments for CONFIG SET - '\(words[2])'")
    case "CLIENT":
      return words.dropFirst().first?.uppercased() == "LIST"
        ? .bulk("id=1 addr=127.0.0.1 name= db=0 cmd=client|list\n") : .simple("OK")
    case "COMMAND": return .array([])
    default: break
    }
    let now = process.unixTime / 1_000_000
    let before = database.get().size
    let (reply, hasChanged, size) = database.update { database -> (RESPValue, Bool, Int64) in
      let result = database.execute(name, words, now: now)
      return (result.reply, result.hasChanged, database.size)
    }
    if size > before { try process.allocate(size - before) } else if size < before { process.free(before - size) }
    if hasChanged, settings.get().appends { _ = try await save() }
    return reply
  }

  /// Ends the process from one of its threads: its main thread waits for a signal.
  private func endProcess() async throws {
    isLeaving.set(true)
    try process.kill(process.pid, 15)
    try await process.sleep(Duration64.second)
  }
  private func info(_ section: String?) -> String {
    let database = database.get()
    let memory = database.size + (1 << 20)
    let parts: [(String, String)] = [
      (
        "server",
        "# Server\r\nredis_version:\(version)\r\nredis_mode:standalone\r\nos:Linux \(process.system.release) x86_64\r\narch_bits:64\r\nprocess_id:\(process.pid)\r\ntcp_port:\(settings.get().port)\r\nuptime_in_seconds:\(process.system.uptime / Duration64.second)\r\n"
      ),
      ("clients", "# Clients\r\nconnected_clients:\(clients.get())\r\n"),
      (
        "memory",
        "# Memory\r\nused_memory:\(memory)\r\nused_memory_human:\(humanSize(memory))\r\nmaxmemory:\(settings.get().maxMemory)\r\n"
      ),
      ("persistence", "# Persistence\r\nloading:0\r\naof_enabled:\(settings.get().appends ? 1 : 0)\r\n"),
      ("replication", "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"),
      (
        "keyspace",
        "# Keyspace\r\n"
          + (database.count == 0 ? "" : "db0:keys=\(database.count),expires=\(database.expiring),avg_ttl=0\r\n")
      ),
    ]
    return parts.filter { section == nil || section == "all" || section == $0.0 }.map(\.1).joined(separator: "\r\n")
  }
}

/// The logo that Redis shows on a terminal.
enum RedisBanner {
  static func text(version: String, port: Int, pid: Int) -> String {
    """
                    _._                                                  
               _.-``__ ''-._                                             
          _.-``    `.  `_.  ''-._           Redis Open Source      
      .-`` .-```.  ```\\/    _.,_ ''-._      \(version) (00000000/0) 64 bit
     (    '      ,       .-`  | `,    )     Running in standalone mode
     |`-._`-...-` __...-.``-._|'` _.-'|     Port: \(port)
     |    `-._   `._    /     _.-'    |     PID: \(pid)
      `-._    `-._  `-./  _.-'    _.-'                                   
     |`-._`-._    `-.__.-'    _.-'_.-'|                                  
     |    `-._`-._        _.-'_.-'    |           https://redis.io       
      `-._    `-._`-.__.-'_.-'    _.-'                                   
     |`-._`-._    `-.__.-'    _.-'_.-'|                                  
     |    `-._`-._        _.-'_.-'    |                                  
      `-._    `-._`-.__.-'_.-'    _.-'                                   
          `-._    `-.__.-'    _.-'                                       
              `-._        _.-'                                           
                  `-.__.-'                                               

    """
  }
}
