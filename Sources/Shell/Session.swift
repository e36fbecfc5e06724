import Client
import Handoff
import JSONTree
import Seams
import Simulation
import Synchronization

/// One sitting at the simulated machine: commands come in as lines, their output and handoffs go to the terminal.
///
/// Belongs to one thread, which also drives the simulated world.
public final class Session {
  let options: SessionOptions
  let printer: LivePrinter
  let output: SessionOutput
  let memory = TraceMemory()
  let stepper: Stepper
  let lessons: LessonDesk
  private(set) var machine: SimMachine
  private let docker = HostDocker()
  private let buildServer = BuildServerClient()
  private let configuration = SessionConfiguration()
  private let replaying = Flag()
  private var recording: TraceFile?
  /// What has been done to the world so far: enough to do it again.
  private(set) var deeds: [Deed] = []
  public internal(set) var isLeaving = false
  public private(set) var lastStatus: Int32 = 0
  var speed: Double = 1

  /// A line that changed the world, when it was entered, and what the user typed into it.
  struct Deed {
    let time: UInt64
    let line: String
    var typed: [TypedInput] = []
  }

  var isInteractive: Bool { options.isInteractive }
  var language: Language { options.language }
  var columns: Int { Terminal.isTerminal(1) ? Terminal.size().columns : 100 }
  var recordingPath: String? { recording?.path }

  /// Sets the world up. Throws `TraceError` when the trace cannot be written.
  public init(_ options: SessionOptions) throws {
    self.options = options
    let isTerminal = Terminal.isTerminal(2)
    printer = LivePrinter(
      lines: HandoffLines(
        hasColour: isTerminal && Terminal.hasColour, width: isTerminal ? Terminal.size(2).columns : 160),
      isOn: options.showsHandoffs, around: { Readline.aroundOutput($0) })
    output = SessionOutput(printer: printer)
    let printer = printer
    stepper = Stepper(isShown: { call in printer.adjust { $0.accepts(call) } })
    lessons = LessonDesk(
      library: .standard(),
      progress: LessonProgress(path: options.isInteractive ? LessonProgress.standardPath : nil))
    machine = try SimMachine(
      seed: options.seed, stack: options.stack, runtime: options.runtime, gate: stepper, programs: ["docker": docker])
    attachSinks()
    if let path = options.recordPath, let failure = startRecording(path) { throw TraceError(failure) }
  }

  deinit {
    // They hold the machine that holds them: whoever leaves takes that out, or the machine stays in memory.
    docker.use(nil)
    buildServer.use(nil)
  }

  private func attachSinks() {
    machine.recorder.attach(memory)
    machine.recorder.attach(printer)
    if let recording { machine.recorder.attach(recording) }
    for collector in collectors { machine.recorder.attach(collector) }
  }

  // MARK: Carrying lines out

  /// Carries out one line; its exit status. Never throws: whatever is wrong is told.
  @discardableResult
  public func execute(_ line: String) -> Int32 { execute(line, typed: []) }

  /// The same for a line that has been carried out before: what was typed into it comes again.
  func execute(_ line: String, typed: [TypedInput]) -> Int32 {
    self.typed = typed
    lastStatus = perform(line)
    noticeStepDone()
    return lastStatus
  }

  private func perform(_ line: String) -> Int32 {
    guard line.utf8.count <= 1 << 20 else {
      complain("the line has \(line.utf8.count) bytes; more than 1 MiB is not read")
      return 1
    }
    guard !line.utf8.contains(0) else {
      complain("the line has a NUL byte in it")
      return 1
    }
    let words: [String]
    do { words = try Words.split(line) } catch {
      complain("\(error)")
      return 2
    }
    guard let first = words.first else { return lastStatus }
    stepper.commandBegins()
    if let command = SessionCommand.all[first] {
      let rest = first == "host" && Words.needsShell(line) ? [hostLine(line)] : Array(words.dropFirst())
      guard command.isRecorded, !(rest.isEmpty && !["reset", "undo", "mend"].contains(first)) else {
        return command.run(self, rest)
      }
      return recorded(line, isDeed: !["reset", "undo"].contains(first)) { command.run(self, rest) }
    }
    if Words.needsShell(line), first != "docker", !machine.clientNames.contains(first),
      !DockerCommandLine.isCommand(first), line.contains("docker"),
      machine.hostHas(program: first) || first == "for" || first == "while"
    {
      // A pipe or loop of the host's shell with docker in it.
      return recorded(line.trimmed, isDeed: true) { self.runOnHost(["sh", "-c", line.trimmed]) }
    }
    let isNamed = first == "docker" || machine.clientNames.contains(first)
    guard isNamed || DockerCommandLine.isCommand(first) else {
      if let status = lessonWord(words) { return status }
      complain(
        "\(first): no such command"
          + suggestion(
            first,
            among: SessionCommand.all.keys.sorted() + ["docker"] + machine.clientNames + DockerCommandLine.commandNames)
          + (machine.hostHas(program: first) ? "; on the simulated host: host \(line)" : "; help lists what there is"))
      return 127
    }
    let text = line.trimmed
    return recorded(text, isDeed: true) {
      if Words.needsShell(text) { return self.runOnHost(["sh", "-c", isNamed ? text : "docker " + text]) }
      return self.runClient(isNamed ? words : ["docker"] + words)
    }
  }

