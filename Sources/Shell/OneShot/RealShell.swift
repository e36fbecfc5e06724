import Client
import DaemonClient
#if canImport(Glibc)
  import Glibc
#endif
import Handoff
import Seams
import Synchronization

/// The REPL in front of a real daemon: docker's commands go to it, and the handoffs that it streams are shown.
///
/// Our engine tells every handoff. The genuine dockerd tells none: of it only those from the client are shown, as they
/// leave and come back here.
final class RealShell {
  private let daemon: any RemoteAPI
  private let host: String
  private let printer: LivePrinter
  private let feed: EngineFeed?
  private var recording: TraceFile?
  private let recorder: Recorder
  private var lastStatus: Int32 = 0
  private var isLeaving = false

  /// Runs until the user (or the script) ends; the exit status.
  static func run(_ options: SessionOptions, script: String?, failFast: Bool) -> Int32 {
    let shell: RealShell
    do throws(ShellFailure) { shell = try RealShell(options) } catch {
      Terminal.write(2, "drydock: \(error)\n")
      return 1
    }
    defer { shell.finish() }
    return options.isInteractive ? shell.converse() : shell.read(script ?? "-", failFast: failFast)
  }

  private init(_ options: SessionOptions) throws(ShellFailure) {
    var host = DaemonChoice.host()
    if !EngineStarter.answers(host) {
      // A daemon that the user named is theirs to start.
      for name in ["DRYDOCK_HOST", "DOCKER_HOST"] where !(Environment.variable(name) ?? "").isEmpty {
        throw ShellFailure("Cannot connect to the Docker daemon at \(host) (\(name)). Is the docker daemon running?")
      }
      host = try EngineStarter.start { Terminal.write(2, "drydock: \($0)") }
    }
    let client = try DaemonChoice.client(host, withTLS: DaemonChoice.environmentWantsTLS).get()
    self.host = host
    let isTerminal = Terminal.isTerminal(2)
    let printer = LivePrinter(
      lines: HandoffLines(
        hasColour: isTerminal && Terminal.hasColour, width: isTerminal ? Terminal.size(2).columns : 160),
      isOn: options.showsHandoffs, around: { Readline.aroundOutput($0) })
    self.printer = printer
    let clock = ClientWorld()
    recorder = Recorder(clock: { clock.now })
    let relay = RecordRelay()
    let following = EngineFeed(client, receive: { relay.receive($0) })
    let header: TraceHeader
    if let theirs = following.header() {
      header = theirs
      feed = following
      daemon = client
      relay.attach(printer)
      Terminal.write(2, "drydock: \(host) is Drydock's engine, mode \(header.mode): its handoffs are shown\n")
    } else {
      feed = nil
      header = TraceHeader(
        mode: "real", stack: "docker", runtime: "runc", engine: host, started: RealShell.now(clock.unixTime))
      daemon = TracedRemoteAPI(client, tap: Tap(from: .client, to: .dockerd, via: .http, recorder: recorder))
      recorder.attach(printer)
      Terminal.write(
        2,
        "drydock: \(host) is not Drydock's engine: what it hands to containerd and further down cannot be seen, only the "
          + "client's requests\n")
    }
    guard let path = options.recordPath else { return }
    do throws(TraceError) {
      let file = try TraceFile(path: path, header: header)
      relay.attach(file)
      recorder.attach(file)
      recording = file
    } catch { throw ShellFailure(error.description) }
  }

  private func finish() {
    feed?.close()
    printer.flush()
    if let damage = recording?.finish() { Terminal.write(2, "drydock: \(damage)\n") }
  }

