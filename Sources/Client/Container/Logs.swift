import JSONTree
import Seams

extension Command {
  static let containerLogs = Command(
    "logs", usage: "[OPTIONS] CONTAINER", short: "Fetch the logs of a container",
    spellings: "docker container logs, docker logs", rule: .exactly(1),
    flags: [
      Flag("details", .bool(false), "Show extra details provided to logs"),
      Flag("follow", "f", .bool(false), "Follow log output"),
      Flag(
        "since", .string(""),
        "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)"),
      Flag("tail", "n", .string("all"), "Number of lines to show from the end of the logs (default \"all\")"),
      Flag("timestamps", "t", .bool(false), "Show timestamps"),
      Flag(
        "until", .string(""),
        "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)"),
    ], completes: [.containers]
  ) { invocation in
    let (session, flags) = (invocation.session, invocation.flags)
    let container = try await session.json(request("GET", "/containers/{id}/json", ["id": invocation.argument]))
    var query = [("stdout", "1"), ("stderr", "1"), ("tail", flags.string("tail"))]
    for name in ["since", "until"] where !flags.string(name).isEmpty {
      do {
        query.append((name, try GoTime.timestamp(flags.string(name), now: session.environment.unixTime)))
      } catch {
        throw CommandError("invalid value for \(GoQuote.string(name)): \(error.words)")
      }
    }
    for name in ["follow", "timestamps", "details"] where flags.bool(name) { query.append((name, "1")) }
    let stream = try await session.stream(
      request("GET", "/containers/{id}/logs", ["id": container.text("Id")], query: query))
    try await session.copy(stream, isTerminal: container.flag("Config", "Tty"))
    return 0
  }
}
