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
  static var last: Runtime.Errno { of(Glibc.errno) }

  /// The error of a number, in strerror(3)'s words and runc's lower case.
  static func of(_ code: Int32) -> Runtime.Errno {
    let known: Runtime.Errno? =
      switch code {
      case Glibc.ENOENT: .ENOENT
      case Glibc.EEXIST: .EEXIST
      case Glibc.EACCES: .EACCES
      case Glibc.EPERM: .EPERM
      case Glibc.ENOTDIR: .ENOTDIR
      case Glibc.ELOOP: .ELOOP
      case Glibc.ESRCH: .ESRCH
      case Glibc.EINVAL: .EINVAL
      case Glibc.EBUSY: .EBUSY
      case Glibc.ENOTEMPTY: .ENOTEMPTY
      case Glibc.EROFS: .EROFS
      case Glibc.ENODEV: .ENODEV
      default: nil
      }
    if let known { return known }
    let text = strerror(code).map { String(cString: $0) } ?? "error \(code)"
    return Runtime.Errno(code, "errno \(code)", text.prefix(1).lowercased() + text.dropFirst())
  }
}
