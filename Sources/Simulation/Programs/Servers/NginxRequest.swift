import Runtime
import Seams

/// One request on its way through nginx's configuration.
struct NginxRequest {
  struct Reply {
    var status: Int
    var headers: [(String, String)]
    var body: [UInt8]
  }
  private let owner: NginxServer
  private let configuration: NginxConfiguration
  private let request: HTTPRequest
  private let client: String
  private let server: NginxDirective
  private var process: any SimProcess { owner.process }

  init(_ owner: NginxServer, _ configuration: NginxConfiguration, _ request: HTTPRequest, client: String, port: Int) {
    (self.owner, self.configuration, self.request, self.client) = (owner, configuration, request, client)
    let host = (request.header("host") ?? "").split(separator: ":").first.map(String.init) ?? ""
    let candidates = configuration.servers.filter { server in
      let listens = server.all("listen")
      return listens.isEmpty
        ? port == 80
        : listens.contains { $0.arguments.first.map { $0 == "\(port)" || $0.hasSuffix(":\(port)") } ?? false }
    }
    server =
      candidates.first { $0.value("server_name")?.contains(host) == true }
      ?? candidates.first { $0.all("listen").contains { $0.arguments.contains("default_server") } }
      ?? candidates.first ?? NginxDirective(name: "server", arguments: [], block: [], file: "", line: 0)
  }

  private var serverName: String { server.value("server_name")?.first ?? "" }

