import Glibc
import Synchronization
import Threads

/// A process with a network namespace of its own.
final class Namespace: Sendable {
  let pid: Int
  private let input: Int32
  private let isOpen = Mutex(true)

  init() throws {
    let (pid, input, output) = try Program.spawn([CommandLine.arguments[0], "hold"])
    var byte: UInt8 = 0
    guard read(output, &byte, 1) == 1 else { throw ToolError("a namespace did not start") }
    close(output)
    (self.pid, self.input) = (Int(pid), input)
  }

  /// The process ends, and the namespace with it.
  func end() {
    isOpen.withLock { isOpen in
      guard isOpen else { return }
      isOpen = false
      close(input)
      var status: Int32 = 0
      waitpid(pid_t(pid), &status, 0)
    }
  }

  deinit { end() }
}

struct ToolError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Genuine programs, as judges: `ip`, `nft`.
enum Program {
  /// Answers the pid, the descriptor that is its standard input, and the one of its standard output.
  static func spawn(_ arguments: [String]) throws -> (pid: pid_t, input: Int32, output: Int32) {
    var (input, output): ([Int32], [Int32]) = ([0, 0], [0, 0])
    guard pipe(&input) == 0, pipe(&output) == 0 else { throw ToolError("pipe") }
    for end in input + output { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, input[0], 0)
    posix_spawn_file_actions_adddup2(&actions, output[1], 1)
    defer { posix_spawn_file_actions_destroy(&actions) }
    var argv = arguments.map { strdup($0) } + [nil]
    defer { for argument in argv { free(argument) } }
    var pid: pid_t = 0
    let failure = posix_spawnp(&pid, arguments[0], &actions, nil, &argv, environ)
    close(input[0])
    close(output[1])
    guard failure == 0 else { throw ToolError("\(arguments[0]): \(String(cString: strerror(failure)))") }
    return (pid, input[1], output[0])
  }

  /// Runs a program to its end; what it prints. With `in`, in the namespace of a process.
  static func run(_ arguments: [String], in namespace: Namespace? = nil) async throws -> String {
    let all = namespace.map { ["nsenter", "-t", "\($0.pid)", "-n"] + arguments } ?? arguments
    return try await DetachedThread.run { () throws -> String in
      let (pid, input, output) = try spawn(all)
      close(input)
      var bytes: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 65536)
      while true {
        let count = read(output, &buffer, buffer.count)
        if count < 0, errno == EINTR { continue }
        if count <= 0 { break }
        bytes += buffer[0..<count]
      }
      close(output)
      var status: Int32 = 0
      waitpid(pid, &status, 0)
      let text = String(decoding: bytes, as: UTF8.self)
      guard status == 0 else { throw ToolError("\(all.joined(separator: " ")): status \(status >> 8): \(text)") }
      return text
    }
  }

  static func ip(_ arguments: String, in namespace: Namespace? = nil) async throws -> String {
    try await run(["ip"] + arguments.split(separator: " ").map(String.init), in: namespace)
  }
  /// A text for nft(8).
  static func nft(_ text: String) async throws -> String { try await run(["nft", text]) }
}
