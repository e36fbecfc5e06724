import Foundation
import OCISpec
import RegistryHarness

/// A registry on a port of the loopback that serves `TestImages`, and does wrong what a test wants it to.
final class FaultyRegistry: Sendable {
  typealias Request = LoopbackServer.Request
  typealias Answer = LoopbackServer.Answer
  private let server: LoopbackServer
  var host: String { server.host }
  var port: Int { server.port }
  var requests: [Request] { server.requests }

  init(_ handle: @escaping @Sendable (Request) -> Answer) async throws { server = try await LoopbackServer(handle) }

  func close() async { await server.close() }

  /// What an honest registry answers; tags by name.
  static func honest(_ request: Request, _ images: TestImages, _ tags: [String: Descriptor]) -> Answer {
    let path = request.uri.split(separator: "?")[0].split(separator: "/").map(String.init)
    guard path.first == "v2" else { return Answer(status: 404) }
    if path.count == 1 { return Answer() }
    guard path.count >= 4, let name = path.last else { return Answer(status: 404) }
    let digest = Digest(name) ?? tags[name]?.digest
    guard let digest, let bytes = images.content[digest] else {
      return Answer(
        status: 404, body: Array(#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#.utf8))
    }
    var answer = Answer(headers: [("Docker-Content-Digest", digest.description)], body: bytes)
    if request.isManifest {
      let text = String(decoding: bytes, as: UTF8.self)
      let type = text.components(separatedBy: "\"mediaType\":\"").dropFirst().first?.components(separatedBy: "\"").first
      answer.headers.append(("Content-Type", type ?? MediaType.ociManifest))
    } else if let range = request.headers.first(name: "Range"), range.hasPrefix("bytes="), range.hasSuffix("-"),
      let start = Int(range.dropFirst(6).dropLast()), start < bytes.count
    {
      answer.status = 206
      answer.headers.append(("Content-Range", "bytes \(start)-\(bytes.count - 1)/\(bytes.count)"))
      answer.body = Array(bytes[start...])
    }
    return answer
  }

  /// Runs `body` beside a registry of `images` whose answers `twist` changes.
  static func with(
    _ images: TestImages, tags: [String: Descriptor],
    twist: @escaping @Sendable (Request, inout Answer) -> Void = { _, _ in },
    _ body: (FaultyRegistry) async throws -> Void
  ) async throws {
    let registry = try await FaultyRegistry { request in
      var answer = honest(request, images, tags)
      twist(request, &answer)
      return answer
    }
    let result: Result<Void, any Error>
    do { result = .success(try await body(registry)) } catch { result = .failure(error) }
    await registry.close()
    try result.get()
  }
}

extension LoopbackServer.Request {
  var isBlob: Bool { uri.contains("/blobs/") }
  var isManifest: Bool { uri.contains("/manifests/") }
}