  /// RFC 3339, to the second (strftime(3)).
  private static func now(_ unixTime: UInt64) -> String {
    var seconds = time_t(unixTime / Duration64.second)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    var buffer = [CChar](repeating: 0, count: 32)
    let count = strftime(&buffer, 32, "%Y-%m-%dT%H:%M:%SZ", &parts)
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  // MARK: Lines

  private func converse() -> Int32 {
    Interrupts.install()
    Readline.install(completer: { before, word in
      before.contains(" ") ? [] : DockerCommandLine.commandNames.filter { $0.hasPrefix(word) }
    })
    while !isLeaving {
      let prompt = Terminal.hasColour ? "\u{1}\u{1B}[1;35m\u{2}drydock(real)\u{1}\u{1B}[0m\u{2}> " : "drydock(real)> "
      switch Readline.read(prompt: prompt, idle: { printer.flush() }) {
      case .interrupted: continue
      case .end:
        Terminal.write(1, "\n")
        return lastStatus
      case .line(let line):
        guard !line.trimmed.isEmpty else { continue }
        Readline.addHistory(line)
        lastStatus = execute(line)
        _ = Interrupts.take()
      }
    }
    return lastStatus
  }

  private func read(_ path: String, failFast: Bool) -> Int32 {
    let descriptor = path == "-" ? dup(0) : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      Terminal.write(2, "drydock: cannot read the script \(path): \(String(cString: strerror(errno)).lowercased())\n")
      return 2
    }
    defer { close(descriptor) }
    var lines = ScriptLines(descriptor: descriptor)
    while !isLeaving, let line = lines.next() {
      lastStatus = execute(line)
      if failFast, lastStatus != 0 { break }
    }
    return lastStatus
  }

  private func execute(_ line: String) -> Int32 {
    let words: [String]
    do { words = try Words.split(line) } catch { return complain("\(error)", 2) }
    guard let first = words.first else { return lastStatus }
    switch first {
    case "exit", "quit":
      isLeaving = true
      return words.dropFirst().first.flatMap { Int32($0) } ?? lastStatus
    case "mode":
      if words.dropFirst().first == "trace" {
        isLeaving = true
        return 0
      }
      Terminal.write(1, "mode real: \(host)\n")
      return 0
    case "level":
      guard words.count == 2, let level = Int(words[1]), (0...3).contains(level) else {
        return complain("usage: level 0|1|2|3", 1)
      }
      printer.isOn = level > 0
      if level > 0 { printer.adjust { $0.level = level } }
      return 0
    case "help":
      Terminal.write(
        1,
        "Docker's commands, with or without the word docker, go to \(host).\n"
          + "level 0|1|2|3   how much of the handoffs is shown\nmode trace      back to the simulated machine\n"
          + "exit            leave (so does Ctrl-D)\n")
      return 0
    default: break
    }
    guard first == "docker" || DockerCommandLine.isCommand(first) else {
      return complain("\(first): no such command; help lists what there is", 127)
    }
    return runClient(first == "docker" ? Array(words.dropFirst()) : words)
  }

  private func complain(_ text: String, _ status: Int32) -> Int32 {
    Terminal.write(2, "drydock: \(text)\n")
    return status
  }

  private func runClient(_ words: [String]) -> Int32 {
    let printer = printer
    let client = CommandClient(
      daemon: daemon, daemonHost: host, configuration: DaemonChoice.configuration,
      printer: printer)
    let done = Latch()
    let status = Mutex<Int32>(1)
    let work = Task {
      let result = await DockerCommandLine.run(words, in: client)
      status.withLock { $0 = result }
      done.open()
    }
    defer { client.finish() }
    var size = Terminal.size()
    var interrupts = 0
    while !done.wait(milliseconds: 100) {
      if Interrupts.take() {
        interrupts += 1
        if interrupts < 3 {
          client.deliver(.signal(SIGINT))
        } else {
          // A container that ignores the signal is left to itself.
          work.cancel()
          return complain("interrupted", 130)
        }
      }
      let now = Terminal.size()
      if now != size {
        size = now
        client.deliver(.resized(columns: now.columns, rows: now.rows))
      }
      printer.flush()
    }
    feed?.settle()
    printer.flush()
    return status.withLock { $0 }
  }
}

/// Hands records to sinks that come later.
private final class RecordRelay: Sendable {
  private let sinks = Mutex<[any TraceSink]>([])
  func attach(_ sink: any TraceSink) { sinks.withLock { $0.append(sink) } }
  func receive(_ record: TraceRecord) { sinks.withLock { for sink in $0 { sink.receive(record) } } }
}

extension Launch {
  /// `drydock shell --mode real`: the REPL or a script in front of a real daemon; the exit status.
  public static func realShell(_ options: SessionOptions, script: String?, failFast: Bool) -> Int32 {
    var options = options
    options.isInteractive = script == nil && Terminal.isTerminal(0) && Terminal.isTerminal(1)
    return RealShell.run(options, script: script, failFast: failFast)
  }
}
