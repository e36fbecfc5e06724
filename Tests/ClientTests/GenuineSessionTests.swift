import Archive
import Encodings
import JSONTree
import Seams
import Testing

@testable import Client

#if canImport(Glibc)
  import Glibc
#endif

/// Sessions of the genuine docker 28.2.2 with a scripted daemon, recorded: what it asked, printed and returned. Ours
/// must ask, print and return the same.
@Suite("The genuine client's sessions")
struct GenuineSessionTests {
  @Test(arguments: [
    "run-flags", "containers", "lists", "system", "images", "networks-volumes", "sessions", "copy", "sign-in", "help",
    "templates",
  ])
  func session(_ name: String) throws {
    let lines = try Fixture.text("\(name).jsonl").split(separator: "\n")
    #expect(!lines.isEmpty)
    for line in lines { try replay(Recorded(json: try JSON(parsing: String(line)))) }
  }

  private func replay(_ recorded: Recorded) throws {
    let world = ClientTestWorld(unixSeconds: UInt64(recorded.json.number("now")))
    let daemon = recorded.daemon(world)
    let isTerminal = recorded.json["terminal"] != nil
    let environment = ClientTestEnvironment(
      daemon, world: world, files: MemoryFiles.recorded,
      configuration: MemoryConfiguration(location: "/home/user/.docker/config.json"),
      stdin: isTerminal ? nil : recorded.json.text("stdin"), isTerminal: isTerminal,
      size: isTerminal ? (Int(recorded.json.number("columns")), Int(recorded.json.number("rows"))) : (80, 24))
    let arguments = recorded.json["args"]?.strings ?? []
    let shown: Comment = "docker \(arguments.joined(separator: " "))"
    let status = environment.docker(arguments)
    #expect(status == Int32(recorded.json.number("status")), shown)
    if isTerminal {
      #expect(Recorded.plain(environment.terminal) == Recorded.plain(recorded.json.text("terminal")), shown)
    } else {
      let output = Recorded.ourselves(recorded.bytes(recorded.json["stdout"]))
      #expect(environment.output == String(decoding: output, as: UTF8.self), shown)
      #expect(environment.outputBytes == output, shown)
      #expect(environment.error == recorded.words(recorded.json.text("stderr")), shown)
    }
    try compare(recorded, daemon, shown)
  }

  private func compare(_ recorded: Recorded, _ daemon: ScriptedDaemon, _ shown: Comment) throws {
    var expected = recorded.exchanges.map(recorded.asked)
    var asked = daemon.requests.filter { $0.path != "/_ping" }
    if recorded.json.flag("unordered") {
      expected.sort { $0.line < $1.line }
      asked.sort { $0.line < $1.line }
    }
    #expect(asked.map(\.line) == expected.map(\.line), shown)
    guard asked.count == expected.count else { return }
    for (index, request) in asked.enumerated() {
      let exchange = recorded.exchanges[index]
      #expect(request.hijack == expected[index].hijack, shown)
      #expect(request.auth == expected[index].auth, shown)
      if let difference = exchange["bodyDifference"] {
        let (flat, wanted) = try Recorded.flattened(
          request.body ?? .null, difference, exchange["bodyMissing"]?.strings ?? [])
        for key in Set(flat.keys).union(wanted.keys).sorted() {
          #expect(flat[key]?.text == wanted[key]?.text, "\(shown): \(key)")
        }
      } else if !recorded.json.flag("unordered") {
        #expect(request.body?.text == exchange["body"]?.text, shown)
      }
    }
    let inputs = recorded.exchanges.compactMap { $0["input"]?.string.map { Array($0.utf8) } }
    #expect(daemon.inputs.withLock { $0 } == inputs, shown)
  }
}

/// One recorded session.
struct Recorded {
  let json: JSON
  var exchanges: [JSON] { json["exchanges"]?.array ?? [] }

  /// Text, or bytes in base64.
  func bytes(_ value: JSON?) -> [UInt8] {
    if let base64 = value?["base64"]?.string { return Base64.decode(base64) ?? [] }
    // Latin-1, as the recorder wrote bytes.
    return (value?.string ?? "").unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
  }

