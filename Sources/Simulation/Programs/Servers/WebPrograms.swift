import Runtime
import Seams

/// registry (distribution): its log, and an empty registry's answers.
struct RegistryProgram: SimProgram {
  func main(_ process: any SimProcess) async throws -> Int32 {
    let words = process.arguments.dropFirst()
    let isThree = (try? process.stat("/etc/distribution/config.yml", followLinks: true)) != nil
    let version = isThree ? "3.0.0" : "2.8.3"
    if words.contains("--version") || words.first == "version" {
      try await process.write(
        1,
        Array(
          "registry github.com/\(isThree ? "distribution/distribution/v3" : "docker/distribution") v\(version)\n".utf8))
      return 0
    }
    guard words.first == "serve" else {
      try await process.write(
        1,
        Array(
          "`registry`\n\nUsage:\n  registry [flags]\n  registry [command]\n\nAvailable Commands:\n  garbage-collect `garbage-collect` deletes layers not referenced by any manifests\n  help            Help about any command\n  serve           `serve` stores and distributes Docker images\n"
            .utf8))
      return 0
    }
    let port =
      ServerSupport.environment("REGISTRY_HTTP_ADDR", process).flatMap {
        $0.split(separator: ":").last.flatMap { Int($0) }
      } ?? 5000
    @Sendable func log(_ level: String, _ text: String) async throws {
      let time = CivilTime(Int64(process.unixTime / Duration64.second))
      let stamp = "\(time.date)T\(time.clock).\(padded(Int(process.unixTime % Duration64.second), 9))Z"
      try await process.write(
        2,
        Array(
          "time=\"\(stamp)\" level=\(level) msg=\"\(text)\" go.version=go1.20.8 service=registry version=\(version)\n"
            .utf8))
    }
    if ServerSupport.environment("REGISTRY_HTTP_SECRET", process) == nil {
      try await log(
        "warning",
        "No HTTP secret provided - generated random secret. This may cause problems with uploads if multiple registries are behind a load-balancer. To provide a shared secret, fill in http.secret in the configuration file or set the REGISTRY_HTTP_SECRET environment variable."
      )
    }
    try await log("info", "redis not configured")
    try await log("info", "using inmemory blob descriptor cache")
    let listener: any SimListener
    do { listener = try process.listen("0.0.0.0", port) } catch let error as Errno {
      try await log("fatal", "listen tcp :\(port): bind: \(error.message)")
      return 1
    }
    try await log("info", "listening on [::]:\(port)")
    try process.allocate(12 << 20)
    GoProgram.handleSignals(process)
    ServerSupport.accept(listener, process) { connection, peer in
      try await ServerSupport.serveHTTP(connection) { request in
        let path = String(request.path.prefix { $0 != "?" })
        let (status, body): (Int, String)
        switch path {
        case "/v2/", "/v2": (status, body) = (200, "{}")
        case "/v2/_catalog": (status, body) = (200, "{\"repositories\":[]}\n")
        case "/": (status, body) = (200, "")
        case let other where other.hasPrefix("/v2/"):
          let name = other.split(separator: "/").dropFirst().prefix {
            $0 != "tags" && $0 != "manifests" && $0 != "blobs"
          }.joined(separator: "/")
          (status, body) = (
            404,
            "{\"errors\":[{\"code\":\"NAME_UNKNOWN\",\"message\":\"repository name not known to registry\",\"detail\":{\"name\":\"\(name)\"}}]}\n"
          )
        default: (status, body) = (404, "404 page not found\n")
        }
        let line =
          "\(ServerSupport.host(peer)) - - [\(ServerSupport.logTime(process))] \"\(request.method) \(request.path) \(request.version)\" \(status) \(body.utf8.count) \"\" \"\(request.header("user-agent") ?? "")\"\n"
        try await process.write(1, Array(line.utf8))
        return ServerSupport.response(
          status,
          [
            ("Content-Type", "application/json; charset=utf-8"), ("Docker-Distribution-Api-Version", "registry/2.0"),
            ("Date", httpDate(process.unixTime / Duration64.second)), ("Content-Length", String(body.utf8.count)),
          ], Array(body.utf8), isHead: request.method == "HEAD")
      }
    }
    return try await GoProgram.untilSignal(process)
  }
}

