import Teaching

/// `lesson …`: the lessons.
let lessonCommands: [SessionCommand] = [
  SessionCommand(
    name: "lesson", usage: "list | start [NAME] | next | hint | check | answer N | show | reset | quit",
    summary: "lessons with steps, checks and hints",
    complete: { session, words in
      switch words.count {
      case 1: return ["list", "start", "next", "hint", "check", "answer", "show", "reset", "quit"]
      case 2 where words[1] == "start": return session.lessons.library.names(session.language)
      case 2 where words[1] == "answer":
        return session.lessons.step?.prediction.map { $0.choices.indices.map { "\($0 + 1)" } } ?? []
      default: return []
      }
    },
    run: { session, words in
      switch words.first {
      case nil: return session.lessons.step == nil ? session.listLessons() : session.showStep()
      case "list"? where words.count == 1: return session.listLessons()
      case "start"? where words.count <= 2: return session.startLesson(words.count == 2 ? words[1] : nil)
      case "next"? where words.count == 1: return session.nextStep()
      case "hint"? where words.count == 1: return session.lessonHint()
      case "check"? where words.count == 1: return session.checkStep()
      case "answer"? where words.count == 2: return session.answer(words[1])
      case "show"? where words.count == 1 || words.dropFirst() == ["me"]: return session.showMe()
      case "reset"? where words.count == 1: return session.resetLesson()
      case "quit"? where words.count == 1: return session.quitLesson()
      default: return session.usage("lesson")
      }
    })
]

extension Session {
  func inLanguage(_ english: String, _ portuguese: String) -> String { language == .english ? english : portuguese }

  /// Within a lesson `next`, `hint`, `check`, `answer 2`, or the number of an answer do without the word `lesson`. Nil:
  /// the words are none of these.
  func lessonWord(_ words: [String]) -> Int32? {
    guard let step = lessons.step, let first = words.first else { return nil }
    switch (first, words.count) {
    case ("next", 1): return nextStep()
    case ("hint", 1): return lessonHint()
    case ("check", 1): return checkStep()
    case ("answer", 2): return answer(words[1])
    case (_, 1) where step.prediction != nil && Int(first) != nil: return answer(first)
    default: return nil
    }
  }

  func noLesson() -> Int32 {
    complain(
      inLanguage(
        "no lesson is under way; lesson list names them", "nenhuma lição em andamento; lesson list mostra quais há"))
    return 1
  }

  // MARK: Which lesson

  func listLessons() -> Int32 {
    let names = lessons.library.names(language)
    guard !names.isEmpty else {
      complain(LessonLibrary.missing(language))
      return 1
    }
    var out = ""
    for name in names {
      guard let lesson = try? lessons.library.lesson(name, language) else {
        out +=
          "    " + name + inLanguage(" cannot be read: drydock lesson lint", " não pode ser lida: drydock lesson lint")
        out += "\n"
        continue
      }
      let entry = lessons.progress[name]
      let isHere = lessons.lesson?.name == name
      let mark = entry.isDone ? painted("32", "✓") : isHere || entry.step > 0 ? painted("33", "▸") : " "
      var state = ""
      if isHere || entry.step > 0 { state = ", \(min(entry.step, lesson.steps.count - 1) + 1)/\(lesson.steps.count)" }
      let head = clipped("\(name)  \(lesson.title) (\(lesson.minutes) min\(state))", width: columns - 4)
      out += "  \(mark) \(painted("1", head))\n" + indented(lesson.summary, by: 4) + "\n"
    }
    say(
      out + inLanguage("lesson start NAME, or its number, begins one\n", "lesson start NOME, ou o número, começa uma\n")
    )
    return 0
  }

  /// The first lesson that is not done, when no name is given.
  func startLesson(_ name: String?) -> Int32 {
    do {
      let names = lessons.library.names(language)
      guard
        let name = name ?? lessons.lesson?.name ?? names.first(where: { !lessons.progress[$0].isDone }) ?? names.first
      else { throw LessonError(LessonLibrary.missing(language)) }
      let lesson = try lessons.library.lesson(name, language)
      let entry = lessons.progress[lesson.name]
      let start = !lesson.steps.indices.contains(entry.step) ? 0 : entry.step
      let hadSomething = !deeds.isEmpty && lessons.lesson == nil
      prepare(lesson, upTo: start)
      lessons.begin(lesson, at: start, mark: memory.count)
      say("\n" + painted("1", wrapped(lesson.title, width: columns)) + "\n\n")
      if !lesson.introduction.isEmpty, start == 0 { say(markdown(lesson.introduction) + "\n\n") }
      if hadSomething {
        note(
          "The lesson begins in a new world: the images and containers that you had are gone.",
          "A lição começa num mundo novo: as imagens e os contêineres que você tinha se foram.")
      }
      if start > 0 {
        note(
          "You were here already: the world is as it was at the beginning of this step. lesson reset begins anew.",
          "Você já esteve aqui: o mundo está como no começo deste passo. lesson reset recomeça do início.")
      }
      return showStep()
    } catch {
      complain("\(error)")
      return 1
    }
  }

