import JSONTree

/// A lesson: steps with text, something to try, and checks of what came of it.
///
/// Written as Markdown with YAML front matter; `LessonParser` reads it.
public struct Lesson: Sendable {
  /// The file's name without `.md`: `04-pull`.
  public var name: String
  /// `en` or `pt-BR`.
  public var language: String
  public var title: String
  /// One sentence for `lesson list`.
  public var summary: String
  /// About how long it takes.
  public var minutes: Int
  /// Commands that are carried out before the first step, unseen.
  public var setup: [String]
  /// The text before the first step.
  public var introduction: String
  public var steps: [Step]

  /// One step.
  public struct Step: Sendable {
    public var title: String
    /// Markdown.
    public var text: String
    /// A command to try; the learner's own way counts as well.
    public var attempt: String?
    /// All must hold; a step without checks is read, not done.
    public var checks: [LessonCheck]
    /// From a nudge to the answer.
    public var hints: [String]
    /// Commands that do the step: `show me`, and the machine's check of the lesson.
    public var solution: [String]
    public var prediction: Prediction?
  }

  /// "What happens next?": the learner predicts a handoff.
  public struct Prediction: Sendable, Hashable {
    public var question: String
    /// The command whose handoffs are meant; it is carried out in a copy of the learner's world.
    public var command: String
    /// The handoff before the one to be predicted; nil asks for the first.
    public var after: HandoffPattern?
    /// The answers to choose from; the right one is found by carrying the command out.
    public var choices: [HandoffPattern]
    /// Why it is so.
    public var explanation: String
  }
}

/// Which handoffs are meant: every part that is given must fit.
public struct HandoffPattern: Sendable, Hashable, CustomStringConvertible {
  public var from: String?
  public var to: String?
  /// The whole name on the wire, or its last part: `Tasks/Create`, `runc create`.
  public var op: String?
  /// How it went: `http` is the socket on the same machine, `https` TCP with TLS.
  public var via: String?
  /// Only those that were refused (true), or that were not (false).
  public var fails: Bool?

  public init(
    from: String? = nil, to: String? = nil, op: String? = nil, via: String? = nil, fails: Bool? = nil
  ) {
    (self.from, self.to, self.op, self.via, self.fails) = (from, to, op, via, fails)
  }

  /// `dockerd → containerd Tasks/Create`.
  public var description: String {
    var text = "\(from ?? "…") → \(to ?? "…")"
    if let op { text += " " + op }
    if let via { text += " (\(via))" }
    return text
  }
}

/// Something that must hold at the end of a step.
public indirect enum LessonCheck: Sendable, Hashable {
  case image(String)
  case noImage(String)
  case container(ContainerCheck)
  case noContainer(String)
  /// How many containers there are: running, or in all.
  case containers(running: Int?, all: Int?)
  case volume(String)
  case noVolume(String)
  case network(String)
  case noNetwork(String)
  case connected(container: String, network: String)
  /// A handoff since the step began; at least (or exactly) so many.
  case handoff(HandoffPattern, atLeast: Int)
  case noHandoff(HandoffPattern)
  /// Handoffs of one command, in this order (others may stand between).
  case order([HandoffPattern])
  /// The newest command's exit status.
  case exit(Int)
  /// Something printed since the step began.
  case output(String)
  case stack(String)
  case runtime(String)
  /// A part is broken, or (nil) none is.
  case broken(String?)
  /// A repository (with a tag, when given) stands in a simulated registry.
  case registry(host: String, repository: String, tag: String?)
  case signedIn(String)
  /// The step's prediction has been answered rightly.
  case predicted
  /// At least one of these.
  case any([LessonCheck])

  /// What is looked at of a container.
  public struct ContainerCheck: Sendable, Hashable {
    public var name: String
    public var state: String?
    public var exit: Int?
    public var health: String?
    public var image: String?
    public var runtime: String?
    public init(
      name: String, state: String? = nil, exit: Int? = nil, health: String? = nil, image: String? = nil,
      runtime: String? = nil
    ) {
      (self.name, self.state, self.exit, self.health) = (name, state, exit, health)
      (self.image, self.runtime) = (image, runtime)
    }
  }
}

/// Why a file is no lesson: where, and what is wrong there.
public struct LessonError: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
