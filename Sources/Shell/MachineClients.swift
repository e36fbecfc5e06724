import Client
import Seams
import Simulation

/// Which client a command line is for, and how it is run.
extension SimMachine {
  /// Runs a client with `words` as its command line, its own name first; the exit status.
  func runClient(_ words: [String], in environment: any ClientEnvironment) async -> Int32 {
    let rest = Array(words.dropFirst())
    if let client = current.client, words.first.map(clientNames.contains) ?? false {
      return await client.run(rest, io: StackIO(environment))
    }
    return await DockerCommandLine.run(rest, in: environment)
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

extension StackIO {
  /// What a stack's own client has around it: the same as the docker client.
  fileprivate init(_ environment: any ClientEnvironment) {
    self.init(
      output: { await environment.write($0, to: .output) }, error: { await environment.write($0, to: .error) },
      input: { environment.input }, readFile: { try environment.files.read($0) },
      terminal: environment.isTerminal(.output) ? environment.terminalSize : nil,
      signals: AsyncStream { continuation in
        environment.world.spawn {
          for await interrupt in environment.interrupts {
            if case .signal(let number) = interrupt { continuation.yield(number) }
          }
          continuation.finish()
        }
      })
  }
}

extension Session {
  /// Completions of the words of a stack's own client.
  func nativeCandidates(_ words: [String]) -> [String] {
    let machine = machine
    return machine.world.runBlocking { await machine.current.client?.candidates(after: words) ?? [] } ?? []
  }

  /// Completions of a docker command line: `words` stand before `word`.
  func dockerCandidates(_ words: [String], _ word: String) -> [String] {
    // What is asked for completion is no handoff of the user's.
    let client = TerminalClient(session: face(daemon: machine.current.untraced), command: 0)
    return machine.world.runBlocking { await Completion.candidates(for: words + [word], in: client) } ?? []
  }
}