  /// What follows the word `host`.
  private func hostLine(_ line: String) -> String { String(line.trimmed.dropFirst(4)).trimmed }

  /// Records a command around `body`.
  private func recorded(_ line: String, isDeed: Bool, _ body: () -> Int32) -> Int32 {
    if isDeed { deeds.append(Deed(time: machine.world.now, line: line)) }
    let command = machine.recorder.beginCommand(line: line)
    lastNumber = command
    currentCommand = command
    let status = body()
    currentCommand = nil
    if isDeed, !replaying.isSet { deeds[deeds.count - 1].typed = typed }
    typed = []
    machine.recorder.record(cmd: command, .exit(status: Int(status)))
    drive.settle()
    return status
  }
  private var currentCommand: Int?
  /// The number of the newest recorded command.
  private(set) var lastNumber = 0
  /// Further sinks, which follow the session from world to world.
  var collectors: [SpineCollector] = []
  /// What was (or shall be) typed into the command that runs.
  private var typed: [TypedInput] = []

  private var drive: Drive {
    Drive(
      world: machine.world, printer: printer, stepper: stepper, isInteractive: isInteractive && !replaying.isSet,
      speed: speed, isUnread: { [output] in output.isOutputClosed }, onStep: { [unowned self] in stepPrompt() },
      onPatience: { [unowned self] in
        complain(
          language == .portuguese
            ? "o comando ainda espera: o processo 1 de um contêiner ignora os sinais que não trata. Ctrl-C mais uma vez "
              + "o deixa para trás; docker kill termina o contêiner"
            : "the command still waits: process 1 of a container ignores signals that it does not handle. Ctrl-C once "
              + "more leaves it behind; docker kill ends the container")
      })
  }

  func face(daemon: (any RemoteAPI)? = nil) -> SessionFace {
    let replaying = replaying
    return SessionFace(
      recorder: machine.recorder, daemon: daemon ?? machine.daemon, remoteDaemon: machine.remoteDaemon,
      world: machine.world,
      files: UserFiles(isReadOnly: { replaying.isSet }), configuration: configuration,
      isInteractive: isInteractive && !replaying.isSet, output: output)
  }

  /// Runs a docker client (or another stack's) with `words` as its command line.
  private func runClient(_ words: [String]) -> Int32 {
    let machine = machine
    return work { client in await machine.runClient(words, in: client) }
  }

  /// Runs a program on the simulated host, with `docker` among its programs.
  func runOnHost(_ words: [String]) -> Int32 {
    let machine = machine
    // The host is that of the stack in use.
    docker.use(face())
    buildServer.use(face())
    buildServer.join(machine)
    return work { client in await machine.runOnHost(words, in: client) }
  }

  private func work(_ body: @escaping @Sendable (TerminalClient) async -> Int32) -> Int32 {
    let client = TerminalClient(session: face(), command: currentCommand ?? 0, script: typed)
    let context = TraceContext(cmd: currentCommand)
    let end = drive.run(client) { await TraceContext.$current.withValue(context) { await body(client) } }
    typed = client.typed
    switch end {
    case .status(let status): return status
    case .abandoned(let reason):
      if output.isMidLine { Terminal.write(2, "\n") }
      complain(reason)
      return 130
    }
  }

  // MARK: Time, undo, reset

  /// Time passes while the user thinks.
  func passTime(_ nanoseconds: UInt64) {
    guard speed > 0 else { return }
    machine.world.advance(UInt64(Double(nanoseconds) * speed))
    printer.flush()
  }

  /// A world as at the start; the recording and the numbers go on.
  func reset() {
    deeds = []
    remake(doing: [])
  }

  /// Makes the world anew and does all again but the last. The line that was undone; nil when there was none.
  func undo() -> String? {
    guard let last = deeds.popLast() else { return nil }
    remake(doing: deeds)
    return last.line
  }

