import Encodings
import Runtime
import Seams

/// wget and curl.
func addHTTPApplets(_ table: inout AppletTable) {
  table.add(
    "wget",
    "[-cqS] [--spider] [-O FILE] [-o LOGFILE] [--header STR] [--post-data STR | --post-file FILE] [-Y on/off] [-P DIR] [-U AGENT] [-T SEC] URL...",
    runWget)
  table.add("curl", "[options...] <url>", runCurl)
}

private let runWget: AppletBody = { context in
  var spider = false
  var words: [String] = []
  for word in context.arguments {
    switch word {
    case "--spider": spider = true
    case "--no-check-certificate", "-nv", "--no-verbose", "--no-cache": break
    default: words.append(word)
    }
  }
  let options = try Options(
    words, "cqSO:o:P:U:T:Y:t:h:d:f:m:",
    long: [
      "header": "h", "post-data": "d", "post-file": "f", "quiet": "q", "output-document": "O", "server-response": "S",
      "timeout": "T", "user-agent": "U", "continue": "c", "directory-prefix": "P", "tries": "t", "method": "m",
    ])
  try options.require(1)
  let isQuiet = options.has("q")
  func say(_ text: String) async throws { if !isQuiet { try await context.complain(text) } }
  for text in options.operands {
    guard var address = HTTPAddress(text) else { return try await context.fail("not an http or ftp url: \(text)") }
    let client = HTTPClient(context: context)
    var headers = [("User-Agent", options.value("U") ?? "Wget"), ("Connection", "close")]
    if let credentials = address.credentials {
      headers.append(("Authorization", "Basic " + Base64.encode(Array(credentials.utf8))))
    }
    for header in options.all("h") {
      if let colon = header.firstIndex(of: ":") {
        headers.append((String(header[..<colon]), trimmed(header[header.index(after: colon)...])))
      }
    }
    var body: [UInt8] = []
    if let data = options.value("d") { body = Array(data.utf8) }
    if let file = options.value("f") { body = try await context.contents(file) }
    let isPost = options.has("d") || options.has("f")
    if isPost { headers.append(("Content-Type", "application/x-www-form-urlencoded")) }
    var redirections = 0
    var answer: HTTPAnswer
    do {
      while true {
        let ip = try await client.resolve(address.host)
        try await say("Connecting to \(address.authority) (\(ip):\(address.port))\n")
        let method = spider ? "HEAD" : options.value("m") ?? (isPost ? "POST" : "GET")
        answer = try await client.send(method, address, at: ip, headers: headers, body: body)
        if options.has("S") {
          try await context.complain(
            "  \(answer.statusLine)\n" + answer.headers.map { "  \($0.name): \($0.value)\n" }.joined())
        }
        guard (301...308).contains(answer.status), answer.status != 304, let location = answer.header("location"),
          let next = HTTPClient.target(location, from: address)
        else { break }
        redirections += 1
        if redirections > 10 { return try await context.fail("too many redirections") }
        address = next
      }
    } catch HTTPFailure.unknownHost(let host) {
      return try await context.fail("bad address '\(host)'")
    } catch HTTPFailure.connect(let ip, _, let error) {
      return try await context.fail("can't connect to remote host (\(ip)): \(context.reason(error))")
    } catch HTTPFailure.empty {
      return try await context.fail("error getting response")
    } catch HTTPFailure.malformed {
      return try await context.fail("error getting response: \(context.reason(Errno.EINVAL))")
    }
    guard (200...299).contains(answer.status) else {
      return try await context.fail("server returned error: \(answer.statusLine)")
    }
    if spider {
      try await say("remote file exists\n")
      continue
    }
    var name = basename(address.path.prefix { $0 != "?" })
    if address.path.hasSuffix("/") || name.isEmpty || name == "/" { name = "index.html" }
    let target =
      options.value("O")
      ?? joined(options.value("P") ?? "", name).drop { $0 == "/" && options.value("P") == nil }.description
    let shown = target == "-" ? "-" : basename(target)
    if target == "-" {
      try await say("writing to stdout\n")
      try await context.write(answer.body)
      try await context.flush()
    } else {
      if options.value("O") == nil, (try? context.process.stat(target, followLinks: true)) != nil {
        return try await context.fail("can't open '\(target)': \(context.reason(Errno.EEXIST))")
      }
      try await say("saving to '\(target)'\n")
      do { try await put(answer.body, target, context) } catch let error as Errno {
        return try await context.fail("can't open '\(target)': \(context.reason(error))")
      }
    }
    try await say(
      "\(shown.padded(20)) 100% |\(String(repeating: "*", count: 32))| \(String(answer.body.count).leftPadded(5))  0:00:00 ETA\n"
    )
    try await say(target == "-" ? "written to stdout\n" : "'\(target)' saved\n")
  }
  return 0
}

