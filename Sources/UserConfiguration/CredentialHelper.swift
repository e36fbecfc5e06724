import func CLinux.clinux_pipe2
import Client
import Glibc
import JSONTree
import Seams

/// `docker-credential-NAME` on PATH: a program that keeps credentials (docker-credential-helpers' protocol: the verb is
/// its argument, the question comes on standard input, JSON goes to standard output). Every call blocks.
struct CredentialHelper {
  let name: String
  private let searchPath: String

  init(_ name: String, searchPath: String) { (self.name, self.searchPath) = (name, searchPath) }

  private var program: String { "docker-credential-\(name)" }

  /// Nil when it has none.
  func get(_ registry: String) throws -> RegistryCredentials? {
    let (status, output) = try run("get", Array(registry.utf8))
    let text = String(decoding: output, as: UTF8.self).split(whereSeparator: \.isNewline).joined(separator: " ")
    guard status == 0 else {
      // The words are a part of the protocol.
      if text.contains("credentials not found in native keychain") { return nil }
      throw ClientFileError("error getting credentials - err: exit status \(status), out: `\(text)`")
    }
    guard let answer = try? JSON(parsing: output, maxDepth: 16) else {
      throw ClientFileError("error getting credentials: \(program) answers with something else than JSON")
    }
    let (username, secret) = (answer["Username"]?.string ?? "", answer["Secret"]?.string ?? "")
    if username.isEmpty, secret.isEmpty { return nil }
    // What is no password has this name.
    if username == "<token>" { return RegistryCredentials(username: "", password: "", identityToken: secret) }
    return RegistryCredentials(username: username, password: secret)
  }

  func store(_ credentials: RegistryCredentials, for registry: String) throws {
    let isToken = !credentials.identityToken.isEmpty
    let question: JSON = [
      "ServerURL": .string(registry), "Username": .string(isToken ? "<token>" : credentials.username),
      "Secret": .string(isToken ? credentials.identityToken : credentials.password),
    ]
    let (status, output) = try run("store", Array(question.text.utf8))
    guard status == 0 else { throw problem("storing", status, output) }
  }

  func erase(_ registry: String) throws {
    let (status, output) = try run("erase", Array(registry.utf8))
    guard status == 0 else { throw problem("erasing", status, output) }
  }

  private func problem(_ doing: String, _ status: Int32, _ output: [UInt8]) -> ClientFileError {
    let text = String(decoding: output, as: UTF8.self).split(whereSeparator: \.isNewline).joined(separator: " ")
    return ClientFileError("error \(doing) credentials - err: exit status \(status), out: `\(text)`")
  }

  // MARK: The program

  private func executable() throws -> String {
    // The name comes from a file: it is a name, not a way.
    guard !name.contains("/") else { throw ClientFileError("\(program): not the name of a credential helper") }
    for folder in searchPath.split(separator: ":") {
      let path = "\(folder)/\(program)"
      if access(path, X_OK) == 0 { return path }
    }
    throw ClientFileError(
      "error getting credentials - err: exec: \"\(program)\": executable file not found in $PATH, out: ``")
  }

  /// Its exit status and what it printed. What it says on standard error goes to ours.
  private func run(_ verb: String, _ input: [UInt8]) throws -> (status: Int32, output: [UInt8]) {
    let path = try executable()
    var (question, answer): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
    // Close-on-exec from the first moment: a program that is started meanwhile would keep the answer's end open.
    func open(_ ends: inout [Int32]) throws {
      let result = clinux_pipe2(&ends, Int32(O_CLOEXEC))
      guard result >= 0 else { throw ClientFileError("pipe: \(String(cString: strerror(Int32(-result))))") }
    }
    try open(&question)
    do { try open(&answer) } catch {
      question.forEach { close($0) }
      throw error
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, question[0], 0)
    posix_spawn_file_actions_adddup2(&actions, answer[1], 1)
    var pid = pid_t()
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup(path), strdup(verb), nil]
    defer { for argument in arguments { free(argument) } }
    let failure = posix_spawn(&pid, path, &actions, nil, &arguments, environ)
    close(question[0])
    close(answer[1])
    defer { close(answer[0]) }
    guard failure == 0 else {
      close(question[1])
      throw ClientFileError("exec \(path): \(String(cString: strerror(failure)))")
    }
    // Questions are smaller than a pipe holds; one that is not read (the program has ended) is no matter.
    signal(SIGPIPE, SIG_IGN)
    var offset = 0
    while offset < input.count {
      let count = input.withUnsafeBytes { write(question[1], $0.baseAddress.map { $0 + offset }, $0.count - offset) }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { break }
      offset += count
    }
    close(question[1])
    var output: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while output.count < 1 << 20 {
      let count = buffer.withUnsafeMutableBytes { read(answer[0], $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { break }
      output += buffer.prefix(count)
    }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    let signalled = status & 0x7f
    return (signalled == 0 ? (status >> 8) & 0xff : 128 + signalled, output)
  }
}