  private func remake(doing deeds: [Deed]) {
    let old = machine
    guard
      let fresh = try? SimMachine(
        seed: options.seed, stack: options.stack, runtime: options.runtime, gate: stepper, programs: ["docker": docker])
    else { return }
    machine = fresh
    configuration.clear()
    let (wasStepping, speed) = (stepper.isOn, self.speed)
    stepper.isOn = false
    replaying.set(true)
    output.mute(true)
    let command = currentCommand
    for deed in deeds {
      if deed.time > machine.world.now { machine.world.advance(deed.time - machine.world.now) }
      typed = deed.typed
      _ = perform(deed.line)
      self.deeds.removeLast()
    }
    currentCommand = command
    output.mute(false)
    replaying.set(false)
    (stepper.isOn, self.speed) = (wasStepping, speed)
    machine.recorder.continueFrom(old.recorder)
    attachSinks()
  }

  var isReplaying: Bool { replaying.isSet }

  /// Another session in the same state, which shows nothing.
  func copyOfWorld() -> Session? {
    guard let copy = freshCopy() else { return nil }
    for deed in deeds {
      if deed.time > copy.machine.world.now { copy.machine.world.advance(deed.time - copy.machine.world.now) }
      _ = copy.execute(deed.line, typed: deed.typed)
    }
    return copy
  }

  /// Another session with the same options as at the start, which shows nothing.
  func freshCopy() -> Session? {
    var options = options
    (options.isInteractive, options.showsHandoffs, options.recordPath) = (false, false, nil)
    guard let copy = try? Session(options) else { return nil }
    copy.output.mute(true)
    copy.printer.mute(true)
    return copy
  }

  /// Asks the daemon something, unseen and unrecorded; nil for a refusal.
  func ask(_ request: APIRequest) -> JSON? {
    let machine = machine
    let answer = machine.world.runBlocking { await machine.askUntraced(request) }
    guard case .json(let json)?? = answer.map({ $0?.status ?? 500 < 400 ? $0?.body : nil }) else { return nil }
    return json
  }

  func isSignedIn(_ registry: String) -> Bool { configuration.credentials(registry) != nil }

  // MARK: Recording

  /// Starts a trace; what is wrong, if it cannot be.
  func startRecording(_ path: String) -> String? {
    do {
      var header = machine.header
      header.before = doneSoFar
      let file = try TraceFile(path: path, header: header)
      recording = file
      machine.recorder.attach(file)
      return nil
    } catch { return "\(error)" }
  }

  /// What came before, for the header of a trace that begins here.
  private var doneSoFar: [TraceHeader.Deed] {
    var before = deeds.map { deed in
      TraceHeader.Deed(
        t: deed.time, line: deed.line, typed: deed.typed.map { .init(t: $0.time, data: $0.event.data) })
    }
    let first = options.runtime ?? SimMachine.ownRuntime(of: options.stack)
    if !before.isEmpty, options.stack == machine.stack, first != machine.runtime {
      // The header names today's runtime; those of before began with another.
      before.insert(TraceHeader.Deed(t: 0, line: "runtime use \(first)"), at: 0)
    }
    return before
  }

  /// Ends the trace; what is wrong with it, if something is.
  func stopRecording() -> String? {
    guard let file = recording else { return nil }
    machine.recorder.detach(file)
    recording = nil
    return file.finish()
  }

  /// Ends the session: the trace is written to its end. The exit status.
  public func finish() -> Int32 {
    printer.flush()
    if let damage = stopRecording() {
      complain(damage)
      return lastStatus == 0 ? 1 : lastStatus
    }
    return lastStatus
  }

  // MARK: Talking

  /// Tells the user something on stdout.
  func say(_ text: String) { _ = output.write(Array(text.utf8), to: .output) }
  /// Tells the user what is wrong, on stderr.
  func complain(_ text: String) { _ = output.write(Array("drydock: \(text)\n".utf8), to: .error) }

  func painted(_ code: String, _ text: String) -> String {
    Terminal.hasColour ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }
  func paint(_ party: Party, _ text: String) -> String { painted(HandoffLines.colour(of: party), text) }
}

/// A flag that several threads may look at.
final class Flag: Sendable {
  private let value = Atomic<Bool>(false)
  var isSet: Bool { value.load(ordering: .relaxed) }
  func set(_ isSet: Bool) { value.store(isSet, ordering: .relaxed) }
}

extension String {
  /// Without blanks at both ends.
  var trimmed: String {
    let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\r" || $0 == "\r\n" }
    guard let first = firstIndex(where: { !isBlank($0) }), let last = lastIndex(where: { !isBlank($0) }) else {
      return ""
    }
    return String(self[first...last])
  }
}