/// What Go's runtime does at SIGTERM and SIGINT when the program asks for nothing: it ends, as PID 1 with status 2.
enum GoProgram {
  static func handleSignals(_ process: any SimProcess) {
    // Elsewhere the default action ends the process, as it should; PID 1 would not see it.
    if process.pid == 1 { for signal in [Int32(2), 15] { process.onSignal(signal, .handle) } }
  }
  static func untilSignal(_ process: any SimProcess) async throws -> Int32 {
    _ = try await process.nextSignal()
    return 2
  }
}

/// traefik/whoami: tells who asks and who answers.
struct WhoamiProgram: SimProgram {
  func main(_ process: any SimProcess) async throws -> Int32 {
    var port = ServerSupport.environment("WHOAMI_PORT_NUMBER", process).flatMap { Int($0) } ?? 80
    let words = Array(process.arguments.dropFirst())
    if let index = words.firstIndex(where: { $0 == "--port" || $0 == "-port" }), index + 1 < words.count {
      port = Int(words[index + 1]) ?? port
    }
    let listener: any SimListener
    do { listener = try process.listen("0.0.0.0", port) } catch let error as Errno {
      try await process.write(2, Array("\(stamp(process)) listen tcp :\(port): bind: \(error.message)\n".utf8))
      return 1
    }
    try await process.write(2, Array("\(stamp(process)) Starting up on port \(port)\n".utf8))
    try process.allocate(6 << 20)
    GoProgram.handleSignals(process)
    ServerSupport.accept(listener, process) { connection, peer in
      try await ServerSupport.serveHTTP(connection) { request in
        if request.path == "/health" { return ServerSupport.response(200, [("Content-Length", "0")], []) }
        var text = "Hostname: \(process.hostname)\n"
        for interface in process.interfaces() where !interface.address.isEmpty { text += "IP: \(interface.address)\n" }
        text += "RemoteAddr: \(peer)\n\(request.method) \(request.path) \(request.version)\n"
        text += "Host: \(request.header("host") ?? "")\n"
        for header in request.headers.sorted(by: { $0.name < $1.name }) where header.name != "host" {
          text +=
            header.name.split(separator: "-").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(separator: "-")
            + ": \(header.value)\n"
        }
        text += "\n"
        return ServerSupport.response(
          200,
          [
            ("Date", httpDate(process.unixTime / Duration64.second)), ("Content-Length", String(text.utf8.count)),
            ("Content-Type", "text/plain; charset=utf-8"),
          ],
          Array(text.utf8), isHead: request.method == "HEAD")
      }
    }
    return try await GoProgram.untilSignal(process)
  }

  private func stamp(_ process: any SimProcess) -> String {
    let time = CivilTime(Int64(process.unixTime / Duration64.second))
    return "\(time.date.replacing("-", with: "/")) \(time.clock)"
  }
}

