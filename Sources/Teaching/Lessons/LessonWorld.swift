import Handoff
import JSONTree

/// What a lesson's checks can see: the engine's state, and the trace since the step began.
public protocol LessonWorld {
  /// Engine API `inspect` of a container, an image, a volume or a network; nil when there is none. Not recorded.
  func inspect(_ noun: LessonNoun, _ name: String) -> JSON?
  /// The containers: running, and in all.
  var containerCounts: (running: Int, all: Int) { get }
  var stack: String { get }
  var runtime: String { get }
  /// The parts that are broken.
  var broken: [String] { get }
  /// The tags of a repository in a simulated registry; nil when it is not there.
  func tags(host: String, repository: String) -> [String]?
  func isSignedIn(_ registry: String) -> Bool
  /// The records since the step began.
  var records: [TraceRecord] { get }
  /// The step's prediction has been answered rightly.
  var hasPredicted: Bool { get }
}

/// What can be looked at.
public enum LessonNoun: Sendable { case container, image, volume, network }

/// What a check came to.
public struct LessonFinding: Sendable, Hashable {
  public var holds: Bool
  /// What was expected and what is, for people.
  public var text: String
  public init(holds: Bool, text: String) { (self.holds, self.text) = (holds, text) }
}

extension HandoffPattern {
  /// Whether a call fits; `failed` says how it ended, when that is known.
  public func fits(_ call: TraceRecord.Call, failed: Bool?) -> Bool {
    if let from, from != call.from.rawValue { return false }
    if let to, to != call.to.rawValue { return false }
    if let via, via != call.via.rawValue { return false }
    if let fails, failed != fails { return false }
    guard let op else { return true }
    return call.op == op || call.op.hasSuffix("/" + op) || call.op.hasSuffix("." + op)
  }
}
