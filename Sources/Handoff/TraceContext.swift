/// Which command, and which call of it, the running code works for.
///
/// Travels with the task: what a part does while it handles a call is caused by that call.
public struct TraceContext: Sendable, Hashable {
  public var cmd: Int?
  public var parent: Int?

  public init(cmd: Int? = nil, parent: Int? = nil) {
    self.cmd = cmd
    self.parent = parent
  }

  @TaskLocal public static var current = TraceContext()
}
