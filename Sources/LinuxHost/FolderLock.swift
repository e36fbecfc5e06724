import Glibc
import Seams

/// That a folder belongs to one engine at a time: flock(2) on a file in it, which says whose it is. The kernel lets go
/// of it when the process ends, however that happens.
public final class FolderLock: Sendable {
  private let file: Int32

  /// Takes the folder. Throws `EngineError` that says which process has it.
  public init(_ folder: String) throws {
    let path = "\(folder)/lock"
    file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else {
      throw EngineError(.permissionDenied, "open \(path): \(String(cString: strerror(errno)).lowercased())")
    }
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      var bytes = [UInt8](repeating: 0, count: 64)
      let count = bytes.withUnsafeMutableBytes { pread(file, $0.baseAddress, $0.count, 0) }
      close(file)
      let owner = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: "\n").first
      throw EngineError(
        .unavailable,
        "\(folder) is in use by another drydockd\(owner.map { " (process \($0))" } ?? ""): stop it, or choose another "
          + "--data-root")
    }
    let text = "\(getpid())\n"
    ftruncate(file, 0)
    _ = text.withCString { pwrite(file, $0, text.utf8.count, 0) }
  }

  deinit { close(file) }
}
