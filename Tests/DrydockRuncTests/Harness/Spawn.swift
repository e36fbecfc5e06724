import CHarness
import Glibc

/// What a finished process left behind.
struct Outcome: CustomStringConvertible {
  /// The exit status; 128+n when signal n ended it, as a shell says it.
  var status: Int32
  var stdout: String
  var stderr: String

  var succeeded: Bool { status == 0 }
  var lines: [String] { stdout.lines }
  var description: String { "status \(status)\nstdout: \(stdout.prefix(4000))\nstderr: \(stderr.prefix(4000))" }
}

/// A running process of the host. Its output goes to files, so nothing can stall on a full pipe and a container left
/// running holds nothing open that a test waits for.
final class Child {
  let pid: pid_t
  private let stdoutPath: String
  private let stderrPath: String
  private var ended: Int32?

  /// Starts `command`. `stdin` is what it reads; `extra` become descriptors 3, 4, …; a `terminal` takes 0 to 2.
  init(
    _ command: [String], environment: [String], cwd: String? = nil, stdin: String = "", extra: [Int32] = [],
    terminal: String? = nil, hidesClone3: Bool = false, scratch: String
  ) throws {
    let number = Self.counter.next()
    stdoutPath = "\(scratch)/out.\(number)"
    stderrPath = "\(scratch)/err.\(number)"
    let inPath = "\(scratch)/in.\(number)"
    let out = open(stdoutPath, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
    let err = open(stderrPath, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
    var input = open("/dev/null", O_RDONLY | O_CLOEXEC)
    if !stdin.isEmpty {
      try Files.write(stdin, to: inPath)
      close(input)
      input = open(inPath, O_RDONLY | O_CLOEXEC)
      unlink(inPath)
    }
    defer { for fd in [out, err, input] { close(fd) } }
    guard out >= 0, err >= 0, input >= 0 else { throw SystemError("open the output of \(command)") }
    let path = command[0].contains("/") ? command[0] : Files.program(command[0])
    guard let path else { throw SystemError("find \(command[0])", ENOENT) }
    let fds = [input, out, err] + extra
    var arguments = command.map { strdup($0) } + [nil]
    var variables = environment.map { strdup($0) } + [nil]
    defer { for pointer in arguments + variables { free(pointer) } }
    let result =
      hidesClone3
      ? charness_spawn_without_clone3(path, &arguments, &variables, cwd, fds, Int32(fds.count), terminal)
      : charness_spawn(path, &arguments, &variables, cwd, fds, Int32(fds.count), terminal)
    guard result > 0 else { throw SystemError("start \(command)", -result) }
    pid = result
  }

  private static let counter = Counter()

  /// Whether it has ended; does not wait.
  var hasEnded: Bool {
    if ended != nil { return true }
    var status: Int32 = 0
    guard waitpid(pid, &status, WNOHANG) == pid else { return false }
    ended = status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
    return true
  }

  /// Waits for the end; kills it after `timeout` seconds and throws.
  func wait(timeout: Double = 60) throws -> Outcome {
    guard becomesTrue(within: timeout, { hasEnded }) else {
      kill(SIGKILL)
      _ = becomesTrue { hasEnded }
      throw Overdue(seconds: timeout, outcome: outcome)
    }
    return outcome
  }

  func kill(_ signal: Int32) { if ended == nil { _ = Glibc.kill(pid, signal) } }

  /// What it has written so far.
  var outcome: Outcome {
    Outcome(
      status: ended ?? -1, stdout: Files.textIfAny(stdoutPath) ?? "", stderr: Files.textIfAny(stderrPath) ?? "")
  }
}

/// A process did not end in time.
struct Overdue: Error, CustomStringConvertible {
  let seconds: Double
  let outcome: Outcome
  var description: String { "still running after \(seconds) s; so far: \(outcome)" }
}
