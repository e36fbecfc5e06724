import Seams

/// A command line that does not fit the command: shown with the command's usage.
struct UsageError: Error, Sendable, Hashable {
  let message: String
  let status: Int32
  init(_ message: String, status: Int32) { (self.message, self.status) = (message, status) }
}

/// A failure that ends a command: its words for standard error, and the exit status.
struct CommandError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Empty when everything has been said.
  let message: String
  let status: Int32
  init(_ message: String, status: Int32 = 1) { (self.message, self.status) = (message, status) }
  var description: String { message }
}

/// What the daemon refused; or that it cannot be reached (`status` 0).
struct DaemonError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The HTTP status of the answer.
  let status: Int
  let message: String
  var description: String { status == 0 ? message : "Error response from daemon: \(message)" }
  var isNotFound: Bool { status == 404 }
}

/// Nobody reads standard output any more (EPIPE): the command ends in silence, as SIGPIPE ends docker.
struct BrokenPipe: Error {}

/// The user interrupted the command.
struct Interrupted: Error {}

extension Error {
  /// The words for the user.
  var words: String {
    if let error = self as? any CustomStringConvertible & Error { return error.description }
    return "\(self)"
  }
}
