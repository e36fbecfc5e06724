import CLinux
import Glibc
import Runtime

/// An open descriptor; closed when it goes out of use.
public struct Descriptor: ~Copyable, Sendable {
  public let raw: Int32
  public init(_ raw: Int32) { self.raw = raw }
  deinit { _ = Glibc.close(raw) }

  /// The number, which the caller has to close from now on.
  public consuming func release() -> Int32 {
    let raw = raw
    discard self
    return raw
  }
}

/// A system call by its number (`SYS_mkdirat`): its result, or the errno it was refused with.
@discardableResult
@inline(__always)
func system(
  _ number: Int32, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0, _ f: Int = 0
) throws(Errno) -> Int {
  try checked(clinux_call(Int(number), a, b, c, d, e, f))
}

/// The result of a call that answers with -errno.
@discardableResult
@inline(__always)
func checked(_ result: Int) throws(Errno) -> Int {
  if result < 0 { throw Errno(number: Int32(truncatingIfNeeded: -result)) }
  return result
}

/// A system call with a path (or another string) among its arguments, which `body` gets as an address.
///
/// EINVAL when the text holds a NUL: the kernel would see another, shorter one.
@discardableResult
func system(with text: String, _ body: (Int) -> Int) throws(Errno) -> Int {
  if text.utf8.contains(0) { throw .EINVAL }
  return try checked(text.withCString { body(Int(bitPattern: $0)) })
}

/// Numbers that Swift's Glibc does not show: they stand behind _GNU_SOURCE, or in headers of the kernel that do not go
/// together with glibc's.
enum Linux {
  static let atFDCWD = Int(AT_FDCWD)
  static let atEmptyPath = 0x1000
  static let atRecursive = 0x8000
  static let atNoAutomount = 0x800
  static let oPath: Int32 = 0o10000000
  static let cloexec = Int(O_CLOEXEC)

  static let resolveNoXdev: UInt64 = 0x01
  static let resolveNoMagicLinks: UInt64 = 0x02
  static let resolveNoSymlinks: UInt64 = 0x04
  static let resolveBeneath: UInt64 = 0x08
  static let resolveInRoot: UInt64 = 0x10

  static let procSuperMagic = 0x9fa0
}
