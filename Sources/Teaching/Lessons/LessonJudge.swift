import Handoff
import JSONTree

/// Looks whether a check holds.
public struct LessonJudge {
  private let world: any LessonWorld
  private let words: LessonWords

  public init(_ world: any LessonWorld, language: String) {
    self.world = world
    words = LessonWords(language: language)
  }

  /// Every check of a step, in order.
  public func findings(_ checks: [LessonCheck]) -> [LessonFinding] { checks.map(finding) }

  public func finding(_ check: LessonCheck) -> LessonFinding {
    switch check {
    case .image(let name): presence(.image, name, expected: true)
    case .noImage(let name): presence(.image, name, expected: false)
    case .volume(let name): presence(.volume, name, expected: true)
    case .noVolume(let name): presence(.volume, name, expected: false)
    case .network(let name): presence(.network, name, expected: true)
    case .noNetwork(let name): presence(.network, name, expected: false)
    case .noContainer(let name): presence(.container, name, expected: false)
    case .container(let wanted): container(wanted)
    case .containers(let running, let all): containers(running, all)
    case .connected(let container, let network): connected(container, network)
    case .handoff(let pattern, let count):
      LessonFinding(
        holds: handoffs { pattern.fits($0, failed: $1) } >= count, text: words.handoff(pattern.description, count))
    case .noHandoff(let pattern):
      LessonFinding(
        holds: handoffs { pattern.fits($0, failed: $1) } == 0, text: words.noHandoff(pattern.description))
    case .order(let patterns):
      LessonFinding(
        holds: isInOrder(patterns), text: words.order(patterns.map(\.description).joined(separator: ", ")))
    case .exit(let status): exit(status)
    case .output(let text): output(text)
    case .stack(let name): LessonFinding(holds: world.stack == name, text: words.stack(name, world.stack))
    case .runtime(let name): LessonFinding(holds: world.runtime == name, text: words.runtime(name, world.runtime))
    case .broken(let part?): LessonFinding(holds: world.broken.contains(part), text: words.broken(part))
    case .broken(nil): LessonFinding(holds: world.broken.isEmpty, text: words.mended)
    case .registry(let host, let repository, let tag):
      LessonFinding(
        holds: world.tags(host: host, repository: repository).map { tag == nil || $0.contains(tag ?? "") } ?? false,
        text: words.registry(host, repository + (tag.map { ":" + $0 } ?? "")))
    case .signedIn(let registry):
      LessonFinding(holds: world.isSignedIn(registry), text: words.signedIn(registry))
    case .predicted: LessonFinding(holds: world.hasPredicted, text: words.predicted)
    case .any(let checks): any(findings(checks))
    }
  }

  private func any(_ findings: [LessonFinding]) -> LessonFinding {
    // Of what holds it is enough to tell the first.
    if let first = findings.first(where: \.holds) { return first }
    return LessonFinding(holds: false, text: words.any(findings.map(\.text)))
  }

  private func presence(_ noun: LessonNoun, _ name: String, expected: Bool) -> LessonFinding {
    LessonFinding(
      holds: (world.inspect(noun, name) != nil) == expected, text: words.presence(noun, name, expected: expected))
  }

  private func container(_ wanted: LessonCheck.ContainerCheck) -> LessonFinding {
    guard let found = world.inspect(.container, wanted.name) else {
      return LessonFinding(holds: false, text: words.presence(.container, wanted.name, expected: true))
    }
    let state = found["State"]
    var differences: [String] = []
    func compare(_ what: String, _ wanted: String?, _ actual: String?) {
      if let wanted, wanted != actual { differences.append(words.difference(what, wanted, actual ?? "-")) }
    }
    compare("state", wanted.state, state?["Status"]?.string)
    compare("exit", wanted.exit.map { String($0) }, state?["ExitCode"]?.int.map { String($0) })
    compare("health", wanted.health, state?["Health"]?["Status"]?.string)
    compare("image", wanted.image, found["Config"]?["Image"]?.string)
    compare("runtime", wanted.runtime, found["HostConfig"]?["Runtime"]?.string)
    return LessonFinding(
      holds: differences.isEmpty,
      text: words.presence(.container, wanted.name, expected: true)
        + (differences.isEmpty ? "" : ": " + differences.joined(separator: ", ")))
  }

  private func containers(_ running: Int?, _ all: Int?) -> LessonFinding {
    let counts = world.containerCounts
    let holds = (running.map { $0 == counts.running } ?? true) && (all.map { $0 == counts.all } ?? true)
    return LessonFinding(holds: holds, text: words.containers(running, all, counts))
  }

  private func connected(_ container: String, _ network: String) -> LessonFinding {
    let networks = world.inspect(.container, container)?["NetworkSettings"]?["Networks"]
    return LessonFinding(holds: networks?[network] != nil, text: words.connected(container, network))
  }

  // MARK: The trace

  /// The calls since the step began with whether they were refused (nil while no answer came).
  private var calls: [(call: TraceRecord.Call, cmd: Int?, failed: Bool?)] {
    var calls: [(call: TraceRecord.Call, cmd: Int?, failed: Bool?)] = []
    var positions: [Int: Int] = [:]
    for record in world.records {
      switch record.event {
      case .call(let call), .upgrade(let call):
        positions[call.id] = calls.count
        calls.append((call, record.cmd, nil))
      case .return(let result):
        if let position = positions[result.id] { calls[position].failed = !result.outcome.isSuccess }
      default: break
      }
    }
    return calls
  }

  private func handoffs(_ fits: (TraceRecord.Call, Bool?) -> Bool) -> Int {
    calls.reduce(0) { $0 + (fits($1.call, $1.failed) ? 1 : 0) }
  }

  private func isInOrder(_ patterns: [HandoffPattern]) -> Bool {
    let calls = calls
    let commands = Set(calls.compactMap(\.cmd))
    return commands.contains { command in
      var wanted = patterns[...]
      for item in calls where item.cmd == command {
        if let next = wanted.first, next.fits(item.call, failed: item.failed) { wanted.removeFirst() }
      }
      return wanted.isEmpty
    }
  }

  private func exit(_ status: Int) -> LessonFinding {
    var last: Int?
    for record in world.records { if case .exit(let status) = record.event { last = status } }
    return LessonFinding(holds: last == status, text: words.exit(status, last))
  }

  private func output(_ text: String) -> LessonFinding {
    // What one command printed may have come in pieces.
    var printed: [Int: String] = [:]
    for record in world.records {
      if case .output(_, let data) = record.event { printed[record.cmd ?? 0, default: ""] += data }
    }
    return LessonFinding(holds: printed.values.contains { $0.contains(text) }, text: words.output(text))
  }
}
