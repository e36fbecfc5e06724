#if canImport(Glibc)
  import Glibc
#endif
import Seams

/// The file that says which process is the engine, and that only one is: locked as long as it runs (flock(2)).
public final class PIDFile: Sendable {
  public let path: String
  private let descriptor: Int32

  /// Throws `EngineError` when another engine holds it, and says which.
  public init(path: String) throws {
    self.path = path
    var folder = ""
    for component in path.split(separator: "/").dropLast() {
      folder += (path.hasPrefix("/") || !folder.isEmpty ? "/" : "") + component
      mkdir(folder, 0o711)
    }
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else {
      throw EngineError(.unavailable, "pid file \(path): \(String(cString: strerror(errno)).lowercased())")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let holder = PIDFile.read(descriptor)
      close(descriptor)
      throw EngineError(
        .conflict,
        "another engine runs already"
          + (holder.isEmpty ? "" : ": process \(holder)")
          + " holds \(path). Stop it first, or give this one a pid file "
          + "of its own (--pidfile, --exec-root)")
    }
    ftruncate(descriptor, 0)
    let text = Array("\(getpid())\n".utf8)
    _ = text.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
  }

  private static func read(_ descriptor: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 32)
    let count = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    return String(decoding: buffer[..<max(0, count)].prefix { (48...57).contains($0) }, as: UTF8.self)
  }

  /// Takes the file away.
  public func remove() {
    unlink(path)
    close(descriptor)
  }
}
