import Glibc
import Testing

@testable import DrydockRunc

/// A folder of a test's own, which goes with it.
final class VerbsFolder {
  let path: String

  init() {
    var template = Array("/tmp/drydock-verbs-XXXXXX".utf8CString)
    path = template.withUnsafeMutableBufferPointer { buffer in
      guard let name = buffer.baseAddress, let made = mkdtemp(name) else { return "/tmp/drydock-verbs" }
      return String(cString: made)
    }
  }

  deinit { VerbsFolder.remove(path) }

  /// Writes a file, and the folders above it.
  @discardableResult
  func write(_ name: String, _ contents: String) -> String {
    let file = "\(path)/\(name)"
    var folder = path
    for part in name.split(separator: "/").dropLast() {
      folder += "/\(part)"
      mkdir(folder, 0o755)
    }
    let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    defer { close(descriptor) }
    let bytes = Array(contents.utf8)
    #expect(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    return file
  }

  private static func remove(_ path: String) {
    var info = stat()
    guard lstat(path, &info) == 0 else { return }
    if info.st_mode & S_IFMT == S_IFDIR {
      for name in HostFile.names(in: path) ?? [] { remove("\(path)/\(name)") }
      rmdir(path)
    } else {
      unlink(path)
    }
  }
}
