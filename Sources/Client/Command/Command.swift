/// How many positional arguments a command takes (docker's cli.ExactArgs and its kin).
enum ArgumentRule: Sendable, Hashable {
  case none, exactly(Int), atLeast(Int), atMost(Int)

  /// What does not fit, in docker's words: `requires at least 1 argument`.
  func complaint(_ count: Int) -> String? {
    func plural(_ number: Int) -> String { number == 1 ? "argument" : "arguments" }
    switch self {
    case .none: return count == 0 ? nil : "accepts no arguments"
    case .exactly(let number): return count == number ? nil : "requires \(number) \(plural(number))"
    case .atLeast(let number): return count >= number ? nil : "requires at least \(number) \(plural(number))"
    case .atMost(let number): return count <= number ? nil : "requires at most \(number) \(plural(number))"
    }
  }

  /// What help points to: docker words it differently for commands with a minimum.
  var helpHint: String { if case .atLeast = self { "See" } else { "Run" } }
}

/// A docker command: its grammar, its help, what completion offers for it, and what it does.
final class Command: Sendable {
  typealias Body = @Sendable (Invocation) async throws -> Int32

  enum Section: Sendable { case common, management, other }

  let name: String
  /// Other names under the same parent (`container list`, `container ps`).
  let aliases: [String]
  /// What follows the name in the usage line.
  let usage: String
  /// A second usage line, whole (`docker cp`).
  let otherUsage: String?
  let short: String
  let long: String?
  /// Every way to write the command, for help.
  let spellings: String?
  let section: Section
  let rule: ArgumentRule
  let flags: [Flag]
  /// Flags may stand behind positional arguments.
  let interspersed: Bool
  let subcommands: [Command]
  /// What completion offers for positional arguments: by position; the last repeats.
  let completes: [Completable]
  let body: Body?
  private let index: [String: Int]
  private let letters: [Character: Int]

  init(
    _ name: String, aliases: [String] = [], usage: String = "", otherUsage: String? = nil, short: String,
    long: String? = nil, spellings: String? = nil, section: Section = .other, rule: ArgumentRule = .none,
    flags: [Flag] = [], interspersed: Bool = true, subcommands: [Command] = [], completes: [Completable] = [],
    body: Body? = nil
  ) {
    (self.name, self.aliases, self.usage, self.otherUsage, self.short) = (name, aliases, usage, otherUsage, short)
    (self.long, self.spellings, self.section, self.rule, self.flags) = (long, spellings, section, rule, flags)
    (self.interspersed, self.subcommands, self.completes, self.body) = (interspersed, subcommands, completes, body)
    var index: [String: Int] = [:]
    var letters: [Character: Int] = [:]
    for (number, flag) in flags.enumerated() {
      for name in [flag.name] + flag.aliases { index[name] = number }
      if let short = flag.short { letters[short] = number }
    }
    (self.index, self.letters) = (index, letters)
  }

  /// The same command under a name at the top (`docker ps` for `docker container ls`).
  func atTop(_ name: String, section: Section = .other, completes: [Completable]? = nil) -> Command {
    Command(
      name, usage: usage, otherUsage: otherUsage, short: short, long: long, spellings: spellings, section: section,
      rule: rule, flags: flags, interspersed: interspersed, subcommands: subcommands,
      completes: completes ?? self.completes, body: body)
  }

  /// Every command has `--help`; only those whose `-h` means something else show it.
  static let helpFlag = Flag("help", .bool(false), "Print usage", isHidden: true)

  func flag(_ name: String) -> Flag? {
    if let number = index[name] { return flags[number] }
    return name == "help" ? Command.helpFlag : nil
  }

  func flag(_ letter: Character) -> Flag? { letters[letter].map { flags[$0] } }

  func subcommand(_ name: String) -> Command? {
    subcommands.first { $0.name == name || $0.aliases.contains(name) }
  }
}
