import Glibc
import Runtime

/// A refusal on its way to stderr and the log: what was being done, to what, and why it failed, in one line.
struct Failure: Error, Hashable, CustomStringConvertible {
  var message: String
  /// The exit status of the whole command; nil for the verb's usual one (1; 255 for `exec`).
  var status: Int32?

  init(_ message: String, status: Int32? = nil) { (self.message, self.status) = (message, status) }
  var description: String { message }

  /// The refusals whose words callers look for.
  static let notExist = Failure("container does not exist")
  static let exists = Failure("container with given ID already exists")
  static let notRunning = Failure("container not running")
  static let notPaused = Failure("container not paused")
  static let invalidID = Failure("invalid container ID format")
  static let emptyID = Failure("container id cannot be empty")
}

extension Runtime.Errno {
  /// What `errno` of this thread says.
  static var last: Runtime.Errno { Runtime.Errno(number: Glibc.errno) }
}
