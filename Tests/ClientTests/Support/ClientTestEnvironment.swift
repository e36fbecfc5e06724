import Archive
import JSONTree
import Seams
import Synchronization

@testable import Client

/// A client's surroundings made of buffers.
final class ClientTestEnvironment: ClientEnvironment {
  let daemon: any RemoteAPI
  let testWorld: ClientTestWorld
  let files: any ClientFiles
  let configuration: any ClientConfigurationStore
  let input = ByteChannel(capacity: .max)
  let terminals: Set<ClientStream>
  let inputIsTerminal: Bool
  let terminalSize: (columns: Int, rows: Int)
  let variables: [String: String]
  private let written = Mutex<(output: [UInt8], error: [UInt8], both: [UInt8])>(([], [], []))
  private let continuation: AsyncStream<ClientInterrupt>.Continuation
  let interrupts: AsyncStream<ClientInterrupt>
  let rawTerminals = Mutex(0)
  let brokenOutput: Bool

  init(
    _ daemon: any RemoteAPI, world: ClientTestWorld = ClientTestWorld(), files: any ClientFiles = MemoryFiles(),
    configuration: any ClientConfigurationStore = MemoryConfiguration(), stdin: String? = "", isTerminal: Bool = false,
    size: (columns: Int, rows: Int) = (80, 24),
    variables: [String: String] = ["HOME": "/home/user", "PWD": "/home/user"],
    brokenOutput: Bool = false
  ) {
    (self.daemon, testWorld, self.files, self.configuration) = (daemon, world, files, configuration)
    terminals = isTerminal ? [.output, .error] : []
    (inputIsTerminal, terminalSize, self.variables, self.brokenOutput) = (isTerminal, size, variables, brokenOutput)
    (interrupts, continuation) = AsyncStream.makeStream()
    if let stdin {
      input.push(Array(stdin.utf8))
      input.closeWriting()
    }
  }

  var daemonHost: String { "unix:///var/run/docker.sock" }
  var world: any World { testWorld }
  var unixTime: UInt64 { testWorld.unixTime }
  func write(_ bytes: [UInt8], to stream: ClientStream) async -> Bool {
    if brokenOutput, stream == .output { return false }
    written.withLock { written in
      written.both += bytes
      if stream == .output { written.output += bytes } else { written.error += bytes }
    }
    return true
  }
  func isTerminal(_ stream: ClientStream) -> Bool { terminals.contains(stream) }
  func withRawTerminal<T: Sendable>(_ body: @Sendable () async throws -> T) async rethrows -> T {
    rawTerminals.withLock { $0 += 1 }
    return try await body()
  }
  func variable(_ name: String) -> String? { variables[name] }

  func interrupt(_ interrupt: ClientInterrupt) { continuation.yield(interrupt) }

  var output: String { String(decoding: written.withLock(\.output), as: UTF8.self) }
  var outputBytes: [UInt8] { written.withLock(\.output) }
  var error: String { String(decoding: written.withLock(\.error), as: UTF8.self) }
  /// Both streams, as a terminal shows them.
  var terminal: String { String(decoding: written.withLock(\.both), as: UTF8.self) }

  /// Runs a docker command; nil when it never ends.
  func docker(_ arguments: [String]) -> Int32? {
    testWorld.run { await DockerCommandLine.run(arguments, in: self) }
  }

  /// The same, from one line without quotes.
  func docker(_ line: String) -> Int32? { docker(line.split(separator: " ").map(String.init)) }
}

/// Credentials and preferences in memory.
final class MemoryConfiguration: ClientConfigurationStore {
  let all: Mutex<[String: RegistryCredentials]>
  let preferences: [String: String]
  let location: String?
  init(_ all: [String: RegistryCredentials] = [:], preferences: [String: String] = [:], location: String? = nil) {
    self.all = Mutex(all)
    (self.preferences, self.location) = (preferences, location)
  }
  func credentials(_ registry: String) async -> RegistryCredentials? { all.withLock { $0[registry] } }
  func store(_ credentials: RegistryCredentials, for registry: String) async throws {
    all.withLock { $0[registry] = credentials }
  }
  func erase(_ registry: String) async throws -> Bool { all.withLock { $0.removeValue(forKey: registry) != nil } }
  func preference(_ name: String) -> String? { preferences[name] }
  var plainTextLocation: String? { location }
}

