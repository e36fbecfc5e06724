import Handoff
import Teaching

/// Plays lessons by machine: `drydock lesson lint`, and the tests.
public enum LessonPlayer {
  /// Plays a lesson with its own solutions; what is wrong with it, in order. Empty: it can be finished.
  public static func problems(of lesson: Lesson) -> [String] {
    var options = SessionOptions()
    options.showsHandoffs = false
    options.language = Language(rawValue: lesson.language) ?? .english
    guard let session = try? Session(options) else { return ["the session cannot be started"] }
    session.output.mute(true)
    session.printer.mute(true)
    var problems: [String] = []
    for line in lesson.setup {
      let status = session.execute(line)
      if status != 0 { problems.append("setup: \(line): exit status \(status)") }
    }
    session.lessons.begin(lesson, at: 0, mark: session.memory.count)
    for (index, step) in lesson.steps.enumerated() {
      let place = "step \(index + 1) (\(step.title))"
      session.lessons.enter(index, mark: session.memory.count)
      // A check that holds before anything was done checks nothing.
      if !step.checks.isEmpty, session.stepFindings().allSatisfy(\.holds) {
        problems.append("\(place): its checks hold before anything was done")
      }
      if let prediction = step.prediction {
        if session.rightAnswer(prediction) == nil {
          problems.append("\(place): none of the choices (or more than one) is what happens")
        }
        session.lessons.hasPredicted = true
      }
      for line in step.solution { session.execute(line) }
      for finding in session.stepFindings() where !finding.holds {
        problems.append("\(place): after its solution this does not hold: \(finding.text)")
      }
    }
    _ = session.finish()
    return problems
  }

  /// Which choice the handoffs of `records` make right; nil when none or several do.
  static func rightAnswer(_ prediction: Lesson.Prediction, _ records: [TraceRecord]) -> Int? {
    var hasSeen = prediction.after == nil
    for record in records {
      guard case .call(let call) = record.event else { continue }
      if !hasSeen {
        hasSeen = prediction.after?.fits(call, failed: nil) ?? true
        continue
      }
      guard Spine.contains(call) else { continue }
      let fitting = prediction.choices.indices.filter { prediction.choices[$0].fits(call, failed: nil) }
      return fitting.count == 1 ? fitting[0] : nil
    }
    return nil
  }

  /// `drydock lesson lint FILE…`: reads lessons and plays them. The exit status.
  public static func lint(_ paths: [String]) -> Int32 {
    var isGood = true
    for path in paths {
      do {
        let lesson = try LessonLibrary.read(path)
        let problems = problems(of: lesson)
        for problem in problems { Terminal.write(1, "\(path): \(problem)\n") }
        if problems.isEmpty { Terminal.write(1, "\(path): good, \(lesson.steps.count) steps\n") }
        isGood = isGood && problems.isEmpty
      } catch {
        Terminal.write(1, "\(path): \(error)\n")
        isGood = false
      }
    }
    return isGood ? 0 : 1
  }

  /// Every lesson's path, in both languages.
  public static func allPaths() -> [String] {
    let library = LessonLibrary.standard()
    guard let folder = library.folder else { return [] }
    return Language.allCases.flatMap { language in
      library.names(language).map { "\(folder)/\(language.rawValue)/\($0).md" }
    }
  }
}
