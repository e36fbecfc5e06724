import CLinux
import Glibc
import Seams

/// A system call that failed, in the words of Go's os.PathError: `open etc/passwd: permission denied`.
struct FileError: Error, Sendable, Hashable, CustomStringConvertible {
  let errno: Int32
  /// What was done, and to what.
  let operation: String

  init(_ errno: Int32, _ operation: String) { (self.errno, self.operation) = (errno, operation) }

  /// From a result of CLinux, which is -errno.
  init(result: Int, _ operation: String) { self.init(Int32(truncatingIfNeeded: -result), operation) }

  var description: String { "\(operation): \(FileError.words(errno))" }

  /// The words of strerror(3), which Go writes small.
  static func words(_ errno: Int32) -> String {
    let text = strerrordesc(errno)
    return text.prefix(1).lowercased() + text.dropFirst()
  }
}

/// Any error of this target as the engine's, with what was being done in front.
func engineError(_ error: any Error, _ what: String? = nil) -> EngineError {
  let prefix = what.map { $0 + ": " } ?? ""
  switch error {
  case let error as EngineError: return EngineError(error.code, prefix + error.message)
  case let error as FileError:
    let code: EngineError.Code =
      switch error.errno {
      case ENOENT: .notFound
      case EEXIST: .alreadyExists
      case EACCES, EPERM: .permissionDenied
      default: .unknown
      }
    return EngineError(code, prefix + error.description)
  case is CancellationError: return EngineError(.canceled, prefix + "context canceled")
  default: return EngineError(.unknown, prefix + "\(error)")
  }
}

/// strerror(3) as a value.
private func strerrordesc(_ errno: Int32) -> String {
  guard let words = clinux_strerror(errno) else { return "errno \(errno)" }
  return String(cString: words)
}
