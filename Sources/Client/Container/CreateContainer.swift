import JSONTree
import OCISpec
import Seams

/// What `run` and `create` share: the request, and the pull before it when the image is not here.
struct ContainerCreation: Sendable {
  let invocation: Invocation
  var settings: ContainerSettings

  struct Created: Sendable {
    var id: String
    var attached: ContainerSettings.Attached
  }

  /// Creates the container and says the daemon's warnings.
  func create() async throws -> Created {
    let (flags, session) = (invocation.flags, invocation.session)
    let pull = flags.string("pull")
    guard ["always", "missing", "never", ""].contains(pull) else {
      throw ValueError("invalid pull option: '\(pull)': must be one of \"always\", \"missing\" or \"never\"")
    }
    // The genuine client asks which daemon it has before it looks at what it was told.
    await session.greet()
    let body = try settings.body()
    let cidfile = flags.string("cidfile")
    if !cidfile.isEmpty, session.environment.files.kind(cidfile) != nil {
      throw CommandError(
        "container ID file found, make sure the other container isn't running or delete \(cidfile)")
    }
    let reference = try reference()
    let platform = try PlatformFlag.formatted(flags.string("platform"))
    if pull == "always", let reference { try await self.pull(reference.tagged, platform) }
    var query: [(String, String)] = []
    if !flags.string("name").isEmpty { query.append(("name", flags.string("name"))) }
    if !platform.isEmpty { query.append(("platform", platform)) }
    let create = request("POST", "/containers/create", query: query, body: body)
    let answer: JSON
    do {
      answer = try await session.json(create)
    } catch let error as DaemonError where error.isNotFound && pull != "never" && pull != "always" && reference != nil {
      guard let tagged = reference?.tagged else { throw error }
      if !flags.bool("quiet") {
        try await invocation.err("Unable to find image '\(tagged.familiar)' locally\n")
      }
      try await self.pull(tagged, platform)
      answer = try await session.json(create)
    }
    for warning in answer["Warnings"]?.strings ?? [] { try await invocation.err("WARNING: \(warning)\n") }
    let id = answer.text("Id")
    if !cidfile.isEmpty {
      do {
        try session.environment.files.write(cidfile, Array(id.utf8), mode: 0o600)
      } catch {
        throw CommandError("failed to write the container ID to the file: \(error.words)")
      }
    }
    return Created(id: id, attached: settings.attached)
  }

  /// Nil when the image is named by an id.
  private func reference() throws -> ImageReference? {
    let image = settings.image
    let hex = image.hasPrefix("sha256:") ? image.dropFirst(7) : image[...]
    if hex.count == 64, hex.allSatisfy({ $0.isHexDigit && !$0.isUppercase }) { return nil }
    return try References.parse(image)
  }

  private func pull(_ reference: ImageReference, _ platform: String) async throws {
    let stream = try await invocation.session.pull(reference, platform: platform)
    try await invocation.session.showMessages(stream, on: invocation.flags.bool("quiet") ? .nowhere : .error)
  }

  /// Docker's words around what went wrong, and the status that it means.
  func failure(_ error: any Error) -> any Error {
    if error is Interrupted || error is BrokenPipe || error is CancellationError { return error }
    let status: Int32 = error is DaemonError ? ContainerCreation.status(of: error.words) : 125
    return CommandError(
      "docker: \(error.words)\n\nRun '\(invocation.path) --help' for more information", status: status)
  }

  /// 127 when the container's command is not there, 126 when it cannot be executed, otherwise 125.
  static func status(of message: String) -> Int32 {
    let words = message.lowercased()
    if ["executable file not found", "no such file or directory", "system cannot find the file specified"]
      .contains(where: words.contains)
    {
      return 127
    }
    if words.contains("permission denied") || words.contains("is a directory") { return 126 }
    return 125
  }
}

extension Command {
  static let containerCreate = Command(
    "create", usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]", short: "Create a new container",
    spellings: "docker container create, docker create", rule: .atLeast(1),
    flags: Flag.container + [
      Flag(
        "pull", .string("missing"),
        "Pull image before creating (\"always\", \"|missing\", \"never\") (default \"missing\")",
        completes: .words(Words.pullPolicies))
    ], interspersed: false, completes: [.images, .files]
  ) { invocation in
    let arguments = invocation.arguments
    let creation = ContainerCreation(
      invocation: invocation,
      settings: ContainerSettings(
        flags: invocation.flags, image: arguments[0], command: Array(arguments.dropFirst()),
        environment: invocation.environment))
    do {
      try await invocation.line(try await creation.create().id)
    } catch let error where error is ValueError || error is ClientFileError {
      throw creation.failure(error)
    }
    return 0
  }
}
