import Runtime
import Seams

/// nginx: a master process and its workers, with the configuration of the image.
///
/// Understood of it: `listen`, `server_name`, `root`, `alias`, `index`, `location` (exact, prefix, expression), `return`,
/// `try_files`, `proxy_pass`, `add_header`, `error_page`, `autoindex`, `stub_status`, `upstream`. The workers are there and
/// do what signals make them do; the connections are served in the master.
struct NginxProgram: SimProgram {
  func main(_ process: any SimProcess) async throws -> Int32 {
    let server = NginxServer(process)
    do {
      return try await server.main()
    } catch let error as Errno where error == .EPIPE { return 1 }
  }
}

final class NginxServer: Sendable {
  let process: any SimProcess
  let version: String
  private let current = MutexBox<NginxConfiguration?>(nil)
  private let workers = MutexBox<[Int]>([])
  private let listeners = MutexBox<[Int: any SimListener]>([:])
  private let accessLog = MutexBox(1)
  private let errorLog = MutexBox(2)
  private let connections = MutexBox(0)
  /// What a signal asked for: workers that end are not replaced.
  private let isLeaving = MutexBox(false)

  init(_ process: any SimProcess) {
    self.process = process
    version = ServerSupport.environment("NGINX_VERSION", process) ?? "1.29.4"
  }

  func main() async throws -> Int32 {
    var globals = ""
    var file = "/etc/nginx/nginx.conf"
    var tests = false
    var words = process.arguments.dropFirst()
    while let word = words.popFirst() {
      switch word {
      case "-g": globals = words.popFirst() ?? ""
      case "-c": file = words.popFirst() ?? file
      case "-t": tests = true
      case "-T", "-q": break
      case "-p", "-e": _ = words.popFirst()
      case "-v":
        try await say("nginx version: nginx/\(version)\n")
        return 0
      case "-V":
        try await say(
          "nginx version: nginx/\(version)\nbuilt by gcc 14.2.0 (Debian 14.2.0-19) \nbuilt with OpenSSL 3.5.4 30 Sep 2025\n"
            + "TLS SNI support enabled\nconfigure arguments: --prefix=/etc/nginx --sbin-path=/usr/sbin/nginx\n")
        return 0
      case "-h", "-?":
        try await say(
          "nginx version: nginx/\(version)\nUsage: nginx [-?hvVtTq] [-s signal] [-p prefix]\n             [-e filename] [-c filename] [-g directives]\n"
        )
        return 0
      case "-s": return try await send(words.popFirst() ?? "")
      default:
        try await say("nginx: invalid option: \"\(word.drop { $0 == "-" })\"\n")
        return 1
      }
    }
    let configuration: NginxConfiguration
    do {
      configuration = try NginxConfiguration(file, globals: globals, process)
      try await check(configuration)
    } catch let failure as NginxFailure {
      try await emergency(failure.text)
      if tests { try await say("nginx: configuration file \(file) test failed\n") }
      return 1
    }
    if process.uid != 0, configuration.main.value("user") != nil {
      let line = configuration.main.all("user").first?.line ?? 1
      let text =
        "the \"user\" directive makes sense only if the master process runs with super-user privileges, ignored in \(file):\(line)"
      try await say("\(stamp) [warn] \(process.pid)#\(process.pid): \(text)\n")
      try await say("nginx: [warn] \(text)\n")
    }
    if tests {
      try await say(
        "nginx: the configuration file \(file) syntax is ok\nnginx: configuration file \(file) test is successful\n")
      return 0
    }
    current.set(configuration)
    return try await run(configuration, file, globals)
  }

  private func say(_ text: String) async throws { try await process.write(2, Array(text.utf8)) }

  private var stamp: String {
    let time = CivilTime(Int64(process.unixTime / Duration64.second))
    return "\(time.date.replacing("-", with: "/")) \(time.clock)"
  }

  private func emergency(_ text: String) async throws {
    try await say("\(stamp) [emerg] \(process.pid)#\(process.pid): \(text)\n")
    try await say("nginx: [emerg] \(text)\n")
  }

