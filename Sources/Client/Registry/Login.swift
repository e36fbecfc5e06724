import JSONTree
import Seams

extension Command {
  static let login = Command(
    "login", usage: "[OPTIONS] [SERVER]", short: "Authenticate to a registry",
    long: "Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.", section: .common,
    rule: .atMost(1),
    flags: [
      Flag("password", "p", .string(""), "Password or Personal Access Token (PAT)"),
      Flag("password-stdin", .bool(false), "Take the Password or Personal Access Token (PAT) from stdin"),
      Flag("username", "u", .string(""), "Username"),
    ]
  ) { try await Login(invocation: $0).run() }

  static let logout = Command(
    "logout", usage: "[SERVER]", short: "Log out from a registry",
    long: "Log out from a registry.\nIf no server is specified, the default is defined by the daemon.",
    section: .common, rule: .atMost(1)
  ) { invocation in
    let server = invocation.argument
    let isHub = ["", "docker.io", "index.docker.io", "registry-1.docker.io", RegistryAuth.hub].contains(server)
    let key = isHub ? RegistryAuth.hub : RegistryAuth.host(server)
    let configuration = invocation.environment.configuration
    try await invocation.line("Removing login credentials for \(key)")
    do {
      _ = try await configuration.erase(key)
    } catch {
      try await invocation.err("WARNING: could not erase credentials:\n\(key): \(error.words)\n")
    }
    return 0
  }
}

/// `docker login`: the daemon tries the credentials at the registry; only good ones are kept.
private struct Login {
  let invocation: Invocation
  private var session: Session { invocation.session }
  private var flags: Flags { invocation.flags }

  func run() async throws -> Int32 {
    var password = flags.string("password")
    var username = flags.string("username")
    if flags.isSet("username"), username.isEmpty { throw CommandError("username is empty") }
    if flags.isSet("password"), password.isEmpty { throw CommandError("password is empty") }
    if flags.isSet("password") {
      guard !flags.bool("password-stdin") else {
        throw CommandError("conflicting options: cannot specify both --password and --password-stdin")
      }
      try await invocation.err("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n")
    }
    if flags.bool("password-stdin") {
      guard !username.isEmpty else {
        throw CommandError("the --password-stdin option requires --username to be set")
      }
      var text = String(decoding: await session.environment.input.readAll(), as: UTF8.self)
      if text.hasSuffix("\r\n") || text.hasSuffix("\n") { text.removeLast() }
      password = text
      guard !password.isEmpty else { throw CommandError("password is empty") }
    }
    let server = invocation.argument
    let isHub = ["", "docker.io", "index.docker.io", "registry-1.docker.io", RegistryAuth.hub].contains(server)
    let key = isHub ? RegistryAuth.hub : RegistryAuth.host(server)
    if username.isEmpty, password.isEmpty, let known = await session.environment.configuration.credentials(key) {
      try await invocation.err(
        "Authenticating with existing credentials... [Username: \(known.username)]\n\n"
          + " Info -> To login with a different account, run 'docker logout' followed by 'docker login'\n\n\n")
      if let status = try? await authenticate(known.username, known.password, known.identityToken, key) {
        return status
      }
      try await invocation.err("Login did not succeed, error: stored credentials were refused\n")
    }
    if username.isEmpty || password.isEmpty {
      guard session.environment.inputIsTerminal else {
        throw CommandError("Error: Cannot perform an interactive login from a non TTY device")
      }
      if isHub, username.isEmpty {
        try await invocation.out(
          "Log in with your Docker ID or email address to push and pull images from Docker Hub. "
            + "If you don't have a Docker ID, head over to https://hub.docker.com/ to create one.\n\n")
      }
      if username.isEmpty {
        try await invocation.out("Username: ")
        username = await session.readLine() ?? ""
        guard !username.isEmpty else { throw CommandError("Error: Username is required") }
      }
      if password.isEmpty {
        try await invocation.out("Password: ")
        password = try await hiddenLine()
        try await invocation.out("\n")
        guard !password.isEmpty else { throw CommandError("Error: Password is required") }
      }
    }
    return try await authenticate(username, password, "", key)
  }

  /// A line that is not echoed.
  private func hiddenLine() async throws -> String {
    let session = session
    let line: String? = await session.environment.withRawTerminal {
      var typed: [UInt8] = []
      while let bytes = await session.environment.input.read(1) {
        switch bytes[0] {
        case 0x0d, 0x0a: return String(decoding: typed, as: UTF8.self)
        case 0x03: return nil
        case 0x04 where typed.isEmpty: return ""
        case 0x7f, 0x08: _ = typed.popLast()
        default: if typed.count < 65_536 { typed += bytes }
        }
      }
      return String(decoding: typed, as: UTF8.self)
    }
    guard let line else { throw Interrupted() }
    return line
  }

  private func authenticate(
    _ username: String, _ password: String, _ token: String, _ key: String
  ) async throws -> Int32 {
    var body: JSONObject = ["username": .string(username)]
    if !password.isEmpty { body["password"] = .string(password) }
    body["serveraddress"] = .string(key)
    if !token.isEmpty { body["identitytoken"] = .string(token) }
    let answer = try await session.json(request("POST", "/auth", body: .object(body)))
    let granted = answer.text("IdentityToken")
    let credentials = RegistryCredentials(
      username: username, password: granted.isEmpty ? password : "", identityToken: granted)
    let configuration = session.environment.configuration
    if await configuration.credentials(key) == nil, let location = configuration.plainTextLocation {
      try await invocation.err(
        "\nWARNING! Your credentials are stored unencrypted in '\(location)'.\n"
          + "Configure a credential helper to remove this warning. See\n"
          + "https://docs.docker.com/go/credential-store/\n\n")
    }
    do {
      try await configuration.store(credentials, for: key)
    } catch {
      throw CommandError("Error saving credentials: \(error.words)")
    }
    let status = answer.text("Status")
    try await invocation.line(status.isEmpty ? "Login Succeeded" : status)
    return 0
  }
}
