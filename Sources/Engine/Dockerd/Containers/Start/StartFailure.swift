import Seams

/// What the failure of a start means: the exit code that the container shows, and the refusal that the client gets
/// (moby's setExitCodeFromError).
struct StartFailure: Sendable, Hashable {
  /// 126: the command cannot be invoked; 127: it is not there; 128: anything else.
  var exitCode: Int
  var error: EngineError

  init(_ message: String) {
    let lower = message.lowercased()
    func says(_ words: String...) -> Bool { words.contains { lower.contains($0) } }
    if says("permission denied") {
      self.init(126, .invalidArgument, message)
    } else if says("is a directory") {
      // docker run looks for "permission denied" to choose its exit status.
      self.init(126, .invalidArgument, message + ": permission denied")
    } else if says("not a directory") {
      self.init(
        127, .invalidArgument,
        message + ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path "
          + "exists and is the expected type")
    } else if says(
      "executable file not found", "no such file or directory", "system cannot find the file specified",
      "failed to run runc create/exec call")
    {
      self.init(127, .invalidArgument, message)
    } else {
      self.init(128, .unknown, message)
    }
  }

  private init(_ exitCode: Int, _ code: EngineError.Code, _ message: String) {
    (self.exitCode, error) = (exitCode, EngineError(code, message))
  }
}
