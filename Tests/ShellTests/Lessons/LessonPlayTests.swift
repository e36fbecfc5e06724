import Foundation
import Teaching
import Testing

@testable import Shell

@Suite("Every lesson can be finished", .serialized)
struct LessonPlayTests {
  private static func names(_ language: Language) -> [String] {
    LessonLibrary(folder: Repository.root + "/lessons").names(language)
  }
  private static let paths = Language.allCases.flatMap { language in
    names(language).map { "lessons/\(language.rawValue)/\($0).md" }
  }

  @Test("by its own solutions, with checks that hold only then", arguments: paths)
  func plays(path: String) throws {
    let lesson = try LessonLibrary.read(Repository.root + "/" + path)
    let problems = LessonPlayer.problems(of: lesson)
    #expect(problems == [])
  }

  @Test("both languages have the same lessons, with the same checks")
  func languages() throws {
    #expect(Self.names(.english).count == 8)
    #expect(Self.names(.english) == Self.names(.portuguese))
    for name in Self.names(.english) {
      let english = try LessonLibrary.read(Repository.root + "/lessons/en/\(name).md")
      let portuguese = try LessonLibrary.read(Repository.root + "/lessons/pt-BR/\(name).md")
      let checks = (english.steps.map { $0.checks }, portuguese.steps.map { $0.checks })
      #expect(checks.0 == checks.1, "\(name)")
      let solutions = (english.steps.map { $0.solution }, portuguese.steps.map { $0.solution })
      #expect(solutions.0 == solutions.1, "\(name)")
      #expect(english.title != portuguese.title || name == "08-registries", "\(name)")
    }
  }

  private func lesson(_ check: String, solution: String = "docker pull -q alpine") throws -> Lesson {
    try LessonParser.parse(
      "---\ntitle: T\nsummary: S\nsteps:\n  - check: [\(check)]\n    solution: \(solution)\n---\n## One\ntext\n",
      name: "t", language: "en")
  }

  @Test("a solution that does not do it is told, and so is a check that checks nothing")
  func problems() throws {
    let (good, undone, empty) = (
      try lesson("{image: alpine}"), try lesson("{image: nginx}"), try lesson("{no-image: nginx}")
    )
    #expect(LessonPlayer.problems(of: good) == [])
    #expect(LessonPlayer.problems(of: undone).count == 1)
    #expect(LessonPlayer.problems(of: empty).contains { $0.contains("before anything") })
  }

  @Test("the learner's own way counts: checks look at state and trace, not at what was typed")
  func ownWay() throws {
    var options = SessionOptions()
    options.showsHandoffs = false
    let session = try Session(options)
    session.output.mute(true)
    session.lessons.begin(try lesson("{image: alpine}"), at: 0, mark: session.memory.count)
    #expect(session.nextStep() == 1)
    #expect(session.execute("docker run --rm alpine true") == 0)
    let open = session.stepFindings().filter { !$0.holds }
    #expect(open.isEmpty)
    #expect(session.nextStep() == 0)
  }

  @Test("progress is kept between runs; a damaged file counts as none")
  func progress() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("drydock-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    var progress = LessonProgress(path: path)
    progress["04-pull"] = .init(step: 2, isDone: false)
    progress["01-what"] = .init(step: 0, isDone: true)
    #expect(LessonProgress(path: path)["04-pull"] == .init(step: 2, isDone: false))
    #expect(LessonProgress(path: path)["01-what"].isDone)
    try "{\"04-pull\":".write(toFile: path, atomically: true, encoding: .utf8)
    #expect(LessonProgress(path: path).entries.isEmpty)
  }
}
