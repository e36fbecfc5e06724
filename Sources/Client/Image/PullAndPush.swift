import JSONTree
import OCISpec

extension Command {
  static let imagePull = Command(
    "pull", usage: "[OPTIONS] NAME[:TAG|@DIGEST]", short: "Download an image from a registry",
    spellings: "docker image pull, docker pull", rule: .exactly(1),
    flags: [
      Flag("all-tags", "a", .bool(false), "Download all tagged images in the repository"),
      Flag("disable-content-trust", .bool(true), "Skip image verification (default true)"),
      Flag(
        "platform", .string(""), "Set platform if server is multi-platform capable",
        completes: .words(Words.platforms)),
      Flag("quiet", "q", .bool(false), "Suppress verbose output"),
    ], completes: [.images]
  ) { invocation in
    let (session, flags) = (invocation.session, invocation.flags)
    var reference = try References.parse(invocation.argument)
    let quiet = flags.bool("quiet")
    if flags.bool("all-tags") {
      guard reference.tag == nil, reference.digest == nil else {
        throw CommandError("tag can't be used with --all-tags/-a")
      }
    } else if reference.tag == nil, reference.digest == nil {
      reference = reference.tagged
      if !quiet { try await invocation.line("Using default tag: \(reference.tag ?? "")") }
    }
    let stream = try await session.pull(reference, platform: flags.string("platform"))
    try await session.showMessages(stream, on: quiet ? .nowhere : .output)
    try await invocation.line(reference.description)
    return 0
  }

  static let imagePush = Command(
    "push", usage: "[OPTIONS] NAME[:TAG]", short: "Upload an image to a registry",
    spellings: "docker image push, docker push", rule: .exactly(1),
    flags: [
      Flag("all-tags", "a", .bool(false), "Push all tags of an image to the repository"),
      Flag("disable-content-trust", .bool(true), "Skip image signing (default true)"),
      Flag(
        "platform", .string(""),
        "Push a platform-specific manifest as a single-platform image to the registry.\nImage index won't be "
          + "pushed, meaning that other manifests, including attestations won't be preserved.\n"
          + "'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
        completes: .words(Words.platforms)),
      Flag("quiet", "q", .bool(false), "Suppress verbose output"),
    ], completes: [.images]
  ) { invocation in
    let (session, flags) = (invocation.session, invocation.flags)
    if !flags.string("platform").isEmpty, !flags.bool("quiet") { try await invocation.out(pushPlatformNote) }
    var reference = try References.parse(invocation.argument)
    let quiet = flags.bool("quiet")
    if flags.bool("all-tags") {
      guard reference.tag == nil, reference.digest == nil else {
        throw CommandError("tag can't be used with --all-tags/-a")
      }
    } else if reference.tag == nil, reference.digest == nil {
      reference = reference.tagged
      if !quiet { try await invocation.line("Using default tag: \(reference.tag ?? "")") }
    }
    guard reference.digest == nil else { throw CommandError("cannot push a digest reference") }
    var query: [(String, String)] = []
    if !flags.bool("all-tags"), let tag = reference.tag { query.append(("tag", tag)) }
    if let platform = try PlatformFlag.json(flags.string("platform")) { query.append(("platform", platform)) }
    let stream = try await session.stream(
      request(
        "POST", "/images/{name}/push", ["name": reference.repository], query: query,
        registryAuth: await RegistryAuth.header(for: reference, session.environment)))
    try await session.showMessages(stream, on: quiet ? .nowhere : .output)
    if quiet { try await invocation.line(reference.familiar) }
    return 0
  }
}

/// What the genuine client says before a push of one platform.
private let pushPlatformNote =
  "\n Info -> Using --platform pushes only the specified platform manifest of a multi-platform image index.\n"
  + "         Other components, like attestations, will not be included.\n"
  + "         To push the complete multi-platform image, remove the --platform flag.\n"
  + "         \n"
