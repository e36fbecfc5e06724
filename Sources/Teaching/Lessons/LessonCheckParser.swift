import Handoff
import JSONTree

/// Reads the checks of a step: a mapping with one key, which says what is looked at.
enum LessonCheckParser {
  static let names = [
    "image", "no-image", "container", "no-container", "containers", "volume", "no-volume", "network", "no-network",
    "connected", "handoff", "no-handoff", "order", "exit", "output", "stack", "runtime", "broken", "mended", "registry",
    "signed-in", "predicted", "any",
  ]

  /// `isInside`: within `any`, where no other `any` can stand.
  static func check(_ json: JSON, path: String, isInside: Bool = false) throws(LessonError) -> LessonCheck {
    let fields = try Fields(json, path: path)
    guard fields.object.members.count == 1, let name = fields.object.keys.first else {
      throw LessonError("\(path): one key is expected: \(names.joined(separator: ", "))")
    }
    let value = fields.object[name] ?? nil
    switch name {
    case "image": return .image(try fields.text(name))
    case "no-image": return .noImage(try fields.text(name))
    case "container": return .container(try container(value, path))
    case "no-container": return .noContainer(try fields.text(name))
    case "containers":
      let counts = try Fields(value, path: path + ": containers")
      try counts.allow(["running", "all"])
      return .containers(running: try counts.number("running"), all: try counts.number("all"))
    case "volume": return .volume(try fields.text(name))
    case "no-volume": return .noVolume(try fields.text(name))
    case "network": return .network(try fields.text(name))
    case "no-network": return .noNetwork(try fields.text(name))
    case "connected":
      let pair = try Fields(value, path: path + ": connected")
      try pair.allow(["container", "network"])
      return .connected(container: try pair.text("container"), network: try pair.text("network"))
    case "handoff":
      var count = 1
      if let number = value["times"] {
        guard case .int(let times) = number, times > 0, times < 10_000 else {
          throw LessonError("\(path): times: a number from 1 is expected")
        }
        count = Int(times)
      }
      return .handoff(try pattern(value, path: path + ": handoff", extra: ["times"]), atLeast: count)
    case "no-handoff": return .noHandoff(try pattern(value, path: path + ": no-handoff"))
    case "order":
      var patterns: [HandoffPattern] = []
      for item in try fields.list(name) { patterns.append(try pattern(item, path: path + ": order")) }
      guard patterns.count >= 2 else { throw LessonError("\(path): order: at least two handoffs") }
      return .order(patterns)
    case "exit":
      guard let status = try fields.number(name) else { throw LessonError("\(path): exit: a number is expected") }
      return .exit(status)
    case "output": return .output(try fields.text(name))
    case "stack": return .stack(try fields.text(name))
    case "runtime": return .runtime(try fields.text(name))
    case "broken": return .broken(try fields.text(name))
    case "mended": return .broken(nil)
    case "registry":
      let place = try Fields(value, path: path + ": registry")
      try place.allow(["host", "repository", "tag"])
      return .registry(
        host: try place.text("host"), repository: try place.text("repository"), tag: try place.optionalText("tag"))
    case "signed-in": return .signedIn(try fields.text(name))
    case "predicted": return .predicted
    case "any":
      guard !isInside else { throw LessonError("\(path): any: cannot stand within another any") }
      var checks: [LessonCheck] = []
      for (index, item) in try fields.list(name).enumerated() {
        checks.append(try check(item, path: "\(path): any \(index + 1)", isInside: true))
      }
      guard checks.count >= 2 else { throw LessonError("\(path): any: at least two checks") }
      return .any(checks)
    default:
      throw LessonError("\(path): unknown check \(name); there are \(names.joined(separator: ", "))")
    }
  }

  private static func container(_ value: JSON, _ path: String) throws(LessonError) -> LessonCheck.ContainerCheck {
    if let name = value.string { return .init(name: name) }
    let fields = try Fields(value, path: path + ": container")
    try fields.allow(["name", "state", "exit", "health", "image", "runtime"])
    return .init(
      name: try fields.text("name"), state: try fields.optionalText("state"), exit: try fields.number("exit"),
      health: try fields.optionalText("health"), image: try fields.optionalText("image"),
      runtime: try fields.optionalText("runtime"))
  }

  /// `{from: dockerd, to: containerd, op: Tasks/Create, via: grpc, fails: true}`.
  static func pattern(_ json: JSON, path: String, extra: [String] = []) throws(LessonError) -> HandoffPattern {
    let fields = try Fields(json, path: path)
    try fields.allow(["from", "to", "op", "via", "fails"] + extra)
    var fails: Bool?
    if let value = fields.value("fails") {
      guard let flag = value.bool else { throw LessonError("\(path): fails: true or false") }
      fails = flag
    }
    let pattern = HandoffPattern(
      from: try fields.optionalText("from"), to: try fields.optionalText("to"), op: try fields.optionalText("op"),
      via: try fields.optionalText("via"), fails: fails)
    for party in [pattern.from, pattern.to] {
      guard let party, !Parties.known.contains(party) else { continue }
      throw LessonError("\(path): no such party: \(party); there are \(Parties.known.joined(separator: ", "))")
    }
    if let via = pattern.via, Via(rawValue: via) == nil {
      throw LessonError("\(path): via: http, https, grpc, ttrpc, exec, syscall or inproc")
    }
    guard pattern.from != nil || pattern.to != nil || pattern.op != nil else {
      throw LessonError("\(path): from, to or op is expected")
    }
    return pattern
  }
}
