import JSONTree

/// An error number of Linux (errno(3)).
public struct Errno: Error, Sendable, Hashable, CustomStringConvertible {
  public let code: Int32
  /// `EPERM`.
  public let name: String
  /// strerror(3)'s text, in runc's lower case: `operation not permitted`.
  public let message: String
  public init(_ code: Int32, _ name: String, _ message: String) {
    (self.code, self.name, self.message) = (code, name, message)
  }
  public var description: String { message }

  public static let EPERM = Errno(1, "EPERM", "operation not permitted")
  public static let ENOENT = Errno(2, "ENOENT", "no such file or directory")
  public static let ESRCH = Errno(3, "ESRCH", "no such process")
  public static let EINTR = Errno(4, "EINTR", "interrupted system call")
  public static let EIO = Errno(5, "EIO", "input/output error")
  public static let ENXIO = Errno(6, "ENXIO", "no such device or address")
  public static let E2BIG = Errno(7, "E2BIG", "argument list too long")
  public static let ENOEXEC = Errno(8, "ENOEXEC", "exec format error")
  public static let EBADF = Errno(9, "EBADF", "bad file descriptor")
  public static let ECHILD = Errno(10, "ECHILD", "no child processes")
  public static let EAGAIN = Errno(11, "EAGAIN", "resource temporarily unavailable")
  public static let ENOMEM = Errno(12, "ENOMEM", "cannot allocate memory")
  public static let EACCES = Errno(13, "EACCES", "permission denied")
  public static let EBUSY = Errno(16, "EBUSY", "device or resource busy")
  public static let EEXIST = Errno(17, "EEXIST", "file exists")
  public static let EXDEV = Errno(18, "EXDEV", "invalid cross-device link")
  public static let ENODEV = Errno(19, "ENODEV", "no such device")
  public static let ENOTDIR = Errno(20, "ENOTDIR", "not a directory")
  public static let EISDIR = Errno(21, "EISDIR", "is a directory")
  public static let EINVAL = Errno(22, "EINVAL", "invalid argument")
  public static let EMFILE = Errno(24, "EMFILE", "too many open files")
  public static let ETXTBSY = Errno(26, "ETXTBSY", "text file busy")
  public static let EFBIG = Errno(27, "EFBIG", "file too large")
  public static let ENOSPC = Errno(28, "ENOSPC", "no space left on device")
  public static let EROFS = Errno(30, "EROFS", "read-only file system")
  public static let EPIPE = Errno(32, "EPIPE", "broken pipe")
  public static let ERANGE = Errno(34, "ERANGE", "numerical result out of range")
  public static let ENAMETOOLONG = Errno(36, "ENAMETOOLONG", "file name too long")
  public static let ENOSYS = Errno(38, "ENOSYS", "function not implemented")
  public static let ENOTEMPTY = Errno(39, "ENOTEMPTY", "directory not empty")
  public static let ELOOP = Errno(40, "ELOOP", "too many levels of symbolic links")
  public static let EOPNOTSUPP = Errno(95, "EOPNOTSUPP", "operation not supported")
  public static let EADDRINUSE = Errno(98, "EADDRINUSE", "address already in use")
  public static let EADDRNOTAVAIL = Errno(99, "EADDRNOTAVAIL", "cannot assign requested address")
  public static let ENETUNREACH = Errno(101, "ENETUNREACH", "network is unreachable")
  public static let ECONNRESET = Errno(104, "ECONNRESET", "connection reset by peer")
  public static let ETIMEDOUT = Errno(110, "ETIMEDOUT", "connection timed out")
  public static let ECONNREFUSED = Errno(111, "ECONNREFUSED", "connection refused")
  public static let EHOSTUNREACH = Errno(113, "EHOSTUNREACH", "no route to host")
}

/// The runC → kernel seam. One conformance is Linux, the other a model.
public protocol Kernel: Sendable {
  /// Performs `call` as process `pid` (host pid). The result is what the system call returns: a pid for clone, else 0.
  func perform(_ call: KernelCall, as pid: Int) throws(Errno) -> Int
}