  func log(_ level: String, _ text: String, pid: Int? = nil) async throws {
    let pid = pid ?? process.pid
    try await process.write(errorLog.get(), Array("\(stamp) [\(level)] \(pid)#\(pid): \(text)\n".utf8))
  }

  /// `-s`.
  private func send(_ name: String) async throws -> Int32 {
    let signals: [String: Int32] = ["stop": 15, "quit": 3, "reload": 1, "reopen": 10]
    guard let signal = signals[name] else {
      try await say("nginx: invalid option: \"-s \(name)\"\n")
      return 1
    }
    try await say("\(stamp) [notice] \(process.pid)#\(process.pid): signal process started\n")
    guard let text = try? process.readFile("/run/nginx.pid"),
      let pid = Int(trimmed(String(decoding: text, as: UTF8.self)))
    else {
      try await emergency("open() \"/run/nginx.pid\" failed (2: No such file or directory)")
      return 1
    }
    do { try process.kill(pid, signal) } catch let error as Errno {
      try await say("nginx: [alert] kill(\(pid), \(signal)) failed (\(error.code): \(describe(error, process)))\n")
      return 1
    }
    return 0
  }

  /// What nginx looks at before it starts: its folders, and the names of its upstreams.
  private func check(_ configuration: NginxConfiguration) async throws {
    for folder in ["client_temp", "proxy_temp", "fastcgi_temp", "uwsgi_temp", "scgi_temp"] {
      let path = "/var/cache/nginx/\(folder)"
      do { try process.makeDirectory(path, mode: 0o700) } catch let error as Errno {
        // From when the container ran before.
        if error == .EEXIST { continue }
        throw NginxFailure(text: "mkdir() \"\(path)\" failed (\(error.code): \(describe(error, process)))")
      }
    }
    let upstreams = Set(configuration.http?.all("upstream").compactMap(\.arguments.first) ?? [])
    for upstream in configuration.http?.all("upstream") ?? [] {
      for server in upstream.all("server") {
        try await checkName(String((server.arguments.first ?? "").prefix { $0 != ":" }), server)
      }
    }
    for server in configuration.servers {
      for location in server.all("location") {
        guard let pass = location.all("proxy_pass").last, let text = pass.arguments.first, !text.contains("$"),
          let address = HTTPAddress(text), !upstreams.contains(address.host)
        else { continue }
        try await checkName(address.host, pass)
      }
    }
  }

  private func checkName(_ name: String, _ directive: NginxDirective) async throws {
    let found = (try? await process.resolve(name)) ?? []
    if found.isEmpty {
      throw NginxFailure(text: "host not found in upstream \"\(name)\" in \(directive.file):\(directive.line)")
    }
  }

  // MARK: The master

