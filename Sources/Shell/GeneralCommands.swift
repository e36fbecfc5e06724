import Client

/// `help`, `mode`, `exit`.
let generalCommands: [SessionCommand] = [
  SessionCommand(
    name: "help", usage: "[COMMAND]", summary: "what can be typed here",
    complete: { _, words in words.count == 1 ? SessionCommand.all.keys.sorted() : [] },
    run: { session, words in
      guard let name = words.first else {
        session.say(session.helpText)
        return 0
      }
      if let command = SessionCommand.all[name] {
        session.say("\(name) \(command.usage)\n    \(command.summary)\n")
        return 0
      }
      return session.execute("docker " + words.joined(separator: " ") + " --help")
    }),
  SessionCommand(
    name: "mode", usage: "trace|real", summary: "simulated, or on this machine's kernel",
    complete: { _, words in words.count == 1 ? ["trace", "real"] : [] },
    run: { session, words in
      switch words {
      case [], ["trace"]:
        session.say("mode trace: nothing is really run\n")
        return 0
      case ["real"]:
        // In front of a real daemon until the user comes back; the simulated machine waits meanwhile.
        guard session.isInteractive else {
          session.complain("a script chooses its mode at the start: drydock shell --mode real --script FILE")
          return 1
        }
        var options = SessionOptions()
        (options.isInteractive, options.showsHandoffs) = (session.isInteractive, session.options.showsHandoffs)
        return RealShell.run(options, script: nil, failFast: false)
      default: return session.usage("mode")
      }
    }),
  SessionCommand(
    name: "exit", usage: "[STATUS]", summary: "leave (so does Ctrl-D)",
    run: { session, words in
      session.isLeaving = true
      return words.first.flatMap { Int32($0) } ?? session.lastStatus
    }),
  SessionCommand(
    name: "quit", usage: "", summary: "leave",
    run: { session, _ in
      session.isLeaving = true
      return session.lastStatus
    }),
]

extension Session {
  var helpText: String {
    var out = """
      Docker's commands, with or without the word docker:
          docker run -d -p 8080:80 --name web nginx      docker ps      docker exec web ps
          docker pull nginx      docker stop web      docker --help
      They are simulated: every handoff client → dockerd → containerd → shim → runC is shown as it happens.

      Besides:

      """
    let names = SessionCommand.all.keys.filter { $0 != "quit" }.sorted()
    let width = (names.map(\.count).max() ?? 8) + 2
    for name in names {
      guard let command = SessionCommand.all[name] else { continue }
      let head = "    " + name + String(repeating: " ", count: width - name.count)
      out += clipped(head + command.summary, width: columns) + "\n"
    }
    return out + "\nA line that ends in \\ goes on. Tab completes. Ctrl-C stops a command, Ctrl-D leaves.\n"
  }
}
