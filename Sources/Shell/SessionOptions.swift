/// How a session is set up: the options of `drydock shell`.
public struct SessionOptions: Sendable {
  public var stack = "docker"
  /// The OCI runtime; nil is the stack's own (podman comes with crun, the others with runC).
  public var runtime: String?
  public var seed: UInt64 = 1
  /// Handoff lines are shown on stderr.
  public var showsHandoffs = true
  /// Where a trace is recorded from the start.
  public var recordPath: String?
  public var language = Language.fromEnvironment
  /// A person sits at the terminal: time passes as it does for people.
  public var isInteractive = false
  public init() {}
}

/// The languages of the lessons and of `why`.
public enum Language: String, Sendable, CaseIterable {
  case english = "en"
  case portuguese = "pt-BR"

  /// By LC_ALL, LC_MESSAGES, LANG, in that order (locale(7)).
  public static var fromEnvironment: Language {
    for name in ["LC_ALL", "LC_MESSAGES", "LANG"] {
      if let value = Environment.variable(name), !value.isEmpty {
        return value.hasPrefix("pt") ? .portuguese : .english
      }
    }
    return .english
  }
}
