import CLinux
import Glibc
import Runtime

/// A program that runs to its end while this process waits: a hook, or a helper such as newuidmap.
public struct Hook: Sendable {
  public var path: String
  public var arguments: [String]
  public var environment: [String]
  /// What it reads from stdin.
  public var input: [UInt8]
  /// Its working directory; nil: this process's.
  public var directory: String?
  /// Seconds.
  public var timeout: Int?

  public init(
    _ path: String, _ arguments: [String], environment: [String] = [], input: [UInt8] = [], directory: String? = nil,
    timeout: Int? = nil
  ) {
    (self.path, self.arguments, self.environment) = (path, arguments, environment)
    (self.input, self.directory, self.timeout) = (input, directory, timeout)
  }

  /// How it went wrong.
  public enum Failure: Error, Sendable, Hashable {
    /// It could not be executed.
    case notExecuted(Errno)
    case ended(ChildProcess.End, stdout: String, stderr: String)
    case timedOut(seconds: Int)

    /// In Go's words, which callers of runc know.
    public var message: String {
      switch self {
      case .notExecuted(let errno): errno.message
      case .ended(.exited(let status), let stdout, let stderr):
        "exit status \(status), stdout: \(stdout), stderr: \(stderr)"
      case .ended(.killed(let signal), let stdout, let stderr):
        "signal: \(Hook.description(of: signal)), stdout: \(stdout), stderr: \(stderr)"
      case .timedOut(let seconds): "hook ran past specified timeout of \(seconds).0s"
      }
    }
  }

  static func description(of signal: Int32) -> String {
    switch signal {
    case SIGKILL: "killed"
    case SIGTERM: "terminated"
    case SIGSEGV: "segmentation fault"
    case SIGABRT: "aborted"
    case SIGINT: "interrupt"
    case SIGHUP: "hangup"
    default: "signal \(signal)"
    }
  }

  private static let keptOutput = 4096

  /// Executes it and waits for its end, at most for its timeout; then it is killed. Descriptors above 2 stay here.
  public func run() throws(Failure) {
    var pipes: [Pipe] = []
    defer { for pipe in pipes { pipe.close() } }
    do throws(Errno) {
      // Its stdin, stdout and stderr, and what tells that it could not be executed.
      for _ in 0..<4 { pipes.append(try Pipe()) }
    } catch { throw .notExecuted(error) }
    let fork: LinuxKernel.Fork
    do throws(Errno) { fork = try LinuxKernel.fork() } catch { throw .notExecuted(error) }
    guard case .parent(let child) = fork else { become(pipes) }
    defer { child.close() }
    for index in 0..<4 { if index == 0 { pipes[0].closeReader() } else { pipes[index].closeWriter() } }
    let deadline = timeout.map {
      LinuxKernel.monotonicTime() &+ UInt64(clamping: $0) &* 1_000_000_000
    }
    var (written, output, errors, status) = (0, [UInt8](), [UInt8](), [UInt8]())
    _ = fcntl(pipes[0].writer, F_SETFL, O_NONBLOCK)
    for index in 1..<4 { _ = fcntl(pipes[index].reader, F_SETFL, O_NONBLOCK) }
    var open = [true, true, true]
    var end: ChildProcess.End?
    while end == nil {
      if written >= input.count { pipes[0].closeWriter() }
      let readers = (1..<4).filter { open[$0 - 1] }.map { pipes[$0].reader }
      let ready = LinuxKernel.poll(
        readers + [child.descriptor], output: pipes[0].writer >= 0 ? [pipes[0].writer] : [], deadline: deadline)
      if ready.isEmpty, let timeout {
        try? child.send(signal: SIGKILL)
        _ = try? child.wait()
        throw .timedOut(seconds: timeout)
      }
      if pipes[0].writer >= 0, ready.contains(pipes[0].writer) {
        let count = input[written...].withUnsafeBytes { write(pipes[0].writer, $0.baseAddress, $0.count) }
        // Who does not want to read it need not.
        if count < 0, errno != EAGAIN, errno != EINTR { written = input.count } else { written += max(0, count) }
      }
      if ready.contains(child.descriptor) { end = (try? child.wait(blocks: false)) ?? nil }
      open[0] = Hook.drain(pipes[1].reader, into: &output)
      open[1] = Hook.drain(pipes[2].reader, into: &errors)
      open[2] = Hook.drain(pipes[3].reader, into: &status)
    }
    if status.count >= 4 {
      throw .notExecuted(Errno(number: status.withUnsafeBytes { $0.loadUnaligned(as: Int32.self) }))
    }
    guard let end, end != .exited(0) else { return }
    throw .ended(end, stdout: Hook.text(output), stderr: Hook.text(errors))
  }

  /// The child's part.
  private func become(_ pipes: [Pipe]) -> Never {
    let status = pipes[3].writer
    var error = Errno.EBADF
    // The pipes are above 2: whoever closed its stdio gets /dev/null there (see `LinuxKernel.openStdio`).
    if dup2(pipes[0].reader, 0) == 0, dup2(pipes[1].writer, 1) == 1, dup2(pipes[2].writer, 2) == 2 {
      LinuxKernel.closeDescriptors(from: 3, onExecute: true)
      if let directory, chdir(directory) != 0 {
        error = Errno(number: errno)
      } else {
        error = LinuxKernel.execute(path, arguments, environment)
      }
    }
    var code = error.code
    _ = write(status, &code, 4)
    _exit(127)
  }

  /// Reads what is there. False at the end of file.
  private static func drain(_ reader: Int32, into bytes: inout [UInt8]) -> Bool {
    if reader < 0 { return false }
    return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 16) { buffer in
      while true {
        let count = read(reader, buffer.baseAddress, buffer.count)
        if count == 0 { return false }
        if count < 0 { return errno == EAGAIN || errno == EINTR }
        bytes += buffer[..<count].prefix(max(0, keptOutput - bytes.count))
      }
    }
  }

  /// On one line.
  private static func text(_ bytes: [UInt8]) -> String {
    var bytes = bytes
    while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: " ") { bytes.removeLast() }
    return String(decoding: bytes.map { $0 == UInt8(ascii: "\n") ? UInt8(ascii: " ") : $0 }, as: UTF8.self)
  }
}

/// pipe2(2), close-on-exec.
struct Pipe {
  private(set) var reader: Int32 = -1
  private(set) var writer: Int32 = -1

  init() throws(Errno) {
    var ends: (Int32, Int32) = (-1, -1)
    let result = withUnsafeMutablePointer(to: &ends) {
      clinux_call(Int(SYS_pipe2), Int(bitPattern: $0), Int(O_CLOEXEC), 0, 0, 0, 0)
    }
    try checked(result)
    (reader, writer) = ends
  }

  mutating func closeReader() {
    if reader >= 0 { _ = Glibc.close(reader) }
    reader = -1
  }
  mutating func closeWriter() {
    if writer >= 0 { _ = Glibc.close(writer) }
    writer = -1
  }
  func close() {
    if reader >= 0 { _ = Glibc.close(reader) }
    if writer >= 0 { _ = Glibc.close(writer) }
  }
}
