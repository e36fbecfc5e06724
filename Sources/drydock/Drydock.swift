import ArgumentParser
import Shell

/// The client: REPL, scripts, replay, traces.
struct Drydock: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drydock",
    abstract: "A Docker-like container engine that can be seen through.",
    version: Version.text,
    subcommands: [
      ShellCommand.self, ReplayCommand.self, TraceCommand.self, LessonCommand.self, DoctorCommand.self,
    ],
    defaultSubcommand: ShellCommand.self)
}

/// `drydock shell`: the REPL, or a script.
struct ShellCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "shell", abstract: "The REPL; with --script, commands from a file without a prompt.")

  @Option(help: "trace (simulated) or real.") var mode = "trace"
  @Option(help: "Which parts stand between the client and the kernel.") var stack = "docker"
  @Option(help: "The OCI runtime: runc, crun or railcar.") var runtime: String?
  @Option(help: "What chance begins with: the same commands with the same seed give the same bytes.") var seed: UInt64 =
    1
  @Option(help: ArgumentHelp("Write the handoffs to a trace.", valueName: "file")) var record: String?
  @Option(help: ArgumentHelp("Commands from a file, or - for standard input.", valueName: "file")) var script: String?
  @Flag(help: "A script ends at the first command that fails.") var failFast = false
  @Flag(help: "Show no handoff lines.") var quiet = false
  @Option(help: "Language of lessons and explanations: en or pt-BR.") var lang: String?

  func run() throws {
    var options = SessionOptions()
    guard ["trace", "real"].contains(mode) else {
      throw ValidationError("no such mode: \(mode); there are trace and real")
    }
    options.stack = try choice(stack, of: SessionOptions.stacks, as: "stack")
    options.runtime = try runtime.map { try choice($0, of: SessionOptions.runtimes, as: "runtime") }
    options.seed = seed
    options.recordPath = record
    options.showsHandoffs = !quiet
    if let lang {
      guard let language = Language(rawValue: try choice(lang, of: Language.allCases.map(\.rawValue), as: "language"))
      else { return }
      options.language = language
    }
    throw ExitCode(
      mode == "real"
        ? Launch.realShell(options, script: script, failFast: failFast)
        : Launch.shell(options, script: script, failFast: failFast))
  }

  private func choice(_ value: String, of known: [String], as what: String) throws -> String {
    guard known.contains(value) else {
      throw ValidationError("no such \(what): \(value); there are \(known.joined(separator: ", "))")
    }
    return value
  }
}

/// `drydock replay`.
struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Play a recorded trace: step, back, seek, search, speed.")
  @Argument(help: "The trace.") var file: String
  @Flag(help: "Print it all, without stopping.") var plain = false
  @OptionGroup var style: StyleOptions
  @Option(help: "Language of explanations: en or pt-BR.") var lang: String?

  func run() throws {
    let language = lang.flatMap { Language(rawValue: $0) } ?? Language.fromEnvironment
    throw ExitCode(Launch.replay(file, style: try style.value(), plain: plain, language: language))
  }
}

/// What of a trace is shown.
struct StyleOptions: ParsableArguments {
  @Option(help: "1: the spine; 2: with reads and answers; 3: with kernel calls and payloads.") var level = 2
  @Option(help: "Only handoffs from or to these parties, separated by commas.") var only: String?
  @Option(help: ArgumentHelp("Only the handoffs of command number N.", valueName: "n")) var cmd: Int?

  func value() throws -> TraceTool.Style {
    guard (1...3).contains(level) else { throw ValidationError("--level takes 1, 2 or 3") }
    let names = only?.split(separator: ",").map(String.init) ?? []
    return TraceTool.Style(level: level, only: Set(names), command: cmd)
  }
}

/// `drydock trace show|diff|verify|export`.
struct TraceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace", abstract: "Read recorded traces.",
    subcommands: [Show.self, Diff.self, Verify.self, Export.self])

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print a trace.")
    @Argument(help: "The trace; - is standard input.") var file: String
    @OptionGroup var style: StyleOptions
    func run() throws { throw ExitCode(TraceTool.show(file, style: try style.value())) }
  }

  struct Diff: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Compare the handoffs of two traces; exit status 1 where they differ.")
    @Argument(help: "One trace.") var a: String
    @Argument(help: "The other.") var b: String
    @Flag(help: "Compare reads too.") var all = false
    func run() throws { throw ExitCode(TraceTool.diff(a, b, keepingReads: all)) }
  }

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Run the commands of a trace again; exit status 1 where the handoffs differ.")
    @Argument(help: "The trace.") var file: String
    @Flag(help: "Compare reads too.") var all = false
    func run() throws { throw ExitCode(TraceTool.verify(file, keepingReads: all)) }
  }

  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Write a trace in another form.")
    @Argument(help: "The trace.") var file: String
    @Option(help: "mermaid, diagram, spine or json.") var format = "mermaid"
    @Option(help: ArgumentHelp("Only command number N.", valueName: "n")) var cmd: Int?
    func run() throws { throw ExitCode(TraceTool.export(file, format: format, command: cmd)) }
  }
}

/// `drydock doctor`.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "What this machine can do: kernel, namespaces, cgroups, overlayfs, user.")
  func run() throws { throw ExitCode(Doctor.run()) }
}