/// A small file system below `/home/user`.
final class MemoryFiles: ClientFiles {
  private enum Node: Sendable, Equatable { case folder, file([UInt8]) }
  private let all: Mutex<[String: Node]>

  init(_ files: [String: String] = [:], folders: [String] = []) {
    var all: [String: Node] = ["/": .folder, "/home": .folder, "/home/user": .folder]
    for (path, text) in files { all[path] = .file(Array(text.utf8)) }
    for folder in folders { all[folder] = .folder }
    self.all = Mutex(all)
  }

  /// What the genuine client had around it when its sessions were recorded.
  static var recorded: MemoryFiles {
    MemoryFiles(
      [
        "/home/user/vars.env": "A=1\n# c\n\n  B=2\nHOMEX\nHOME\n", "/home/user/bad.env": "A B=1\n",
        "/home/user/labels": "l1=v1\n#x\nl2\n", "/home/user/seccomp.json": "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}",
        "/home/user/text": "plain text", "/home/user/image.tar": "TARBYTES", "/home/user/src/a": "hello\n",
      ], folders: ["/home/user/src", "/home/user/src/sub"])
  }

  private func absolute(_ path: String) -> String {
    Path.isAbsolute(path) ? Path.clean(path) : Path.join("/home/user", path)
  }
  private func missing(_ path: String) -> ClientFileError {
    ClientFileError("open \(path): no such file or directory")
  }

  func kind(_ path: String) -> ClientFileKind? {
    all.withLock { all in all[absolute(path)].map { $0 == .folder ? .directory : .file } }
  }
  func read(_ path: String) throws -> [UInt8] {
    guard let entry = all.withLock({ $0[absolute(path)] }) else { throw missing(path) }
    guard case .file(let bytes) = entry else { throw ClientFileError("read \(path): is a directory") }
    return bytes
  }
  func write(_ path: String, _ bytes: [UInt8], mode: UInt32) throws {
    guard kind(Path.directory(absolute(path))) == .directory else { throw missing(path) }
    all.withLock { $0[absolute(path)] = .file(bytes) }
  }
  func makeDirectory(_ path: String, mode: UInt32) throws { all.withLock { $0[absolute(path)] = .folder } }
  func archive(_ path: String) throws -> [UInt8] {
    let root = absolute(path)
    let parent = Path.directory(root)
    let entries = all.withLock { all in
      all.filter { $0.key == root || $0.key.hasPrefix(root + "/") }.sorted { $0.key < $1.key }.map { path, node in
        let name = String(path.dropFirst(parent == "/" ? 1 : parent.count + 1))
        guard case .file(let bytes) = node else { return ArchiveEntry(path: name, kind: .directory, mode: 0o755) }
        return ArchiveEntry(path: name, content: bytes)
      }
    }
    return TarWriter.archive(entries)
  }
  func extract(_ archive: [UInt8], into path: String) throws {
    var reader = TarReader(archive)
    while let entry = try reader.next() {
      let target = Path.join(absolute(path), entry.path)
      guard target.hasPrefix(absolute(path)) else { throw ClientFileError("\(entry.path): outside of the folder") }
      all.withLock { $0[target] = entry.kind == .directory ? .folder : .file(entry.content) }
    }
  }
  func list(_ path: String) -> [String] {
    let root = absolute(path) == "/" ? "/" : absolute(path) + "/"
    return all.withLock { all in
      all.keys.filter { $0.hasPrefix(root) && $0 != root && !$0.dropFirst(root.count).contains("/") }
        .map { String($0.dropFirst(root.count)) }.sorted()
    }
  }
  /// Every file's text by path.
  var texts: [String: String] {
    all.withLock { all in
      all.compactMapValues { node in
        if case .file(let bytes) = node { String(decoding: bytes, as: UTF8.self) } else { nil }
      }
    }
  }
}
