import JSONTree
import Seams
import Synchronization

extension Command {
  static let containerStats = Command(
    "stats", usage: "[OPTIONS] [CONTAINER...]",
    short: "Display a live stream of container(s) resource usage statistics",
    spellings: "docker container stats, docker stats", rule: .atLeast(0),
    flags: [
      Flag("all", "a", .bool(false), "Show all containers (default shows just running)"),
      Flag("format", .string(""), tableFormatHelp, completes: .words(Words.formats)),
      Flag("no-stream", .bool(false), "Disable streaming stats and only pull the first result"),
      Flag("no-trunc", .bool(false), "Do not truncate output"),
    ], completes: [.runningContainers]
  ) { try await ContainerStats($0).run() }
}

/// `docker stats`: a stream of samples for each container, and a table drawn twice a second.
private final class ContainerStats: Sendable {
  private let invocation: Invocation
  private let format: String
  private struct State {
    var rows: [StatsRow] = []
    /// Containers whose first sample, or failure, is still to come.
    var pending: Set<String> = []
    var failure: String?
    var waiters: [OneShot<Void>] = []
  }
  private let state = Mutex(State())

  init(_ invocation: Invocation) {
    self.invocation = invocation
    format = Layout.choose(
      invocation.flags.string("format"),
      preference: invocation.environment.configuration.preference("statsFormat"),
      standard: Table<StatsRow>.statsLayout, quiet: nil)
  }

  private var session: Session { invocation.session }
  private var isStream: Bool { !invocation.flags.bool("no-stream") }

  func run() async throws -> Int32 {
    // A wrong template shows at once.
    _ = try Table.stats.text([], format: format)
    if invocation.arguments.isEmpty {
      try await watchAll()
    } else {
      for name in invocation.arguments { add(name) }
    }
    await firstSamples()
    if let failure = state.withLock(\.failure), !invocation.arguments.isEmpty { throw CommandError(failure) }
    guard isStream else {
      try await invocation.out(try Table.stats.text(state.withLock(\.rows), format: format))
      return 0
    }
    while true {
      let rows = state.withLock(\.rows)
      var text = "\u{1b}[H"
      for line in try Table.stats.text(rows, format: format).parts("\n") { text += line + " \u{1b}[K\n" }
      try await invocation.out(text + "\u{1b}[J")
      // Named containers that are all gone have nothing more to show.
      if rows.isEmpty, !invocation.arguments.isEmpty { return 0 }
      try await session.world.sleep(500 * Duration64.millisecond)
    }
  }

  /// Every container, and those that come and go while we look.
  private func watchAll() async throws {
    let isAll = invocation.flags.bool("all")
    let events = try await session.stream(
      request("GET", "/events", query: [("filters", Filters.encoded([("type", "container")]) ?? "")]))
    let containers = try await session.json(
      request("GET", "/containers/json", query: isAll ? [("all", "1")] : []))
    for container in containers.array ?? [] { add(Show.shortID(container.text("Id"))) }
    guard isStream else { return events.closeReading() }
    session.world.spawn { [self] in
      var lines = JSONLines()
      while let bytes = await events.read(), let messages = try? lines.add(bytes) {
        for message in messages {
          let id = Show.shortID(message["Actor"].map { $0.text("ID") } ?? "")
          switch message.text("Action") {
          case "create" where isAll, "start": add(id)
          case "die" where !isAll, "destroy": remove(id)
          default: continue
          }
        }
      }
    }
  }

  private func add(_ name: String) {
    let isNew = state.withLock { state -> Bool in
      guard !state.rows.contains(where: { $0.container == name }) else { return false }
      state.rows.append(StatsRow(container: name, truncates: !invocation.flags.bool("no-trunc")))
      state.pending.insert(name)
      return true
    }
    if isNew { session.world.spawn { [self] in await collect(name) } }
  }

  private func remove(_ name: String) { state.withLock { $0.rows.removeAll { $0.container == name } } }

  private func collect(_ name: String) async {
    do {
      let stream = try await session.stream(
        request("GET", "/containers/{id}/stats", ["id": name], query: [("stream", isStream ? "1" : "0")]))
      var lines = JSONLines()
      while let bytes = await stream.read() {
        for sample in try lines.add(bytes) { took(sample, for: name) }
      }
      for sample in try lines.finish() { took(sample, for: name) }
      if isStream { remove(name) }
    } catch {
      state.withLock { state in
        if state.failure == nil { state.failure = error.words }
        state.rows.removeAll { $0.container == name }
      }
    }
    settle(name)
  }

  private func took(_ sample: JSON, for name: String) {
    state.withLock { state in
      if let index = state.rows.firstIndex(where: { $0.container == name }) { state.rows[index].update(sample) }
    }
    settle(name)
  }

  private func settle(_ name: String) {
    let waiters = state.withLock { state -> [OneShot<Void>] in
      state.pending.remove(name)
      guard state.pending.isEmpty else { return [] }
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resolve(()) }
  }

  private func firstSamples() async {
    let waiter = OneShot<Void>()
    let isDone = state.withLock { state -> Bool in
      if state.pending.isEmpty { return true }
      state.waiters.append(waiter)
      return false
    }
    if !isDone { await waiter.value() }
  }
}