  func answer() async throws -> Reply {
    guard ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"].contains(request.method) else {
      return page(405)
    }
    guard let path = ServerSupport.path(request.path) else { return page(400) }
    var reply = try await answer(path, turns: 0)
    if reply.status >= 400, let target = errorPage(reply.status) {
      let status = reply.status
      let custom = try await answer(target, turns: 1)
      if custom.status == 200 { reply = Reply(status: status, headers: custom.headers, body: custom.body) }
    }
    return reply
  }

  private func errorPage(_ status: Int) -> String? {
    for directive in server.all("error_page") where directive.arguments.dropLast().contains(String(status)) {
      if let target = directive.arguments.last, target.hasPrefix("/") { return target }
    }
    return nil
  }

  /// nginx's own page for a status.
  func page(_ status: Int) -> Reply {
    let text = status == 405 ? "405 Not Allowed" : "\(status) \(HTTPResponse.reason(status))"
    let body =
      "<html>\r\n<head><title>\(text)</title></head>\r\n<body>\r\n<center><h1>\(text)</h1></center>\r\n"
      + "<hr><center>nginx/\(owner.version)</center>\r\n</body>\r\n</html>\r\n"
    return Reply(status: status, headers: [("Content-Type", "text/html")], body: Array(body.utf8))
  }

  /// The location for a path: an exact one, else the first expression that matches, else the longest prefix.
  private func location(_ path: String) -> NginxDirective? {
    var best: NginxDirective?
    var length = -1
    var stopsExpressions = false
    for location in server.all("location") {
      let words = location.arguments
      if words.count == 2, words[0] == "=" {
        if words[1] == path { return location }
      } else if words.count == 1 || (words.count == 2 && words[0] == "^~"), let prefix = words.last {
        if path.hasPrefix(prefix), prefix.utf8.count > length {
          (best, length, stopsExpressions) = (location, prefix.utf8.count, words.count == 2)
        }
      }
    }
    if !stopsExpressions {
      for location in server.all("location") where location.arguments.count == 2 && location.arguments[0].hasPrefix("~")
      {
        if let expression = try? RegularExpression(
          location.arguments[1], isExtended: true, ignoresCase: location.arguments[0] == "~*"),
          expression.firstMatch(in: Array(path.utf8), from: 0) != nil
        {
          return location
        }
      }
    }
    return best
  }

  private func value(_ name: String, _ location: NginxDirective?) -> [String]? {
    location?.value(name) ?? server.value(name) ?? configuration.http?.value(name)
  }

  private func expanded(_ text: String) -> String {
    guard text.contains("$") else { return text }
    let path = String(request.path.prefix { $0 != "?" })
    let values: [(String, String)] = [
      ("$request_uri", request.path), ("$remote_addr", client), ("$hostname", process.hostname),
      ("$http_host", request.header("host") ?? ""),
      ("$host", String((request.header("host") ?? "").prefix { $0 != ":" })),
      ("$scheme", "http"), ("$uri", path), ("$document_uri", path), ("$request_method", request.method),
      ("$server_name", serverName), ("$http_user_agent", request.header("user-agent") ?? ""),
      ("$nginx_version", owner.version), ("$is_args", request.path.contains("?") ? "?" : ""),
      ("$args", request.path.split(separator: "?", maxSplits: 1).dropFirst().first.map(String.init) ?? ""),
    ]
    return values.reduce(text) { $0.replacing($1.0, with: $1.1) }
  }

  private func answer(_ path: String, turns: Int) async throws -> Reply {
    guard turns < 10 else { return page(500) }
    let location = location(path)
    var reply = try await answer(path, location, turns)
    for directive in (location?.all("add_header") ?? [])
      + (location?.all("add_header").isEmpty == false ? [] : server.all("add_header"))
    where directive.arguments.count > 1 && (reply.status < 400 || directive.arguments.contains("always")) {
      reply.headers.append((directive.arguments[0], expanded(directive.arguments[1])))
    }
    return reply
  }

  private func answer(_ path: String, _ location: NginxDirective?, _ turns: Int) async throws -> Reply {
    if let words = location?.value("return") ?? server.value("return"), let first = words.first {
      guard let status = Int(first) else {
        return Reply(
          status: 302, headers: [("Content-Type", "text/html"), ("Location", expanded(first))], body: page(302).body)
      }
      let text = words.count > 1 ? expanded(words[1]) : nil
      if (301...308).contains(status), let text {
        return Reply(
          status: status, headers: [("Content-Type", "text/html"), ("Location", text)], body: page(status).body)
      }
      guard let text else { return page(status) }
      let type = value("default_type", location)?.first ?? "text/plain"
      return Reply(status: status, headers: [("Content-Type", type)], body: Array(text.utf8))
    }
    if location?.value("stub_status") != nil {
      let text = "Active connections: 1 \nserver accepts handled requests\n 1 1 1 \nReading: 0 Writing: 1 Waiting: 0 \n"
      return Reply(status: 200, headers: [("Content-Type", "text/plain")], body: Array(text.utf8))
    }
    if let pass = location?.value("proxy_pass")?.first { return try await proxy(expanded(pass), location) }
    guard request.method == "GET" || request.method == "HEAD" || turns > 0 else { return page(405) }
    let root = value("root", location)?.first ?? "/etc/nginx/html"
    var file = root + path
    if let alias = location?.value("alias")?.first, let prefix = location?.arguments.last {
      file = alias + path.dropFirst(prefix.count)
    }
    if let candidates = value("try_files", location),
      location?.value("try_files") != nil || server.value("try_files") != nil
    {
      for candidate in candidates.dropLast() {
        let name = candidate.replacing("$uri", with: path)
        if let info = try? process.stat(root + name, followLinks: true),
          (info.kind == .directory) == name.hasSuffix("/")
        {
          return try await send(root + name, path, location, turns)
        }
      }
      let last = candidates.last ?? "=404"
      if last.hasPrefix("="), let status = Int(last.dropFirst()) { return page(status) }
      return try await answer(last.replacing("$uri", with: path), turns: turns + 1)
    }
    return try await send(file, path, location, turns)
  }

  private func send(_ file: String, _ path: String, _ location: NginxDirective?, _ turns: Int) async throws -> Reply {
    do {
      let info = try process.stat(file, followLinks: true)
      if info.kind == .directory {
        guard path.hasSuffix("/") else {
          let target = "http://\(request.header("host") ?? "localhost")\(path)/"
          return Reply(
            status: 301, headers: [("Content-Type", "text/html"), ("Location", target)], body: page(301).body)
        }
        for index in value("index", location) ?? ["index.html"] {
          let name = joined(file, index)
          if (try? process.stat(name, followLinks: true))?.kind == .file {
            return try await send(name, path, location, turns)
          }
        }
        if value("autoindex", location)?.first == "on" { return list(file, path) }
        try await owner.logError(
          "directory index of \"\(file)\" is forbidden", request, client: client, server: serverName)
        return page(403)
      }
      let bytes = try process.readFile(file)
      let etag = "\"" + String(info.modified, radix: 16) + "-" + String(bytes.count, radix: 16) + "\""
      let modified = httpDate(UInt64(max(0, info.modified)))
      if request.header("if-none-match") == etag { return Reply(status: 304, headers: [("ETag", etag)], body: []) }
      let type = ServerSupport.mediaType(file, value("default_type", location)?.first ?? "text/plain")
      return Reply(
        status: 200,
        headers: [("Content-Type", type), ("Last-Modified", modified), ("ETag", etag), ("Accept-Ranges", "bytes")],
        body: bytes)
    } catch let error as Errno {
      let reason = describe(error, process)
      try await owner.logError(
        "open() \"\(file)\" failed (\(error.code): \(reason))", request, client: client, server: serverName)
      return page(error == .EACCES ? 403 : error == .ENOENT || error == .ENOTDIR ? 404 : 500)
    }
  }

  private func list(_ folder: String, _ path: String) -> Reply {
    var text =
      "<html>\r\n<head><title>Index of \(path)</title></head>\r\n<body>\r\n<h1>Index of \(path)</h1><hr><pre><a href=\"../\">../</a>\r\n"
    for name in ((try? process.list(folder)) ?? []).sorted() where !name.hasPrefix(".") {
      guard let info = try? process.stat(joined(folder, name), followLinks: true) else { continue }
      let shown = name + (info.kind == .directory ? "/" : "")
      let time = CivilTime(info.modified)
      text +=
        "<a href=\"\(shown)\">\(shown)</a>\(String(repeating: " ", count: max(1, 51 - shown.count)))"
        + "\(padded(time.day))-\(time.monthName)-\(time.year) \(padded(time.hour)):\(padded(time.minute)) "
        + (info.kind == .directory ? "-" : String(info.size)).leftPadded(19) + "\r\n"
    }
    return Reply(
      status: 200, headers: [("Content-Type", "text/html")],
      body: Array((text + "</pre><hr></body>\r\n</html>\r\n").utf8))
  }

  /// Hands the request on to another server.
  private func proxy(_ target: String, _ location: NginxDirective?) async throws -> Reply {
    guard var address = HTTPAddress(target) else { return page(500) }
    if let upstream = configuration.http?.all("upstream").first(where: { $0.arguments.first == address.host }),
      let server = upstream.all("server").first?.arguments.first, let real = HTTPAddress("http://" + server)
    {
      (address.host, address.port) = (real.host, real.port)
    }
    // With a path of its own the location's prefix is replaced.
    let hasPath = target.dropFirst(8).contains("/")
    if hasPath, let prefix = location?.arguments.last, request.path.hasPrefix(prefix) {
      address.path += request.path.dropFirst(prefix.count)
    } else {
      address.path = request.path
    }
    var headers: [(String, String)] = [("Connection", "close")]
    for header in request.headers where !["host", "connection", "content-length"].contains(header.name) {
      headers.append((header.name, header.value))
    }
    for directive in (location?.all("proxy_set_header") ?? []) + server.all("proxy_set_header")
    where directive.arguments.count > 1 {
      if directive.arguments[0].lowercased() != "host" {
        headers.append((directive.arguments[0], expanded(directive.arguments[1])))
      }
    }
    do {
      guard let ip = try await process.resolve(address.host).first else { throw HTTPFailure.unknownHost(address.host) }
      let context = ProgramContext(process, name: "nginx", arguments: [])
      let answer = try await HTTPClient(context: context).send(
        request.method, address, at: ip, headers: headers, body: request.body, isHead: request.method == "HEAD")
      let dropped: Set<String> = ["connection", "content-length", "transfer-encoding", "server", "date"]
      return Reply(
        status: answer.status,
        headers: answer.headers.filter { !dropped.contains($0.name.lowercased()) }.map { ($0.name, $0.value) },
        body: answer.body)
    } catch HTTPFailure.connect(let ip, let port, let error) {
      try await owner.logError(
        "connect() failed (\(error.code): \(describe(error, process))) while connecting to upstream, upstream: \"http://\(ip):\(port)\(address.path)\"",
        request, client: client, server: serverName)
      return page(error == .ETIMEDOUT ? 504 : 502)
    } catch is HTTPFailure {
      try await owner.logError(
        "upstream prematurely closed connection while reading response header from upstream", request, client: client,
        server: serverName)
      return page(502)
    } catch let error as Errno where error == .EAGAIN {
      try await owner.logError(
        "\(address.host) could not be resolved (2: Server failure)", request, client: client, server: serverName)
      return page(502)
    }
  }
}
