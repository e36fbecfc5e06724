import JSONTree
import Seams

extension Command {
  static let containerExport = Command(
    "export", usage: "[OPTIONS] CONTAINER", short: "Export a container's filesystem as a tar archive",
    spellings: "docker container export, docker export", rule: .exactly(1),
    flags: [
      Flag("output", "o", .string(""), "Write to a file, instead of STDOUT", completes: .files)
    ], completes: [.containers]
  ) { invocation in
    let path = invocation.flags.string("output")
    if path.isEmpty {
      if invocation.environment.isTerminal(.output) {
        throw CommandError("cowardly refusing to save to a terminal. Use the -o flag or redirect")
      }
    } else {
      try OutputFile.check(path, invocation.environment, "failed to export container")
    }
    let stream = try await invocation.session.stream(
      request("GET", "/containers/{id}/export", ["id": invocation.argument]))
    try await OutputFile.save(stream, path, invocation)
    return 0
  }
}

/// Archives that go to a file or to standard output.
enum OutputFile {
  /// The folder must be there, and nothing but a file may be overwritten.
  static func check(_ path: String, _ environment: any ClientEnvironment, _ what: String) throws(CommandError) {
    let directory = Path.directory(path)
    if directory != ".", environment.files.kind(directory) == nil {
      throw CommandError("\(what): invalid output path: stat \(directory): no such file or directory")
    }
    if environment.files.kind(path) == .directory {
      throw CommandError("\(what): cannot write to a directory")
    }
  }

  static func save(_ stream: ByteChannel, _ path: String, _ invocation: Invocation) async throws {
    if path.isEmpty {
      while let bytes = await stream.read() { try await invocation.session.write(bytes, to: .output) }
      return
    }
    try invocation.environment.files.write(path, await stream.readAll(), mode: 0o600)
  }
}