  /// Line ends without what the recording terminal made of them.
  static func plain(_ text: String) -> String { text.replacing("\r\r\n", by: "\n").replacing("\r\n", by: "\n") }

  /// Where the genuine client speaks of itself, ours says what it is.
  static func ourselves(_ bytes: [UInt8]) -> [UInt8] {
    let text = String(decoding: bytes, as: UTF8.self)
    guard text.hasPrefix("Client:\n") else { return bytes }
    return Array(
      text.replacing("Client:\n", by: "Client: Drydock\n").replacing("go1.24.3", by: "swift6.3").utf8)
  }

  /// Standard error, without a typing mistake of that version.
  func words(_ text: String) -> String {
    String(decoding: bytes(.string(text)), as: UTF8.self).replacing("SRun '", by: "Run '")
  }

  func asked(_ exchange: JSON) -> ScriptedDaemon.Asked {
    ScriptedDaemon.Asked(
      method: exchange.text("method"), path: exchange.text("path"),
      query: (exchange["query"]?.array ?? []).map { NameValue($0[0]?.string ?? "", $0[1]?.string ?? "") },
      body: exchange["body"], auth: exchange["auth"], hijack: exchange.flag("hijack"))
  }

  func daemon(_ world: ClientTestWorld) -> ScriptedDaemon {
    let daemon = ScriptedDaemon()
    for exchange in exchanges {
      let answer = exchange["respond"] ?? [:]
      let recorded = self
      daemon.on("\(exchange.text("method")) \(exchange.text("path"))") { _, daemon in
        let headers = (answer["headers"]?.object?.members ?? []).map { NameValue($0.key, $0.value.string ?? "") }
        if let chunks = answer["hijack"]?.array {
          let duplex = daemon.connection(
            chunks.map { recorded.bytes($0) }, afterStart: answer.flag("afterStart"), listens: answer.flag("echo"),
            world: world)
          return APIResponse(101, .hijacked(duplex))
        }
        if let chunks = answer["stream"]?.array {
          let channel = ByteChannel(capacity: .max)
          for chunk in chunks { channel.push(recorded.bytes(chunk)) }
          channel.closeWriting()
          return APIResponse(Int(answer.number("status")), .stream(channel), headers: headers)
        }
        if answer.flag("afterStart") { return daemon.later(answer["json"] ?? .null, world: world) }
        let body: APIResponse.Body = answer["json"].map { .json($0) } ?? .text(answer.text("text"))
        return APIResponse(
          Int(answer.number("status")), answer.number("status") == 204 ? .none : body, headers: headers)
      }
    }
    return daemon
  }

  /// A create body as path → value, and the same of the genuine one, which is kept as its difference from the plainest.
  static func flattened(
    _ body: JSON, _ difference: JSON, _ missing: [String]
  ) throws -> ([String: JSON], [String: JSON]) {
    var flat: [String: JSON] = [:]
    func add(_ json: JSON, _ prefix: String) {
      for member in json.object?.members ?? [] {
        let isPart = ["HostConfig", "NetworkingConfig", "EndpointsConfig"].contains(member.key)
        if isPart, let object = member.value.object, !object.isEmpty {
          add(member.value, prefix + member.key + ".")
        } else {
          flat[prefix + member.key] = member.value
        }
      }
    }
    add(body, "")
    var wanted: [String: JSON] = [:]
    for member in try JSON(parsing: try Fixture.text("create-body.json")).object?.members ?? [] {
      wanted[member.key] = member.value
    }
    for key in missing { wanted[key] = nil }
    for member in difference.object?.members ?? [] { wanted[member.key] = member.value }
    return (flat, wanted)
  }
}

/// Files beside the tests.
enum Fixture {
  static func text(_ name: String, file: String = #filePath) throws -> String {
    let path = Path.join(Path.directory(file), "Fixtures", name)
    guard let handle = fopen(path, "r") else { throw ClientFileError("open \(path): no such file or directory") }
    defer { fclose(handle) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while case let count = fread(&buffer, 1, buffer.count, handle), count > 0 { bytes += buffer[..<count] }
    return String(decoding: bytes, as: UTF8.self)
  }
}
