import JSONTree
import Seams

/// What may come next on a docker command line.
public enum Completion {
  /// Candidates for the last word of `words`, sorted; whole words that begin with what is typed.
  ///
  /// - Parameters:
  ///   - words: without the leading `docker`; the last is the one at the cursor, empty when nothing is typed yet.
  ///   - environment: the daemon that is asked for names, and the user's files.
  public static func candidates(for words: [String], in environment: any ClientEnvironment) async -> [String] {
    let typed = words.last ?? ""
    let candidates = await all(Array(words.dropLast()), typed, environment)
    return Array(Set(candidates.filter { $0.hasPrefix(typed) })).sorted()
  }

  private static func all(_ before: [String], _ typed: String, _ environment: any ClientEnvironment) async -> [String] {
    var command = CommandTree.root
    var rest = before[...]
    var isHelp = false
    // Walk down the commands; options of docker itself are skipped.
    while !command.subcommands.isEmpty {
      rest = skipFlags(rest, of: command)
      guard let word = rest.first else { break }
      if word == "help", command === CommandTree.root {
        isHelp = true
        rest = rest.dropFirst()
        continue
      }
      guard let next = command.subcommand(word) else { return [] }
      command = next
      rest = rest.dropFirst()
    }
    if let value = await flagValue(command, rest, typed, environment) { return value }
    if !command.subcommands.isEmpty {
      if typed.hasPrefix("-") { return flagNames(command) }
      return command.subcommands.map(\.name) + (command === CommandTree.root && !isHelp ? ["help"] : [])
    }
    if isHelp { return [] }
    let positional = positionalCount(rest, command)
    if typed.hasPrefix("-"), command.interspersed || positional == 0, !rest.contains("--") { return flagNames(command) }
    guard let place = command.completes.isEmpty ? nil : command.completes[min(positional, command.completes.count - 1)]
    else { return [] }
    // A command that takes one thing takes no second.
    if case .exactly(let count) = command.rule, positional >= count { return [] }
    if case .atMost(let count) = command.rule, positional >= count { return [] }
    return await names(place, typed, environment)
  }

  private static func skipFlags(_ words: ArraySlice<String>, of command: Command) -> ArraySlice<String> {
    var words = words
    while let word = words.first, word.hasPrefix("-"), word.count > 1 {
      words = words.dropFirst()
      if let flag = lastFlag(word, of: command), !flag.kind.isBool, !word.contains("=") { words = words.dropFirst() }
    }
    return words
  }

  /// The flag that the next word would be a value of: `--name`, or the last letter of `-itv`.
  private static func lastFlag(_ word: String, of command: Command) -> Flag? {
    if word.hasPrefix("--") { return command.flag(word.dropFirst(2).cut("=").0) }
    guard word.hasPrefix("-"), !word.contains("=") else { return nil }
    for (index, letter) in word.dropFirst().enumerated() {
      guard let flag = command.flag(letter) else { return nil }
      if !flag.kind.isBool { return index == word.count - 2 ? flag : nil }
    }
    return word.last.flatMap { command.flag($0) }
  }

  private static func positionalCount(_ words: ArraySlice<String>, _ command: Command) -> Int {
    var count = 0
    var takesValue = false
    var flagsEnded = false
    for word in words {
      if takesValue {
        takesValue = false
      } else if !flagsEnded, word == "--" {
        flagsEnded = true
      } else if !flagsEnded, word.hasPrefix("-"), word.count > 1 {
        takesValue = lastFlag(word, of: command).map { !$0.kind.isBool && !word.contains("=") } ?? false
      } else {
        count += 1
        if !command.interspersed { flagsEnded = true }
      }
    }
    return count
  }

