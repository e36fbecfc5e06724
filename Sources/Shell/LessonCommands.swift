import Teaching

/// `lesson …`: the lessons.
let lessonCommands: [SessionCommand] = [
  SessionCommand(
    name: "lesson", usage: "list | start NAME | next | hint | check | answer N | show | reset | quit",
    summary: "lessons with steps, checks and hints",
    complete: { session, words in
      switch words.count {
      case 1: return ["list", "start", "next", "hint", "check", "answer", "show", "reset", "quit"]
      case 2 where words[1] == "start": return session.lessons.library.names(session.language)
      default: return []
      }
    },
    run: { session, words in
      switch words.first {
      case nil, "list"?: return session.listLessons()
      case "start"? where words.count == 2: return session.startLesson(words[1])
      case "next"? where words.count == 1: return session.nextStep()
      case "hint"? where words.count == 1: return session.lessonHint()
      case "check"? where words.count == 1: return session.checkStep()
      case "answer"? where words.count == 2: return session.answer(words[1])
      case "show"? where words.count <= 2: return session.showMe()
      case "reset"? where words.count == 1: return session.resetLesson()
      case "quit"? where words.count == 1:
        session.lessons.quit()
        session.say(
          session.inLanguage("lesson ended; lesson list goes on\n", "lição encerrada; lesson list continua\n"))
        return 0
      default: return session.usage("lesson")
      }
    })
]

extension Session {
  func inLanguage(_ english: String, _ portuguese: String) -> String { language == .english ? english : portuguese }

  private func noLesson() -> Int32 {
    complain(inLanguage("no lesson is under way; lesson list names them", "nenhuma lição em curso; veja lesson list"))
    return 1
  }

  func listLessons() -> Int32 {
    let names = lessons.library.names(language)
    guard !names.isEmpty else {
      complain("no lessons found: start drydock in its repository, or set DRYDOCK_LESSONS to their folder")
      return 1
    }
    var out = ""
    for name in names {
      guard let lesson = try? lessons.library.lesson(name, language) else {
        out += "  \(name)  (cannot be read: drydock lesson lint says why)\n"
        continue
      }
      let entry = lessons.progress[name]
      let state =
        entry.isDone
        ? "✓" : lessons.lesson?.name == name || entry.step > 0 ? "\(entry.step + 1)/\(lesson.steps.count)" : " "
      out += clipped("  \(name)  \(state)  \(lesson.title) (\(lesson.minutes) min)", width: columns) + "\n"
      out += clipped("      \(lesson.summary)", width: columns) + "\n"
    }
    say(out)
    return 0
  }

  func startLesson(_ name: String) -> Int32 {
    do {
      let lesson = try lessons.library.lesson(name, language)
      let entry = lessons.progress[lesson.name]
      let start = entry.isDone || !lesson.steps.indices.contains(entry.step) ? 0 : entry.step
      lessons.begin(lesson, at: start, mark: memory.count)
      prepare(lesson, upTo: start)
      lessons.mark(memory.count)
      say("\n" + painted("1", lesson.title) + "\n\n")
      if !lesson.introduction.isEmpty, start == 0 { say(markdown(lesson.introduction) + "\n\n") }
      presentStep()
      return 0
    } catch {
      complain("\(error)")
      return 1
    }
  }

  /// A fresh world in the state in which step `index` begins.
  private func prepare(_ lesson: Lesson, upTo index: Int) {
    reset()
    doUnseen(lesson.setup + lesson.steps[..<index].flatMap(\.solution))
  }

  /// Carries commands out without showing them.
  private func doUnseen(_ lines: [String]) {
    printer.mute(true)
    output.mute(true)
    for line in lines { execute(line) }
    output.mute(false)
    printer.mute(false)
  }

  private func presentStep() {
    guard let lesson = lessons.lesson, let step = lessons.step else { return }
    var out = painted("1;36", "\(lessons.position + 1)/\(lesson.steps.count)  \(step.title)") + "\n\n"
    out += markdown(step.text) + "\n"
    if let attempt = step.attempt {
      out += "\n  " + inLanguage("Try:", "Experimente:") + " " + painted("1", attempt) + "\n"
    }
    if let prediction = step.prediction {
      out += "\n  " + wrapped(prediction.question, width: columns - 2).replacing("\n", with: "\n  ") + "\n"
      for (index, choice) in prediction.choices.enumerated() { out += "    \(index + 1)  \(choice)\n" }
      out += "  " + inLanguage("lesson answer N", "lesson answer N") + "\n"
    } else if step.checks.isEmpty {
      out += "\n  " + inLanguage("lesson next goes on", "lesson next continua") + "\n"
    }
    say(out + "\n")
  }

