import JSONTree
import OCISpec
import Seams

/// The Dockerfile instructions that `docker import --change` and `docker commit --change` take.
enum DockerfileChanges {
  /// Applies instructions to a config. Throws invalidArgument with the reason.
  static func apply(_ changes: [String], to config: inout ImageConfig.Execution) throws {
    for change in changes {
      let text = change.trimmed
      if text.isEmpty || text.hasPrefix("#") { continue }
      let verb = text.prefix { !$0.isWhitespace }.uppercased()
      let rest = String(text.dropFirst(verb.count)).trimmed
      try apply(verb, rest, to: &config)
    }
  }

  private static func apply(_ verb: String, _ rest: String, to config: inout ImageConfig.Execution) throws {
    let known = [
      "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME",
      "WORKDIR",
    ]
    guard known.contains(verb) else {
      throw EngineError(
        .invalidArgument,
        ["ADD", "ARG", "COPY", "FROM", "MAINTAINER", "RUN", "SHELL"].contains(verb)
          ? "\(verb.lowercased()) is not a valid change command"
          : "dockerfile parse error on line 1: unknown instruction: \(verb)")
    }
    if rest.isEmpty, verb != "CMD", verb != "ENTRYPOINT" {
      throw EngineError(
        .invalidArgument,
        "\(verb) requires \(verb == "USER" || verb == "WORKDIR" || verb == "STOPSIGNAL" ? "exactly" : "at least") one argument"
      )
    }
    switch verb {
    case "CMD": config.cmd = command(rest)
    case "ENTRYPOINT":
      config.entrypoint = command(rest)
      config.cmd = nil
    case "ENV":
      var env = config.env ?? []
      for (name, value) in try pairs(rest, verb) {
        env.removeAll { $0.hasPrefix(name + "=") }
        env.append("\(name)=\(value)")
      }
      config.env = env
    case "LABEL":
      var labels = config.labels ?? [:]
      for (name, value) in try pairs(rest, verb) { labels[name] = value }
      config.labels = labels
    case "EXPOSE":
      var ports = config.exposedPorts ?? [:]
      for word in words(rest) {
        let (proto, port) = try NetworkService.parse(port: word)
        ports["\(port)/\(proto)"] = .init()
      }
      config.exposedPorts = ports
    case "VOLUME":
      var volumes = config.volumes ?? [:]
      for path in (try? JSON(parsing: rest))?.strings ?? words(rest) {
        guard !path.trimmed.isEmpty else {
          throw EngineError(.invalidArgument, "VOLUME specified can not be an empty string")
        }
        volumes[path] = .init()
      }
      config.volumes = volumes
    case "USER": config.user = rest
    case "STOPSIGNAL": config.stopSignal = rest
    case "WORKDIR":
      let base = config.workingDir.flatMap { $0.isEmpty ? nil : $0 } ?? "/"
      config.workingDir = rest.hasPrefix("/") ? rest : base + (base.hasSuffix("/") ? "" : "/") + rest
    case "ONBUILD": config.onBuild = (config.onBuild ?? []) + [rest]
    default: config.healthcheck = try healthcheck(rest)
    }
  }

  /// `["a","b"]` as it is, anything else for a shell.
  private static func command(_ text: String) -> [String]? {
    if text.hasPrefix("["), let words = (try? JSON(parsing: text))?.strings { return words }
    return text.isEmpty ? nil : ["/bin/sh", "-c", text]
  }

  /// `a=b c="d e"`, or in the old form `a b c`.
  private static func pairs(_ text: String, _ verb: String) throws -> [(String, String)] {
    let words = words(text)
    guard let first = words.first else { return [] }
    guard first.contains("=") else {
      let name = text.prefix { !$0.isWhitespace }
      let value = String(text.dropFirst(name.count)).trimmed
      guard !value.isEmpty else { throw EngineError(.invalidArgument, "\(verb) must have two arguments") }
      return [(String(name), value)]
    }
    return try words.map { word in
      guard let equals = word.firstIndex(of: "="), equals != word.startIndex else {
        throw EngineError(
          .invalidArgument, "Syntax error - can't find = in \"\(word)\". Must be of the form: name=value")
      }
      return (String(word[..<equals]), String(word[word.index(after: equals)...]))
    }
  }

  /// Words between blanks; quotes keep blanks, a backslash keeps the next character.
  private static func words(_ text: String) -> [String] {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var isEscaped = false
    for character in text {
      if isEscaped {
        word = (word ?? "") + String(character)
        isEscaped = false
      } else if character == "\\", quote != "'" {
        isEscaped = true
        word = word ?? ""
      } else if let open = quote {
        if character == open { quote = nil } else { word = (word ?? "") + String(character) }
      } else if character == "\"" || character == "'" {
        quote = character
        word = word ?? ""
      } else if character.isWhitespace {
        if let done = word { words.append(done) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    if let word { words.append(word) }
    return words
  }

  private static func healthcheck(_ text: String) throws -> ImageConfig.Healthcheck {
    if text.uppercased() == "NONE" { return .init(test: ["NONE"]) }
    var check = ImageConfig.Healthcheck()
    var rest = text
    while rest.hasPrefix("--") {
      let flag = rest.prefix { !$0.isWhitespace }
      rest = String(rest.dropFirst(flag.count)).trimmed
      let parts = flag.dropFirst(2).split(separator: "=", maxSplits: 1)
      let value = parts.count == 2 ? String(parts[1]) : ""
      let name = parts.first.map(String.init) ?? ""
      if name == "retries" {
        guard let number = Int(value), number >= 0 else {
          throw EngineError(.invalidArgument, "--retries must be at least 1 (not \(value))")
        }
        check.retries = number
        continue
      }
      guard let duration = RFC3339Time.duration(value).map({ Int64(clamping: $0) }) else {
        throw EngineError(.invalidArgument, "invalid duration \"\(value)\"")
      }
      switch name {
      case "interval": check.interval = duration
      case "timeout": check.timeout = duration
      case "start-period": check.startPeriod = duration
      case "start-interval": check.startInterval = duration
      default: throw EngineError(.invalidArgument, "unknown flag: \(name)")
      }
    }
    guard rest.uppercased().hasPrefix("CMD") else {
      throw EngineError(
        .invalidArgument, "Unknown type \"\(rest.prefix { !$0.isWhitespace })\" in HEALTHCHECK (try CMD)")
    }
    let command = String(rest.dropFirst(3)).trimmed
    guard !command.isEmpty else {
      throw EngineError(.invalidArgument, "Missing command after HEALTHCHECK CMD")
    }
    if command.hasPrefix("["), let words = (try? JSON(parsing: command))?.strings {
      check.test = ["CMD"] + words
    } else {
      check.test = ["CMD-SHELL", command]
    }
    return check
  }
}

extension String {
  /// Without blanks at both ends.
  fileprivate var trimmed: String {
    let start = drop(while: \.isWhitespace)
    guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(start[...last])
  }
}
