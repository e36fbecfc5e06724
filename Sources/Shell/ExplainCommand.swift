import Handoff
import JSONTree
import OCISpec
import Runtime

/// `explain run …` and `xray`: what a command would do, and what a container is for the kernel.
let explainCommands: [SessionCommand] = [
  SessionCommand(
    name: "explain", usage: "COMMAND …",
    summary: "what a docker command would do, without doing it: explain run -m 64m alpine",
    complete: { session, words in session.dockerCandidates(Array(words.dropFirst()), "") },
    run: { session, words in
      guard !words.isEmpty else { return session.usage("explain") }
      return session.explain(words.first == "docker" ? Array(words.dropFirst()) : words)
    }),
  SessionCommand(
    name: "xray", usage: "CONTAINER", summary: "a container as the kernel sees it",
    complete: { session, words in words.count == 1 ? session.dockerCandidates(["exec"], "") : [] },
    run: { session, words in
      guard words.count == 1 else { return session.usage("xray") }
      return session.xray(words[0])
    }),
]

extension Session {
  /// Does the command in a copy of the world, and tells what happened there: handoffs, and the runtime's plan.
  func explain(_ words: [String]) -> Int32 {
    guard let copy = copyOfWorld() else {
      complain("no copy of the world can be made")
      return 1
    }
    let mark = copy.memory.count
    let line = (["docker"] + words).map(Words.quoted).joined(separator: " ")
    let status = copy.execute(line)
    let records = copy.memory.records(from: mark)
    var out = painted("1", "Handoffs of \(line)") + " (nothing has been done here)\n"
    var lines = HandoffLines(hasColour: Terminal.isTerminal(1) && Terminal.hasColour, width: columns)
    lines.level = 1
    for record in records { if let text = lines.text(for: record) { out += text } }
    var printed = ""
    for record in records {
      if case .output(_, let data) = record.event { printed += data }
    }
    if status != 0 { out += "It would end with status \(status): \(printed.trimmed)\n" }
    if let plan = plan(records) {
      let word = plan.flavour.rawValue
      out += "\n" + painted("1", "What \(word) would ask the kernel for: \(plan.count) steps") + "\n"
      out += clipped(plan.text(), width: columns) + "\n"
    }
    say(out)
    return 0
  }

  /// The plan behind the first `runc create` among the records.
  private func plan(_ records: [TraceRecord]) -> Plan? {
    for record in records {
      guard case .call(let call) = record.event, call.via == .exec, call.op.hasSuffix(" create"),
        let config = call.args.json["config"], let argv = call.args.json["argv"]?.strings, let id = argv.last
      else { continue }
      let bundle = argv.firstIndex(of: "--bundle").flatMap { argv.indices.contains($0 + 1) ? argv[$0 + 1] : nil }
      guard let parsed = try? RuntimeSpec.Config(config) else { return nil }
      let flavour = RuntimeFlavour(executable: argv[0])
      let root = argv.firstIndex(of: "--root").flatMap { argv.indices.contains($0 + 1) ? argv[$0 + 1] : nil }
      let options = PlanOptions(
        id: id, bundle: bundle ?? "/bundle", stateRoot: root ?? flavour.defaultRoot,
        executable: "/usr/bin/\(flavour.rawValue)", hasConsole: parsed.process?.terminal ?? false)
      return try? Plan.create(parsed, options, host: AssumedHost(), flavour: flavour)
    }
    return nil
  }

  /// Namespaces beside the host's, cgroup files, mounts, capabilities, processes.
  func xray(_ name: String) -> Int32 {
    guard let container = SessionLessonWorld(session: self, mark: 0, hasPredicted: false).inspect(.container, name)
    else {
      complain("No such container: \(name)")
      return 1
    }
    guard let pid = container["State"]?["Pid"]?.int, pid > 0, let picture = machine.kernel.xray(pid: pid) else {
      complain("the container \(name) is not running: for the kernel there is nothing of it but files")
      return 1
    }
    say(XRayText(picture).text(width: columns, paint: { painted($0, $1) }))
    return 0
  }
}