  /// The step's checks, as they stand now.
  func stepFindings() -> [LessonFinding] {
    guard let step = lessons.step else { return [] }
    let world = SessionLessonWorld(session: self, mark: lessons.mark, hasPredicted: lessons.hasPredicted)
    return LessonJudge(world, language: language.rawValue).findings(step.checks)
  }

  func checkStep() -> Int32 {
    guard lessons.step != nil else { return noLesson() }
    let findings = stepFindings()
    for finding in findings {
      say((finding.holds ? painted("32", "  ✓ ") : painted("31", "  ✗ ")) + finding.text + "\n")
    }
    if findings.allSatisfy(\.holds) {
      say("  " + inLanguage("The step is done: lesson next", "O passo está feito: lesson next") + "\n")
      return 0
    }
    return 1
  }

  /// Tells the learner as soon as a step is done.
  func noticeStepDone() {
    guard let step = lessons.step, !step.checks.isEmpty, !lessons.isToldDone, !isReplaying else { return }
    guard stepFindings().allSatisfy(\.holds) else { return }
    lessons.isToldDone = true
    say(painted("32", "✓ ") + inLanguage("Step done: lesson next", "Passo feito: lesson next") + "\n")
  }

  func nextStep() -> Int32 {
    guard let lesson = lessons.lesson else { return noLesson() }
    let open = stepFindings().filter { !$0.holds }
    guard open.isEmpty else {
      for finding in open { say(painted("31", "  ✗ ") + finding.text + "\n") }
      complain(
        inLanguage(
          "the step is not done yet: lesson hint helps, lesson show does it",
          "o passo ainda não está feito: lesson hint ajuda, lesson show faz"))
      return 1
    }
    if lessons.advance(mark: memory.count) {
      say(
        painted("1;32", "✓ ") + inLanguage("That was \"\(lesson.title)\".", "Essa foi \"\(lesson.title)\".")
          + " lesson list\n")
    } else {
      presentStep()
    }
    return 0
  }

  func lessonHint() -> Int32 {
    guard lessons.step != nil else { return noLesson() }
    guard let hint = lessons.nextHint() else {
      complain(inLanguage("this step has no hints", "este passo não tem dicas"))
      return 1
    }
    say(wrapped(hint, width: columns) + "\n")
    return 0
  }

  /// Does the step for the learner.
  func showMe() -> Int32 {
    guard let step = lessons.step else { return noLesson() }
    if let prediction = step.prediction, !lessons.hasPredicted {
      let right = rightAnswer(prediction)
      say(
        inLanguage("answer", "resposta") + " \((right ?? 0) + 1): \(right.map { "\(prediction.choices[$0])" } ?? "-")\n"
      )
      lessons.hasPredicted = true
      say(wrapped(prediction.explanation, width: columns) + "\n")
    }
    for line in step.solution {
      say(painted("1", "drydock> " + line) + "\n")
      execute(line)
    }
    return checkStep()
  }

  func resetLesson() -> Int32 {
    guard let lesson = lessons.lesson else { return noLesson() }
    lessons.progress[lesson.name] = .init()
    return startLesson(lesson.name)
  }

  // MARK: Predictions

  func answer(_ word: String) -> Int32 {
    guard let step = lessons.step else { return noLesson() }
    guard let prediction = step.prediction else {
      complain(inLanguage("this step asks nothing", "este passo não pergunta nada"))
      return 1
    }
    guard let number = Int(word), prediction.choices.indices.contains(number - 1) else {
      complain(
        inLanguage(
          "answer with a number from 1 to \(prediction.choices.count)",
          "responda com um número de 1 a \(prediction.choices.count)"))
      return 1
    }
    guard let right = rightAnswer(prediction) else {
      complain("the question has no right answer: drydock lesson lint says why")
      return 1
    }
    guard right == number - 1 else {
      say(
        painted("31", "✗ ")
          + inLanguage("No. Look again, and answer once more.", "Não. Olhe de novo e responda outra vez.") + "\n")
      return 1
    }
    lessons.hasPredicted = true
    say(painted("32", "✓ ") + wrapped(prediction.explanation, width: columns) + "\n")
    noticeStepDone()
    return 0
  }

  /// Which choice is right: the question's command is carried out in a copy of the world.
  func rightAnswer(_ prediction: Lesson.Prediction) -> Int? {
    if let known = lessons.rightAnswer { return known }
    guard let copy = copyOfWorld() else { return nil }
    let mark = copy.memory.count
    copy.execute(prediction.command)
    let right = LessonPlayer.rightAnswer(prediction, copy.memory.records(from: mark))
    lessons.rightAnswer = right
    return right
  }

  /// Markdown for the terminal: paragraphs wrapped, code and emphasis coloured.
  func markdown(_ text: String) -> String {
    MarkdownText.render(text, width: columns, hasColour: Terminal.isTerminal(1) && Terminal.hasColour)
  }
}