  private func note(_ english: String, _ portuguese: String) {
    say(painted("33", wrapped(inLanguage(english, portuguese), width: columns)) + "\n\n")
  }

  /// A fresh world in the state in which step `index` begins.
  private func prepare(_ lesson: Lesson, upTo index: Int) {
    lessons.quit()
    reset()
    doUnseen(lesson.setup + lesson.steps[..<index].flatMap(\.solution))
  }

  /// Carries commands out without showing them.
  func doUnseen(_ lines: [String]) {
    let (level, isOn) = (printer.level, printer.isOn)
    printer.mute(true)
    output.mute(true)
    for line in lines { execute(line) }
    output.mute(false)
    printer.mute(false)
    // What a step of the lesson had set is not what the learner had.
    if level > 0 { printer.adjust { $0.level = level } }
    printer.isOn = isOn
  }

  func resetLesson() -> Int32 {
    guard let lesson = lessons.lesson else { return noLesson() }
    lessons.progress[lesson.name].step = 0
    return startLesson(lesson.name)
  }

  func quitLesson() -> Int32 {
    guard let lesson = lessons.lesson else { return noLesson() }
    lessons.quit()
    say(
      wrapped(
        inLanguage(
          "Lesson left. lesson start \(lesson.name) goes on where you were; what you have made is still there.",
          "Lição deixada. lesson start \(lesson.name) continua de onde você parou; o que você fez continua aqui."),
        width: columns) + "\n")
    return 0
  }

  // MARK: The step

  /// The step's text, what to try, and what is asked.
  func showStep() -> Int32 {
    guard let lesson = lessons.lesson, let step = lessons.step else { return noLesson() }
    var out = painted("1;36", wrapped("\(lessons.position + 1)/\(lesson.steps.count)  \(step.title)", width: columns))
    out += "\n\n" + markdown(step.text) + "\n"
    if let attempt = step.attempt {
      let label = inLanguage("Try:", "Experimente:")
      let fits = label.count + attempt.count + 3 <= columns
      out += "\n  " + label + (fits ? " " : "\n    ") + painted("1", attempt) + "\n"
    }
    if let prediction = step.prediction {
      out += "\n" + indented(prediction.question, by: 2) + "\n\n"
      for (index, choice) in prediction.choices.enumerated() {
        out += "  \(painted("1", "\(index + 1)"))  " + indented("\(choice)", by: 5).trimmed + "\n"
      }
      out += "\n  " + inLanguage("Answer with a number.", "Responda com um número.") + "\n"
    } else if step.checks.isEmpty {
      out += "\n  " + inLanguage("next goes on.", "next continua.") + "\n"
    }
    say(out + "\n")
    return 0
  }

  /// A text wrapped within the terminal, each line set in by `count` blanks.
  func indented(_ text: String, by count: Int) -> String {
    let blanks = String(repeating: " ", count: count)
    return blanks + wrapped(text, width: max(12, columns - count)).replacing("\n", with: "\n" + blanks)
  }

  /// The step's checks, as they stand now.
  func stepFindings() -> [LessonFinding] {
    guard let step = lessons.step else { return [] }
    let world = SessionLessonWorld(session: self, mark: lessons.mark, hasPredicted: lessons.hasPredicted)
    return LessonJudge(world, language: language.rawValue).findings(step.checks)
  }

  private func tell(_ findings: [LessonFinding]) {
    for finding in findings {
      let mark = finding.holds ? painted("32", "✓") : painted("31", "✗")
      say("  \(mark) " + indented(finding.text, by: 4).trimmed + "\n")
    }
  }

  func checkStep() -> Int32 {
    guard lessons.step != nil else { return noLesson() }
    let findings = stepFindings()
    tell(findings)
    guard findings.allSatisfy(\.holds) else { return 1 }
    lessons.isToldDone = true
    say("  " + inLanguage("Done: next goes on.", "Feito: next continua.") + "\n")
    return 0
  }