/// Apache httpd in the foreground.
struct HttpdProgram: SimProgram {
  func main(_ process: any SimProcess) async throws -> Int32 {
    let version = ServerSupport.environment("HTTPD_VERSION", process) ?? "2.4.66"
    let root = ServerSupport.environment("HTTPD_PREFIX", process) ?? "/usr/local/apache2"
    if process.arguments.contains("-v") {
      try await process.write(
        1, Array("Server version: Apache/\(version) (Unix)\nServer built:   Dec  9 2025 03:20:45\n".utf8))
      return 0
    }
    if process.arguments.contains("-t") {
      try await process.write(2, Array("Syntax OK\n".utf8))
      return 0
    }
    let settings =
      (try? process.readFile(joined(root, "conf/httpd.conf"))).map { String(decoding: $0, as: UTF8.self) } ?? ""
    var port = 80
    var documents = joined(root, "htdocs")
    for line in settings.split(separator: "\n") {
      let words = line.split(separator: " ").map { String($0).replacing("\"", with: "") }
      if words.first == "Listen", words.count > 1 { port = Int(words[1].split(separator: ":").last ?? "") ?? port }
      if words.first == "DocumentRoot", words.count > 1 { documents = words[1] }
    }
    @Sendable func log(_ module: String, _ text: String) async throws {
      let time = CivilTime(Int64(process.unixTime / Duration64.second))
      let stamp =
        "\(time.dayName) \(time.monthName) \(padded(time.day)) \(time.clock).\(padded(Int(process.unixTime / 1000 % 1_000_000), 6)) \(time.year)"
      try await process.write(
        2, Array("[\(stamp)] [\(module):notice] [pid \(process.pid):tid \(process.pid)] \(text)\n".utf8))
    }
    let address = process.interfaces().first { $0.name != "lo" && !$0.address.isEmpty }?.address ?? "127.0.0.1"
    let warning =
      "AH00558: httpd: Could not reliably determine the server's fully qualified domain name, using \(address). Set the 'ServerName' directive globally to suppress this message\n"
    try await process.write(2, Array((warning + warning).utf8))
    let listener: any SimListener
    do { listener = try process.listen("0.0.0.0", port) } catch let error as Errno {
      try await process.write(
        2,
        Array(
          "(\(error.code))\(describe(error, process)): AH00072: make_sock: could not bind to address 0.0.0.0:\(port)\nno listening sockets available, shutting down\nAH00015: Unable to open logs\n"
            .utf8))
      return 1
    }
    for signal in [Int32(1), 2, 10, 15, 28] { process.onSignal(signal, .handle) }
    try process.allocate(6 << 20)
    if let fd = try? process.open(joined(root, "logs/httpd.pid"), .write) {
      try await process.write(fd, Array("\(process.pid)\n".utf8))
      process.close(fd)
    }
    try await log("mpm_event", "AH00489: Apache/\(version) (Unix) configured -- resuming normal operations")
    try await log("core", "AH00094: Command line: 'httpd -D FOREGROUND'")
    for _ in 0..<3 {
      _ = try process.fork(stdio: [0, 1, 2]) { child in
        child.setTitle("httpd -DFOREGROUND")
        for signal in [Int32(1), 2, 10, 28] { child.onSignal(signal, .ignore) }
        child.onSignal(15, .handle)
        _ = try await child.nextSignal()
        return 0
      }
    }
    let folder = documents
    ServerSupport.accept(listener, process) { connection, peer in
      try await ServerSupport.serveHTTP(connection) { request in
        let reply = Self.answer(request, folder, process)
        let line =
          "\(ServerSupport.host(peer)) - - [\(ServerSupport.logTime(process))] \"\(request.method) \(request.path) \(request.version)\" \(reply.status) \(reply.body.count)\n"
        try await process.write(1, Array(line.utf8))
        return ServerSupport.response(
          reply.status,
          [("Date", httpDate(process.unixTime / Duration64.second)), ("Server", "Apache/\(version) (Unix)")]
            + reply.headers + [("Content-Length", String(reply.body.count))],
          reply.body, isHead: request.method == "HEAD")
      }
    }
    while true {
      let signal = try await process.nextSignal()
      switch signal {
      case 28: try await log("mpm_event", "AH00492: caught SIGWINCH, shutting down gracefully")
      case 15: try await log("mpm_event", "AH00491: caught SIGTERM, shutting down")
      case 2: break
      default:
        try await log("mpm_event", "AH00493: \(signal == 1 ? "SIGHUP" : "SIGUSR1") received.  Doing graceful restart")
        continue
      }
      listener.close()
      for child in process.processes() where child.ppid == process.pid { try? process.kill(child.pid, 15) }
      return 0
    }
  }

  private static func answer(_ request: HTTPRequest, _ root: String, _ process: any SimProcess) -> (
    status: Int, headers: [(String, String)], body: [UInt8]
  ) {
    func page(_ status: Int, _ text: String) -> (Int, [(String, String)], [UInt8]) {
      let title = "\(status) \(HTTPResponse.reason(status))"
      return (
        status, [("Content-Type", "text/html; charset=iso-8859-1")],
        Array(
          "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n<title>\(title)</title>\n</head><body>\n<h1>\(HTTPResponse.reason(status))</h1>\n<p>\(text)</p>\n</body></html>\n"
            .utf8)
      )
    }
    guard request.method == "GET" || request.method == "HEAD" else {
      return page(405, "The requested method \(request.method) is not allowed for this URL.")
    }
    guard let path = ServerSupport.path(request.path) else {
      return page(400, "Your browser sent a request that this server could not understand.")
    }
    var file = root + path
    guard let info = try? process.stat(file, followLinks: true) else {
      return page(404, "The requested URL was not found on this server.")
    }
    if info.kind == .directory {
      file = joined(file, "index.html")
      guard (try? process.stat(file, followLinks: true)) != nil else {
        return page(403, "You don't have permission to access this resource.")
      }
    }
    do {
      let body = try process.readFile(file)
      return (
        200,
        [
          ("Last-Modified", httpDate(UInt64(max(0, info.modified)))), ("Accept-Ranges", "bytes"),
          ("Content-Type", ServerSupport.mediaType(file, "text/plain")),
        ], body
      )
    } catch { return page(403, "You don't have permission to access this resource.") }
  }
}