  private func run(_ configuration: NginxConfiguration, _ file: String, _ globals: String) async throws -> Int32 {
    for signal in [Int32(1), 2, 3, 10, 12, 15, 17, 28] { process.onSignal(signal, .handle) }
    if let path = configuration.main.value("error_log")?.first, let fd = try? process.open(path, .append) {
      errorLog.set(fd)
    }
    if let path = (configuration.http?.value("access_log") ?? ["/var/log/nginx/access.log"]).first, path != "off",
      let fd = try? process.open(path, .append)
    {
      accessLog.set(fd)
    }
    do { try listen(configuration) } catch let failure as NginxFailure {
      try await emergency(failure.text)
      return 1
    }
    try process.allocate(3 << 20)
    process.setTitle("nginx: master process \(process.arguments.joined(separator: " "))")
    let path = configuration.main.value("pid")?.first ?? "/run/nginx.pid"
    if let fd = try? process.open(path, .write) {
      try await process.write(fd, Array("\(process.pid)\n".utf8))
      process.close(fd)
    }
    try await log("notice", "using the \"epoll\" event method")
    try await log("notice", "nginx/\(version)")
    try await log("notice", "built by gcc 14.2.0 (Debian 14.2.0-19) ")
    try await log("notice", "OS: Linux \(process.system.release)")
    let limit = process.resourceLimit("RLIMIT_NOFILE")
    try await log("notice", "getrlimit(RLIMIT_NOFILE): \(min(limit.soft, 1 << 40)):\(min(limit.hard, 1 << 40))")
    try await startWorkers(configuration)
    while true {
      switch try await process.nextSignal() {
      case 3:
        try await log("notice", "signal 3 (SIGQUIT) received, shutting down")
        return try await shutDown(signal: 3)
      case 2, 15:
        // Which of the two it was does not matter to what happens.
        try await log("notice", "signal 15 (SIGTERM) received, exiting")
        return try await shutDown(signal: 15)
      case 1:
        try await log("notice", "signal 1 (SIGHUP) received, reconfiguring")
        try await log("notice", "reconfiguring")
        do {
          let new = try NginxConfiguration(file, globals: globals, process)
          try await check(new)
          try listen(new)
          current.set(new)
          let old = workers.get()
          try await log("notice", "using the \"epoll\" event method")
          try await startWorkers(new, replacing: true)
          for pid in old { try? process.kill(pid, 3) }
        } catch let failure as NginxFailure { try await log("emerg", failure.text) }
      case 10: try await log("notice", "signal 10 (SIGUSR1) received, reopening logs")
      case 17: try await reap()
      default: break
      }
    }
  }

  /// The ports of the configuration; those that are listened on already stay.
  private func listen(_ configuration: NginxConfiguration) throws {
    var ports: [(address: String, port: Int)] = []
    for server in configuration.servers {
      for directive in server.all("listen") {
        let text = directive.arguments.first ?? "80"
        if text.hasPrefix("[") || text.hasPrefix("unix:") { continue }
        let parts = text.split(separator: ":")
        guard let port = Int(parts.last ?? "") ?? (parts.count == 1 ? 80 : nil), (1...65_535).contains(port) else {
          throw NginxFailure(
            text: "invalid port in \"\(text)\" of the \"listen\" directive in \(directive.file):\(directive.line)")
        }
        let address = parts.count > 1 && parts[0] != "*" ? String(parts[0]) : "0.0.0.0"
        if !ports.contains(where: { $0.port == port }) { ports.append((address, port)) }
      }
      if server.all("listen").isEmpty, !ports.contains(where: { $0.port == 80 }) { ports.append(("0.0.0.0", 80)) }
    }
    for (port, listener) in listeners.get().sorted(by: { $0.key < $1.key })
    where !ports.contains(where: { $0.port == port }) {
      listener.close()
      listeners.update { $0[port] = nil }
    }
    for (address, port) in ports where listeners.get()[port] == nil {
      do {
        let listener = try process.listen(address, port)
        listeners.update { $0[port] = listener }
        ServerSupport.accept(listener, process) { [self] connection, peer in try await serve(connection, peer, port) }
      } catch let error as Errno {
        throw NginxFailure(text: "bind() to \(address):\(port) failed (\(error.code): \(describe(error, process)))")
      }
    }
  }

  private func startWorkers(_ configuration: NginxConfiguration, replacing: Bool = false) async throws {
    try await log("notice", "start worker processes")
    let text = configuration.main.value("worker_processes")?.first ?? "1"
    let count = text == "auto" ? process.system.cpus : Int(text) ?? 1
    if replacing { workers.set([]) }
    for _ in 0..<min(max(count, 1), 64) { try await startWorker(configuration) }
  }

