import JSONTree
import Seams

/// The verbs that ask one thing of each container named.
extension Command {
  static let containerStop = Command(
    "stop", usage: "[OPTIONS] CONTAINER [CONTAINER...]", short: "Stop one or more running containers",
    spellings: "docker container stop, docker stop", rule: .atLeast(1),
    flags: [
      Flag("signal", "s", .string(""), "Signal to send to the container", completes: .words(Words.signals)),
      Flag("timeout", "t", .int(0), "Seconds to wait before killing the container"),
      Flag("time", .int(0), "Seconds to wait before killing the container", deprecated: "use --timeout instead"),
    ], completes: [.runningContainers]
  ) { try await each($0, "POST", "/containers/{id}/stop", query: stopQuery($0.flags)) }

  static let containerRestart = Command(
    "restart", usage: "[OPTIONS] CONTAINER [CONTAINER...]", short: "Restart one or more containers",
    spellings: "docker container restart, docker restart", rule: .atLeast(1),
    flags: [
      Flag("signal", "s", .string(""), "Signal to send to the container", completes: .words(Words.signals)),
      Flag("timeout", "t", .int(0), "Seconds to wait before killing the container"),
      Flag("time", .int(0), "Seconds to wait before killing the container", deprecated: "use --timeout instead"),
    ], completes: [.containers]
  ) { try await each($0, "POST", "/containers/{id}/restart", query: stopQuery($0.flags)) }

  static let containerKill = Command(
    "kill", usage: "[OPTIONS] CONTAINER [CONTAINER...]", short: "Kill one or more running containers",
    spellings: "docker container kill, docker kill", rule: .atLeast(1),
    flags: [
      Flag("signal", "s", .string(""), "Signal to send to the container", completes: .words(Words.signals))
    ], completes: [.runningContainers]
  ) { invocation in
    let signal = invocation.flags.string("signal")
    return try await each(
      invocation, "POST", "/containers/{id}/kill", query: signal.isEmpty ? [] : [("signal", signal)])
  }

  static let containerPause = Command(
    "pause", usage: "CONTAINER [CONTAINER...]", short: "Pause all processes within one or more containers",
    spellings: "docker container pause, docker pause", rule: .atLeast(1), completes: [.runningContainers]
  ) { try await each($0, "POST", "/containers/{id}/pause") }

  static let containerUnpause = Command(
    "unpause", usage: "CONTAINER [CONTAINER...]", short: "Unpause all processes within one or more containers",
    spellings: "docker container unpause, docker unpause", rule: .atLeast(1), completes: [.runningContainers]
  ) { try await each($0, "POST", "/containers/{id}/unpause") }

  static let containerRemove = Command(
    "rm", aliases: ["remove"], usage: "[OPTIONS] CONTAINER [CONTAINER...]", short: "Remove one or more containers",
    spellings: "docker container rm, docker container remove, docker rm", rule: .atLeast(1),
    flags: [
      Flag("force", "f", .bool(false), "Force the removal of a running container (uses SIGKILL)"),
      Flag("link", "l", .bool(false), "Remove the specified link"),
      Flag("volumes", "v", .bool(false), "Remove anonymous volumes associated with the container"),
    ], completes: [.containers]
  ) { invocation in
    let flags = invocation.flags
    var query: [(String, String)] = []
    if flags.bool("volumes") { query.append(("v", "1")) }
    if flags.bool("link") { query.append(("link", "1")) }
    if flags.bool("force") { query.append(("force", "1")) }
    return try await each(
      invocation, "DELETE", "/containers/{id}", query: query, forgivesMissing: flags.bool("force"),
      name: { name throws(CommandError) in
        let trimmed = name.drop { $0 == "/" }
        guard !trimmed.isEmpty else { throw CommandError("container name cannot be empty") }
        return String(trimmed)
      })
  }

  static let containerWait = Command(
    "wait", usage: "CONTAINER [CONTAINER...]",
    short: "Block until one or more containers stop, then print their exit codes",
    spellings: "docker container wait, docker wait", rule: .atLeast(1), completes: [.containers]
  ) { invocation in
    try await invocation.forEach(invocation.arguments) { name in
      let answer = try await invocation.session.json(request("POST", "/containers/{id}/wait", ["id": name]))
      if let message = answer["Error"]?["Message"]?.string, !message.isEmpty { throw CommandError(message) }
      return String(answer.number("StatusCode"))
    }
  }

  static let containerRename = Command(
    "rename", usage: "CONTAINER NEW_NAME", short: "Rename a container",
    spellings: "docker container rename, docker rename", rule: .exactly(2), completes: [.containers, .nothing]
  ) { invocation in
    let (old, new) = (invocation.arguments[0].trimmed, invocation.arguments[1].trimmed)
    guard !old.isEmpty, !new.isEmpty else { throw CommandError("Error: Neither old nor new names may be empty") }
    do {
      try await invocation.session.send(
        request("POST", "/containers/{id}/rename", ["id": old], query: [("name", new)]))
    } catch let error as DaemonError {
      try await invocation.err(error.description + "\n")
      throw CommandError("Error: failed to rename container named \(old)")
    }
    return 0
  }

  private static func stopQuery(_ flags: Flags) -> [(String, String)] {
    var query: [(String, String)] = []
    if !flags.string("signal").isEmpty { query.append(("signal", flags.string("signal"))) }
    if flags.isSet("timeout") {
      query.append(("t", String(flags.int("timeout"))))
    } else if flags.isSet("time") {
      query.append(("t", String(flags.int("time"))))
    }
    return query
  }

  /// The same request for every container, at the same time; names are printed as they were given, failures at the end.
  ///
  /// - Parameter forgivesMissing: what is not there is said, but is no failure.
  private static func each(
    _ invocation: Invocation, _ method: String, _ template: String, query: [(String, String)] = [],
    forgivesMissing: Bool = false, name: (String) throws(CommandError) -> String = { $0 }
  ) async throws -> Int32 {
    let session = invocation.session
    await session.greet()
    var outcomes: [(String, OneShot<Result<Void, any Error>>)] = []
    for argument in invocation.arguments {
      let outcome = OneShot<Result<Void, any Error>>()
      outcomes.append((argument, outcome))
      do {
        let call = request(method, template, ["id": try name(argument)], query: query)
        session.world.spawn {
          do {
            try await session.send(call)
            outcome.resolve(.success(()))
          } catch {
            outcome.resolve(.failure(error))
          }
        }
      } catch {
        outcome.resolve(.failure(error))
      }
    }
    var failures: [String] = []
    for (argument, outcome) in outcomes {
      do {
        try await outcome.value().get()
        try await invocation.line(argument)
      } catch let error as DaemonError where forgivesMissing && error.isNotFound {
        try await invocation.err(error.description + "\n")
      } catch let error where error is DaemonError || error is CommandError {
        failures.append(error.words)
      }
    }
    for failure in failures { try await invocation.err(failure + "\n") }
    return failures.isEmpty ? 0 : 1
  }
}