  /// Tells the learner as soon as a step is done.
  func noticeStepDone() {
    guard let step = lessons.step, !step.checks.isEmpty, !lessons.isToldDone, !isReplaying else { return }
    guard stepFindings().allSatisfy(\.holds) else { return }
    lessons.isToldDone = true
    say(painted("32", "✓ ") + inLanguage("Step done: next goes on.", "Passo feito: next continua.") + "\n")
  }

  func nextStep() -> Int32 {
    guard let lesson = lessons.lesson else { return noLesson() }
    let open = stepFindings().filter { !$0.holds }
    guard open.isEmpty else {
      tell(open)
      say(
        "  "
          + inLanguage(
            "Not done yet: hint helps, show me does it.", "Ainda não está feito: hint ajuda, show me faz por você.")
          + "\n")
      return 1
    }
    guard lessons.advance(mark: memory.count) else { return showStep() }
    let names = lessons.library.names(language)
    let following = names.firstIndex(of: lesson.name).map { $0 + 1 }.flatMap { $0 < names.count ? names[$0] : nil }
    say(
      painted("1;32", "✓ ")
        + inLanguage("That was \"\(lesson.title)\".", "Essa foi \"\(lesson.title)\".") + "\n"
        + (following.map { inLanguage("  Go on with:", "  Continue com:") + " lesson start \($0)\n" } ?? ""))
    return 0
  }

  func lessonHint() -> Int32 {
    guard let step = lessons.step else { return noLesson() }
    guard let hint = lessons.nextHint() else {
      complain(inLanguage("this step has no hints", "este passo não tem dicas"))
      return 1
    }
    let count = "\(hint.number)/\(hint.count)"
    switch hint.text {
    case let text?:
      say("  \(painted("33", count))  " + indented(text, by: count.count + 4).trimmed + "\n")
    case nil:
      say("  \(painted("33", count))  " + inLanguage("Type:", "Digite:") + "\n")
      for line in step.solution { say("    " + painted("1", line) + "\n") }
    }
    return 0
  }

  /// Does the step for the learner.
  func showMe() -> Int32 {
    guard let step = lessons.step else { return noLesson() }
    if let prediction = step.prediction, !lessons.hasPredicted, let right = rightAnswer(prediction) {
      say("  \(inLanguage("The answer is", "A resposta é")) \(right + 1): \(prediction.choices[right])\n")
      accept(prediction)
    }
    for line in step.solution {
      say(painted("1", "drydock> " + line) + "\n")
      execute(line)
    }
    return lessons.isToldDone || step.checks.isEmpty ? 0 : checkStep()
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
      complain(
        inLanguage(
          "the question has no right answer: drydock lesson lint says why",
          "a pergunta não tem resposta certa: drydock lesson lint diz por quê"))
      return 1
    }
    guard right == number - 1 else {
      say(
        painted("31", "✗ ")
          + inLanguage("No. Look again, and answer once more.", "Não. Olhe de novo e responda outra vez.") + "\n")
      return 1
    }
    accept(prediction)
    noticeStepDone()
    return 0
  }

  private func accept(_ prediction: Lesson.Prediction) {
    lessons.hasPredicted = true
    say(painted("32", "✓ ") + indented(prediction.explanation, by: 2).trimmed + "\n")
  }

  /// Which choice is right: the question's command is carried out in a world in which only the lesson has been done, up
  /// to this step. What else the learner did must not change what is right.
  func rightAnswer(_ prediction: Lesson.Prediction) -> Int? {
    if let known = lessons.rightAnswer { return known }
    guard let lesson = lessons.lesson, let world = freshCopy() else { return nil }
    world.doUnseen(lesson.setup + lesson.steps[..<lessons.position].flatMap(\.solution))
    world.output.mute(true)
    world.printer.mute(true)
    let mark = world.memory.count
    world.execute(prediction.command)
    lessons.rightAnswer = LessonPlayer.rightAnswer(prediction, world.memory.records(from: mark))
    return lessons.rightAnswer
  }

  /// Markdown for the terminal: paragraphs wrapped, code and emphasis coloured.
  func markdown(_ text: String) -> String {
    MarkdownText.render(text, width: columns, hasColour: Terminal.isTerminal(1) && Terminal.hasColour)
  }
}
