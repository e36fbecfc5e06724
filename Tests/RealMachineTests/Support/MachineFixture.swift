import Engine
import Foundation
import Handoff
import JSONTree
import OCISpec
import Seams
import Synchronization
import Testing

@testable import RealMachine

/// A real engine in a folder of its own, asked over the Remote API seam.
struct MachineFixture: Sendable {
  let machine: RealMachine
  let keeper: RecordKeeper
  let root: String

  /// Runs `body` with an engine; engine and folder go afterwards.
  static func with(
    root given: String? = nil, _ change: (inout RealMachine.Options) -> Void = { _ in },
    _ body: (MachineFixture) async throws -> Void
  ) async throws {
    let root = given ?? temporaryFolder("machine")
    let result: Result<Void, any Error>
    do {
      let fixture = try await open(root, change)
      let inner: Result<Void, any Error>
      do { inner = .success(try await body(fixture)) } catch { inner = .failure(error) }
      await fixture.machine.shutdown()
      result = inner
    } catch { result = .failure(error) }
    if given == nil { try? FileManager.default.removeItem(atPath: root) }
    try result.get()
  }

  static func open(
    _ root: String, _ change: (inout RealMachine.Options) -> Void = { _ in }
  ) async throws -> MachineFixture {
    var options = RealMachine.Options()
    (options.dataRoot, options.execRoot) = (root + "/data", root + "/exec")
    change(&options)
    let machine = try RealMachine(options)
    let keeper = RecordKeeper()
    machine.recorder.attach(keeper)
    try await machine.start()
    return MachineFixture(machine: machine, keeper: keeper, root: root)
  }

  static func temporaryFolder(_ name: String) -> String {
    FileManager.default.temporaryDirectory.appendingPathComponent("drydock-\(name)-\(UUID().uuidString)").path
  }

  // MARK: Asking

  struct Answer: Sendable {
    var status: Int
    var text: String
    var json: JSON
    var bytes: [UInt8] = []
    /// The messages of a stream.
    var messages: [JSON] {
      text.split(whereSeparator: { $0 == "\r\n" || $0 == "\n" }).compactMap { try? JSON(parsing: String($0)) }
    }
    /// What went wrong: the refusal's, or the stream's last word.
    var error: String? {
      status >= 400 ? json["message"]?.string ?? text : messages.compactMap { $0["error"]?.string }.last
    }
  }

  func ask(_ request: APIRequest) async throws -> Answer {
    let response = try await machine.daemon.send(request)
    switch response.body {
    case .none: return Answer(status: response.status, text: "", json: nil)
    case .json(let json): return Answer(status: response.status, text: json.text, json: json)
    case .text(let text): return Answer(status: response.status, text: text, json: nil)
    case .stream(let stream):
      let bytes = await stream.readAll()
      return Answer(
        status: response.status, text: String(decoding: bytes, as: UTF8.self), json: nil, bytes: bytes)
    case .hijacked: return Answer(status: response.status, text: "", json: nil)
    }
  }

  func get(_ path: String) async throws -> Answer { try await ask(APIRequest("GET", path: path)) }
  func post(_ path: String, body: JSON? = nil, upload: [UInt8]? = nil) async throws -> Answer {
    var channel: ByteChannel?
    if let upload {
      let full = ByteChannel(capacity: .max)
      full.push(upload)
      full.closeWriting()
      channel = full
    }
    return try await ask(APIRequest("POST", path: path, body: body, upload: channel))
  }
  func delete(_ path: String) async throws -> Answer { try await ask(APIRequest("DELETE", path: path)) }

  @discardableResult
  func pull(_ reference: String, platform: String? = nil, auth: JSON? = nil) async throws -> Answer {
    let parsed = try ImageReference(reference)
    var request = APIRequest(
      "POST", "/images/create",
      query: [
        NameValue("fromImage", parsed.familiarName),
        NameValue("tag", parsed.digest?.description ?? parsed.tag ?? "latest"),
      ])
    if let platform { request.query.append(NameValue("platform", platform)) }
    request.registryAuth = auth
    return try await ask(request)
  }

  @discardableResult
  func push(_ reference: String, auth: JSON? = nil) async throws -> Answer {
    let parsed = try ImageReference(reference)
    return try await ask(
      APIRequest(
        "POST", "/images/{name}/push", ["name": parsed.familiarName],
        query: [NameValue("tag", parsed.tag ?? "latest")], registryAuth: auth ?? [:]))
  }

  // MARK: What is on the disk

  /// Names below a folder of the data root.
  func names(_ path: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "\(root)/data/\(path)")) ?? []).sorted()
  }
  var blobs: [String] { names("content/blobs/sha256") }
  var ingests: [String] { names("content/ingest") }
  var snapshots: [String] { names(machine.overlayObstacle == nil ? "overlayfs/snapshots" : "native/snapshots") }
}

/// Keeps a trace's records.
final class RecordKeeper: TraceSink {
  private let kept = Mutex<[TraceRecord]>([])
  func receive(_ record: TraceRecord) { kept.withLock { $0.append(record) } }
  var records: [TraceRecord] { kept.withLock { $0 } }
  func forget() { kept.withLock { $0 = [] } }
  /// The operations of calls to `party`.
  func calls(to party: Party) -> [String] {
    records.compactMap { record in
      guard case .call(let call) = record.event, call.to == party else { return nil }
      return call.op
    }
  }
}
