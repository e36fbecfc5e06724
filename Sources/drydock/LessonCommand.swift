import ArgumentParser
import Shell

/// `drydock lesson list|start|check|lint`.
struct LessonCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lesson", abstract: "The lessons.",
    subcommands: [List.self, Start.self, Check.self, Lint.self], defaultSubcommand: List.self)

  struct LanguageOption: ParsableArguments {
    @Option(help: "en or pt-BR.") var lang: String?
    var value: Language { lang.flatMap { Language(rawValue: $0) } ?? Language.fromEnvironment }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Name the lessons, and how far you have come.")
    @OptionGroup var language: LanguageOption
    func run() throws { throw ExitCode(Launch.lesson(["list"], language.value)) }
  }

  struct Start: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Begin a lesson in the REPL.")
    @Argument(help: "Its name or number.") var name: String
    @OptionGroup var language: LanguageOption
    func run() throws { throw ExitCode(Launch.lesson(["start", name], language.value)) }
  }

  struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Play every lesson to its end by machine.")
    func run() throws { throw ExitCode(LessonPlayer.lint(LessonPlayer.allPaths())) }
  }

  struct Lint: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "For authors: read lessons, play their solutions, and say what is wrong.")
    @Argument(help: "Lessons' files.") var files: [String]
    func run() throws { throw ExitCode(LessonPlayer.lint(files)) }
  }
}