  /// Candidates when the cursor stands at a flag's value; nil when it does not.
  private static func flagValue(
    _ command: Command, _ before: ArraySlice<String>, _ typed: String, _ environment: any ClientEnvironment
  ) async -> [String]? {
    if typed.hasPrefix("--"), case (let name, let value?) = typed.dropFirst(2).cut("=") {
      guard let flag = command.flag(name) else { return [] }
      let names =
        flag.kind.isBool ? ["false", "true"] : await Completion.names(flag.completes, value, environment)
      return names.map { "--\(name)=\($0)" }
    }
    guard let last = before.last, last.hasPrefix("-"), last.count > 1, !last.contains("="),
      command.interspersed || positionalCount(before, command) == 0,
      let flag = lastFlag(last, of: command), !flag.kind.isBool
    else { return nil }
    return await names(flag.completes, typed, environment)
  }

  private static func flagNames(_ command: Command) -> [String] {
    var names = ["--help"]
    for flag in command.flags where !flag.isHidden && flag.deprecated == nil {
      names.append("--\(flag.name)")
      if let short = flag.short { names.append("-\(short)") }
    }
    return names
  }

  // MARK: Names

  private static func names(_ what: Completable, _ typed: String, _ environment: any ClientEnvironment) async
    -> [String]
  {
    let daemon = environment.daemon
    switch what {
    case .nothing: return []
    case .words(let words): return words
    case .files: return files(typed, environment)
    case .containers: return await containers(daemon, all: true)
    case .runningContainers: return await containers(daemon, all: false)
    case .images: return await images(daemon)
    case .networks: return await list(daemon, "/networks") { $0.text("Name") }
    case .volumes: return await volumes(daemon)
    case .objects:
      let networks = await list(daemon, "/networks") { $0.text("Name") }
      return await containers(daemon, all: true) + images(daemon) + networks + volumes(daemon)
    case .containerPaths: return await containers(daemon, all: true).map { $0 + ":" } + files(typed, environment)
    case .namespaceModes: return ["host"] + (await containers(daemon, all: true).map { "container:" + $0 })
    case .volumeMounts:
      return await volumes(daemon).map { $0 + ":" } + files(typed, environment)
    case .variables: return []
    }
  }

  private static func list(
    _ daemon: any RemoteAPI, _ template: String, _ query: [(String, String)] = [], in key: String? = nil,
    _ name: (JSON) -> String
  ) async -> [String] {
    guard let response = try? await daemon.send(request("GET", template, query: query)), response.status < 400,
      let json = try? await Session.json(response)
    else { return [] }
    return ((key.map { json[$0] ?? [] } ?? json).array ?? []).map(name).filter { !$0.isEmpty }
  }

  private static func containers(_ daemon: any RemoteAPI, all: Bool) async -> [String] {
    await list(daemon, "/containers/json", all ? [("all", "1")] : []) { container in
      let name = container["Names"]?.strings?.first ?? ""
      return name.hasPrefix("/") ? String(name.dropFirst()) : name
    }
  }

  private static func images(_ daemon: any RemoteAPI) async -> [String] {
    guard let response = try? await daemon.send(request("GET", "/images/json")), response.status < 400,
      let json = try? await Session.json(response)
    else { return [] }
    var names: [String] = []
    for tag in (json.array ?? []).flatMap({ $0["RepoTags"]?.strings ?? [] }) {
      names.append(tag)
      if tag.hasSuffix(":latest") { names.append(String(tag.dropLast(7))) }
    }
    return names
  }

  private static func volumes(_ daemon: any RemoteAPI) async -> [String] {
    await list(daemon, "/volumes", in: "Volumes") { $0.text("Name") }
  }

  private static func files(_ typed: String, _ environment: any ClientEnvironment) -> [String] {
    let (directory, base) = Path.split(typed)
    return environment.files.list(directory.isEmpty ? "." : directory).filter {
      base.hasPrefix(".") || !$0.hasPrefix(".")
    }.map { name in
      let path = directory + name
      return environment.files.kind(path) == .directory ? path + "/" : path
    }
  }
}
