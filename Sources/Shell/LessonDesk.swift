import Handoff
import JSONTree
import Seams
import Simulation
import Synchronization
import Teaching

/// The lesson that a session is in, if it is in one.
final class LessonDesk {
  let library: LessonLibrary
  var progress: LessonProgress
  private(set) var lesson: Lesson?
  private(set) var position = 0
  /// How many records there were when the step began.
  private(set) var mark = 0
  private(set) var hintsGiven = 0
  var hasPredicted = false
  /// The choices' order, and which of them is right, once the question has been asked.
  var rightAnswer: Int?
  /// The step was found done, and the learner has been told.
  var isToldDone = false

  init(library: LessonLibrary, progress: LessonProgress) { (self.library, self.progress) = (library, progress) }

  var step: Lesson.Step? {
    guard let lesson, lesson.steps.indices.contains(position) else { return nil }
    return lesson.steps[position]
  }

  func begin(_ lesson: Lesson, at position: Int, mark: Int) {
    self.lesson = lesson
    enter(position, mark: mark)
  }

  func enter(_ position: Int, mark: Int) {
    (self.position, self.mark, hintsGiven, hasPredicted, rightAnswer, isToldDone) = (
      position, mark, 0, false, nil, false
    )
    if let lesson { progress[lesson.name].step = position }
  }

  /// The next hint, and which one of how many it is; nil as its text is the step's solution, which comes last.
  func nextHint() -> (number: Int, count: Int, text: String?)? {
    guard let step else { return nil }
    let count = step.hints.count + (step.solution.isEmpty ? 0 : 1)
    guard count > 0 else { return nil }
    let index = min(hintsGiven, count - 1)
    hintsGiven += 1
    return (index + 1, count, index < step.hints.count ? step.hints[index] : nil)
  }

  /// On to the next step; true when this was the last one, and the lesson is over.
  func advance(mark: Int) -> Bool {
    guard let lesson else { return true }
    guard position + 1 < lesson.steps.count else {
      progress[lesson.name] = .init(step: 0, isDone: true)
      self.lesson = nil
      return true
    }
    enter(position + 1, mark: mark)
    return false
  }

  func quit() { lesson = nil }
}

/// What the checks see of a session.
struct SessionLessonWorld: LessonWorld {
  let session: Session
  let mark: Int
  let hasPredicted: Bool

  func inspect(_ noun: LessonNoun, _ name: String) -> JSON? {
    let template =
      switch noun {
      case .container: "/containers/{id}/json"
      case .image: "/images/{name}/json"
      case .volume: "/volumes/{name}"
      case .network: "/networks/{id}"
      }
    return session.ask(APIRequest("GET", template, ["id": name, "name": name]))
  }

  var containerCounts: (running: Int, all: Int) {
    let all = session.ask(APIRequest("GET", "/containers/json", query: [NameValue("all", "1")]))?.array ?? []
    return (all.count { $0["State"]?.string == "running" }, all.count)
  }

  var stack: String { session.machine.stack }
  var runtime: String { session.machine.runtime }
  var broken: [String] { session.machine.faults.all.map(\.part) }
  func tags(host: String, repository: String) -> [String]? {
    session.machine.registryTags(host: host, repository: repository)
  }
  func isSignedIn(_ registry: String) -> Bool { session.isSignedIn(registry) }
  var records: [TraceRecord] { session.memory.records(from: mark) }
}
