import JSONTree
import Seams

extension Command {
  static let imageSave = Command(
    "save", usage: "[OPTIONS] IMAGE [IMAGE...]",
    short: "Save one or more images to a tar archive (streamed to STDOUT by default)",
    spellings: "docker image save, docker save", rule: .atLeast(1),
    flags: [
      Flag("output", "o", .string(""), "Write to a file, instead of STDOUT", completes: .files),
      Flag(
        "platform", .string(""),
        "Save only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
        completes: .words(Words.platforms)),
    ], completes: [.images]
  ) { invocation in
    let flags = invocation.flags
    let path = flags.string("output")
    let platform = try PlatformFlag.json(flags.string("platform"))
    if path.isEmpty {
      if invocation.environment.isTerminal(.output) {
        throw CommandError("cowardly refusing to save to a terminal. Use the -o flag or redirect")
      }
    } else {
      try OutputFile.check(path, invocation.environment, "failed to save image")
    }
    let query =
      invocation.arguments.map { ("names", $0) } + (platform.map { [("platform", $0)] } ?? [])
    let stream = try await invocation.session.stream(request("GET", "/images/get", query: query))
    try await OutputFile.save(stream, path, invocation)
    return 0
  }

  static let imageLoad = Command(
    "load", usage: "[OPTIONS]", short: "Load an image from a tar archive or STDIN",
    spellings: "docker image load, docker load",
    flags: [
      Flag("input", "i", .string(""), "Read from tar archive file, instead of STDIN", completes: .files),
      Flag(
        "platform", .string(""),
        "Load only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
        completes: .words(Words.platforms)),
      Flag("quiet", "q", .bool(false), "Suppress the load output"),
    ]
  ) { invocation in
    let (session, flags) = (invocation.session, invocation.flags)
    let path = flags.string("input")
    let upload: ByteChannel
    if path.isEmpty || path == "-" {
      // Nobody types an archive.
      if session.environment.inputIsTerminal { throw CommandError("requested load from stdin, but stdin is empty") }
      upload = session.environment.input
    } else {
      upload = ByteChannel(capacity: .max)
      upload.push(try session.environment.files.read(path))
      upload.closeWriting()
    }
    // Without a terminal nobody sees the bars.
    let quiet = flags.bool("quiet") || !session.environment.isTerminal(.output)
    var query = [("quiet", quiet ? "1" : "0")]
    let platform = try PlatformFlag.json(flags.string("platform"))
    if let platform { query.append(("platform", platform)) }
    let response = try await session.send(request("POST", "/images/load", query: query, upload: upload))
    switch response.body {
    case .stream(let stream):
      session.closeOnInterrupt(stream)
      try await session.showMessages(stream, on: .output)
    case .text(let text): try await invocation.out(text)
    default: break
    }
    return 0
  }

  static let imageImport = Command(
    "import", usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    short: "Import the contents from a tarball to create a filesystem image",
    spellings: "docker image import, docker import", rule: .atLeast(1),
    flags: [
      Flag("change", "c", .list(.any), "Apply Dockerfile instruction to the created image"),
      Flag("message", "m", .string(""), "Set commit message for imported image"),
      Flag(
        "platform", .string(""), "Set platform if server is multi-platform capable",
        completes: .words(Words.platforms)),
    ], completes: [.files, .images]
  ) { invocation in
    let (session, flags) = (invocation.session, invocation.flags)
    let source = invocation.arguments[0]
    var query: [(String, String)] = []
    var upload: ByteChannel?
    if source == "-" {
      upload = session.environment.input
      query.append(("fromSrc", "-"))
    } else if source.hasPrefix("http://") || source.hasPrefix("https://") {
      query.append(("fromSrc", source))
    } else {
      let bytes = try session.environment.files.read(source)
      let channel = ByteChannel(capacity: .max)
      channel.push(bytes)
      channel.closeWriting()
      upload = channel
      query.append(("fromSrc", "-"))
    }
    if invocation.arguments.count > 1, !invocation.arguments[1].isEmpty {
      _ = try References.parse(invocation.arguments[1])
      query.append(("repo", invocation.arguments[1]))
    }
    if !flags.string("message").isEmpty { query.append(("message", flags.string("message"))) }
    for change in flags.values("change") { query.append(("changes", change)) }
    let platform = flags.string("platform").lowercased()
    if !platform.isEmpty { query.append(("platform", platform)) }
    let stream = try await session.stream(request("POST", "/images/create", query: query, upload: upload))
    try await session.showMessages(stream, on: .output)
    return 0
  }
}