  private func startWorker(_ configuration: NginxConfiguration) async throws {
    let user = configuration.main.value("user")?.first ?? "nobody"
    let account = process.uid == 0 ? Accounts(process).user(user) : nil
    let pid = try process.fork(stdio: [0, 1, 2]) { [self] worker in
      for signal in [Int32(3), 15] { worker.onSignal(signal, .handle) }
      for signal in [Int32(1), 2, 10, 12, 17, 28] { worker.onSignal(signal, .ignore) }
      if let account { try worker.setCredentials(uid: account.uid, gid: account.gid, groups: [account.gid]) }
      worker.setTitle("nginx: worker process")
      try worker.allocate(2 << 20)
      let signal = try await worker.nextSignal()
      func log(_ text: String) async throws {
        try await worker.write(2, Array("\(stamp) [notice] \(worker.pid)#\(worker.pid): \(text)\n".utf8))
      }
      if signal == 3 { try await log("gracefully shutting down") }
      try await log("exiting")
      try await log("exit")
      return 0
    }
    workers.update { $0.append(pid) }
    try await log("notice", "start worker process \(pid)")
  }

  /// Workers that have ended; the master starts others in their places.
  private func reap() async throws {
    while let ended = try? process.tryWait(nil) {
      try await tell(ended.pid, ended.status)
      let wasWanted = workers.update { workers -> Bool in
        let count = workers.count
        workers.removeAll { $0 == ended.pid }
        return workers.count < count
      }
      if wasWanted, !isLeaving.get(), let configuration = current.get() { try await startWorker(configuration) }
    }
  }

  private func tell(_ pid: Int, _ status: Int32) async throws {
    try await log("notice", "signal 17 (SIGCHLD) received from \(pid)")
    if status > 128 {
      try await log("alert", "worker process \(pid) exited on signal \(status - 128)")
    } else {
      try await log("notice", "worker process \(pid) exited with code \(status)")
    }
  }

  private func shutDown(signal: Int32) async throws -> Int32 {
    isLeaving.set(true)
    for listener in listeners.get().sorted(by: { $0.key < $1.key }) { listener.value.close() }
    if signal == 3 {
      // Requests that are being answered are answered to their end.
      while connections.get() > 0 { try await process.sleep(10_000_000) }
    }
    for pid in workers.get() { try? process.kill(pid, signal) }
    for _ in workers.get() {
      guard let ended = try? await process.wait(nil) else { break }
      try await tell(ended.pid, ended.status)
    }
    try? process.unlink(current.get()?.main.value("pid")?.first ?? "/run/nginx.pid")
    try await log("notice", "exit")
    return 0
  }

  // MARK: Requests

  private func serve(_ connection: Duplex, _ peer: String, _ port: Int) async throws {
    let client = ServerSupport.host(peer)
    try await ServerSupport.serveHTTP(connection) { request in
      connections.update { $0 += 1 }
      defer { connections.update { $0 -= 1 } }
      guard let configuration = current.get() else { return [] }
      let reply = try await NginxRequest(self, configuration, request, client: client, port: port).answer()
      let line =
        "\(client) - - [\(ServerSupport.logTime(process))] \"\(request.method) \(request.path) \(request.version)\" "
        + "\(reply.status) \(request.method == "HEAD" ? 0 : reply.body.count) \"\(request.header("referer") ?? "-")\" "
        + "\"\(request.header("user-agent") ?? "-")\" \"\(request.header("x-forwarded-for") ?? "-")\"\n"
      try await process.write(accessLog.get(), Array(line.utf8))
      var headers = [("Server", "nginx/\(version)"), ("Date", httpDate(process.unixTime / Duration64.second))]
      headers += reply.headers
      headers.append(("Content-Length", String(reply.body.count)))
      headers.append(("Connection", request.keepsAlive ? "keep-alive" : "close"))
      try await process.compute(60_000)
      return ServerSupport.response(reply.status, headers, reply.body, isHead: request.method == "HEAD")
    }
  }

  /// Logs what went wrong with a request.
  func logError(_ text: String, _ request: HTTPRequest, client: String, server: String) async throws {
    let pid = workers.get().first ?? process.pid
    try await log(
      "error",
      "*1 \(text), client: \(client), server: \(server), request: \"\(request.method) \(request.path) \(request.version)\", "
        + "host: \"\(request.header("host") ?? "")\"", pid: pid)
  }
}
