import Runtime
import Seams

/// One run of a program (or of a builtin of the shell): its process, its words, and its standard streams.
///
/// Output is collected and written in larger pieces; `flush` is called before anything that waits.
final class ProgramContext {
  let process: any SimProcess
  /// The name that it was called by.
  let name: String
  /// Without the name.
  let arguments: [String]
  /// The descriptors of its standard streams: 0, 1, 2 for a program, others for a builtin with redirections.
  let input: Int
  let output: Int
  let error: Int
  /// GNU's words instead of busybox's.
  let isGNU: Bool
  private var buffer: [UInt8] = []
  private var pendingInput: [UInt8] = []
  private var inputStart = 0
  private var isAtEnd = false

  init(
    _ process: any SimProcess, name: String, arguments: [String], input: Int = 0, output: Int = 1, error: Int = 2,
    isGNU: Bool = false
  ) {
    (self.process, self.name, self.arguments, self.isGNU) = (process, name, arguments, isGNU)
    (self.input, self.output, self.error) = (input, output, error)
  }

  // MARK: Output

  /// Text for the standard output.
  func print(_ text: String) async throws { try await write(Array(text.utf8)) }
  /// A line for the standard output.
  func printLine(_ text: String) async throws {
    buffer += text.utf8
    try await write([10])
  }
  /// Bytes for the standard output.
  func write(_ bytes: [UInt8]) async throws {
    buffer += bytes
    if buffer.count >= 8192 { try await flush() }
  }
  /// Hands over what was collected.
  func flush() async throws {
    guard !buffer.isEmpty else { return }
    let bytes = buffer
    buffer = []
    try await process.write(output, bytes)
  }
  /// Text for the standard error, at once (after what was printed before).
  func complain(_ text: String) async throws {
    try await flush()
    try await process.write(error, Array(text.utf8))
  }
  /// `NAME: message` on the standard error; the answer is `status`, to be returned.
  @discardableResult
  func fail(_ message: String, _ status: Int32 = 1) async throws -> Int32 {
    try await complain("\(name): \(message)\n")
    return status
  }
  /// In busybox's words, or in GNU's.
  @discardableResult
  func fail(busybox: String, gnu: String, _ status: Int32 = 1) async throws -> Int32 {
    try await fail(isGNU ? gnu : busybox, status)
  }

  // MARK: Input

  /// The next line of the standard input without its newline; nil at the end.
  func readLine() async throws -> [UInt8]? {
    while true {
      if let end = pendingInput[inputStart...].firstIndex(of: 10) {
        let line = Array(pendingInput[inputStart..<end])
        inputStart = end + 1
        if inputStart > 65_536 {
          pendingInput.removeFirst(inputStart)
          inputStart = 0
        }
        return line
      }
      if isAtEnd {
        guard inputStart < pendingInput.count else { return nil }
        defer { (pendingInput, inputStart) = ([], 0) }
        return Array(pendingInput[inputStart...])
      }
      try await flush()
      if let more = try await process.read(input, 65_536), !more.isEmpty {
        pendingInput += more
        if pendingInput.count - inputStart > 1 << 24 { throw Errno.ENOMEM }
      } else {
        isAtEnd = true
      }
    }
  }

  /// Everything that a descriptor still has, up to 64 MiB.
  func readAll(_ fd: Int) async throws -> [UInt8] {
    try await flush()
    var all: [UInt8] = []
    while let more = try await process.read(fd, 65_536), !more.isEmpty {
      all += more
      if all.count > 1 << 26 { throw Errno.ENOMEM }
    }
    return all
  }

  /// The bytes of a file, or of the standard input for `-`.
  func contents(_ path: String) async throws -> [UInt8] {
    if path == "-" { return try await readAll(input) }
    let info = try process.stat(path, followLinks: true)
    if info.kind == .directory { throw Errno.EISDIR }
    if info.kind == .file { return try process.readFile(path) }
    let fd = try process.open(path, .read)
    defer { process.close(fd) }
    return try await readAll(fd)
  }

  // MARK: Facts

  func environment(_ name: String) -> String? {
    let prefix = name + "="
    return process.environment.last { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
  }
  /// strerror(3) of an error, in the words of the image's C library.
  func reason(_ error: any Error) -> String { describe(error, process) }
}

/// strerror(3): musl's words in Alpine, glibc's elsewhere.
func describe(_ error: any Error, _ process: any SimProcess) -> String {
  guard let errno = error as? Errno else { return "\(error)" }
  if (try? process.stat("/etc/alpine-release", followLinks: true)) != nil, let text = muslMessages[errno.code] {
    return text
  }
  guard let first = errno.message.first else { return errno.name }
  return first.uppercased() + errno.message.dropFirst()
}

private let muslMessages: [Int32: String] = [
  Errno.ENETUNREACH.code: "Network unreachable", Errno.EHOSTUNREACH.code: "Host is unreachable",
  Errno.ETIMEDOUT.code: "Operation timed out", Errno.EADDRINUSE.code: "Address in use",
  Errno.EADDRNOTAVAIL.code: "Address not available", Errno.ELOOP.code: "Symbolic link loop",
  Errno.EXDEV.code: "Cross-device link", Errno.ENAMETOOLONG.code: "Filename too long",
  Errno.ENOMEM.code: "Out of memory",
  Errno.EIO.code: "I/O error", Errno.EBUSY.code: "Resource busy", Errno.ECHILD.code: "No child process",
  Errno.EOPNOTSUPP.code: "Not supported", Errno.EMFILE.code: "No file descriptors available",
  Errno.ECONNRESET.code: "Connection reset by peer",
]

/// Errors that a program must let pass: they are no failures of a system call.
func isFinal(_ error: any Error) -> Bool {
  error is ProcessKilled || error is ProcessReplaced || error is CancellationError
}

/// The last component of a path.
func basename(_ path: some StringProtocol) -> String {
  var path = Substring(path)
  while path.count > 1, path.hasSuffix("/") { path.removeLast() }
  if path == "/" { return "/" }
  return String(path.split(separator: "/", omittingEmptySubsequences: true).last ?? "")
}

/// A path within a folder.
func joined(_ folder: String, _ name: String) -> String {
  folder.hasSuffix("/") ? folder + name : folder + "/" + name
}

extension String {
  /// Filled with spaces on the right.
  func padded(_ width: Int) -> String {
    self + String(repeating: " ", count: Swift.max(0, Swift.min(width, 4096) - count))
  }
  /// Filled with spaces on the left.
  func leftPadded(_ width: Int) -> String {
    String(repeating: " ", count: Swift.max(0, Swift.min(width, 4096) - count)) + self
  }
}
