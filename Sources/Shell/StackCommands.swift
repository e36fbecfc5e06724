import Client
import Simulation
import Teaching

/// `topology`, `stack`, `runtime`, `explain`: which parts stand between the client and the kernel.
let stackCommands: [SessionCommand] = [
  SessionCommand(
    name: "topology", usage: "[STACK]", summary: "the stack drawn: parts, sockets, protocols, who holds what",
    complete: { _, words in words.count == 1 ? Topology.stacks : [] },
    run: { session, words in
      guard words.count <= 1 else { return session.usage("topology") }
      let stack = words.first ?? session.machine.stack
      guard let drawing = Topology.drawing(stack: stack, runtime: session.machine.runtimeName(of: stack)) else {
        session.complain("no such stack: \(stack); there are \(Topology.stacks.joined(separator: ", "))")
        return 1
      }
      session.say(clipped(drawing, width: session.columns))
      return 0
    }),
  SessionCommand(
    name: "stack", usage: "use NAME", summary: "other parts: \(Topology.stacks.joined(separator: ", "))",
    isRecorded: true,
    complete: { _, words in words.count == 1 ? ["use"] : words.count == 2 ? Topology.stacks : [] },
    run: { session, words in
      if words.isEmpty {
        session.say("stack \(session.machine.stack) with \(session.machine.runtime)\n")
        return 0
      }
      guard words.count == 2, words[0] == "use" else { return session.usage("stack") }
      guard Topology.stacks.contains(words[1]) else {
        session.complain(
          "no such stack: \(words[1])"
            + suggestion(words[1], among: Topology.stacks) + "; there are \(Topology.stacks.joined(separator: ", "))")
        return 1
      }
      do { try session.machine.use(stack: words[1]) } catch {
        session.complain("the stack \(words[1]) does not come up: \(error)")
        return 1
      }
      session.say(
        clipped(Topology.drawing(stack: words[1], runtime: session.machine.runtime) ?? "", width: session.columns))
      return 0
    }),
  SessionCommand(
    name: "runtime", usage: "use NAME", summary: "another OCI runtime: \(SimMachine.runtimes.joined(separator: ", "))",
    isRecorded: true,
    complete: { _, words in words.count == 1 ? ["use"] : words.count == 2 ? SimMachine.runtimes : [] },
    run: { session, words in
      if words.isEmpty {
        session.say("runtime \(session.machine.runtime)\n")
        return 0
      }
      guard words.count == 2, words[0] == "use" else { return session.usage("runtime") }
      guard SimMachine.runtimes.contains(words[1]) else {
        session.complain(
          "no such runtime: \(words[1])" + suggestion(words[1], among: SimMachine.runtimes)
            + "; there are \(SimMachine.runtimes.joined(separator: ", "))")
        return 1
      }
      if let refusal = session.machine.use(runtime: words[1]) {
        session.complain(refusal)
        return 1
      }
      session.say("from now on containers are created by \(words[1])\n")
      return 0
    }),
]

/// ` (did you mean x?)`, or nothing.
func suggestion(_ word: String, among candidates: some Sequence<String>) -> String {
  let near = Words.nearest(to: word, among: candidates)
  return near.isEmpty ? "" : " (did you mean \(near.joined(separator: " or "))?)"
}

/// Every line of a drawing cut at `width` columns.
func clipped(_ drawing: String, width: Int) -> String {
  drawing.split(separator: "\n", omittingEmptySubsequences: false)
    .map { $0.count > width ? $0.prefix(max(1, width - 1)) + "…" : String($0) }.joined(separator: "\n")
}
