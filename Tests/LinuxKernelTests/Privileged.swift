import CLinux
import Glibc
import LinuxKernel
import Runtime
import Testing

extension Trait where Self == ConditionTrait {
  /// What only root can do. Without root it is skipped; on a CI server, where there is root, it then fails.
  static var root: Self {
    .enabled(
      if: geteuid() == 0 || getenv("CI").map { String(cString: $0) } == "true",
      "needs root: mounts, namespaces, capabilities")
  }
}

/// Something went wrong in the thread of `apart`.
struct Trouble: Error { var words: String }

/// Performs `body` in a thread of its own, with a mount namespace, a root and a working directory of its own
/// (unshare(2) CLONE_NEWNS | CLONE_FS, and further `namespaces`): what it does to itself (mounts, ids, capabilities,
/// filters) ends with it, and nothing of it is seen outside.
func apart<T: Sendable>(_ namespaces: Int = 0, _ body: @escaping @Sendable () throws -> T) throws -> T {
  var result: Result<T, any Error>?
  try inThread {
    result = Result {
      let unshared = clinux_call(Int(SYS_unshare), 0x2_0000 | 0x200 | namespaces, 0, 0, 0, 0, 0)
      if unshared < 0 { throw Trouble(words: "unshare: \(Errno(number: Int32(-unshared)))") }
      try LinuxKernel().perform(.mount(source: "", target: "/", type: "", flags: ["MS_REC", "MS_PRIVATE"], data: ""))
      return try body()
    }
  }
  guard let result else { throw Trouble(words: "the thread said nothing") }
  return try result.get()
}

private final class Job {
  let body: () -> Void
  init(_ body: @escaping () -> Void) { self.body = body }
}

/// Runs `body` in a thread, and waits for it.
private func inThread(_ body: () -> Void) throws {
  try withoutActuallyEscaping(body) { body in
    var thread = pthread_t()
    let job = Unmanaged.passRetained(Job(body)).toOpaque()
    let made = pthread_create(
      &thread, nil,
      { job in
        if let job { Unmanaged<Job>.fromOpaque(job).takeRetainedValue().body() }
        return nil
      }, job)
    guard made == 0 else { throw Trouble(words: "pthread_create: \(Errno(number: made))") }
    pthread_join(thread, nil)
  }
}

/// The line of mountinfo whose mount point is `path`: its attributes, and what follows the dash.
func mountLine(_ path: String) -> String? {
  let bytes = LinuxKernel.contents(of: "/proc/thread-self/mountinfo") ?? []
  return String(decoding: bytes, as: UTF8.self).split(separator: "\n").last { line in
    let fields = line.split(separator: " ")
    return fields.count > 4 && fields[4] == path
  }.map(String.init)
}

/// A file's text.
func text(_ path: String) -> String? {
  LinuxKernel.contents(of: path).map { String(decoding: $0, as: UTF8.self) }
}

/// A folder of the test's own, empty, gone afterwards.
func withFolder<T>(_ body: (String) throws -> T) throws -> T {
  var template = Array("/tmp/drydock-kernel-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw Trouble(words: "mkdtemp: \(Errno(number: errno))") }
  let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  defer { removeTree(path) }
  return try body(path)
}

/// Removes a folder with all that is in it; links are not followed.
func removeTree(_ path: String) {
  if unlink(path) == 0 { return }
  if let folder = opendir(path) {
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != ".", name != ".." { removeTree(path + "/" + name) }
    }
    closedir(folder)
  }
  rmdir(path)
}
