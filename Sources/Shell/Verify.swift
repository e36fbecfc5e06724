import Handoff
import Simulation
import Teaching

/// `trace verify`: runs the commands of a trace again and says where the handoffs differ.
enum Verify {
  /// 0: every command handed over the same; 1: some did not; 2: the trace cannot be run again.
  static func run(_ path: String, keepingReads: Bool = false) -> Int32 {
    do {
      let commands = try Recorded.commands(of: path)
      let header = try TraceReader(path: path).header
      guard Topology.stacks.contains(header.stack) else {
        Terminal.write(2, "drydock: \(path) is of the stack \"\(header.stack)\", which this version does not know\n")
        return 2
      }
      guard !commands.list.isEmpty else {
        Terminal.write(2, "drydock: \(path) has no command to run again\n")
        return 2
      }
      var options = SessionOptions()
      options.stack = header.stack
      // What every stack begins with anyway was not asked for, and is not for the other stacks.
      options.runtime = header.runtime == SimMachine.ownRuntime(of: header.stack) ? nil : header.runtime
      options.seed = header.seed ?? 1
      options.showsHandoffs = false
      let session = try Session(options)
      session.redo(header.before)
      let spines = session.spines(of: commands.list, keepingReads: keepingReads)
      let differing = zip(commands.list, spines).count { !report($0, $1) }
      _ = session.finish()
      if differing > 0, header.mode != "trace" {
        Terminal.write(
          2,
          "drydock: the trace is a \(header.mode): what was there before its first command (images, containers) is not in it\n"
        )
      }
      if TraceTool.warn(commands.damage) != 0 { return 2 }
      Terminal.write(
        1,
        differing == 0
          ? "verified: \(commands.list.count) commands hand over the same\n"
          : "\(differing) of \(commands.list.count) commands hand over something else\n")
      return differing == 0 ? 0 : 1
    } catch { return TraceTool.fail(error) }
  }

  /// Tells of one command; true when both spines are the same.
  private static func report(_ command: Recorded.Command, _ now: (spine: [String], status: Int32)) -> Bool {
    var (left, right) = (command.spine.makeIterator(), now.spine.makeIterator())
    var rows = StreamDiff(left: { left.next() }, right: { right.next() })
    var text = ""
    while let row = rows.next() {
      switch row {
      case .same: break
      case .left(let line): text += "  only in the trace:  \(line)\n"
      case .right(let line): text += "  only when run again: \(line)\n"
      }
    }
    if let status = command.status, status != Int(now.status) {
      text += "  exit status \(status) in the trace, \(now.status) when run again\n"
    }
    Terminal.write(1, (text.isEmpty ? "same    " : "differs ") + command.line + "\n" + text)
    return text.isEmpty
  }
}

/// The commands of a trace with what it takes to run them again.
enum Recorded {
  struct Command {
    var line: String
    var time: UInt64
    var typed: [TypedInput] = []
    var status: Int?
    var spine: [String] = []
  }

  /// Reads a trace to its end. `damage` says where it could not be read any further.
  static func commands(of path: String, keepingReads: Bool = false) throws -> (list: [Command], damage: String?) {
    let reader = try TraceReader(path: path)
    var commands: [Command] = []
    var positions: [Int: Int] = [:]
    var builders: [Int: Spine.Builder] = [:]
    while let record = reader.next() {
      guard let number = record.cmd else { continue }
      if case .command(let line) = record.event {
        positions[number] = commands.count
        builders[number] = Spine.Builder(keepsReads: keepingReads)
        commands.append(Command(line: line, time: record.t))
        continue
      }
      guard let position = positions[number] else { continue }
      switch record.event {
      case .input(let data):
        commands[position].typed.append(TypedInput(time: record.t, event: TypedInput.Event(data: data)))
      case .exit(let status): commands[position].status = status
      default:
        if let line = builders[number]?.add(record) { commands[position].spine.append(line) }
      }
    }
    return (commands, reader.damage)
  }
}

extension Session {
  /// Does again what a trace's header says was done before it began, showing nothing.
  func redo(_ deeds: [TraceHeader.Deed]) {
    output.mute(true)
    for deed in deeds {
      if deed.t > machine.world.now { machine.world.advance(deed.t - machine.world.now) }
      _ = execute(
        deed.line, typed: deed.typed.map { TypedInput(time: $0.t, event: TypedInput.Event(data: $0.data)) })
    }
    output.mute(false)
  }

  /// Runs recorded commands at their times; what each handed over, also later, and its exit status.
  func spines(of commands: [Recorded.Command], keepingReads: Bool = false) -> [(spine: [String], status: Int32)] {
    let collector = SpineCollector(keepsReads: keepingReads)
    collectors.append(collector)
    machine.recorder.attach(collector)
    output.mute(true)
    var ends: [(number: Int, status: Int32)] = []
    for command in commands {
      if command.time > machine.world.now { machine.world.advance(command.time - machine.world.now) }
      let status = execute(command.line, typed: command.typed)
      ends.append((lastNumber, status))
    }
    output.mute(false)
    collectors.removeAll { $0 === collector }
    machine.recorder.detach(collector)
    return ends.map { (collector.spine(of: $0.number), $0.status) }
  }
}