private let runCurl: AppletBody = { context in
  if context.arguments.contains("--version") || context.arguments.contains("-V") {
    try await context.print("curl 8.14.1 (x86_64-pc-linux-gnu) libcurl/8.14.1\nProtocols: http https\n")
    return 0
  }
  let options: Options
  do {
    options = try Options(
      context.arguments, "sSfIiLvkgo:OX:d:H:w:m:A:u:e:x:b:c:F:T:G#2N0q:E:Y:Z:j:",
      long: [
        "silent": "s", "show-error": "S", "fail": "f", "head": "I", "include": "i", "location": "L", "verbose": "v",
        "insecure": "k", "output": "o", "remote-name": "O", "request": "X", "data": "d", "header": "H",
        "write-out": "w",
        "max-time": "m", "user-agent": "A", "user": "u", "connect-timeout": "m", "data-raw": "d", "data-binary": "d",
        "referer": "e", "get": "G", "retry": "x", "progress-bar": "#", "no-buffer": "N", "http1.1": "0",
        "unix-socket": "q", "cert": "E", "key": "Y", "cacert": "Z", "no-progress-meter": "2", "json": "j",
      ])
  } catch OptionProblem.unknown(let option) {
    try await context.complain(
      "curl: option \(option.count == 1 ? "-" : "--")\(option): is unknown\ncurl: try 'curl --help' or 'curl --manual' for more information\n"
    )
    return 2
  }
  guard !options.operands.isEmpty else {
    try await context.complain(
      "curl: (2) no URL specified\ncurl: try 'curl --help' or 'curl --manual' for more information\n")
    return 2
  }
  let isSilent = options.has("s")
  func fail(_ code: Int32, _ text: String) async throws -> Int32 {
    if !isSilent || options.has("S") { try await context.complain("curl: (\(code)) \(text)\n") }
    return code
  }
  var status: Int32 = 0
  for text in options.operands {
    guard var address = HTTPAddress(text) else {
      status = try await fail(
        text.contains("://") ? 1 : 3,
        text.contains("://")
          ? "Protocol \"\(text.prefix { $0 != ":" })\" not supported"
          : "URL rejected: Malformed input to a URL function")
      continue
    }
    let client = HTTPClient(context: context)
    var method =
      options.value("X")
      ?? (options.has("I") ? "HEAD" : (options.has("d") || options.has("j")) && !options.has("G") ? "POST" : "GET")
    var headers = [("User-Agent", options.value("A") ?? "curl/8.14.1"), ("Accept", "*/*")]
    if let user = options.value("u") ?? address.credentials {
      headers.append(("Authorization", "Basic " + Base64.encode(Array(user.utf8))))
    }
    if options.has("j") {
      headers = headers.filter { $0.0 != "Accept" }
      headers += [("Content-Type", "application/json"), ("Accept", "application/json")]
    }
    for header in options.all("H") {
      guard let colon = header.firstIndex(of: ":") else { continue }
      let name = String(header[..<colon])
      headers.removeAll { $0.0.lowercased() == name.lowercased() }
      headers.append((name, trimmed(header[header.index(after: colon)...])))
    }
    var body: [UInt8] = []
    body += options.all("j").joined().utf8
    for (index, data) in options.all("d").enumerated() {
      if index > 0 { body.append(UInt8(ascii: "&")) }
      if data.hasPrefix("@") { body += try await context.contents(String(data.dropFirst())) } else { body += data.utf8 }
    }
    if options.has("G") {
      address.path += (address.path.contains("?") ? "&" : "?") + String(decoding: body, as: UTF8.self)
      body = []
    }
    if !body.isEmpty, !headers.contains(where: { $0.0.lowercased() == "content-type" }) {
      headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    }
    let start = context.process.unixTime
    var output: [UInt8] = []
    var answer: HTTPAnswer
    var ip = ""
    var redirections = 0
    do {
      while true {
        ip = options.has("q") ? "" : try await client.resolve(address.host)
        if options.has("v"), let socket = options.value("q") {
          try await context.complain("*   Trying \(socket):0...\n")
        } else if options.has("v") {
          try await context.complain("*   Trying \(ip):\(address.port)...\n")
        }
        answer = try await client.send(
          method, address, at: ip, headers: headers, body: body, isHead: options.has("I"),
          socket: options.value("q"))
        if options.has("v") {
          var lines =
            "* Connected to \(address.host) (\(ip)) port \(address.port)\n> \(method) \(address.path) HTTP/1.1\n> Host: \(address.authority)\n"
          for (name, value) in headers { lines += "> \(name): \(value)\n" }
          lines += "> \n< \(answer.statusLine)\n"
          for header in answer.headers { lines += "< \(header.name): \(header.value)\n" }
          try await context.complain(lines + "< \n")
        }
        if options.has("i") || options.has("I") {
          output += Array(
            (answer.statusLine + "\r\n" + answer.headers.map { "\($0.name): \($0.value)\r\n" }.joined() + "\r\n").utf8)
        }
        guard options.has("L"), (301...308).contains(answer.status), answer.status != 304,
          let location = answer.header("location"),
          let next = HTTPClient.target(location, from: address)
        else { break }
        redirections += 1
        if redirections > 50 { return try await fail(47, "Maximum (50) redirects followed") }
        if answer.status < 307, method == "POST" { (method, body) = ("GET", []) }
        address = next
      }
    } catch HTTPFailure.unknownHost(let host) {
      status = try await fail(6, "Could not resolve host: \(host)")
      continue
    } catch HTTPFailure.connect(_, let port, let error) {
      let milliseconds = (context.process.unixTime - start) / 1_000_000
      status = try await fail(
        error == .ETIMEDOUT ? 28 : 7,
        options.has("q")
          ? "Failed to connect to \(address.host) port \(port) over \(options.value("q") ?? "") after \(milliseconds) ms: Could not connect to server"
          : "Failed to connect to \(address.host) port \(port) after \(milliseconds) ms: Could not connect to server")
      continue
    } catch HTTPFailure.empty {
      status = try await fail(52, "Empty reply from server")
      continue
    } catch HTTPFailure.malformed {
      status = try await fail(1, "Received HTTP/0.9 when not allowed")
      continue
    }
    if options.has("f"), answer.status >= 400 {
      status = try await fail(22, "The requested URL returned error: \(answer.status)")
      continue
    }
    output += answer.body
    var target = options.value("o")
    if options.has("O") {
      target = basename(address.path.prefix { $0 != "?" })
      if target?.isEmpty != false || target == "/" {
        return try await fail(23, "Failed to extract a filename from the URL to use for storage")
      }
    }
    let hidesMeter =
      isSilent || options.has("I") || (target == nil && context.process.isTerminal(context.output)) || options.has("v")
    if !hidesMeter {
      let size = String(answer.body.count)
      try await context.complain(
        "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n"
          + "                                 Dload  Upload   Total   Spent    Left  Speed\n"
          + "\r100 \(size.leftPadded(5))  100 \(size.leftPadded(5))    0     0  \(size.leftPadded(5))      0 --:--:-- --:--:-- --:--:-- \(size.leftPadded(5))\n"
      )
    }
    if let target, target != "-" {
      do { try await put(output, target, context) } catch let error as Errno {
        return try await fail(23, "Failure writing output to destination: \(context.reason(error))")
      }
    } else {
      try await context.write(output)
    }
    if let format = options.value("w") {
      let elapsed = Decimal2.text(Double(context.process.unixTime - start) / 1e9, digits: 6)
      let values = [
        "http_code": padded(answer.status, 3), "response_code": padded(answer.status, 3),
        "size_download": String(answer.body.count),
        "time_total": elapsed, "remote_ip": ip, "remote_port": String(address.port), "url_effective": address.text,
        "content_type": answer.header("content-type") ?? "", "num_redirects": String(redirections),
      ]
      var shown = format
      for (name, value) in values.sorted(by: { $0.key < $1.key }) { shown = shown.replacing("%{\(name)}", with: value) }
      try await context.write(Escapes.decode(Array(shown.utf8), style: .format).bytes)
    }
  }
  return status
}
