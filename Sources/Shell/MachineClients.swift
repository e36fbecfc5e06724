import Client
import Seams
import Simulation

/// Which client a command line is for, and how it is run.
extension SimMachine {
  /// Runs a client with `words` as its command line, its own name first; the exit status.
  func runClient(_ words: [String], in environment: any ClientEnvironment) async -> Int32 {
    await DockerCommandLine.run(Array(words.dropFirst()), in: environment)
  }

  /// Runs a program of the simulated host, with the user's terminal as its standard streams; the exit status.
  func runOnHost(_ words: [String], in environment: any ClientEnvironment) async -> Int32 {
    let (output, errors) = (ByteChannel(), ByteChannel())
    let stdio = ProcessStdio(stdin: environment.input, stdout: output, stderr: errors)
    let copying = [(output, ClientStream.output), (errors, .error)].map { channel, stream in
      world.spawn {
        while let bytes = await channel.read() { await environment.write(bytes, to: stream) }
      }
    }
    let status = await kernel.runOnHost(arguments: words, stdio: stdio)
    output.closeWriting()
    errors.closeWriting()
    for copy in copying { await copy.value }
    return Int32(truncatingIfNeeded: status)
  }

  /// Whether the host has a program of that name in its PATH.
  func hostHas(program name: String) -> Bool {
    guard !name.isEmpty, !name.contains("/") else { return false }
    let files = SimHostFiles(kernel)
    return ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"].contains { files.stat($0 + "/" + name) != nil }
  }
}

extension Session {
  /// Completions of a docker command line: `words` stand before `word`.
  func dockerCandidates(_ words: [String], _ word: String) -> [String] {
    // What is asked for completion is no handoff of the user's.
    let client = TerminalClient(session: face(daemon: machine.current.untraced), command: 0)
    return machine.world.runBlocking { await Completion.candidates(for: words + [word], in: client) } ?? []
  }
}
